"""What a node in memory keeps, and what can be said of it: blocks by digest, followed from CIDs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.dagpb import parse_node
from ipwhl_mirror.ipld.errors import HashMismatch, MalformedBlock
from ipwhl_mirror.ipld.files import FileNode, parse_file_node
from ipwhl_mirror.nodes.base import Fault, GcPreview, PinProgress
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound, NodeRefused, NoSpace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from ipwhl_mirror.nodes.base import Transfer

    Fetch = Callable[[Cid], Awaitable[bytes]]
    Count = Callable[[Cid, int, int], None]
    """Told the CID, the bytes that had to be fetched, and 1 when that was the last block of a file."""


class MemoryBlocks:
    """Blocks by digest, on a disk with so many bytes free."""

    def __init__(self) -> None:
        self.blocks: dict[bytes, bytes] = {}
        self.free_bytes = 10**12

    def read(self, cid: Cid) -> bytes | Fault:
        """A block, hashed, or what is wrong with it."""
        block = self.blocks.get(cid.digest)
        if block is None:
            return Fault.MISSING
        try:
            cid.check(block)
        except HashMismatch:
            return Fault.CORRUPT
        return block

    def keep(self, cid: Cid, block: bytes) -> None:
        """Keep a block; raises NoSpace."""
        grown = len(block) - len(self.blocks.get(cid.digest, b""))
        if grown > self.free_bytes:
            raise NoSpace("no space left", hint="free some disk space, then run the same command again")
        self.free_bytes -= grown
        self.blocks[cid.digest] = block

    def file_node(self, cid: Cid) -> FileNode:
        """A node of a file; raises BlockNotFound, BlockCorrupt, NodeRefused."""
        block = self.read(cid)
        if isinstance(block, Fault):
            raise BlockNotFound(cid) if block is Fault.MISSING else BlockCorrupt(cid)
        try:
            return parse_file_node(cid, block)
        except MalformedBlock as error:
            raise NodeRefused(f"{cid} is no file: {error.reason}") from error

    def is_whole_file(self, root: Cid) -> bool:
        """Whether a file DAG is all here."""
        stack = [root]
        seen: set[bytes] = set()
        while stack:
            cid = stack.pop()
            block = self.blocks.get(cid.digest)
            if block is None or (cid == root and not is_file(cid, block)):
                return False
            if cid.digest not in seen:
                seen.add(cid.digest)
                stack.extend(children(cid, block))
        return True

    def garbage(self, pinned: Iterable[Cid]) -> list[bytes]:
        """Digests of what is under no pin."""
        kept: set[bytes] = set()
        entered: set[bytes] = set()
        stack = list(pinned)
        while stack:
            cid = stack.pop()
            kept.add(cid.digest)
            if cid.codec != RAW and cid.digest not in entered and cid.digest in self.blocks:
                entered.add(cid.digest)
                stack.extend(children(cid, self.blocks[cid.digest]))
        return [digest for digest in self.blocks if digest not in kept]

    def preview(self, garbage: Sequence[bytes]) -> GcPreview:
        """What removing these would give."""
        size = sum(len(self.blocks[digest]) for digest in garbage)
        return GcPreview(blocks=len(garbage), bytes=size)

    async def bring(self, roots: Iterable[Cid], fetch: Fetch, count: Count) -> dict[Cid, str]:
        """Make DAGs whole; the parts that cannot be had, whole files, with the reason."""
        failed: dict[Cid, str] = {}
        entered: set[Cid] = set()
        stack = list(roots)
        while stack:
            cid = stack.pop()
            if cid in entered:
                continue
            entered.add(cid)
            try:
                block = await self._have(cid, fetch, count)
                if is_file(cid, block):
                    await self._bring_file(cid, fetch, count)
                else:
                    stack.extend(children(cid, block))
            except BlockNotFound as error:
                failed[cid] = str(error)
        return failed

    async def _bring_file(self, root: Cid, fetch: Fetch, count: Count) -> None:
        stack = [root]
        seen: set[bytes] = set()
        while stack:
            cid = stack.pop()
            if cid.digest not in seen:
                seen.add(cid.digest)
                block = await self._have(cid, fetch, count if cid != root else uncounted)
                stack.extend(children(cid, block))
        count(root, 0, 1)

    async def _have(self, cid: Cid, fetch: Fetch, count: Count) -> bytes:
        block = self.read(cid)
        if isinstance(block, bytes):
            count(cid, 0, 0)
            return block
        block = await fetch(cid)
        self.keep(cid, block)
        count(cid, len(block), 0)
        return block


class ProgressCount:
    """Counts blocks, bytes and files, and reports after each."""

    def __init__(self, transfer: Transfer, on_progress: Callable[[PinProgress], None] | None) -> None:
        self._budget = transfer.byte_budget
        self._on_progress = on_progress
        self._blocks: set[bytes] = set()
        self._bytes = self._items = self._bytes_before_item = 0

    def __call__(self, cid: Cid, size: int, files: int) -> None:
        self._blocks.add(cid.digest)
        self._bytes += size
        if files and self._bytes > self._bytes_before_item:
            self._items += 1
            self._bytes_before_item = self._bytes
        if self._budget is not None and self._bytes > self._budget:
            raise NodeRefused(f"more than the budget of {self._budget} bytes would be fetched")
        if self._on_progress is not None:
            blocks = len(self._blocks)
            self._on_progress(PinProgress(blocks=blocks, bytes=self._bytes, items=self._items))


def uncounted(_cid: Cid, _size: int, _files: int) -> None:
    """Where nobody looks."""


def is_file(cid: Cid, block: bytes) -> bool:
    """Whether it is a node of a file."""
    try:
        parse_file_node(cid, block)
    except MalformedBlock:
        return False
    return True


def children(cid: Cid, block: bytes) -> list[Cid]:
    """What it links to."""
    if cid.codec == RAW:
        return []
    try:
        return [link.cid for link in parse_node(block, cid).links]
    except MalformedBlock:
        return []
