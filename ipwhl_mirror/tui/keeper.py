"""Keeps the list of open jobs where the next run finds it, and takes from there what an earlier run left.

Writing happens beside everything else: the newest list is written when the one before it is, and `flush`
waits for that. Before `take` was asked nothing is written, so that what was left is not lost.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ipwhl_mirror.services.unfinished import UnfinishedJob
from ipwhl_mirror.tui.backend import Lifetime

if TYPE_CHECKING:
    from ipwhl_mirror.services.unfinished import Left
    from ipwhl_mirror.tui.backend import Backend
    from ipwhl_mirror.tui.jobs import JobQueue


class Keeper:
    """One a run, for the jobs of one backend."""

    def __init__(self, backend: Backend, jobs: JobQueue) -> None:
        self._backend = backend
        self._jobs = jobs
        self._written: tuple[UnfinishedJob, ...] | None = None
        self._task: asyncio.Task[None] | None = None
        self._lifetime = Lifetime.KEPT
        self._was_taken = False

    @property
    def lifetime(self) -> Lifetime:
        """Whether what was written last is there for the next run."""
        return self._lifetime

    async def take(self) -> Left:
        """What an earlier run left; from here on changes are written."""
        left = await self._backend.unfinished()
        self._written = left.jobs
        self._was_taken = True
        return left

    def changed(self) -> None:
        """A job came, or ended: write it down soon."""
        if self._was_taken and self._wanted != self._written and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._write())

    async def flush(self) -> None:
        """Return when everything is written."""
        self.changed()
        while self._task is not None and not self._task.done():
            await asyncio.shield(self._task)

    @property
    def _wanted(self) -> tuple[UnfinishedJob, ...]:
        return tuple(
            UnfinishedJob(title=job.title, request=job.request)
            for job in self._jobs.to_resume
            if job.request is not None
        )

    async def _write(self) -> None:
        while (wanted := self._wanted) != self._written:
            self._lifetime = await self._backend.keep_unfinished(wanted)
            self._written = wanted
