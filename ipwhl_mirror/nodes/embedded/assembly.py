"""One file DAG being put together in a file on disk, block by block, in any order.

Payload goes to its offset in the file (a `.part`, or the wheel itself under repair); blocks that are not
rebuilt from payload, the inner nodes and any leaf framed in another way, are appended to a `.nodes` file
beside it before a leaf below them is written. So a killed program leaves both files in a state from which
`FileAssembly` continues: every leaf found in the file is hashed again, a torn or wrong one is wanted again.
Nothing here is synced or renamed; the store does that when the file is whole.

Memory is bounded by `MAX_PLACES`. A DAG that lists more nodes, or repeats much of its content, is refused
as malformed, for a few hostile blocks can name petabytes.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field
from hashlib import sha256
from heapq import heappop, heappush
from operator import attrgetter
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import MAX_BLOCK, RAW, Cid
from ipwhl_mirror.ipld.errors import MalformedBlock
from ipwhl_mirror.ipld.files import Wrapper, leaf_frame, parse_file_node
from ipwhl_mirror.nodes.embedded.layout import disk_errors
from ipwhl_mirror.nodes.embedded.nodes_file import NodesFile, write_at
from ipwhl_mirror.nodes.embedded.rows import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

MAX_PLACES = 300_000
"""How many nodes one file may have, repetitions counted: 73 GiB in chunks of 256 KiB."""

MAX_REPEATED = 64 * 1024 * 1024
"""How many bytes of a file may be repetitions of other parts of it."""


@dataclass(slots=True)
class _Wanted:
    cid: Cid
    length: int | None
    first: int
    offsets: list[int] = field(default_factory=list)


def no_blocks(_cid: Cid) -> bytes | None:
    """A lookup that finds nothing."""
    return None


class FileAssembly:
    """A file DAG being put together; the one that fetches feeds it hashed blocks.

    Attributes:
        root: the file's root.
        path: where the payload is.
        descriptor: of that file.
        size: the length of the file; None until the root block is known.
        resumed: payload bytes that were here when the assembly was opened.
    """

    def __init__(
        self,
        root: Cid,
        payload: Path,
        nodes: Path,
        *,
        descriptor: int,
        lookup: Callable[[Cid], bytes | None] = no_blocks,
    ) -> None:
        """Hash what both files hold.

        Args:
            root: the file.
            payload: where its bytes go.
            nodes: the `.nodes` file; made when there is none.
            descriptor: `payload`, opened to read and write; closed with the assembly, also when this raises.
            lookup: gives blocks kept elsewhere, hashed.

        Raises:
            NoSpace, NodeRefused: the files cannot be made.
            MalformedBlock: what is here is no file DAG.
        """
        self.root = root
        self.path = payload
        self.size: int | None = None
        self.descriptor = descriptor
        self._wanted: dict[bytes, _Wanted] = {}
        self._gaps: list[tuple[int, bytes]] = []
        self._refs: list[Ref] = []
        self._leaf_at: dict[bytes, tuple[int, int]] = {}
        self._places = 0
        self._repeated = 0
        self._found = os.fstat(descriptor).st_size
        try:
            self._nodes = NodesFile(nodes)
        except BaseException:
            os.close(descriptor)
            raise
        try:
            self._want(root, None, [0])
            self.resumed = self._settle([root.digest], lookup)
        except BaseException:
            self.close()
            raise

    @property
    def whole(self) -> bool:
        """True when no block is missing."""
        return not self._wanted

    @property
    def blocks(self) -> int:
        """How many blocks of the file are here."""
        return len(self._leaf_at) + len(self._nodes)

    def trunk(self) -> list[Cid]:
        """Missing blocks without which it is not known what the file on disk holds: the root, inner nodes."""
        return [
            wanted.cid
            for wanted in self._wanted.values()
            if (wanted.length is None or wanted.length > MAX_BLOCK) and wanted.first < self._found
        ]

    def first_gap(self) -> int | None:
        """The offset of the first payload byte that is missing; None when the file is whole."""
        while self._gaps:
            offset, digest = self._gaps[0]
            wanted = self._wanted.get(digest)
            if wanted is not None and offset >= wanted.first:
                return offset
            heappop(self._gaps)
        return None

    def wanted(self, limit: int) -> list[Cid]:
        """Blocks known to be missing: those that must be inner nodes first, then in file order."""
        order = sorted(
            self._wanted.values(),
            key=lambda wanted: (wanted.length is not None and wanted.length <= MAX_BLOCK, wanted.first),
        )
        return [wanted.cid for wanted in order[:limit]]

    def accept(self, cid: Cid, block: bytes) -> int:
        """Take a block that hashes to its CID; one that is not missing changes nothing.

        Returns how many payload bytes are here that were not.

        Raises:
            MalformedBlock: the DAG is no file, or contradicts itself. The assembly is of no more use.
            NoSpace: the disk is full.
        """
        wanted = self._wanted.get(cid.digest)
        if wanted is None:
            return 0
        gained, children = self._take(wanted, block, ())
        return gained + self._settle(children, no_blocks)

    def refs(self) -> list[Ref]:
        """The leaves that are rebuilt from the file, by offset."""
        return sorted(self._refs, key=attrgetter("offset"))

    def nodes(self) -> Iterable[tuple[bytes, bytes]]:
        """(digest, block) of what is not rebuilt from the file, as often as it is iterated."""
        return self._nodes

    def sync(self) -> None:
        """Make the payload survive a power cut, cut off at the file's length."""
        with disk_errors(self.path):
            os.ftruncate(self.descriptor, self.size or 0)
            os.fsync(self.descriptor)

    def close(self) -> None:
        """Close both files; what is in them stays. Safe to call twice."""
        self._nodes.close()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _want(self, cid: Cid, length: int | None, offsets: list[int]) -> None:
        first = min(offsets)
        wanted = self._wanted.setdefault(cid.digest, _Wanted(cid, length, first))
        if wanted.length != length:
            raise MalformedBlock("it stands for two lengths in one file", cid=cid)
        wanted.offsets.extend(offsets)
        wanted.first = min(first, wanted.first)
        heappush(self._gaps, (first, cid.digest))

    def _settle(self, digests: Iterable[bytes], lookup: Callable[[Cid], bytes | None]) -> int:
        """Take every wanted block that is here already, and what it leads to; the payload bytes so gained."""
        gained = 0
        queue = deque(digests)
        while queue:
            wanted = self._wanted.get(queue.popleft())
            if wanted is None:
                continue
            block, intact = self._find(wanted, lookup)
            if block is not None:
                more, children = self._take(wanted, block, intact)
                gained += more
                queue.extend(children)
        return gained

    def _find(
        self, wanted: _Wanted, lookup: Callable[[Cid], bytes | None]
    ) -> tuple[bytes | None, tuple[int, ...]]:
        """A wanted block that is here, and the offsets at which the file holds its payload already."""
        cid = wanted.cid
        block: bytes | None = None
        intact = []
        length = self._found if wanted.length is None else wanted.length
        if 0 < length <= MAX_BLOCK:
            for offset in wanted.offsets:
                if offset + length <= self._found:
                    found = self._framed(cid, offset, length)
                    if sha256(found).digest() == cid.digest:
                        block = found
                        intact.append(offset)
        if block is None and cid.digest in self._leaf_at:
            block = self._framed(cid, *self._leaf_at[cid.digest])
            block = block if sha256(block).digest() == cid.digest else None
        if block is None and cid.digest in self._nodes:
            block = self._nodes.read(cid.digest)
        return (lookup(cid) if block is None else block), tuple(intact)

    def _take(self, wanted: _Wanted, block: bytes, intact: tuple[int, ...]) -> tuple[int, list[bytes]]:
        """Place a wanted block; (payload bytes placed, digests of what it makes wanted)."""
        cid = wanted.cid
        node = parse_file_node(cid, block)
        if wanted.length is not None and node.size != wanted.length:
            raise MalformedBlock(f"it holds {node.size} bytes of a file, not {wanted.length}", cid=cid)
        self._count(len(wanted.offsets) * max(1, len(node.children)), cid)
        if wanted.length is None:
            if node.size > MAX_PLACES * MAX_BLOCK:
                raise MalformedBlock(
                    f"a file of {node.size} bytes, which no {MAX_PLACES} nodes hold", cid=cid
                )
            self.size = node.size
        if node.payload is None:
            self._nodes.add(cid.digest, block)
            children = self._want_children(node.children, wanted.offsets)
            del self._wanted[cid.digest]
            return 0, children
        self._place(wanted, block, node.payload, intact)
        del self._wanted[cid.digest]
        return len(node.payload) * len(wanted.offsets), []

    def _want_children(self, children: Iterable[tuple[Cid, int]], offsets: list[int]) -> list[bytes]:
        made = []
        at = 0
        for child, length in children:
            self._want(child, length, [offset + at for offset in offsets])
            made.append(child.digest)
            at += length
        return made

    def _place(self, wanted: _Wanted, block: bytes, payload: bytes, intact: tuple[int, ...]) -> None:
        cid, length = wanted.cid, len(payload)
        again = len(wanted.offsets) - (cid.digest not in self._leaf_at)
        self._repeated += again * length
        if self._repeated > MAX_REPEATED:
            raise MalformedBlock(f"more than {MAX_REPEATED} bytes of its file are repetitions", cid=cid)
        wrapper = Wrapper.NONE if cid.codec == RAW else Wrapper.UNIXFS_FILE
        rebuilt = length > 0 and _is_framed(block, payload, wrapper)
        if not rebuilt:
            self._nodes.add(cid.digest, block)
        for offset in wanted.offsets:
            if offset not in intact:
                write_at(self.descriptor, payload, offset, self.path)
            if rebuilt:
                self._refs.append(Ref(offset, length, wrapper, cid.digest))
        if rebuilt:
            self._leaf_at[cid.digest] = (wanted.first, length)

    def _count(self, places: int, cid: Cid) -> None:
        self._places += places
        if self._places > MAX_PLACES:
            raise MalformedBlock(f"its file has more than {MAX_PLACES} nodes", cid=cid)

    def _framed(self, cid: Cid, offset: int, length: int) -> bytes:
        try:
            payload = os.pread(self.descriptor, length, offset)
        except OSError:
            return b""
        if cid.codec == RAW:
            return payload
        header, trailer = leaf_frame(len(payload))
        return b"".join((header, payload, trailer))


def _is_framed(block: bytes, payload: bytes, wrapper: Wrapper) -> bool:
    """Whether the block is rebuilt from the payload that was read from it, where the header says it is."""
    header, trailer = (b"", b"") if wrapper is Wrapper.NONE else leaf_frame(len(payload))
    is_so_long = len(block) == len(header) + len(payload) + len(trailer)
    return is_so_long and block.startswith(header) and block.endswith(trailer)
