"""Jobs: one at a time, in order, through the states there are."""

from __future__ import annotations

import asyncio
from itertools import product

import pytest

from ipwhl_mirror.services.events import Phase, Progress, ProgressSink
from ipwhl_mirror.tui.jobs import MOVES, Failure, Job, JobQueue, JobState
from tests.tui.scripted import Broken


async def nothing(sink: ProgressSink) -> str:
    """A job that is done at once."""
    return "done"


@pytest.mark.parametrize(("before", "after"), list(product(JobState, JobState)))
def test_job_moves_only_along_the_table(before: JobState, after: JobState) -> None:
    """Every move that is not in the table is refused, and leaves the job as it is."""
    job = Job(1, "job", nothing, state=before)
    if after in MOVES[before]:
        job.move(after)
        assert job.state is after
    else:
        with pytest.raises(RuntimeError, match=f"a {before.value} job cannot become {after.value}"):
            job.move(after)
        assert job.state is before


def test_ended_jobs_stay_as_they_ended() -> None:
    """Settling a job twice changes nothing."""
    queue = JobQueue(lambda job: None)
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

    queue = JobQueue(lambda job: None)
    tasks = [asyncio.create_task(queue.run(queue.add(work.__name__, work))) for work in (first, second)]
    await asyncio.sleep(0)
    assert [job.state for job in queue.jobs] == [JobState.RUNNING, JobState.QUEUED]
    release.set()
    await asyncio.gather(*tasks)
    assert events == ["first starts", "first ends", "second starts"]


async def test_cancelled_waiting_job_lets_the_next_one_run() -> None:
    """A job cancelled in the queue never runs and blocks nobody."""
    release = asyncio.Event()

    async def wait(sink: ProgressSink) -> str:
        await release.wait()
        return ""

    queue = JobQueue(lambda job: None)
    tasks = [asyncio.create_task(queue.run(queue.add("job", work))) for work in (wait, wait, nothing)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    release.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert queue.jobs[1].state is JobState.QUEUED
    assert queue.jobs[2].outcome == "done"


async def test_progress_and_notes_are_kept_and_told() -> None:
    """The last progress stands, notes add up, and everyone who watches is told."""
    told: list[int] = []

    async def work(sink: ProgressSink) -> str:
        sink(Progress(phase=Phase.FETCH, done_bytes=1, note="gateway \x1b[2J is left out"))
        sink(Progress(phase=Phase.FETCH, done_bytes=2))
        return "fetched \x1b]52;"

    queue = JobQueue(lambda job: told.append(job.number))
    job = queue.add("job", work)
    await queue.run(job)
    assert job.progress is not None
    assert job.progress.done_bytes == 2
    assert job.notes == ["gateway \\x1b[2J is left out"]
    assert job.outcome == "fetched \\x1b]52;"
    assert len(told) == 4


def test_failure_has_the_error_s_own_words_and_hint() -> None:
    """Words and hint are kept apart and made safe; an error without words is called by its class."""
    failure = Failure.of(Broken("no gateway answered \x9b", hint="check the network"))
    assert failure.words == "no gateway answered \\x9b"
    assert failure.text == "no gateway answered \\x9b\nhint: check the network"
    assert Failure.of(TimeoutError()).words == "TimeoutError"
