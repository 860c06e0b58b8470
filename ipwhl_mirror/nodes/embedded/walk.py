"""The offline walk: every block under a CID read and hashed, near the speed of sha256.

A whole file is read from its beginning to its end, several leaves at a time into one buffer, and hashed
there: header, payload, trailer, without a copy. So each place of a leaf is read, also of one that stands in
several files; it is told once, and again only where it is damaged. What is remembered is one digest for each
block that is no leaf of a whole file, and for each leaf that stands twice. A file longer than it should be is
reported as damage of its root.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from ipwhl_mirror.ipld.cid import MAX_BLOCK, RAW, Cid
from ipwhl_mirror.ipld.errors import ForbiddenBlock
from ipwhl_mirror.ipld.files import Wrapper, leaf_frame, parse_file_node
from ipwhl_mirror.nodes.base import Fault, WalkedBlock
from ipwhl_mirror.nodes.embedded import rows
from ipwhl_mirror.nodes.errors import NodeRefused
from ipwhl_mirror.nodes.graph import links_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from io import FileIO

    from ipwhl_mirror.ipld.dagpb import Link
    from ipwhl_mirror.nodes.embedded.rows import SharedRef, WholeFile
    from ipwhl_mirror.nodes.embedded.store import Store

_READ = 2 * MAX_BLOCK
_HOP = 4 * 1024 * 1024
_HOP_BLOCKS = 1024

_frame = lru_cache(maxsize=256)(leaf_frame)


class _Stop(NamedTuple):
    """A node of a whole file that is still to be visited."""

    cid: Cid
    parent: Cid | None
    offset: int


class _Leaf(NamedTuple):
    cid: Cid
    parent: Cid | None
    place: SharedRef


def next_blocks(walk: Iterator[WalkedBlock]) -> list[WalkedBlock]:
    """The next blocks of a walk, some megabytes of them; empty at its end."""
    blocks: list[WalkedBlock] = []
    size = 0
    for block in walk:
        blocks.append(block)
        size += block.size
        if size >= _HOP or len(blocks) >= _HOP_BLOCKS:
            break
    return blocks


class Walk:
    """One walk; iterate it once, in any thread, one at a time."""

    def __init__(self, store: Store, root: Cid) -> None:
        self._store = store
        self._root = root
        self._seen: set[bytes] = set()
        self._entered: set[bytes] = set()
        self._buffer = memoryview(bytearray(_READ))

    def __iter__(self) -> Generator[WalkedBlock, None, None]:
        stack: list[tuple[Cid, Cid | None]] = [(self._root, None)]
        while stack:
            cid, parent = stack.pop()
            if cid.digest in (self._seen if cid.codec == RAW else self._entered):
                continue
            if cid.codec != RAW:
                self._entered.add(cid.digest)
            file = self._store.file(cid)
            if file is not None:
                yield from self._walk_file(file, _Stop(cid, parent, 0))
                continue
            block = self._store.read_block(cid.digest)
            yield from self._tell(cid, parent, block)
            if isinstance(block, bytes):
                stack.extend((link.cid, cid) for link in reversed(_links(cid, block)))

    def _tell(self, cid: Cid, parent: Cid | None, block: bytes | Fault) -> Iterator[WalkedBlock]:
        if cid.digest in self._seen:
            return
        self._seen.add(cid.digest)
        if isinstance(block, Fault):
            yield WalkedBlock(cid=cid, size=0, parent=parent, fault=block)
        else:
            yield WalkedBlock(cid=cid, size=len(block), parent=parent)

    def _walk_file(self, file: WholeFile, root: _Stop) -> Iterator[WalkedBlock]:
        with _opened(file) as stream:
            if stream is not None and os.fstat(stream.fileno()).st_size > file.size:
                yield from self._tell(root.cid, root.parent, Fault.CORRUPT)
                return
            leaf = self._places(file, 0, 1).get(0)
            if leaf is not None and leaf.ref.digest == file.cid.digest:
                leaf = leaf._replace(is_shared=True)
                yield from self._hash_leaves(stream, [_Leaf(root.cid, root.parent, leaf)])
                return
            stack = [root]
            while stack:
                stop = stack.pop()
                block = self._store.read_block(stop.cid.digest)
                yield from self._tell(stop.cid, stop.parent, block)
                if isinstance(block, Fault):
                    continue
                node = parse_file_node(stop.cid, block)
                if node.payload is not None and not _holds(stream, node.payload, stop.offset):
                    yield WalkedBlock(cid=stop.cid, size=len(block), parent=stop.parent, fault=Fault.CORRUPT)
                leaves, nodes = self._children(file, stop, node.children)
                yield from self._hash_leaves(stream, leaves)
                stack.extend(reversed(nodes))

    def _children(
        self, file: WholeFile, stop: _Stop, links: Iterable[tuple[Cid, int]]
    ) -> tuple[list[_Leaf], list[_Stop]]:
        """What a node of a whole file has below it: leaves that are rebuilt from the file, and all else."""
        children = []
        offset = stop.offset
        for child, length in links:
            children.append((child, offset, length))
            offset += length
        # What is longer than a block is no leaf: a file's upper nodes need no list of all its leaves.
        starts = [start for _, start, length in children if length <= MAX_BLOCK]
        places = self._places(file, starts[0], starts[-1] + 1) if starts else {}
        leaves, nodes = [], []
        for child, start, length in children:
            place = places.get(start)
            if place is not None and place.ref.digest == child.digest and place.ref.length == length:
                leaves.append(_Leaf(child, stop.cid, place))
            else:
                nodes.append(_Stop(child, stop.cid, start))
        return leaves, nodes

    def _places(self, file: WholeFile, start: int, end: int) -> dict[int, SharedRef]:
        with self._store.database.read() as connection:
            return rows.refs_between(connection, file.id, start, end)

    def _hash_leaves(self, stream: FileIO | None, leaves: list[_Leaf]) -> Iterator[WalkedBlock]:
        at = 0
        while at < len(leaves):
            end, start, length = at, leaves[at].place.ref.offset, 0
            while end < len(leaves) and leaves[end].place.ref.offset == start + length:
                if length + leaves[end].place.ref.length > _READ:
                    break
                length += leaves[end].place.ref.length
                end += 1
            got = _read_into(stream, self._buffer[:length], start)
            if got < length and end - at > 1:
                # Where the disk fails, what can be read behind it is not to blame.
                end, length = at + 1, leaves[at].place.ref.length
                got = _read_into(stream, self._buffer[:length], start)
            done = 0
            for leaf in leaves[at:end]:
                size = leaf.place.ref.length
                yield from self._hash_leaf(leaf, self._buffer[done : max(done, min(done + size, got))])
                done += size
            at = end

    def _hash_leaf(self, leaf: _Leaf, payload: memoryview) -> Iterator[WalkedBlock]:
        cid, parent, (ref, is_shared) = leaf
        header, trailer = (b"", b"") if ref.wrapper is Wrapper.NONE else _frame(ref.length)
        digest = sha256(header)
        digest.update(payload)
        digest.update(trailer)
        fault = None
        if digest.digest() != ref.digest:
            fault = Fault.CORRUPT if len(payload) else Fault.MISSING
        elif ref.digest in self._seen:
            return
        if is_shared:
            self._seen.add(ref.digest)
        size = 0 if fault is Fault.MISSING else len(header) + ref.length + len(trailer)
        yield WalkedBlock(cid=cid, size=size, parent=parent, fault=fault)


@contextmanager
def _opened(file: WholeFile) -> Iterator[FileIO | None]:
    try:
        stream = file.path.open("rb", buffering=0)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise NodeRefused(
            f"cannot read {file.path}: {error.strerror}", hint="check its permissions"
        ) from error
    with stream:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        yield stream


def _read_into(stream: FileIO | None, buffer: memoryview, offset: int) -> int:
    """How many bytes there are, up to the buffer's length, before the file's end or where the disk fails."""
    got = 0
    if stream is None:
        return got
    try:
        stream.seek(offset)
        while got < len(buffer):
            count = stream.readinto(buffer[got:])
            if not count:
                break
            got += count
    except OSError:
        return got
    return got


def _holds(stream: FileIO | None, payload: bytes, offset: int) -> bool:
    buffer = memoryview(bytearray(len(payload)))
    return stream is not None and _read_into(stream, buffer, offset) == len(payload) and buffer == payload


def _links(cid: Cid, block: bytes) -> tuple[Link, ...]:
    try:
        return links_of(cid, block)
    except ForbiddenBlock as error:
        raise NodeRefused(f"what is below {cid} cannot be walked: {error}") from error
