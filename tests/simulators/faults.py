"""What a simulated gateway can do wrong: values, each with what it does as its docstring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ipwhl_mirror.ipld.cid import Cid

_PIECE = 64 * 1024


class Fault:
    """Something a gateway does wrong in one request."""


@dataclass(frozen=True, slots=True)
class Lie(Fault):
    """Flip one bit: of the raw block, or of the `block`-th block of a CAR."""

    block: int = 0


@dataclass(frozen=True, slots=True)
class Foreign(Fault):
    """Send this good block, which nobody asked for, before the others of a CAR."""

    cid: Cid
    data: bytes


@dataclass(frozen=True, slots=True)
class Stall(Fault):
    """Send so many bytes of the body and then nothing, until the client leaves; -1: no answer at all."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class Cut(Fault):
    """Send so many bytes of the body and drop the connection."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class CleanEnd(Fault):
    """Send so many bytes of the body and end it as if that were all."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class Dribble(Fault):
    """Send the body in pieces of so many bytes."""

    piece: int = 1


@dataclass(frozen=True, slots=True)
class Endless(Fault):
    """Send zero bytes for ever, with the right content type."""


@dataclass(frozen=True, slots=True)
class Status(Fault):
    """Answer with this status."""

    code: int
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Html(Fault):
    """Answer 200 with a page."""


@dataclass(frozen=True, slots=True)
class Redirect(Fault):
    """Redirect to this address; empty: to the request's own, a loop."""

    to: str = ""


@dataclass(frozen=True, slots=True)
class NoCar(Fault):
    """Answer requests for a CAR with this status; raw blocks are served."""

    code: int = 406


@dataclass(frozen=True, slots=True)
class WholeFile(Fault):
    """Ignore entity-bytes."""


@dataclass(frozen=True, slots=True)
class Unordered(Fault):
    """Send the blocks of a CAR children first, and promise no order."""


@dataclass(frozen=True, slots=True)
class Compressed(Fault):
    """Claim a Content-Encoding that nobody asked for."""


async def shaped(body: Iterator[bytes], fault: Fault | None) -> AsyncIterator[bytes]:
    """The body as the fault lets it through."""
    match fault:
        case Endless():
            while True:
                yield bytes(_PIECE)
        case Stall(limit) | Cut(limit) | CleanEnd(limit):
            left = limit
            for section in body:
                if section[:left]:
                    yield section[:left]
                left -= len(section)
                if left <= 0:
                    return
        case Dribble(size):
            for section in body:
                for at in range(0, len(section), size):
                    yield section[at : at + size]
        case _:
            for section in body:
                yield section


def flip_bit(block: bytes) -> bytes:
    """The block with one bit of its middle byte turned."""
    at = len(block) // 2
    return block[:at] + bytes([block[at] ^ 1]) + block[at + 1 :]
