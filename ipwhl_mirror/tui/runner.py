"""Runs queued jobs as workers of the application, and sees to it that they outlive screens and runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.services.requests import PinRequest, Repair, TrackRequest, VerifyRequest
from ipwhl_mirror.tui.again import work_of
from ipwhl_mirror.tui.backend import Lifetime
from ipwhl_mirror.tui.jobs import Fate, Job, JobQueue, Origin, Work
from ipwhl_mirror.tui.keeper import Keeper

if TYPE_CHECKING:
    from textual.app import App
    from textual.worker import Worker

    from ipwhl_mirror.services.requests import Request
    from ipwhl_mirror.tui.backend import Backend

GROUP = "jobs"
"""The workers that do jobs."""


class Runner:
    """One a run; the workers it starts are the application's.

    Args:
        backend: the one whose jobs are kept for the next run; others come and go with this one.
    """

    def __init__(self, app: App[None], jobs: JobQueue, backend: Backend) -> None:
        self._app = app
        self._jobs = jobs
        self._backend = backend
        self._worker_of: dict[Job, Worker[None]] = {}
        self.keeper = Keeper(backend, jobs)
        backend.wait_for_others(jobs.held_up)

    @property
    def resumes(self) -> tuple[Job, ...]:
        """The open jobs that the next run does, if this one ends now."""
        kept = self.keeper.lifetime is Lifetime.KEPT
        return tuple(job for job in self._jobs.to_resume if job.state.is_open) if kept else ()

    def start(
        self,
        title: str,
        work: Work,
        *,
        request: Request | None = None,
        backend: Backend | None = None,
        origin: Origin = Origin.ASKED,
    ) -> Job | None:
        """Do something after what was asked for before, once.

        Args:
            request: the same for the next run.
            backend: what it is done on.

        Returns:
            None where the same waits or runs already.
        """
        shown = safe_text(title)
        if any(job.title == shown and job.request == request for job in self._jobs.open):
            return None
        fate = Fate.RESUMES if request is not None and backend is self._backend else Fate.ENDS
        job = self._jobs.add(title, work, request=request, fate=fate, origin=origin)
        self._worker_of[job] = self._app.run_worker(self._jobs.run(job), group=GROUP, exit_on_error=False)
        return job

    def again(self, job: Job) -> Job | None:
        """Do again what did not get done; None where that waits or runs already."""
        backend = self._backend if job.fate is Fate.RESUMES else None
        return self.start(job.title, job.work, request=job.request, backend=backend, origin=Origin.AGAIN)

    async def resume(self) -> tuple[tuple[Job, ...], str | None]:
        """Queue what an earlier run did not finish, in its order; gives the jobs, and words for a person."""
        left = await self.keeper.take()
        jobs = [
            self.start(
                known.title,
                work_of(self._backend, known.request),
                request=known.request,
                backend=self._backend,
                origin=Origin.RESUMED,
            )
            for known in left.jobs
        ]
        return tuple(job for job in jobs if job is not None), left.words

    def cancel(self, job: Job) -> None:
        """End a job; one that waits ends at once and has done nothing."""
        self._jobs.cancel(job)
        if (worker := self._worker_of.get(job)) is not None:
            worker.cancel()

    def job_of(self, worker: Worker[None]) -> Job | None:
        """The job that a worker does."""
        return next((job for job, known in self._worker_of.items() if known is worker), None)

    async def ended(self) -> None:
        """For the end of a run: stop what runs, wait until it has, and until the next run can know of it."""
        for worker in self._worker_of.values():
            worker.cancel()
        await self._jobs.ended()
        await self.keeper.flush()


def again_words(job: Job) -> str:
    """What trying a job again does."""
    if isinstance(job.request, PinRequest):
        return "only what is missing is fetched"
    if isinstance(job.request, TrackRequest):
        return "only the part of the index that is missing is fetched"
    if isinstance(job.request, VerifyRequest):
        return "everything is read again"
    return "it begins anew"


def can_repair(job: Job) -> bool:
    """It was a verification of a release that did not get done."""
    return job.can_be_tried_again and isinstance(job.request, VerifyRequest)


def repair_title(job: Job) -> str:
    """What the repair that follows a verification is called."""
    prefix = "verify and repair "
    return job.title if job.title.startswith(prefix) else prefix + job.title.removeprefix("verify ")


def repair_request(job: Job) -> VerifyRequest | None:
    """The repair that follows a verification."""
    request = job.request
    return VerifyRequest(cid=request.cid, repair=Repair.FETCH) if isinstance(request, VerifyRequest) else None
