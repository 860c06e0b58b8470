"""Making DAGs whole: what is here is followed, what is missing is brought, files become whole files on disk.

First the directories, so that all files are known: those that are here are read in a thread, missing ones are
brought many at once, and their entries followed. Then the files, `Transfer.concurrency` at once, each into an
assembly that goes on from what an earlier attempt left. What only seemed to be a file (it contradicts itself,
repeats itself, or is something else) is kept as plain blocks. A part that cannot be had does not stop the
others; all such parts are in the error.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.errors import ForbiddenBlock, MalformedBlock
from ipwhl_mirror.nodes.base import PinProgress
from ipwhl_mirror.nodes.embedded.entries import Entry, Hint, bring_many
from ipwhl_mirror.nodes.embedded.threads import for_each
from ipwhl_mirror.nodes.errors import BlockNotFound, NodeError, NodeRefused, NoSource, PinFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Transfer
    from ipwhl_mirror.nodes.embedded.assembly import FileAssembly
    from ipwhl_mirror.nodes.embedded.rows import WholeFile
    from ipwhl_mirror.nodes.embedded.sources import Source
    from ipwhl_mirror.nodes.embedded.store import Store
    from ipwhl_mirror.nodes.embedded.threads import Threads

_FEW = 16
_POLL_S = 0.05
_SCAN = 2000


@dataclass(slots=True)
class Meter:
    """Counts what `PinProgress` tells."""

    blocks: int = 0
    bytes: int = 0
    items: int = 0

    def progress(self, source: Source) -> PinProgress:
        """The state of this moment."""
        return PinProgress(
            blocks=self.blocks,
            bytes=self.bytes,
            items=self.items,
            stalled_s=source.stalled_s,
            notes=source.notes,
        )


class Completion:
    """One call's work: DAGs to make whole, files to mend. Use it once."""

    def __init__(self, store: Store, threads: Threads, source: Source, transfer: Transfer) -> None:
        self.meter = Meter()
        self._store = store
        self._threads = threads
        self._source = source
        self._transfer = transfer
        self._entered: set[tuple[bool, bytes]] = set()
        self._failed: dict[Cid, NodeError] = {}

    async def complete(self, roots: Iterable[Cid]) -> None:
        """Make everything under the roots whole, as far as it can be had: `failure` tells."""
        await self._complete([Entry(root, Hint.UNKNOWN) for root in roots])

    async def repair(self, broken: Sequence[Cid]) -> None:
        """Bring these blocks again: in the whole files that they are a part of, or by themselves."""
        files, others = await self._threads.run(self._owners, broken)
        await self.mend(files)
        await self.replace(others)

    def _owners(self, broken: Sequence[Cid]) -> tuple[list[WholeFile], list[Cid]]:
        """The whole files that broken blocks are a part of, and the blocks that are of none."""
        files: dict[int, WholeFile] = {}
        others = []
        for cid in broken:
            owners = self._store.owners(cid)
            files.update((file.id, file) for file in owners)
            if not owners:
                others.append(cid)
        return list(files.values()), others

    async def mend(self, files: Iterable[WholeFile]) -> None:
        """Read whole files again and bring their bad leaves, in place."""

        async def bring(file: WholeFile) -> None:
            await self._bring_file(file.cid, _never)

        await for_each(files, bring, at_once=self._transfer.concurrency)

    async def replace(self, cids: Iterable[Cid]) -> None:
        """Bring these blocks, here or not, and what is missing below them."""
        entries: list[Entry] = []
        async for entry, block in self._bring_blocks([Entry(cid, Hint.UNKNOWN) for cid in cids]):
            if self._look(entry, block, entries):
                entries.append(entry)
        await self._complete(entries)

    @property
    def failure(self) -> PinFailed | None:
        """What could not be had, each part with its reason; None when all is here."""
        if not self._failed:
            return None
        reasons = [(cid, str(error)) for cid, error in self._failed.items()]
        hints = [error.hint for error in self._failed.values() if error.hint is not None]
        return PinFailed(
            f"{len(reasons)} missing parts could not be had; the first: {reasons[0][1]}",
            failed=reasons,
            hint=hints[0] if hints else "run the same command again: what was fetched stays",
        )

    @property
    def no_source(self) -> NoSource | None:
        """Why no gateway could be used; None when any answered, or all is here."""
        errors = [error for error in self._failed.values() if isinstance(error, NoSource)]
        return errors[0] if errors and len(errors) == len(self._failed) else None

    async def _complete(self, entries: list[Entry]) -> None:
        while entries:
            files = await self._follow(entries)
            refused: list[Entry] = []

            async def bring(entry: Entry, refused: list[Entry] = refused) -> None:
                if not await self._bring_file(entry.cid, _is_here):
                    refused.append(Entry(entry.cid, Hint.PLAIN))

            await for_each(files, bring, at_once=self._transfer.concurrency)
            self._entered.difference_update(entry.key for entry in refused)
            entries = refused

    async def _follow(self, entries: list[Entry]) -> list[Entry]:
        """Make every directory below whole; the files that are not."""
        files: list[Entry] = []
        missing: list[Entry] = []
        while entries:
            entries = await self._threads.run(self._scan, entries, files, missing)
            if entries:
                continue
            wanted, missing = missing, []
            async for entry, block in self._bring_blocks(wanted):
                self.meter.blocks += 1
                if self._look(entry, block, entries):
                    files.append(entry)
        return files

    def _look(self, entry: Entry, block: bytes, below: list[Entry]) -> bool:
        """Whether the block is a file's root; if not, what it links to is added to `below`."""
        if entry.is_file(block):
            return True
        try:
            below += entry.below(block)
        except ForbiddenBlock as error:
            self._failed[entry.cid] = NodeRefused(str(error))
        return False

    def _scan(self, entries: list[Entry], files: list[Entry], missing: list[Entry]) -> list[Entry]:
        """Follow what is here; what is left when that took long enough."""
        stack = list(entries)
        for _ in range(_SCAN):
            if not stack:
                break
            entry = stack.pop()
            if entry.key in self._entered:
                continue
            self._entered.add(entry.key)
            file = None if entry.hint is Hint.PLAIN else self._store.file(entry.cid)
            if file is not None and file.is_intact:
                self.meter.blocks += file.blocks
                continue
            block = None if file is not None else self._store.find_block(entry.cid)
            if block is None:
                (files if file is not None or entry.hint is Hint.FILE else missing).append(entry)
                continue
            if self._look(entry, block, stack):
                files.append(entry)
            else:
                self.meter.blocks += 1
        return stack

    async def _bring_blocks(self, entries: Sequence[Entry]) -> AsyncIterator[tuple[Entry, bytes]]:
        """Blocks as they come, kept; those that cannot be had are left out and remembered."""
        async for batch in bring_many(self._source, entries):
            came = [(entry, outcome) for entry, outcome in batch if isinstance(outcome, bytes)]
            for entry, outcome in batch:
                if not isinstance(outcome, bytes):
                    self._failed[entry.cid] = outcome
            if came:
                blocks = [(entry.cid, block) for entry, block in came]
                await self._threads.run(self._store.put_blocks, blocks)
            for entry, block in came:
                self._count(len(block))
                yield entry, block

    async def _bring_file(self, cid: Cid, is_done: Callable[[WholeFile], bool]) -> bool:
        """Make a file whole; False when it is none."""
        opened: list[FileAssembly] = []
        try:
            if await self._open(cid, is_done, opened):
                assembly = opened[0]
                await self._fill(assembly)
                await self._threads.run(self._store.keep_assembly, assembly)
                self.meter.blocks += assembly.blocks
                self.meter.items += 1
        except MalformedBlock:
            for assembly in opened:
                await self._threads.run(self._store.discard_assembly, assembly)
            return False
        except (BlockNotFound, NoSource) as error:
            self._failed[cid] = error
        finally:
            for assembly in opened:
                assembly.close()
        return True

    async def _open(self, cid: Cid, is_done: Callable[[WholeFile], bool], opened: list[FileAssembly]) -> bool:
        """Put the file's assembly into `opened`, so that it is closed in any case; False when all is done."""

        def claim() -> bool:
            file = self._store.file(cid)
            if file is not None and is_done(file):
                return False
            assembly = self._store.open_assembly(cid)
            opened.extend([] if assembly is None else [assembly])
            return True

        while await self._threads.run(claim):
            if opened:
                return True
            await asyncio.sleep(_POLL_S)
        return False

    async def _fill(self, assembly: FileAssembly) -> None:
        while trunk := assembly.trunk():
            for cid in trunk:
                await self._fill_one(assembly, cid)
        if assembly.resumed and len(few := assembly.wanted(_FEW + 1)) <= _FEW:
            try:
                for cid in few:
                    await self._fill_one(assembly, cid)
            except BlockNotFound:
                pass
        if not assembly.whole:
            await self._source.file(assembly, self._count)

    async def _fill_one(self, assembly: FileAssembly, cid: Cid) -> None:
        block = await self._source.block(cid)
        self._count(await self._threads.run(assembly.accept, cid, block))

    def _count(self, size: int) -> None:
        self.meter.bytes += size
        budget = self._transfer.byte_budget
        if budget is not None and self.meter.bytes > budget:
            raise NodeRefused(f"more than the budget of {budget} bytes would be fetched")


def _is_here(file: WholeFile) -> bool:
    return file.is_intact


def _never(_file: WholeFile) -> bool:
    return False
