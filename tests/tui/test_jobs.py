"""Jobs: one at a time, in order, through the states there are; what of them outlives the run."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.services.events import Phase, Progress, ProgressSink
from ipwhl_mirror.services.requests import TrackRequest
from ipwhl_mirror.tui.jobs import MOVES, Change, Failure, Fate, Job, JobQueue, JobState
from tests.tui.scripted import NOW, Broken

if TYPE_CHECKING:
    from collections.abc import Callable

REQUEST = TrackRequest(cid="QmXxxc7s8SU4Fgm3MzqNNrDu2jLirVfLHqv7vug3DUdMdS")


class Clock:
    """A time that moves when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        """Let time go by."""
        self.now += timedelta(seconds=seconds)


async def nothing(sink: ProgressSink) -> str:
    """A job that is done at once."""
    return "done"


def queue_of(clock: Clock | None = None) -> JobQueue:
    return JobQueue(lambda job, change: None, clock=clock or Clock())


def a_job(state: JobState = JobState.QUEUED) -> Job:
    return Job(number=1, title="job", work=nothing, queued_at=NOW, state=state)


def log_of(job: Job) -> list[tuple[str, str]]:
    return [(entry.about, entry.text) for entry in job.log.entries]


@pytest.mark.parametrize(("before", "after"), list(product(JobState, JobState)))
def test_job_moves_only_along_the_table(before: JobState, after: JobState) -> None:
    """Every move that is not in the table is refused, and leaves the job as it is."""
    job = a_job(before)
    if after in MOVES[before]:
        job.move(after)
        assert job.state is after
    else:
        with pytest.raises(RuntimeError, match=f"a {before.value} job cannot become {after.value}"):
            job.move(after)
        assert job.state is before


def test_ended_jobs_stay_as_they_ended() -> None:
    """Settling a job twice changes nothing."""
    queue = queue_of()
    job = queue.add("job", nothing)
    queue.settle(job, JobState.CANCELLED)
    queue.settle(job, JobState.FAILED, Broken("too late"))
    assert job.state is JobState.CANCELLED
    assert job.failure is None


async def test_jobs_run_one_at_a_time_in_order() -> None:
    """A job starts when the one before it has ended, not earlier."""
    events: list[str] = []
    release = asyncio.Event()

    async def first(sink: ProgressSink) -> str:
        events.append("first starts")
        await release.wait()
        events.append("first ends")
        return ""

    async def second(sink: ProgressSink) -> str:
        events.append("second starts")
        return ""

    queue = queue_of()
    tasks = [asyncio.create_task(queue.run(queue.add(work.__name__, work))) for work in (first, second)]
    await asyncio.sleep(0)
    assert [job.state for job in queue.jobs] == [JobState.RUNNING, JobState.QUEUED]
    release.set()
    await asyncio.gather(*tasks)
    assert events == ["first starts", "first ends", "second starts"]
    assert [job.state for job in queue.jobs] == [JobState.DONE, JobState.DONE]


async def test_cancelled_waiting_job_lets_the_next_one_run() -> None:
    """A job cancelled in the queue never runs and blocks nobody."""
    release = asyncio.Event()

    async def wait(sink: ProgressSink) -> str:
        await release.wait()
        return ""

    queue = queue_of()
    tasks = [asyncio.create_task(queue.run(queue.add("job", work))) for work in (wait, wait, nothing)]
    await asyncio.sleep(0)
    queue.cancel(queue.jobs[1])
    tasks[1].cancel()
    release.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [job.state for job in queue.jobs] == [JobState.DONE, JobState.CANCELLED, JobState.DONE]
    assert queue.jobs[1].started_at is None


async def test_a_job_that_fails_says_why_and_the_next_one_runs() -> None:
    """The error is recorded, with its hint and everything concerned, and passes through."""

    async def fail(sink: ProgressSink) -> str:
        error = Broken("2 wheels are missing", hint="add a gateway")
        error.details = ("a.whl: no provider", "b.whl\x1b[2J: no provider")  # type: ignore[attr-defined]
        raise error

    queue = queue_of()
    job, after = queue.add("pin", fail), queue.add("job", nothing)
    ended = await asyncio.gather(queue.run(job), queue.run(after), return_exceptions=True)
    assert isinstance(ended[0], Broken)
    assert (job.state, after.state) == (JobState.FAILED, JobState.DONE)
    assert log_of(job)[2:] == [
        ("", "a.whl: no provider"),
        ("", "b.whl\\x1b[2J: no provider"),
        ("failed", "2 wheels are missing"),
        ("hint", "add a gateway"),
    ]


