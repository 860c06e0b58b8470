"""What is put into a Kubo for a while: blocks as a CAR, and small trees, pinned while they are needed.

A staging tree is a directory of links to what is being brought, so that a garbage collection cannot take it,
and so that no CID that another program may have pinned is ever pinned by us. Its pin has a name that says
whose it is; `sweep` removes those that a killed run left.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.ipld.dagpb import Link, encode_node
from ipwhl_mirror.ipld.directories import Tree
from ipwhl_mirror.nodes.base import Pin
from ipwhl_mirror.nodes.errors import NodeRefused, NodeUnreachable
from ipwhl_mirror.nodes.kubo.answers import Imported, ListedPin, PinList, PinsRemoved, read, read_cid
from ipwhl_mirror.nodes.kubo.rpc import RpcFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence

    from ipwhl_mirror.nodes.kubo.rpc import Rpc

STAGING = "ipwhl-mirror/staging/"
_PIECE = 1 << 20
_FEWEST = 2048
_MOST = 40_000
"""Links of a node: 44 bytes each, and a block is of at most 2 MiB."""
_LIST_LIMIT = 1 << 30
_LIST_PATIENCE = 10
"""How many stall times the daemon may take to make a list of all pins."""
_BATCH = 500


def staging_tree(cids: Iterable[Cid]) -> Tree:
    """A small tree that links to each of these: nodes of unnamed links, quicker to make than a directory.

    Many are in two parts of one size, which are exported side by side.
    """
    links = [Link(cid, "", 0) for cid in dict.fromkeys(cids)]
    size = min(max(_FEWEST, -(-len(links) // 2)), _MOST)
    parts = [_node(links[at : at + size]) for at in range(0, len(links), size)] or [_node([])]
    if len(parts) == 1:
        return Tree(parts[0][0], 0, tuple(parts))
    return Tree((top := _node([Link(cid, "", 0) for cid, _ in parts]))[0], 0, (*parts, top))


def staging_parts(tree: Tree) -> list[Cid]:
    """The roots below which the parts of a staging tree are: one export each."""
    return [cid for cid, _ in tree.blocks[:-1]] or [tree.cid]


def _node(links: Sequence[Link]) -> tuple[Cid, bytes]:
    block = encode_node(links, b"")
    return Cid.of(block, DAG_PB), block


async def import_blocks(rpc: Rpc, blocks: Iterable[tuple[Cid, bytes]]) -> None:
    """Store blocks, unpinned; the caller has hashed them.

    Raises:
        NodeRefused, NodeUnreachable: not all were stored.
    """
    batch = dict(blocks)
    if batch:
        await import_car(rpc, _car(batch))


async def import_car(rpc: Rpc, pieces: AsyncIterable[bytes]) -> None:
    """Store the blocks of a CAR, unpinned.

    Raises:
        NodeRefused, NodeUnreachable: not all were stored.
    """
    answer = await rpc.send("dag/import", pieces, pin_roots=False, stats=True, fast_provide_root=False)
    lines = [read("dag/import", line, Imported) for line in answer.splitlines() if line.strip()]
    if not lines or lines[-1].Stats is None:
        raise NodeUnreachable("kubo dag/import: it ended without saying what was stored")


async def _car(blocks: dict[Cid, bytes]) -> AsyncIterator[bytes]:
    piece = bytearray(car_header([next(iter(blocks))]))
    for cid, block in blocks.items():
        piece += car_section(cid, block)
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece = bytearray()
            await asyncio.sleep(0)
    yield bytes(piece)


async def list_pins(rpc: Rpc) -> list[Pin]:
    """All recursive pins with their names, sorted; those of other hashes than sha2-256 are left out.

    Raises:
        NodeRefused, NodeUnreachable: no answer, or not a whole one.
    """
    return sorted(Pin(cid, entry.Name) for cid, entry in (await _listed(rpc, names=True)).items())


async def pinned_roots(rpc: Rpc) -> list[Cid]:
    """The roots of all recursive pins: a quarter of the time that their names take.

    Raises:
        NodeRefused, NodeUnreachable: no answer, or not a whole one.
    """
    return list(await _listed(rpc, names=False))


async def _listed(rpc: Rpc, *, names: bool) -> dict[Cid, ListedPin]:
    """What `pin/ls` lists, asked for as one document: a list that is streamed has no end mark, and one that
    a stopping daemon broke off looks whole."""
    answer = await rpc.call(
        "pin/ls", limit=_LIST_LIMIT, stall_s=rpc.stall_s * _LIST_PATIENCE, type="recursive", names=names
    )
    listed = read("pin/ls", answer, PinList).Keys
    return {
        cid: entry
        for text, entry in listed.items()
        if entry.Type == "recursive" and (cid := read_cid("pin/ls", text)) is not None
    }


async def is_pinned(rpc: Rpc, cid: Cid) -> bool:
    """Whether there is a recursive pin of exactly this.

    Raises:
        NodeRefused, NodeUnreachable: it cannot be told.
    """
    return await _has_pin(rpc, cid, "recursive")


async def refuse_direct_pin(rpc: Rpc, cid: Cid) -> None:
    """Nothing, unless there is a direct pin of exactly this, which we never make: a recursive pin would take
    its place.

    Raises:
        NodeRefused: there is one, or it cannot be told.
        NodeUnreachable: the daemon does not answer.
    """
    if await _has_pin(rpc, cid, "direct"):
        raise NodeRefused(
            f"{cid} is pinned directly by another program, and a recursive pin would replace that",
            hint=f"`ipfs pin ls --type=direct --names` lists such pins; `ipfs pin rm {cid}` removes this one",
        )


async def _has_pin(rpc: Rpc, cid: Cid, kind: str) -> bool:
    try:
        answer = await rpc.call("pin/ls", str(cid), type=kind)
    except RpcFailed as error:
        if "is not pinned" in error.reason:
            return False
        raise
    if not read("pin/ls", answer, PinList).Keys:
        raise NodeRefused(f"kubo pin/ls: it says neither that {cid} is pinned nor that it is not")
    return True


async def remove_pins(rpc: Rpc, cids: Sequence[Cid]) -> None:
    """Remove recursive pins; one that is not there is no error.

    Raises:
        NodeRefused, NodeUnreachable: one may still be there.
    """
    for start in range(0, len(cids), _BATCH):
        batch = cids[start : start + _BATCH]
        try:
            answer = await rpc.call("pin/rm", *map(str, batch), recursive=True)
            if len(read("pin/rm", answer, PinsRemoved).Pins) != len(batch):
                raise NodeRefused(f"kubo pin/rm: it does not say that {len(batch)} pins are removed")
        except RpcFailed as error:
            if "not pinned" not in error.reason:
                raise
            if len(batch) > 1:
                for cid in batch:
                    await remove_pins(rpc, [cid])


class Staging:
    """The staging pins of one owner.

    Attributes:
        name: of each of its pins.
    """

    def __init__(self, rpc: Rpc, owner: str) -> None:
        self.name = f"{STAGING}{owner}"
        self._rpc = rpc

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[set[Cid]]:
        """A set of staging roots whose pins are removed at the end, whatever happens; add to it before
        pinning."""
        mine: set[Cid] = set()
        try:
            yield mine
        finally:
            await asyncio.shield(asyncio.ensure_future(self._drop(mine)))

    async def sweep(self, pins: Iterable[Pin]) -> None:
        """Remove what a killed run of this owner left, among the pins that the node lists."""
        left = [pin.cid for pin in pins if pin.name == self.name]
        if left:
            await remove_pins(self._rpc, left)

    async def _drop(self, roots: set[Cid]) -> None:
        try:
            await remove_pins(self._rpc, sorted(roots))
        except (NodeRefused, NodeUnreachable):
            return  # the error that ended the work is the one to tell; the next run sweeps
