"""Runs queued jobs as workers of the application, and records how each ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.worker import Worker, WorkerState

from ipwhl_mirror.tui.jobs import Job, JobQueue, JobState, Work
from ipwhl_mirror.tui.keys import BY_ID

if TYPE_CHECKING:
    from textual.app import App

_ENDS = {
    WorkerState.SUCCESS: JobState.DONE,
    WorkerState.ERROR: JobState.FAILED,
    WorkerState.CANCELLED: JobState.CANCELLED,
}


class Runner:
    """One a run; the workers it starts are the application's."""

    def __init__(self, app: App[None], jobs: JobQueue) -> None:
        self._app = app
        self._jobs = jobs
        self._job_of: dict[Worker[None], Job] = {}

    def start(self, title: str, work: Work) -> str:
        """Do something after what was asked for before, once; gives words for the one who asked."""
        if any(job.title == title for job in self._jobs.open):
            return "waits or runs already"
        job = self._jobs.add(title, work)
        worker = self._app.run_worker(self._jobs.run(job), group="jobs", exit_on_error=False)
        self._job_of[worker] = job
        return f"queued; {BY_ID['view.jobs'].shown} shows the jobs"

    def cancel(self, job: Job) -> None:
        """End a job; one that waits ends at once and has done nothing."""
        for worker, known in self._job_of.items():
            if known is job:
                worker.cancel()
        if job.state is JobState.QUEUED:
            self._jobs.settle(job, JobState.CANCELLED)

    def settle(self, worker: Worker[None], state: WorkerState) -> Job | None:
        """Record a worker's state; its job when it has ended by this, else None."""
        job = self._job_of.get(worker)
        if job is None or state not in _ENDS:
            return None
        self._jobs.settle(job, _ENDS[state], worker.error)
        return job
