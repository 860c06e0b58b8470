"""The part of the application that has to do with jobs: queueing, cancelling, trying again, repairing, and
what is told when they change and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.worker import Worker, WorkerState

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import plural
from ipwhl_mirror.services.requests import Repair, VerifyRequest
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.again import work_of
from ipwhl_mirror.tui.jobs import Change, Failure, Job, JobQueue, Work
from ipwhl_mirror.tui.pace import Pace
from ipwhl_mirror.tui.runner import GROUP, Runner, again_words, repair_request, repair_title
from ipwhl_mirror.tui.screens.jobs import JobsScreen
from ipwhl_mirror.tui.screens.log import LogScreen
from ipwhl_mirror.tui.themed_app import ThemedApp

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ipwhl_mirror.services.requests import Request
    from ipwhl_mirror.tui.backend import Backend
    from ipwhl_mirror.tui.desk import Desk

_SHORT_S = 3


class JobApp(ThemedApp, inherit_bindings=False):
    """The base of the application that runs jobs. A subclass has `desk`, and reads again on `reload`."""

    desk: Desk
    backend: Backend

    job_changes: reactive[int] = reactive(0)
    """Moves when a job does, and at most ten times a second for progress alone."""

    def begin_jobs(self, backend: Backend, clock: Callable[[], datetime]) -> JobQueue:
        """The queue of this run; jobs on this backend are kept for the next one."""
        self.backend = backend
        self._progress_pace = Pace(self._post_change)
        self._is_to_read = False
        queue = JobQueue(self._job_changed, clock=clock)
        self.runner = Runner(self, queue, backend)
        return queue

    def on_mount(self) -> None:
        if not self.desk.is_read_only:
            self.run_worker(self._resume(), group="resume", exit_on_error=False)

    def queue(self, title: str, work: Work, request: Request | None = None) -> None:
        """Do something that changes something, after what was asked for before; a request is its like for
        the next run."""
        job = self.runner.start(title, work, request=request, backend=self.backend)
        self._tell_queued(title, job, f"queued; {self._jobs_key} shows the jobs")

    def request(self, title: str, request: Request) -> None:
        """Do what a request says, after what was asked for before."""
        self.queue(title, work_of(self.backend, request), request)

    def on_verify_asked(self, event: messages.VerifyAsked) -> None:
        name = safe_text(event.summary.name)
        self.request(f"verify {name}", VerifyRequest(cid=str(event.summary.cid)))

    def on_repair_asked(self, event: messages.RepairAsked) -> None:
        name = safe_text(event.summary.name)
        asked = VerifyRequest(cid=str(event.summary.cid), repair=Repair.FETCH)
        self.request(f"verify and repair {name}", asked)

    def on_repair_after_asked(self, event: messages.RepairAfterAsked) -> None:
        if (request := repair_request(event.job)) is not None:
            self.request(repair_title(event.job), request)

    def on_cancel_asked(self, event: messages.CancelAsked) -> None:
        self.runner.cancel(event.job)

    def on_retry_asked(self, event: messages.RetryAsked) -> None:
        again = self.runner.again(event.job)
        self._tell_queued(event.job.title, again, f"queued again; {again_words(event.job)}")

    def on_log_asked(self, event: messages.LogAsked) -> None:
        self.push_screen(LogScreen(self.desk, event.job))

    def on_job_changed(self) -> None:
        self.job_changes += 1
        self.show_title()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.worker.group != GROUP or (job := self.runner.job_of(event.worker)) is None:
            return
        if event.state in (WorkerState.SUCCESS, WorkerState.ERROR, WorkerState.CANCELLED):
            self._read_soon()
        if isinstance(self.screen, JobsScreen):
            return  # the end stands in its row, and a notification would hide the details
        if event.state is WorkerState.SUCCESS:
            self.notify(job.outcome, title=job.title)
        elif event.state is WorkerState.ERROR and event.worker.error is not None:
            failure = job.failure or Failure.of(event.worker.error)
            self.notify(failure.text, title=job.title, severity="error", timeout=10)

    def _read_soon(self) -> None:
        """Read again, once for all jobs that end together."""
        if not self._is_to_read:
            self._is_to_read = True
            self.call_later(self._read_now)

    async def _read_now(self) -> None:
        self._is_to_read = False
        await self.run_action("reload")

    @property
    def _jobs_key(self) -> str:
        return self.desk.keymap.key("view.jobs").shown

    def _tell_queued(self, title: str, job: Job | None, words: str) -> None:
        said = "waits or runs already" if job is None else words
        self.notify(said, title=safe_text(title), timeout=_SHORT_S)

    async def _resume(self) -> None:
        jobs, words = await self.runner.resume()
        if words is not None:
            self.notify(words, title="unfinished jobs", severity="warning", timeout=10)
        if jobs:
            unfinished = f"{plural(len(jobs), 'job')} of an earlier run {_goes(len(jobs))} on"
            self.notify(f"{unfinished}; {self._jobs_key} shows the jobs", title="resumed", timeout=10)

    def _job_changed(self, job: Job, change: Change) -> None:
        if change is Change.PROGRESS:
            self._progress_pace.ask()
        else:
            self.runner.keeper.changed()
            self._post_change()

    def _post_change(self) -> None:
        self.post_message(messages.JobChanged())


def _goes(count: int) -> str:
    return "goes" if count == 1 else "go"
