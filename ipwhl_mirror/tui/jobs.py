"""Jobs of the terminal UI: what runs, what waits, what came of it.

Everything that changes something is a job, and jobs run one at a time in the order they were asked for. A
job outlives the screen that started it. This module knows no Textual: it is driven by whoever runs
`JobQueue.run` as a task and reports that task's end with `settle`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.services.events import Progress, ProgressSink


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


@dataclass(slots=True, eq=False)
class Job:
    """One thing that was asked for.

    Attributes:
        title: what, in words; safe to print.
        progress: the last that was told.
        notes: what was worth telling on the way, oldest first.
        outcome: in words, when done.
    """

    number: int
    title: str
    work: Work
    state: JobState = JobState.QUEUED
    progress: Progress | None = None
    notes: list[str] = field(default_factory=list)
    outcome: str = ""
    failure: Failure | None = None

    @property
    def percent(self) -> int | None:
        """How far it is by bytes, rounded down; None when the total is not known."""
        if self.progress is None or not self.progress.total_bytes:
            return None
        return min(self.progress.done_bytes * 100 // self.progress.total_bytes, 100)

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

    def __init__(self, changed: Callable[[Job], None]) -> None:
        """`changed` is called after every change of a job, on the event loop."""
        self.jobs: list[Job] = []
        self._changed = changed
        self._turn = asyncio.Lock()

    @property
    def open(self) -> tuple[Job, ...]:
        """Those that wait or run."""
        return tuple(job for job in self.jobs if job.state.is_open)

    @property
    def running(self) -> Job | None:
        """The one that runs."""
        return next((job for job in self.jobs if job.state is JobState.RUNNING), None)

    def add(self, title: str, work: Work) -> Job:
        """Queue a job; it starts when `run` is driven and its turn comes."""
        job = Job(len(self.jobs) + 1, safe_text(title), work)
        self.jobs.append(job)
        self._changed(job)
        return job

    async def run(self, job: Job) -> None:
        """Wait for the job's turn and do it. Errors of the work pass through; `settle` records the end.

        On cancel: what the work promises; a job that was waiting has done nothing.
        """

        def sink(progress: Progress) -> None:
            if progress.note:
                job.notes.append(safe_text(progress.note))
            job.progress = progress
            self._changed(job)

        async with self._turn:
            job.move(JobState.RUNNING)
            self._changed(job)
            job.outcome = safe_text(await job.work(sink))

    async def ended(self) -> None:
        """Wait until no job runs; for the end of a run, when those that wait were cancelled."""
        async with self._turn:
            pass

    def settle(self, job: Job, state: JobState, error: BaseException | None = None) -> None:
        """Record how a job ended. One that has ended already stays as it is."""
        if not job.state.is_open:
            return
        job.move(state)
        if error is not None:
            job.failure = Failure.of(error)
        self._changed(job)
