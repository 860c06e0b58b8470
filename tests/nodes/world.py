"""A node under test and what surrounds it, and how the contract's tests look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.dagpb import parse_node
from ipwhl_mirror.nodes.base import PinHints, Transfer
from tests.simulators.dags import BIG, Dag, small_release
from tests.simulators.vectors import file_vectors

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Mapping
    from pathlib import Path

    from ipwhl_mirror.nodes.base import Node, WalkedBlock

UNKNOWN = Cid.of(b"nobody has this", RAW)
FILES = [case for case in file_vectors() if case.size <= 1 << 20]
HASTY = Transfer(stall_timeout_s=1.0)
"""For tests in which something cannot be had; a slow machine does not matter to the others."""


class World(Protocol):
    """A node under test and what surrounds it.

    Attributes:
        remedy: what the node advises, among other words, where it has no network.
    """

    node: Node
    remedy: str

    def offer(self, blocks: Mapping[bytes, bytes]) -> None:
        """Let the node's network have these blocks, by digest."""

    def withdraw(self, cid: Cid) -> None:
        """Let it lose one."""

    def hold(self) -> None:
        """Let the network be silent until `release`."""

    def release(self) -> None:
        """Let it answer."""

    async def held(self) -> None:
        """Return when a request waits for the silent network."""

    def cut_off(self) -> None:
        """Let the node have no network at all."""

    async def publish(self, path: str, name: str | None = None) -> str:
        """Let an IPNS name lead to a path from now on: this one, of an earlier call, or a new one."""

    async def link(self, domain: str, path: str) -> None:
        """Let the DNSLink of a domain be this path."""

    async def damage(self, cid: Cid) -> None:
        """Flip a bit of a block that the node keeps."""

    async def lose(self, cid: Cid) -> None:
        """Take a block from the node's disk."""


async def blocks_of(blocks: AsyncIterable[tuple[Cid, bytes]]) -> dict[Cid, bytes]:
    """All blocks, none twice."""
    found: dict[Cid, bytes] = {}
    async for cid, block in blocks:
        assert cid not in found
        found[cid] = block
    return found


async def walked(node: Node, cid: Cid) -> list[WalkedBlock]:
    """A whole walk."""
    return [block async for block in node.walk(cid)]


async def read(node: Node, cid: Cid, start: int = 0, end: int | None = None) -> bytes:
    """A file's bytes; each piece is of at most 1 MiB."""
    pieces = [piece async for piece in node.read_file(cid, start=start, end=end)]
    assert all(0 < len(piece) <= 1 << 20 for piece in pieces)
    return b"".join(pieces)


def hints(dag: Dag, *paths: str, base: Cid | None = None) -> PinHints:
    """What a caller of `pin` knows of a release: these files of it, or all, and their sizes."""
    files = [dag.files[path] for path in paths or dag.files]
    return PinHints(files=tuple((cid, len(data)) for cid, data in files), base=base)


def write_car(path: Path, dag: Dag, *, without: Cid | None = None) -> None:
    """A CAR of the DAG, the root first."""
    cids = [cid for cid in reversed(dag.blocks) if cid != without]
    path.write_bytes(car_header([dag.root]) + b"".join(car_section(cid, dag.blocks[cid]) for cid in cids))


@pytest.fixture(params=[0, 1], ids=["v0", "v1"])
def dag(request: pytest.FixtureRequest) -> Dag:
    """A small release, with dag-pb leaves and with raw ones."""
    return small_release(request.param)


def below(dag: Dag, cid: Cid) -> set[bytes]:
    """Digests of what is under a block, without itself."""
    found: set[bytes] = set()
    stack = [cid]
    while stack:
        at = stack.pop()
        if at.codec == RAW:
            continue
        for link in parse_node(dag.by_digest()[at.digest]).links:
            found.add(link.cid.digest)
            stack.append(link.cid)
    return found


def broken_part(dag: Dag, part: str) -> Cid:
    """The release's root, the root of the large wheel, or one of its leaves."""
    return {"root": dag.root, "file": dag.files[BIG][0], "leaf": next(iter(dag.blocks))}[part]
