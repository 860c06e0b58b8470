"""Jobs in words, rows and columns, and how often they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.services.events import Phase, Progress, ProgressSink
from ipwhl_mirror.tui.desk import Access, Desk
from ipwhl_mirror.tui.glyphs import UNICODE
from ipwhl_mirror.tui.job_log import Kind
from ipwhl_mirror.tui.job_words import job_details, row_cell, time_left
from ipwhl_mirror.tui.jobs import Fate, Job, JobQueue, JobState, Origin
from ipwhl_mirror.tui.pace import Pace
from ipwhl_mirror.tui.screens.jobs import Order, columns_for, listed
from ipwhl_mirror.tui.sorting import Sorting
from ipwhl_mirror.tui.widgets.columns import visible_columns
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from tests.tui.scripted import HALFWAY, NOW, STALLED
from tests.tui.test_jobs import REQUEST, Clock, a_job, log_of, nothing, queue_of

if TYPE_CHECKING:
    from collections.abc import Callable


def desk_of(queue: JobQueue) -> Desk:
    return Desk(glyphs=UNICODE, access=Access.FULL, jobs=queue, clock=Clock())


async def test_waiting_for_another_run_is_told_while_it_lasts() -> None:
    """Who holds the data directory stands in the row, in the details and in the log."""
    queue = queue_of()
    seen: list[str] = []

    async def work(sink: ProgressSink) -> str:
        queue.held_up("sync, process 17\x1b")
        seen.append(row_cell(job, UNICODE).text)
        seen.append("".join(cell.text for cell in job_details(job, desk_of(queue_of()))[1]))
        queue.held_up("sync, process 17\x1b")
        queue.held_up(None)
        seen.append(row_cell(job, UNICODE).text)
        return "done"

    job = queue.add("pin", work)
    await queue.run(job)
    assert seen == [
        "waits for another run: sync, process 17\\x1b",
        "another run holds the data directory, waiting for it: sync, process 17\\x1b",
        "",
    ]
    assert [text for about, text in log_of(job) if about == "lock"] == [
        "another run holds the data directory (sync, process 17\\x1b); waiting",
        "the wait is over",
    ]
    queue.held_up("nobody runs")
    assert job.holder == ""


def test_a_resumed_job_says_so() -> None:
    """In its details and at the beginning of its log."""
    queue = queue_of()
    job = queue.add("track", nothing, request=REQUEST, fate=Fate.RESUMES, origin=Origin.RESUMED)
    assert log_of(job) == [("queued", "resumed: an earlier run did not finish it")]
    assert ", resumed" in "".join(cell.text for cell in job_details(job, desk_of(queue_of()))[0])


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (HALFWAY, "24 % · 8 s left · 31.2 of 126.3 MB · 11.2 MB/s"),
        (STALLED, "24 % · stalled 45 s · 31.2 of 126.3 MB"),
        (Progress(phase=Phase.INDEX, done_wheels=3, total_wheels=9), ""),
        (Progress(phase=Phase.FETCH, done_bytes=5_000_000), "5.0 MB"),
    ],
    ids=["halfway", "stalled", "index", "no total"],
)
def test_a_running_row_says_what_is_known(progress: Progress, words: str) -> None:
    """The most important first, and nothing that is not known."""
    job = a_job(JobState.RUNNING)
    job.progress = progress
    assert row_cell(job, UNICODE).text == words


def test_a_stalled_job_says_what_it_waits_for() -> None:
    """No invented time to go; the last that a gateway said is told."""
    assert (time_left(HALFWAY), time_left(STALLED)) == ("8 s left", "stalled 45 s")
    job = a_job(JobState.RUNNING)
    job.log.add(NOW, Kind.NOTE, "fetch", "no provider for scipy-1.15.3")
    job.progress = STALLED
    text = ["".join(cell.text for cell in line) for line in job_details(job, desk_of(queue_of()))]
    assert "waits: no provider for scipy-1.15.3" in text


def test_jobs_are_listed_by_age_or_state() -> None:
    """Newest first; or what runs, what waits by its turn, and the ended ones, newest first."""
    states = [JobState.DONE, JobState.FAILED, JobState.RUNNING, JobState.QUEUED, JobState.QUEUED]
    jobs = [
        Job(number=number, title=f"job {number}", work=nothing, queued_at=NOW, state=state)
        for number, state in enumerate(states, start=1)
    ]

    def order(sorting: Sorting[Order], words: str = "") -> list[int]:
        return [job.number for job in listed(jobs, Filter.parse(words), sorting)]

    assert order(Sorting(Order.NEWEST)) == [5, 4, 3, 2, 1]
    assert order(Sorting(Order.STATE)) == [3, 4, 5, 2, 1]
    assert order(Sorting(Order.STATE, is_reversed=True)) == [1, 2, 5, 4, 3]
    assert order(Sorting(Order.NEWEST), "failed") == [2]
    assert order(Sorting(Order.NEWEST), "job !queued !done") == [3, 2]


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (80, ["JOB", "STATE", "SO FAR"]),
        (120, ["JOB", "STATE", "SO FAR", "PROGRESS", "TIME"]),
        (200, ["JOB", "STATE", "SO FAR", "PROGRESS", "TIME", "END UTC"]),
    ],
)
def test_wide_screens_show_times(width: int, titles: list[str]) -> None:
    """Elapsed and finish times come where there is room, and the figures are never cut for them."""
    columns = columns_for(width)
    shown = visible_columns(columns, width)
    assert [columns[index].title for index, _ in shown] == titles
    assert sum(columns_width for _, columns_width in shown) <= width


def test_pace_acts_at_once_then_ten_times_a_second() -> None:
    """A thousand asks in a second are ten acts, and the last ask is not lost."""
    time, acts, due = 0.0, [], []

    def later(after: float, what: Callable[[], None]) -> None:
        due.append((time + after, what))

    pace = Pace(lambda: acts.append(time), every_s=0.1, clock=lambda: time, later=later)
    for tick in range(1000):
        time = tick / 1000
        while due and due[0][0] <= time:
            due.pop(0)[1]()
        pace.ask()
    (when, what), time = due.pop(), 1.0
    assert when == pytest.approx(1.0, abs=0.02)
    what()
    assert acts[0] == 0.0
    assert 9 <= len(acts) <= 11
    time = 5.0
    pace.ask()
    assert acts[-1] == 5.0
    assert due == []
