"""The terminal application: it wires the backend, the screens and the jobs together, and does nothing else.

Screens say what is asked for (`messages`); flows ask back and queue jobs (`flows`); jobs run one at a time as
workers. What was read last stands in `overview` and `opened`, which the screens watch. Every failed worker
ends in one handler that shows the error's own words and its hint.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.worker import Worker, WorkerState

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui import flows, messages, palette
from ipwhl_mirror.tui.desk import Access, Desk
from ipwhl_mirror.tui.glyphs import UNICODE, Glyphs, glyphs_for
from ipwhl_mirror.tui.jobs import Failure, Job, JobQueue, Work
from ipwhl_mirror.tui.keys import Place, bindings, changes_something
from ipwhl_mirror.tui.runner import Runner
from ipwhl_mirror.tui.screens.contents import ContentsScreen
from ipwhl_mirror.tui.screens.diff import DiffScreen
from ipwhl_mirror.tui.screens.help import HelpOverlay
from ipwhl_mirror.tui.screens.jobs import JobsScreen
from ipwhl_mirror.tui.screens.pins import PinsScreen
from ipwhl_mirror.tui.screens.platforms import PlatformsScreen
from ipwhl_mirror.tui.screens.releases import ReleasesScreen
from ipwhl_mirror.tui.widgets.key_bar import active_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from pathlib import PurePath

    from textual.binding import BindingType
    from textual.screen import Screen

    from ipwhl_mirror.tui.backend import Backend, DiffView, Overview, ReleaseSummary, ReleaseView, Storage
    from ipwhl_mirror.tui.screens.view import View


VIEWS: dict[str, type[View]] = {
    "releases": ReleasesScreen,
    "contents": ContentsScreen,
    "platforms": PlatformsScreen,
    "pins": PinsScreen,
    "diff": DiffScreen,
    "jobs": JobsScreen,
}
"""The full screens; each keeps its state while others are in front."""

FIRST = "releases"


class MirrorApp(App[None], inherit_bindings=False):
    """The application."""

    TITLE = "ipwhl-mirror"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["app.tcss", "screens/dialog.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.ANYWHERE)
    DEFAULT_MODE = FIRST
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {name: name for name in VIEWS}

    overview: reactive[Overview | None] = reactive(None)
    """The node and the releases, as last read; None before."""

    opened: reactive[ReleaseView | None] = reactive(None)
    """The release whose contents are shown."""

    compared: reactive[DiffView | None] = reactive(None)
    """The two releases that were compared last."""

    storage: reactive[Storage | None] = reactive(None)
    """What is pinned, as last read; None before."""

    trouble: reactive[Failure | None] = reactive(None)
    """Why nothing could be read, when it could not."""

    job_changes: reactive[int] = reactive(0)
    """Moves when a job does."""

    def __init__(self, backend: Backend, *, access: Access, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self.backend = backend
        self.desk = Desk(glyphs=glyphs, access=access, jobs=JobQueue(self._job_changed))
        self._runner = Runner(self, self.desk.jobs)
        for name, view in VIEWS.items():
            self.install_screen(view(self.desk), name)

    def on_mount(self) -> None:
        self.action_reload()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "view" and parameters == (self.current_mode,):
            return False
        return not (self.desk.is_read_only and changes_something(action))

    def queue(self, title: str, work: Work) -> None:
        """Do something that changes something, after what was asked for before."""
        words = self._runner.start(title, work)
        self.notify(words, title=safe_text(title), timeout=3, markup=False)

    def action_reload(self) -> None:
        self.run_worker(self._read(), group="read", exclusive=True, exit_on_error=False)

    def action_view(self, mode: str) -> None:
        if mode == "contents" and self.opened is None and self.overview and self.overview.releases:
            self.post_message(messages.Opened(self.overview.releases[0]))
        self.switch_mode(mode)
        if mode == "pins":
            self.run_worker(self._read_storage(), group="storage", exclusive=True, exit_on_error=False)

    def action_show_keys(self) -> None:
        self.push_screen(HelpOverlay(self.desk, active_keys(self.screen)))

    def action_leave(self) -> None:
        self._flow(flows.leave(self))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        return palette.commands(self, screen)

    def on_opened(self, event: messages.Opened) -> None:
        self.get_screen("contents", ContentsScreen).expect(event.summary)
        self.run_worker(self._open(event), group="open", exclusive=True, exit_on_error=False)
        self.switch_mode("contents")

    def on_pin_asked(self, event: messages.PinAsked) -> None:
        self._flow(flows.pin(self, event.summary, event.selection))

    def on_unpin_asked(self, event: messages.UnpinAsked) -> None:
        self._flow(flows.unpin(self, event.summary, event.selection))

    def on_track_asked(self) -> None:
        self._flow(flows.track(self))

    def on_untrack_asked(self, event: messages.UntrackAsked) -> None:
        self._flow(flows.untrack(self, event.summary))

    def on_python_asked(self, event: messages.PythonAsked) -> None:
        screen = self.get_screen("contents", ContentsScreen)
        self._flow(flows.narrow_pythons(self, screen, event.marks))

    def on_diff_asked(self, event: messages.DiffAsked) -> None:
        releases = self.overview.releases if self.overview is not None else ()
        at = next((i for i, item in enumerate(releases) if item.cid == event.summary.cid), 0)
        if at + 1 < len(releases):
            self._compare(releases[at + 1], releases[at])
        elif at:
            self._compare(releases[at], releases[at - 1])

    def on_other_diff_asked(self, event: messages.OtherDiffAsked) -> None:
        releases = self.overview.releases if self.overview is not None else ()
        others = [item for item in releases if item.cid != event.new.cid]
        at = next((i for i, item in enumerate(others) if item.cid == event.old.cid), -1)
        if others:
            self._compare(others[(at + 1) % len(others)], event.new)

    def on_export_asked(self, event: messages.ExportAsked) -> None:
        self._flow(flows.export(self, event.summary, event.selection))

    def on_import_asked(self) -> None:
        self._flow(flows.import_car(self))

    def on_publish_asked(self) -> None:
        self._flow(flows.publish(self))

    def on_prune_asked(self) -> None:
        self._flow(flows.prune(self))

    def on_collect_asked(self) -> None:
        self._flow(flows.collect(self))

    def on_verify_asked(self, event: messages.VerifyAsked) -> None:
        cid = event.summary.cid
        backend = self.backend
        self.queue(f"verify {event.summary.name}", lambda sink: backend.verify(cid, sink))

    def on_demo_asked(self) -> None:
        self.queue("demo", lambda sink: flows.demo(self, sink))

    def on_copy_asked(self, event: messages.CopyAsked) -> None:
        self.copy_to_clipboard(event.text)
        self.notify(event.text, title="copied", markup=False)

    def on_cancel_asked(self, event: messages.CancelAsked) -> None:
        self._runner.cancel(event.job)

    def on_retry_asked(self, event: messages.RetryAsked) -> None:
        self.queue(event.job.title, event.job.work)

    def on_back_asked(self) -> None:
        self.switch_mode(FIRST)

    def on_job_changed(self) -> None:
        self.job_changes += 1

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        job = self._runner.settle(event.worker, event.state)
        title = "" if job is None else job.title
        if job is not None:
            self.action_reload()
            if event.state is WorkerState.SUCCESS:
                self.notify(job.outcome, title=title, markup=False)
        if event.worker.error is not None and event.state is WorkerState.ERROR:
            failure = Failure.of(event.worker.error)
            self.notify(failure.text, title=title, severity="error", timeout=10, markup=False)
            if event.worker.group == "read":
                self.trouble = failure
            elif event.worker.group == "open":
                self.get_screen("contents", ContentsScreen).show_words(failure.words)
            elif event.worker.group == "diff":
                self.get_screen("diff", DiffScreen).show_words(failure.words)

    def _flow(self, flow: Coroutine[None, None, None]) -> None:
        if isinstance(self.screen, ModalScreen):
            flow.close()
            return
        self.run_worker(flow, group="flow", exclusive=True, exit_on_error=False)

    def _job_changed(self, job: Job) -> None:
        self.post_message(messages.JobChanged(job))

    async def _read(self) -> None:
        self.overview = await self.backend.overview()
        self.trouble = None
        if self.current_mode == "pins":
            await self._read_storage()
        if (shown := self.opened) is None:
            return
        is_tracked = any(summary.cid == shown.summary.cid for summary in self.overview.releases)
        view = await self.backend.load(shown.summary.cid) if is_tracked else None
        self.opened = view if self.opened is shown else self.opened

    def _compare(self, old: ReleaseSummary, new: ReleaseSummary) -> None:
        self.get_screen("diff", DiffScreen).expect(old, new)
        self.run_worker(self._read_diff(old, new), group="diff", exclusive=True, exit_on_error=False)
        self.switch_mode("diff")

    async def _read_diff(self, old: ReleaseSummary, new: ReleaseSummary) -> None:
        self.compared = await self.backend.diff(old.cid, new.cid)

    async def _read_storage(self) -> None:
        self.storage = await self.backend.storage()

    async def _open(self, event: messages.Opened) -> None:
        self.opened = await self.backend.load(event.summary.cid)


def run(backend: Backend, *, read_only: bool) -> int:
    """Run the application until it is left; gives the exit code."""
    return asyncio.run(run_async(backend, read_only=read_only))


async def run_async(backend: Backend, *, read_only: bool) -> int:
    """The same on a loop that runs already, for a backend that was opened on it."""
    access = Access.READ_ONLY if read_only else Access.FULL
    glyphs = glyphs_for(encoding=sys.stdout.encoding or "", term=os.environ.get("TERM", ""))
    app = MirrorApp(backend, access=access, glyphs=glyphs)
    await app.run_async()
    await app.desk.jobs.ended()
    return app.return_code or 0
