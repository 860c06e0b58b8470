"""Jobs of the terminal UI: what runs, what waits, what came of it.

Everything that changes something is a job, and jobs run one at a time in the order they were asked for. A
job outlives the screen that started it, and one that is kept outlives the run: what is still open, or was cut
off by the end of the run, is `to_resume`. This module knows no Textual: it is driven by whoever runs
`JobQueue.run` as a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.services.events import Progress, ProgressSink
from ipwhl_mirror.services.session import utc_now
from ipwhl_mirror.tui.job_log import JobLog, Kind

if TYPE_CHECKING:
    from datetime import datetime

    from ipwhl_mirror.services.requests import Request


class JobState(Enum):
    """Where a job is; `MOVES` has the ways between."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """It waits or runs."""
        return bool(MOVES[self])


MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.FAILED, JobState.CANCELLED}),
    JobState.RUNNING: frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED}),
    JobState.DONE: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}


class Change(Enum):
    """What is other about a job."""

    STATE = "state"
    PROGRESS = "progress"


class Fate(Enum):
    """What the end of a run means to a job that is open then."""

    RESUMES = "resumes next time"
    ENDS = "does not resume"


class Origin(Enum):
    """Why a job is there; the value is what its log begins with."""

    ASKED = "asked for"
    RESUMED = "resumed: an earlier run did not finish it"
    AGAIN = "tried again"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as people see it: its own words, what to do, and the things concerned; safe to print."""

    words: str
    hint: str | None = None
    details: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The words, and the hint on a line of its own."""
        return f"{self.words}\nhint: {self.hint}" if self.hint else self.words

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """The words of an error; its class where it has none."""
        hint = getattr(error, "hint", None)
        details = getattr(error, "details", ())
        return cls(
            safe_text(str(error)) or type(error).__name__,
            safe_text(hint) if isinstance(hint, str) else None,
            tuple(safe_text(str(line)) for line in details),
        )


Work = Callable[[ProgressSink], Awaitable[str]]
"""Does a job, telling its progress; gives the outcome in words."""


@dataclass(slots=True, eq=False, kw_only=True)
class Job:
    """One thing that was asked for.

    Attributes:
        title: what, in words; safe to print.
        request: the same for a later run; None where it must not be done by itself.
        fate: whether it is written down for the next run.
        progress: the last that was told.
        holder: who holds the data directory, in words, while it waits for that; "" when it does not.
        outcome: in words, when done.
        is_cancelling: a person wants it to end.
        was_cut: it ended with the run, not by its work nor by a person.
    """

    number: int
    title: str
    work: Work
    queued_at: datetime
    request: Request | None = None
    fate: Fate = Fate.ENDS
    origin: Origin = Origin.ASKED
    state: JobState = JobState.QUEUED
    started_at: datetime | None = None
    ended_at: datetime | None = None
    progress: Progress | None = None
    holder: str = ""
    log: JobLog = field(default_factory=JobLog)
    outcome: str = ""
    failure: Failure | None = None
    is_cancelling: bool = False
    was_cut: bool = False

    @property
    def percent(self) -> int | None:
        """How far it is by bytes, rounded down; None when the total is not known."""
        if self.progress is None or not self.progress.total_bytes:
            return None
        return min(self.progress.done_bytes * 100 // self.progress.total_bytes, 100)

    @property
    def can_be_tried_again(self) -> bool:
        """It ended without being done."""
        return self.state in (JobState.FAILED, JobState.CANCELLED)

    def elapsed_s(self, now: datetime) -> float | None:
        """How long it ran, or has been running; None before it started."""
        if self.started_at is None:
            return None
        return max(((self.ended_at or now) - self.started_at).total_seconds(), 0.0)

    def move(self, state: JobState) -> None:
        """Change state along `MOVES`.

        Raises:
            RuntimeError: there is no such move.
        """
        if state not in MOVES[self.state]:
            raise RuntimeError(f"a {self.state.value} job cannot become {state.value}")
        self.state = state


class JobQueue:
    """All jobs of a run, oldest first; at most one is running."""

    def __init__(
        self, changed: Callable[[Job, Change], None], *, clock: Callable[[], datetime] = utc_now
    ) -> None:
        """`changed` is called after every change of a job, on the event loop; `clock` gives UTC."""
        self.jobs: list[Job] = []
        self._changed = changed
        self._clock = clock
        self._turn = asyncio.Lock()

    @property
    def open(self) -> tuple[Job, ...]:
        """Those that wait or run."""
        return tuple(job for job in self.jobs if job.state.is_open)

    @property
    def running(self) -> Job | None:
        """The one that runs."""
        return next((job for job in self.jobs if job.state is JobState.RUNNING), None)

    @property
    def to_resume(self) -> tuple[Job, ...]:
        """Those the next run should do, if this one ended now, in order."""
        return tuple(
            job
            for job in self.jobs
            if job.fate is Fate.RESUMES and not job.is_cancelling and (job.state.is_open or job.was_cut)
        )

    def add(
        self,
        title: str,
        work: Work,
        *,
        request: Request | None = None,
        fate: Fate = Fate.ENDS,
        origin: Origin = Origin.ASKED,
    ) -> Job:
        """Queue a job; it starts when `run` is driven and its turn comes."""
        job = Job(
            number=len(self.jobs) + 1,
            title=safe_text(title),
            work=work,
            queued_at=self._clock(),
            request=request,
            fate=fate,
            origin=origin,
        )
        before = len(self.open)
        self.jobs.append(job)
        behind = f"; {before} before it" if before else ""
        self._enter(job, Kind.STATE, job.state.value, f"{origin.value}{behind}")
        self._changed(job, Change.STATE)
        return job

    async def run(self, job: Job) -> None:
        """Wait for the job's turn, do it, and record how it ended. Errors of the work pass through.

        On cancel: what the work promises; a job that was waiting has done nothing and stays as it is.
        """
        async with self._turn:
            job.move(JobState.RUNNING)
            job.started_at = self._clock()
            self._enter(job, Kind.STATE, job.state.value, "started")
            self._changed(job, Change.STATE)
            try:
                job.outcome = safe_text(await job.work(lambda progress: self._tell(job, progress)))
            except asyncio.CancelledError:
                job.was_cut = not job.is_cancelling
                self.settle(job, JobState.CANCELLED)
                raise
            except Exception as error:
                self.settle(job, JobState.FAILED, error)
                raise
            self.settle(job, JobState.DONE)

    def cancel(self, job: Job) -> None:
        """A person wants it to end: one that waits has, one that runs will when its task is cancelled."""
        if job.state.is_open and not job.is_cancelling:
            job.is_cancelling = True
            self._enter(job, Kind.STATE, job.state.value, "cancelling; what was fetched stays")
            if job.state is JobState.QUEUED:
                self.settle(job, JobState.CANCELLED)
            else:
                self._changed(job, Change.STATE)

    def held_up(self, holder: str | None) -> None:
        """The running job waits for another run that holds the data directory; None: not any more."""
        job, holder = self.running, safe_text(holder or "")
        if job is None or job.holder == holder:
            return
        job.holder = holder
        words = f"another run holds the data directory ({holder}); waiting" if holder else "the wait is over"
        self._enter(job, Kind.NOTE, "lock", words)
        self._changed(job, Change.STATE)

    async def ended(self) -> None:
        """Wait until no job runs; for the end of a run, when those that wait were cancelled."""
        async with self._turn:
            pass

    def settle(self, job: Job, state: JobState, error: BaseException | None = None) -> None:
        """Record how a job ended. One that has ended already stays as it is."""
        if not job.state.is_open:
            return
        job.move(state)
        job.ended_at = self._clock()
        job.holder = ""
        if error is not None:
            job.failure = Failure.of(error)
            self._enter_failure(job, job.failure)
        else:
            words = "by the end of the run" if job.was_cut else job.outcome or state.value
            self._enter(job, Kind.STATE, state.value, words)
        self._changed(job, Change.STATE)

    def _tell(self, job: Job, progress: Progress) -> None:
        job.log.add_progress(self._clock(), job.progress, progress)
        job.progress = progress
        self._changed(job, Change.PROGRESS)

    def _enter_failure(self, job: Job, failure: Failure) -> None:
        for line in failure.details:
            self._enter(job, Kind.FAULT, "", line)
        self._enter(job, Kind.FAULT, job.state.value, failure.words)
        if failure.hint:
            self._enter(job, Kind.NOTE, "hint", failure.hint)

    def _enter(self, job: Job, kind: Kind, about: str, text: str) -> None:
        job.log.add(self._clock(), kind, about, text)
