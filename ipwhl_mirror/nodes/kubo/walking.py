"""A DAG of a Kubo read from its disk, every block hashed here, near the speed at which Kubo can give it.

`dag/export` gives the blocks one after the other, without the network. Where it stops, because a block is
missing or cannot be parsed, what was linked to and did not come is asked for by itself: so each block is
told whole, damaged or missing, and a stream that a stopping daemon cut is no damage. Memory grows with the
number of blocks under the root (32 bytes each), not with their size.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.car import UncheckedCarParser
from ipwhl_mirror.ipld.cid import RAW
from ipwhl_mirror.ipld.errors import HashMismatch, MalformedCar
from ipwhl_mirror.nodes.base import Fault
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound, NodeUnreachable
from ipwhl_mirror.nodes.graph import links_of
from ipwhl_mirror.nodes.kubo.answers import BlockSize, missing_block, read
from ipwhl_mirror.nodes.kubo.rpc import RpcFailed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.kubo.rpc import Rpc

_Key = tuple[bytes, bool]


async def local_block(rpc: Rpc, cid: Cid) -> bytes:
    """One block from the daemon's disk, hashed.

    Raises:
        BlockNotFound, BlockCorrupt: it is not here, or is not what its CID says, or cannot be read.
        NodeRefused, NodeUnreachable: the daemon does not answer.
    """
    try:
        block = await rpc.call("block/get", str(cid), offline=True)
    except RpcFailed as error:
        if missing_block(error.reason) is not None:
            raise BlockNotFound(cid) from error
        # what a failing disk says is damage, what a stopping daemon says is not: the latter answers no more
        await rpc.call("version")
        raise BlockCorrupt(cid, str(error)) from error
    try:
        cid.check(block)
    except HashMismatch as error:
        held = read("block/stat", await rpc.call("block/stat", str(cid), offline=True), BlockSize).Size
        if len(block) != held:
            raise NodeUnreachable(f"kubo block/get: {len(block)} bytes of {held} came of {cid}") from error
        raise BlockCorrupt(cid) from error
    return block


async def export(rpc: Rpc, cid: Cid) -> AsyncGenerator[tuple[Cid, bytes], None]:
    """The blocks under `cid` as the daemon gives them from its disk, not hashed, as far as it gets.

    Raises:
        NodeRefused, NodeUnreachable: it does not answer, or breaks off.
    """
    parser = UncheckedCarParser()
    try:
        async with aclosing(rpc.content("dag/export", str(cid), offline=True, progress=False)) as pieces:
            async for piece in pieces:
                for block in parser.feed(piece):
                    yield block.cid, block.data
    except RpcFailed:
        return
    except MalformedCar as error:
        raise NodeUnreachable(f"kubo dag/export: {error}") from error


async def read_dag(rpc: Rpc, root: Cid) -> AsyncGenerator[tuple[Cid, Cid | None, bytes | Fault], None]:
    """Every block under `root`, parents first, each digest once: its CID, its parent, and its bytes, hashed,
    or what is wrong with it. What is wrong is not descended into.

    Raises:
        NodeRefused, NodeUnreachable: the daemon does not answer.
    """
    walk = _Walk(root)
    while walk.wanted:
        first = next(iter(walk.wanted.values()))[0]
        async with aclosing(export(rpc, first)) as blocks:
            async for cid, data in blocks:
                if (entry := walk.wanted.pop(_key(cid), None)) is not None and (
                    read := walk.take(*entry, data)
                ):
                    yield read
        if (entry := walk.wanted.pop(_key(first), None)) is not None:
            try:
                block: bytes | Fault = await local_block(rpc, first)
            except BlockNotFound:
                block = Fault.MISSING
            except BlockCorrupt:
                block = Fault.CORRUPT
            if read := walk.take(*entry, block):
                yield read


class _Walk:
    """What of a DAG was seen, and what is linked to and did not come yet."""

    def __init__(self, root: Cid) -> None:
        self.wanted: dict[_Key, tuple[Cid, Cid | None]] = {_key(root): (root, None)}
        self._known: set[_Key] = {_key(root)}
        self._told: set[bytes] = set()

    def take(
        self, cid: Cid, parent: Cid | None, block: bytes | Fault
    ) -> tuple[Cid, Cid | None, bytes | Fault] | None:
        """A block that came; what there is to tell of it, None when it was told under another name."""
        if isinstance(block, bytes):
            try:
                cid.check(block)
            except HashMismatch:
                block = Fault.CORRUPT
            else:
                for link in links_of(cid, block):
                    if (key := _key(link.cid)) not in self._known:
                        self._known.add(key)
                        self.wanted[key] = (link.cid, cid)
        if cid.digest in self._told:
            return None
        self._told.add(cid.digest)
        return cid, parent, block


def _key(cid: Cid) -> _Key:
    return cid.digest, cid.codec == RAW
