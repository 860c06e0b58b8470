"""The log of a job: what makes an entry, what is dropped, and how it is read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.services.events import Phase, Progress
from ipwhl_mirror.tui.job_log import PHASE_WORDS, JobLog, Kind
from ipwhl_mirror.tui.jobs import JobState
from ipwhl_mirror.tui.screens.jobs import JobsScreen
from ipwhl_mirror.tui.screens.log import LogScreen, line_of
from tests.tui.scripted import HALFWAY, NOW, STALLED, Broken, app_on, filled_backend

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from ipwhl_mirror.tui.app import MirrorApp
    from tests.tui.scripted import ScriptedBackend

FETCHING = Progress(phase=Phase.FETCH, done_bytes=10)


@pytest.mark.parametrize(
    ("before", "now", "entries"),
    [
        (None, FETCHING, [("fetch", "fetching")]),
        (FETCHING, Progress(phase=Phase.FETCH, done_bytes=20), []),
        (
            Progress(phase=Phase.INDEX, done_wheels=4, total_wheels=9),
            Progress(phase=Phase.ADD, total_wheels=2, total_bytes=5000),
            [("index", "4 blocks so far"), ("add", "adding wheels: 2 wheels, 5.0 kB")],
        ),
        (FETCHING, Progress(phase=Phase.FETCH, stalled_s=4.9), []),
        (FETCHING, STALLED, [("fetch", "no byte for 45 s"), ("fetch", STALLED.note)]),
        (STALLED, Progress(phase=Phase.FETCH, stalled_s=46.0), []),
        (STALLED, FETCHING, [("fetch", "bytes come again after 45 s")]),
        (FETCHING, Progress(phase=Phase.FETCH, note="a\nb\x1b]52;c"), [("fetch", "a\\x0ab\\x1b]52;c")]),
    ],
    ids=["first", "further", "phase", "slow", "stalls", "still stalls", "again", "hostile note"],
)
def test_what_makes_an_entry(before: Progress | None, now: Progress, entries: list[tuple[str, str]]) -> None:
    """A phase, a stall or its end, a note; not how far it is."""
    log = JobLog()
    log.add_progress(NOW, before, now)
    assert [(entry.about, entry.text) for entry in log.entries] == entries


def test_every_phase_has_words() -> None:
    """A phase that services tell can be said."""
    assert set(PHASE_WORDS) == set(Phase)


def test_the_oldest_go_and_that_is_said() -> None:
    """A thousand stay; the numbers go on, so that a cursor stays on its entry."""
    log = JobLog()
    for number in range(1, 2501):
        log.add(NOW + timedelta(seconds=number), Kind.NOTE, "fetch", f"note {number}")
    assert (len(log.entries), log.total, log.dropped) == (1000, 2500, 1500)
    assert [log.entries[0].number, log.entries[-1].text] == [1501, "note 2500"]


def test_an_entry_is_copied_as_one_line() -> None:
    """Time, about what, and what."""
    log = JobLog()
    log.add(NOW, Kind.NOTE, "fetch", "one\ntwo")
    log.add(NOW, Kind.FAULT, "", "a.whl: no provider")
    assert [line_of(entry) for entry in log.entries] == [
        "2026-11-22T12:00:00Z fetch: one\\x0atwo",
        "2026-11-22T12:00:00Z a.whl: no provider",
    ]


async def open_log(app: MirrorApp, pilot: Pilot[None]) -> LogScreen:
    """A job that verifies, and its log."""
    await pilot.pause()
    await pilot.press("V", "5")
    await pilot.pause()
    await pilot.press("l")
    await pilot.pause()
    assert isinstance(app.screen, LogScreen)
    return app.screen


def held(*script: Progress) -> ScriptedBackend:
    backend = filled_backend()
    backend.script = list(script)
    backend.hold()
    return backend


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_the_log_is_over_the_jobs_and_follows_the_end(size: tuple[int, int]) -> None:
    """`l` opens it at the end, what comes is seen, moving up stays there, `f` follows again, escape leads
    back to the jobs."""
    backend = held(HALFWAY)
    app = app_on(backend)
    async with app.run_test(size=size) as pilot:
        screen = await open_log(app, pilot)
        assert screen.rows.cursor == len(screen.rows.items) - 1 == 2
        assert "fetching: 53 wheels, 126.3 MB" in screen.rows.render_line(3).text
        assert "follows the end" in screen.details.text
        job = app.desk.jobs.jobs[0]

        def tell(note: str) -> None:
            assert job.progress is not None
            app.desk.jobs._tell(job, Progress(phase=Phase.FETCH, note=note))

        async def shown(count: int) -> None:
            while len(screen.rows.items) < count:
                await pilot.pause(0.02)

        tell("gateway 1 is left out")
        await shown(4)
        assert screen.rows.cursor == 3
        await pilot.press("up")
        await pilot.pause()
        tell("gateway 2 is left out")
        await shown(5)
        assert screen.rows.cursor == 2
        assert "f follows the end" in screen.details.text
        await pilot.press("f")
        await pilot.pause()
        assert screen.rows.cursor == 4
        assert "gateway 2 is left out" in screen.details.text
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, JobsScreen)
        backend.go_on()
        await app.workers.wait_for_complete()


async def test_the_log_is_filtered_and_copied() -> None:
    """`/` narrows it, `y` copies the entry under the cursor, with its time."""
    backend = filled_backend()
    error = Broken("2 wheels are missing")
    error.details = ("native-1.0.whl: no provider", "other-1.0.whl: no provider")  # type: ignore[attr-defined]
    backend.fail_with(error)
    app = app_on(backend)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_log(app, pilot)
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.desk.jobs.jobs[0].state is JobState.FAILED
        await pilot.press("slash", *"other", "enter")
        await pilot.pause()
        assert [entry.text for entry in screen.rows.items] == ["other-1.0.whl: no provider"]
        await pilot.press("y")
        await pilot.pause()
        assert app.clipboard == "2026-11-22T12:00:00Z other-1.0.whl: no provider"
        await pilot.press("escape")
        await pilot.pause()
        assert len(screen.rows.items) > 3
        assert isinstance(app.screen, LogScreen)


async def test_a_long_log_says_what_is_gone() -> None:
    """The newest thousand, and how many were before them."""
    backend = held(*(Progress(phase=Phase.FETCH, note=f"note {number}") for number in range(1500)))
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_log(app, pilot)
        assert len(screen.rows.items) == 1000
        assert "1 503 entries, 503 older ones are gone" in screen.details.text
        backend.go_on()
        await app.workers.wait_for_complete()
