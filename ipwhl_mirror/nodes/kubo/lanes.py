"""Wheels on their way to a Kubo: batches of some megabytes, `Transfer.concurrency` at once.

A batch that fails is tried again wheel by wheel, so that what cannot be had is told by wheel and the rest is
here. What came stays under staging pins until the caller drops them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.base import PinProgress
from ipwhl_mirror.nodes.errors import BlockNotFound, NodeRefused, NoSource, PinFailed
from ipwhl_mirror.nodes.kubo.fetching import EMPTY, NOTHING, Step
from ipwhl_mirror.nodes.kubo.staging import import_blocks, staging_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.ipld.directories import Tree
    from ipwhl_mirror.nodes.base import Transfer
    from ipwhl_mirror.nodes.kubo.fetching import Fetching
    from ipwhl_mirror.nodes.kubo.rpc import Rpc

_BATCH_BYTES = 16 << 20
_BATCH_FILES = 64


@dataclass(slots=True)
class _Batch:
    """Some wheels under one staging root, and how far it is."""

    files: Sequence[tuple[Cid, int]]
    tree: Tree
    step: Step = NOTHING
    is_done: bool = False

    @property
    def claimed(self) -> int:
        return sum(size for _, size in self.files)


class Lanes:
    """Wheels on their way, several batches at once.

    Args:
        files: file DAGs that may be missing, with their claimed sizes in bytes.
        roots: where the staging roots are added before they are pinned.
    """

    def __init__(
        self,
        rpc: Rpc,
        fetching: Fetching,
        transfer: Transfer,
        roots: set[Cid],
        on_progress: Callable[[PinProgress], None],
    ) -> None:
        self._rpc = rpc
        self._fetching = fetching
        self._transfer = transfer
        self._roots = roots
        self._on_progress = on_progress
        self._batches: list[_Batch] = []
        self._failed: dict[Cid, str] = {}
        self._no_source: NoSource | None = None
        self._blocks = self._bytes = 0

    async def bring(self, files: Sequence[tuple[Cid, int]]) -> None:
        """Fetch all of them and keep them under staging pins.

        Raises:
            PinFailed: some cannot be had; the error lists them, the others are here.
            NoSource: the node has nobody to ask.
            NodeRefused: more came than the budget allows.
        """
        if any(cid == EMPTY for cid, _ in files):
            await import_blocks(self._rpc, [(EMPTY, b"")])
        queue = deque(await self._stage(_grouped(files)))
        running: set[asyncio.Task[list[_Batch]]] = set()
        try:
            while queue or running:
                while queue and len(running) < self._transfer.concurrency:
                    running.add(asyncio.create_task(self._run(queue.popleft())))
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    queue.extend(task.result())
                running -= done
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        if self._failed:
            if self._no_source is not None and len(self._failed) == len(files):
                raise self._no_source
            raise PinFailed(
                f"{len(self._failed)} of {len(files)} wheels could not be had",
                failed=list(self._failed.items()),
                hint="run again to go on; what came stays",
            )

    @property
    def progress(self) -> PinProgress:
        """Everything so far."""
        # a batch that is tried again wheel by wheel counts anew, and nobody wants to see less than before
        self._blocks = max(self._blocks, sum(max(0, batch.step.blocks - 1) for batch in self._batches))
        self._bytes = max(self._bytes, sum(map(_bytes_of, self._batches)))
        return PinProgress(
            blocks=self._blocks,
            bytes=self._bytes,
            items=sum(len(batch.files) for batch in self._batches if batch.is_done),
            stalled_s=self._fetching.pulse.still_s,
        )

    async def _stage(self, groups: Sequence[Sequence[tuple[Cid, int]]]) -> list[_Batch]:
        batches = [_Batch(group, staging_tree(cid for cid, _ in group)) for group in groups]
        await import_blocks(self._rpc, (block for batch in batches for block in batch.tree.blocks))
        self._roots.update(batch.tree.cid for batch in batches)
        return batches

    async def _run(self, batch: _Batch) -> list[_Batch]:
        """Bring one batch; where it fails, the same wheels one by one."""
        self._batches.append(batch)

        def on_step(step: Step) -> None:
            batch.step = step
            self._tell()

        try:
            await self._fetching.stage(batch.tree.cid, on_step)
        except (BlockNotFound, NoSource) as error:
            if len(batch.files) > 1:
                self._batches.remove(batch)
                return await self._stage([[file] for file in batch.files])
            self._failed[batch.files[0][0]] = str(error)
            self._no_source = error if isinstance(error, NoSource) else self._no_source
            return []
        batch.is_done = True
        self._tell()
        return []

    def _tell(self) -> None:
        progress = self.progress
        budget = self._transfer.byte_budget
        if budget is not None and progress.bytes > budget:
            raise NodeRefused(f"the budget of {budget} bytes is used up: {progress.bytes} came")
        self._on_progress(progress)


def _bytes_of(batch: _Batch) -> int:
    if batch.step.bytes:
        return max(0, batch.step.bytes - len(batch.tree.blocks[-1][1]))
    return batch.claimed if batch.is_done else 0


def _grouped(files: Sequence[tuple[Cid, int]]) -> list[list[tuple[Cid, int]]]:
    groups: list[list[tuple[Cid, int]]] = []
    room = files_left = 0
    for cid, size in files:
        if not groups or size > room or not files_left:
            groups.append([])
            room, files_left = _BATCH_BYTES, _BATCH_FILES
        groups[-1].append((cid, size))
        room -= size
        files_left -= 1
    return groups
