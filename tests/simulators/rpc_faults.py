"""What an RPC proxy can answer or do wrong: values, each with what it does as its docstring.

`Cut`, `CleanEnd` and `Stall` are those of `faults.py`: they let so many bytes of the true answer through.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.simulators.faults import Fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

JSON_TYPE = "application/json"
_PAGE = b"""<!DOCTYPE html>
<html><head><title>502 Bad Gateway</title></head>
<body><h1>Bad Gateway</h1><p>The proxy could not reach the node.</p></body></html>
"""
_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer(Fault):
    """Answer this, and ask no daemon."""

    body: bytes = field(default=b"", repr=False)
    status: int = 200
    content_type: str = JSON_TYPE

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body."""
        if self.body:
            yield self.body


@dataclass(frozen=True, slots=True)
class LongLine(Answer):
    """Answer 200 with one line of so many bytes, which begins like an object."""

    size: int = 64 << 20

    async def pieces(self) -> AsyncIterator[bytes]:
        """The line, in pieces."""
        yield b'{"Keys":"'
        for _ in range(self.size // _PIECE):
            yield b"x" * _PIECE


@dataclass(frozen=True, slots=True)
class Hangup(Fault):
    """Drop the connection without a word."""


@dataclass(frozen=True, slots=True)
class CutRequest(Fault):
    """Hand so many bytes of the request's body to the daemon, then drop both connections."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class StallRequest(Fault):
    """Take so many bytes of the request's body, and then neither take nor say anything."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class Rewrite(Fault):
    """Change the daemon's answer on its way."""

    change: Callable[[bytes], bytes]


def json_answer(*values: object, status: int = 200) -> Answer:
    """These objects, one a line, as Kubo streams them."""
    return Answer(b"".join(json.dumps(value).encode() + b"\n" for value in values), status)


def kubo_error(message: str, *, status: int = 500) -> Answer:
    """Kubo's own error."""
    return json_answer({"Message": message, "Code": 0, "Type": "error"}, status=status)


def page(status: int = 200) -> Answer:
    """A page for people, as a reverse proxy shows it."""
    return Answer(_PAGE, status, "text/html; charset=utf-8")


def forbidden() -> Answer:
    """What Kubo says where API.Authorizations lacks what was sent."""
    return Answer(b"Kubo RPC Access Denied: Please provide a valid authorization token as defined in the "
                  b"API.Authorizations configuration.\n", 403, "text/plain; charset=utf-8")  # fmt: skip


def edited(change: Callable[[dict[str, object]], dict[str, object]]) -> Rewrite:
    """The daemon's one JSON object, changed."""
    return Rewrite(lambda body: json.dumps(change(json.loads(body))).encode() + b"\n")
