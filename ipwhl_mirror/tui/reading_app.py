"""The part of the application that reads: what was read last, and when it is read again."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.worker import Worker, WorkerState

from ipwhl_mirror.tui.job_app import JobApp
from ipwhl_mirror.tui.widgets.storage_bar import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ipwhl_mirror.tui.backend import Overview, ReleaseView, Storage
    from ipwhl_mirror.tui.jobs import Failure
    from ipwhl_mirror.tui.refreshing import Outage, Refreshing

READ, GLANCE, REOPEN = "read", "glance", "reopen"
"""The groups of the workers that read everything, look whether something changed, and read what is open."""


class ReadingApp(JobApp, inherit_bindings=False):
    """The base of the application that reads by itself. A subclass sets `refreshing` before it is mounted."""

    refreshing: Refreshing

    overview: reactive[Overview | None] = reactive(None)
    """The node and the releases, as last read; None before."""

    opened: reactive[ReleaseView | None] = reactive(None)
    """The release whose contents are shown."""

    storage: reactive[Storage | None] = reactive(None)
    """What is pinned, as last read; None before."""

    reclaimable: reactive[int | Unknown] = reactive[int | Unknown](Unknown.COUNTING)
    """What a collection would remove, in bytes."""

    trouble: reactive[Failure | None] = reactive(None)
    """Why nothing could be read, when it could not."""

    outage: reactive[Outage | None] = reactive(None)
    """Since when nothing can be read; what was read before stands."""

    def on_mount(self) -> None:
        self.action_reload()

    def action_reload(self) -> None:
        """Read everything again."""
        self._start(self._read, READ)

    def glance_soon(self) -> None:
        """Look whether something changed, unless everything is being read."""
        if not any(worker.group == READ and not worker.is_finished for worker in self.workers):
            self._start(self.refreshing.look, GLANCE)

    def watch_app_focus(self, focus: bool) -> None:
        """The terminal is looked at again."""
        if focus:
            self.refreshing.resume()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        worker = event.worker
        if worker.group not in (READ, GLANCE) or event.state is not WorkerState.ERROR or worker.error is None:
            return
        if (failure := self.refreshing.failed(worker.error)) is not None:
            self.notify(failure.text, severity="error", timeout=10)

    def read_storage_soon(self) -> None:
        """Read what is pinned."""
        self._start(self._read_storage, "storage")

    def _start(self, work: Callable[[], Coroutine[None, None, None]], group: str) -> None:
        """Read in the place of what the group reads. Begun only when it is its turn: one that is replaced
        before is never made."""
        _: Worker[None] = self.run_worker(work, group=group, exclusive=True, exit_on_error=False)

    async def _read(self) -> None:
        began = time.monotonic()
        # the glance comes first: what changes while the rest is read is seen by the next one
        seen = await self.refreshing.glance()
        self.overview = await self.backend.overview()
        if self.current_mode == "pins":
            await self._read_storage()
        self.refreshing.done(seen, took_s=time.monotonic() - began)
        if (shown := self.opened) is not None:
            self._start(partial(self._read_opened, shown), REOPEN)

    async def _read_opened(self, shown: ReleaseView) -> None:
        """Read the release again that is open; where it fails, what was read before stays."""
        releases = () if self.overview is None else self.overview.releases
        is_tracked = any(summary.cid == shown.summary.cid for summary in releases)
        view = await self.backend.load(shown.summary.cid) if is_tracked else None
        self.opened = view if self.opened is shown else self.opened

    async def _read_storage(self) -> None:
        self.storage = await self.backend.storage()
        self.reclaimable = Unknown.COUNTING
        if self.current_mode == "pins":
            self._start(self._count_garbage, "garbage")

    async def _count_garbage(self) -> None:
        self.reclaimable = (await self.backend.preview_gc()).bytes
