"""Files read by offset from what the store keeps: the whole file where there is one, else block by block.

Pieces of a whole file come as they are on disk (what they are worth, a walk says); blocks are hashed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.errors import MalformedBlock
from ipwhl_mirror.ipld.files import FileNode, parse_file_node
from ipwhl_mirror.nodes.base import Fault
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound, NodeRefused

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.embedded.store import Store

PIECE = 1024 * 1024


def file_size(store: Store, cid: Cid) -> int:
    """The length of a file.

    Raises:
        BlockNotFound: its root block is not here.
        BlockCorrupt: it is damaged.
        NodeRefused: it is no file.
    """
    file = store.file(cid)
    return file.size if file is not None else _read_node(store, cid).size


def file_pieces(store: Store, cid: Cid, start: int, end: int | None) -> Generator[bytes, None, None]:
    """The bytes [start, end) of a file, in pieces of at most 1 MiB.

    Raises:
        BlockNotFound: a block is not here.
        BlockCorrupt: one is damaged.
        NodeRefused: it is no file.
    """
    file = store.file(cid)
    if file is None or not file.is_intact:
        yield from _block_pieces(store, cid, start, end)
        return
    stop = file.size if end is None else min(end, file.size)
    try:
        stream = file.path.open("rb", buffering=0)
    except FileNotFoundError:
        raise BlockNotFound(cid) from None
    with stream:
        stream.seek(start)
        while start < stop:
            piece = stream.read(min(PIECE, stop - start))
            if not piece:
                raise BlockCorrupt(cid)
            yield piece
            start += len(piece)


def _block_pieces(store: Store, root: Cid, start: int, end: int | None) -> Iterator[bytes]:
    stack: list[tuple[Cid, int]] = [(root, 0)]
    while stack:
        cid, offset = stack.pop()
        node = _read_node(store, cid)
        if node.payload is not None:
            stop = len(node.payload) if end is None else min(len(node.payload), end - offset)
            for at in range(max(0, start - offset), stop, PIECE):
                yield node.payload[at : min(at + PIECE, stop)]
            continue
        below = []
        for child, length in node.children:
            if offset + length > start and (end is None or offset < end):
                below.append((child, offset))
            offset += length
        stack.extend(reversed(below))


def _read_node(store: Store, cid: Cid) -> FileNode:
    block = store.read_block(cid.digest)
    if block is Fault.MISSING:
        raise BlockNotFound(cid)
    if isinstance(block, Fault):
        raise BlockCorrupt(cid)
    try:
        return parse_file_node(cid, block)
    except MalformedBlock as error:
        raise NodeRefused(f"{cid} is no file: {error.reason}") from error
