"""Bytes of a wheel from local blocks, each hashed by the node, so that what is said of it is true for ever.

A file that was damaged on disk gives an error here, never another hash. Leaves are read a few at a time;
no more than a batch of them is held.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.wheel_archives import MetadataReader
from ipwhl_mirror.gateway.resolve import read_blocks
from ipwhl_mirror.ipld.files import parse_file_node

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Node

_BATCH = 16
_BATCH_BYTES = 4 << 20


async def file_bytes(node: Node, cid: Cid, start: int, end: int) -> AsyncGenerator[bytes, None]:
    """The bytes [start, end) of a file, in pieces of a block.

    Raises:
        BlockNotFound, BlockCorrupt: a block of them is not whole here.
        MalformedBlock: it is no file.
    """
    ahead: dict[bytes, bytes] = {}
    # (CID, offset in the file, payload below) of what is still to be read, the next one last
    left: list[tuple[Cid, int, int]] = [(cid, 0, end)]
    while left:
        child, offset, _ = left[-1]
        if child.digest not in ahead:
            ahead = await read_blocks(node, _next_batch(left))
        left.pop()
        block = parse_file_node(child, ahead[child.digest])
        if block.payload is not None:
            if piece := block.payload[max(0, start - offset) : max(0, end - offset)]:
                yield piece
            continue
        below = []
        for grandchild, size in block.children:
            if offset < end and start < offset + size:
                below.append((grandchild, offset, size))
            offset += size
        left += reversed(below)


def _next_batch(left: list[tuple[Cid, int, int]]) -> list[Cid]:
    cids, payload = [left[-1][0]], left[-1][2]
    for cid, _, size in left[-2 : -_BATCH - 1 : -1]:
        payload += size
        if payload > _BATCH_BYTES:
            break
        cids.append(cid)
    return cids


async def read_metadata(node: Node, cid: Cid, size: int, filename: str) -> bytes:
    """METADATA of a wheel, from the blocks it is in and those of the archive's directory.

    Args:
        size: of the file, as its root block says.

    Raises:
        InvalidWheel: there is none that can be used.
        BlockNotFound, BlockCorrupt, MalformedBlock: see `file_bytes`.
    """
    reader = MetadataReader(size, filename)
    while (needed := reader.needed()) is not None:
        async with aclosing(file_bytes(node, cid, *needed)) as pieces:
            data = b"".join([piece async for piece in pieces])
        # a large archive's directory takes long enough to be in the way of other answers
        await asyncio.to_thread(reader.feed, data)
    return reader.finish()


async def read_sha256(node: Node, cid: Cid, size: int) -> bytes:
    """The SHA-256 of a whole file.

    Raises:
        BlockNotFound, BlockCorrupt, MalformedBlock: see `file_bytes`.
    """
    digest = hashlib.sha256()
    async with aclosing(file_bytes(node, cid, 0, size)) as pieces:
        async for piece in pieces:
            await asyncio.to_thread(digest.update, piece)
    return digest.digest()
