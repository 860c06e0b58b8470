"""Files of a Kubo: added as `ipfs add` does, read from its disk, taken in from a CAR."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.files import parse_file_node
from ipwhl_mirror.nodes.base import AddedFile
from ipwhl_mirror.nodes.errors import BlockNotFound, NodeRefused, NodeUnreachable
from ipwhl_mirror.nodes.kubo.answers import Added, missing_block, read, read_cid
from ipwhl_mirror.nodes.kubo.fetching import SLOWEST_READ, first_missing
from ipwhl_mirror.nodes.kubo.rpc import RpcFailed
from ipwhl_mirror.nodes.kubo.staging import import_blocks, import_car, staging_tree
from ipwhl_mirror.nodes.kubo.walking import local_block

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.car_blocks import CarBlocks
    from ipwhl_mirror.nodes.kubo.rpc import Rpc

_PIECE = 1 << 20
_Piece = tuple[bytes, list[int]]


async def add_file(rpc: Rpc, path: Path, cid_version: int) -> AddedFile:
    """See `Node.add_file`; every option is given, for the daemon's configuration may have other defaults."""
    with await asyncio.to_thread(path.open, "rb") as file:
        answer = await rpc.send(
            "add",
            _pieces(file),
            cid_version=cid_version,
            raw_leaves=cid_version == 1,
            chunker="size-262144",
            hash="sha2-256",
            max_file_links=174,
            trickle=False,
            inline=False,
            nocopy=False,
            fscache=False,
            wrap_with_directory=False,
            pin=False,
            progress=False,
            fast_provide_root=False,
        )
        size = file.tell()
    added = read("add", answer, Added)
    cid = read_cid("add", added.Hash)
    if cid is None or not added.Size.isdecimal():
        raise NodeRefused(f"kubo add: it made {added.Hash} of {added.Size} bytes")
    return AddedFile(cid=cid, size=size, tsize=int(added.Size))


async def import_dags(
    rpc: Rpc, car: CarBlocks, roots: Iterable[Cid], on_block: Callable[[int], None]
) -> None:
    """See `Node.import_car`."""
    wanted = list(dict.fromkeys(roots))
    if not wanted:
        return
    blocks = car.dags(wanted)
    if (piece := await asyncio.to_thread(_next_piece, blocks)) is not None:
        await import_car(rpc, _sections(wanted[0], piece, blocks, on_block))
    tree = staging_tree(wanted)
    await import_blocks(rpc, tree.blocks)
    if missing := await first_missing(rpc, tree.cid, rpc.stall_s + car.size / SLOWEST_READ):
        raise BlockNotFound(missing, f"block {missing} is not in the CAR")


async def _sections(
    root: Cid, first: _Piece, blocks: Iterator[tuple[Cid, bytes]], on_block: Callable[[int], None]
) -> AsyncIterator[bytes]:
    """A CAR of these blocks, of which the first piece was read."""
    yield car_header([root])
    piece: _Piece | None = first
    while piece is not None:
        yield piece[0]
        for size in piece[1]:
            on_block(size)
        piece = await asyncio.to_thread(_next_piece, blocks)


def _next_piece(blocks: Iterator[tuple[Cid, bytes]]) -> _Piece | None:
    """The next megabyte or so, and the sizes of its blocks; None at the end."""
    piece, sizes = bytearray(), []
    for cid, block in blocks:
        piece += car_section(cid, block)
        sizes.append(len(block))
        if len(piece) >= _PIECE:
            break
    return (bytes(piece), sizes) if sizes else None


async def file_size(rpc: Rpc, cid: Cid) -> int:
    """See `Node.file_size`."""
    return parse_file_node(cid, await local_block(rpc, cid)).size


async def file_pieces(rpc: Rpc, cid: Cid, start: int, end: int | None) -> AsyncGenerator[bytes, None]:
    """See `Node.read_file`."""
    size = await file_size(rpc, cid)
    left = (size if end is None else min(size, end)) - start
    if left <= 0:
        return
    try:
        pieces = rpc.content("cat", str(cid), offset=start, length=left, offline=True, progress=False)
        async with aclosing(pieces):
            async for piece in pieces:
                left -= len(piece)
                for at in range(0, len(piece), _PIECE):
                    yield piece[at : at + _PIECE]
    except RpcFailed as error:
        if (missing := missing_block(error.reason)) is None:
            raise
        raise BlockNotFound(missing) from error
    if left:
        # Kubo ends the stream where a block is missing, and also where it is stopped
        if missing := await first_missing(rpc, cid, rpc.stall_s + size / SLOWEST_READ):
            raise BlockNotFound(missing)
        raise NodeUnreachable(f"kubo cat: it ended {left} bytes too early")


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, _PIECE):
        yield piece
