"""Blocks of a Kubo read from its disk, every one hashed here.

A walk asks for each block by itself, several at once: that reads more than twice as fast as the daemon
exports a DAG, and names what is missing or damaged by its request. Many small blocks, an index, come sooner
as one export. Memory grows with the number of blocks under a root, not with their size.
"""

from __future__ import annotations

import asyncio
from collections import deque
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

SIDE_BY_SIDE = 16
"""Requests for blocks at once: more are not answered sooner."""

_JOINED = 64 << 10

_Key = tuple[bytes, bool]
_NO_DAMAGE = ("context", "closed", "too many open files", "shutting down")


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
        # what a failing disk says is damage; what a daemon says that is stopped or out of files is not
        if any(text in error.reason for text in _NO_DAMAGE):
            raise
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
            joined = bytearray()
            async for piece in pieces:
                # Kubo sends three tiny pieces a block: taken one by one they cost more than the hashing
                joined += piece
                if len(joined) >= _JOINED:
                    for block in parser.feed(joined):
                        yield block.cid, block.data
                    joined.clear()
            for block in parser.feed(joined):
                yield block.cid, block.data
    except RpcFailed:
        return
    except MalformedCar as error:
        raise NodeUnreachable(f"kubo dag/export: {error}") from error


async def exported_dag(rpc: Rpc, root: Cid) -> AsyncGenerator[tuple[Cid, bytes], None]:
    """Every block under `root`, hashed, each once: the quickest way to many small ones.

    What the daemon's stream left out, because it broke off or met a block that cannot be parsed, is asked for
    by itself.

    Raises:
        BlockNotFound, BlockCorrupt: a block is not whole here.
        NodeRefused, NodeUnreachable: the daemon does not answer.
    """
    known = {_key(root)}
    wanted = {_key(root): root}

    def take(cid: Cid, block: bytes) -> None:
        for link in links_of(cid, block):
            if (key := _key(link.cid)) not in known:
                known.add(key)
                wanted[key] = link.cid

    while wanted:
        first = next(iter(wanted.values()))
        async with aclosing(export(rpc, first)) as blocks:
            async for at, block in blocks:
                if (cid := wanted.get(_key(at))) is not None and cid.is_of(block):
                    del wanted[_key(at)]
                    take(cid, block)
                    yield cid, block
        if wanted.pop(_key(first), None) is not None:
            block = await local_block(rpc, first)
            take(first, block)
            yield first, block


async def walked_dag(
    rpc: Rpc, root: Cid, gate: asyncio.Semaphore
) -> AsyncGenerator[tuple[Cid, Cid | None, bytes | Fault], None]:
    """Every block under `root`, parents first, each digest once: its CID, its parent, and its bytes, hashed,
    or what is wrong with it. What is wrong is not descended into.

    Args:
        gate: how many blocks may be asked for at once, of all walks.

    Raises:
        NodeRefused, NodeUnreachable: the daemon does not answer.
    """
    known = {_key(root)}
    told: set[bytes] = set()
    waiting: list[tuple[Cid, Cid | None]] = [(root, None)]
    running: deque[tuple[Cid, Cid | None, asyncio.Task[bytes | Fault]]] = deque()
    try:
        while waiting or running:
            while waiting and len(running) < SIDE_BY_SIDE:
                cid, parent = waiting.pop()
                running.append((cid, parent, asyncio.create_task(_looked_at(rpc, cid, gate))))
            cid, parent, task = running.popleft()
            block = await task
            if isinstance(block, bytes):
                fresh = []
                for link in links_of(cid, block):
                    if (key := _key(link.cid)) not in known:
                        known.add(key)
                        fresh.append((link.cid, cid))
                waiting += reversed(fresh)
            if cid.digest not in told:
                told.add(cid.digest)
                yield cid, parent, block
    finally:
        for _, _, task in running:
            task.cancel()
        await asyncio.gather(*(task for _, _, task in running), return_exceptions=True)


async def _looked_at(rpc: Rpc, cid: Cid, gate: asyncio.Semaphore) -> bytes | Fault:
    async with gate:
        try:
            return await local_block(rpc, cid)
        except BlockNotFound:
            return Fault.MISSING
        except BlockCorrupt:
            return Fault.CORRUPT


def _key(cid: Cid) -> _Key:
    return cid.digest, cid.codec == RAW
