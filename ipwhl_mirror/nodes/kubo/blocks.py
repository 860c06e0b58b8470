"""Blocks of a Kubo by CID, many at once.

A few are asked for one by one, side by side. Many are put under a provisional tree of links, which a pin
fetches 32 at a time and an export gives in one stream: three requests, whatever their number.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound
from ipwhl_mirror.nodes.kubo.rpc import RpcFailed
from ipwhl_mirror.nodes.kubo.staging import import_blocks, staging_parts, staging_tree
from ipwhl_mirror.nodes.kubo.walking import SIDE_BY_SIDE, export, local_block

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.ipld.directories import Tree
    from ipwhl_mirror.nodes.kubo.fetching import Fetching, Step
    from ipwhl_mirror.nodes.kubo.rpc import Rpc

FEW = 64
_FEW_FETCHED = 8
_AHEAD = 256


async def local_blocks(rpc: Rpc, cids: Sequence[Cid]) -> AsyncGenerator[tuple[Cid, bytes], None]:
    """These blocks from the daemon's disk, hashed, in any order.

    Raises:
        BlockNotFound, BlockCorrupt: of the first that is not whole here.
        NodeRefused, NodeUnreachable: the daemon does not answer.
    """
    blocks = _single_blocks(rpc, cids)
    if len(cids) > FEW:
        tree = staging_tree(cid.as_raw() for cid in cids)
        with suppress(RpcFailed):  # reading does not need a disk with room
            await import_blocks(rpc, tree.blocks)
            blocks = _staged_blocks(rpc, tree, cids)
    async with aclosing(blocks):
        async for cid, block in blocks:
            yield cid, block


async def _single_blocks(rpc: Rpc, cids: Sequence[Cid]) -> AsyncGenerator[tuple[Cid, bytes], None]:
    waiting = list(cids)
    while waiting:
        some, waiting = waiting[:SIDE_BY_SIDE], waiting[SIDE_BY_SIDE:]
        found = await asyncio.gather(*(local_block(rpc, cid) for cid in some), return_exceptions=True)
        for cid, result in zip(some, found, strict=True):
            if isinstance(result, BaseException):
                raise result
            yield cid, result


async def _staged_blocks(
    rpc: Rpc, tree: Tree, cids: Sequence[Cid]
) -> AsyncGenerator[tuple[Cid, bytes], None]:
    """Blocks that a staging tree links to: by exports of its parts, and what these left out by itself."""
    left: dict[bytes, list[Cid]] = {}
    for cid in cids:
        left.setdefault(cid.digest, []).append(cid)
    parts = [export(rpc, root) for root in staging_parts(tree)]
    async with aclosing(_merged(parts)) as blocks:
        async for at, block in blocks:
            if at.digest in left and at.is_of(block):
                for cid in left.pop(at.digest):
                    yield cid, block
    async with aclosing(_single_blocks(rpc, [cid for names in left.values() for cid in names])) as others:
        async for cid, block in others:
            yield cid, block


async def _merged(
    streams: Sequence[AsyncGenerator[tuple[Cid, bytes], None]],
) -> AsyncGenerator[tuple[Cid, bytes], None]:
    """What these give, two of them at once: one export leaves a core of the daemon idle."""
    queue: asyncio.Queue[tuple[Cid, bytes] | None] = asyncio.Queue(_AHEAD)
    waiting = iter(streams)

    async def pump() -> None:
        try:
            for stream in waiting:
                async with aclosing(stream):
                    async for item in stream:
                        await queue.put(item)
        finally:
            await queue.put(None)

    pumps = [asyncio.create_task(pump()) for _ in range(min(2, len(streams)))]
    ended = 0
    try:
        while ended < len(pumps):
            if (item := await queue.get()) is None:
                ended += 1
            else:
                yield item
        await asyncio.gather(*pumps)
    finally:
        for task in pumps:
            task.cancel()
        while not queue.empty():
            queue.get_nowait()
        await asyncio.gather(*pumps, return_exceptions=True)


async def fetched_blocks(
    rpc: Rpc, fetching: Fetching, cids: Sequence[Cid], on_arrival: Callable[[int], None] | None
) -> AsyncGenerator[tuple[Cid, bytes], None]:
    """These blocks, from the network where they are not here, hashed; they stay, unpinned.

    Raises:
        BlockNotFound: one cannot be had; those yielded before are good.
        NoSource: the node has nobody to ask.
        BlockCorrupt: one is damaged here.
        NodeRefused, NodeUnreachable: the daemon does not answer.
    """
    if len(cids) <= _FEW_FETCHED:
        for cid in cids:
            try:
                block = await local_block(rpc, cid)
            except BlockNotFound:
                block = await fetching.block(cid)
            yield cid, block
        return
    async with fetching.staging.kept() as kept:
        tree = staging_tree(cid.as_raw() for cid in cids)
        await import_blocks(rpc, tree.blocks)
        kept.add(tree.cid)

        def on_step(step: Step) -> None:
            if on_arrival is not None:
                on_arrival(max(0, step.blocks - len(tree.blocks)))

        try:
            await fetching.stage(tree.cid, on_step)
        except BlockNotFound as error:
            names = {cid.digest: cid for cid in cids}
            error.cid = names.get(error.cid.digest, error.cid)
            async with aclosing(_those_here(rpc, cids)) as here:
                async for cid, block in here:
                    yield cid, block
            raise
        async with aclosing(_staged_blocks(rpc, tree, cids)) as blocks:
            async for cid, block in blocks:
                yield cid, block


async def _those_here(rpc: Rpc, cids: Sequence[Cid]) -> AsyncGenerator[tuple[Cid, bytes], None]:
    for cid in cids:
        try:
            yield cid, await local_block(rpc, cid)
        except (BlockNotFound, BlockCorrupt):
            continue