async def test_progress_and_notes_are_kept_and_told() -> None:
    """The last progress stands, notes add up, and everyone who watches is told what is other."""
    told: list[Change] = []

    async def work(sink: ProgressSink) -> str:
        sink(Progress(phase=Phase.FETCH, done_bytes=1, note="gateway \x1b[2J is left out"))
        sink(Progress(phase=Phase.FETCH, done_bytes=2))
        return "fetched \x1b]52;"

    queue = JobQueue(lambda job, change: told.append(change), clock=Clock())
    job = queue.add("job", work)
    await queue.run(job)
    assert job.progress is not None
    assert job.progress.done_bytes == 2
    assert job.log.notes == ["gateway \\x1b[2J is left out"]
    assert job.outcome == "fetched \\x1b]52;"
    assert told == [Change.STATE, Change.STATE, Change.PROGRESS, Change.PROGRESS, Change.STATE]


async def test_a_log_tells_what_happened_when() -> None:
    """Queued behind others, started, each phase, notes, and the end, with the time of each."""
    clock = Clock()

    async def work(sink: ProgressSink) -> str:
        clock.pass_(60)
        sink(Progress(phase=Phase.FETCH, total_bytes=2_000_000))
        clock.pass_(1)
        sink(Progress(phase=Phase.FETCH, done_bytes=2_000_000, total_bytes=2_000_000, done_wheels=3))
        sink(Progress(phase=Phase.VERIFY, total_bytes=2_000_000, total_wheels=3))
        return "3 wheels pinned"

    queue = queue_of(clock)
    job = queue.add("pin", work)
    behind = queue.add("verify", nothing)
    await asyncio.gather(queue.run(job), queue.run(behind))
    assert [(f"{entry.at:%H:%M:%S}", entry.about, entry.text) for entry in job.log.entries] == [
        ("12:00:00", "queued", "asked for"),
        ("12:00:00", "running", "started"),
        ("12:01:00", "fetch", "fetching: 2.0 MB"),
        ("12:01:01", "fetch", "3 wheels, 2.0 MB so far"),
        ("12:01:01", "verify", "reading and hashing: 3 wheels, 2.0 MB"),
        ("12:01:01", "done", "3 wheels pinned"),
    ]
    assert log_of(behind)[0] == ("queued", "asked for; 1 before it")
    assert job.elapsed_s(clock.now + timedelta(hours=1)) == 61.0


def _kept(queue: JobQueue) -> Job:
    return queue.add("track", nothing, request=REQUEST, fate=Fate.RESUMES)


async def _fail(sink: ProgressSink) -> str:
    raise Broken("no")


async def _hang(sink: ProgressSink) -> str:
    await asyncio.Event().wait()
    return ""


async def _waiting(queue: JobQueue) -> None:
    _kept(queue)


async def _done(queue: JobQueue) -> None:
    await queue.run(_kept(queue))


async def _failed(queue: JobQueue) -> None:
    job = queue.add("track", _fail, request=REQUEST, fate=Fate.RESUMES)
    await asyncio.gather(queue.run(job), return_exceptions=True)


async def _cut(queue: JobQueue) -> None:
    job = queue.add("track", _hang, request=REQUEST, fate=Fate.RESUMES)
    task = asyncio.create_task(queue.run(job))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert job.state is JobState.CANCELLED


async def _cancelled_while_it_runs(queue: JobQueue) -> None:
    job = queue.add("track", _hang, request=REQUEST, fate=Fate.RESUMES)
    task = asyncio.create_task(queue.run(job))
    await asyncio.sleep(0)
    queue.cancel(job)
    assert (job.state, queue.to_resume) == (JobState.RUNNING, ())  # before it has ended, too
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _cancelled_while_it_waits(queue: JobQueue) -> None:
    queue.cancel(_kept(queue))


async def _never_by_itself(queue: JobQueue) -> None:
    queue.add("unpin", nothing)


@pytest.mark.parametrize(
    ("happens", "resumes"),
    [
        (_waiting, True),
        (_cut, True),
        (_done, False),
        (_failed, False),
        (_cancelled_while_it_runs, False),
        (_cancelled_while_it_waits, False),
        (_never_by_itself, False),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else str(value),
)
async def test_what_the_next_run_does(
    happens: Callable[[JobQueue], asyncio.Future[None]], resumes: bool
) -> None:
    """What waits, and what the end of the run cut off; not what ended, nor what a person let go."""
    queue = queue_of()
    await happens(queue)
    assert queue.to_resume == (tuple(queue.jobs) if resumes else ())


def test_failure_has_the_error_s_own_words_and_hint() -> None:
    """Words and hint are kept apart and made safe; an error without words is called by its class."""
    failure = Failure.of(Broken("no gateway answered \x9b", hint="check the network"))
    assert failure.words == "no gateway answered \\x9b"
    assert failure.text == "no gateway answered \\x9b\nhint: check the network"
    assert Failure.of(TimeoutError()).words == "TimeoutError"
