"""Jobs on the screen: repair, retry, waiting for another run, and what survives ten reports a second."""

from __future__ import annotations

from dataclasses import replace

from ipwhl_mirror.tui.jobs import JobState
from ipwhl_mirror.tui.screens.jobs import JobsScreen
from tests.tui.scripted import HALFWAY, Broken, app_on, filled_backend, half_done
from tests.tui.test_resume import ROOT, said, settled


async def test_damage_leads_to_repair() -> None:
    """A verification that fails offers `R`, which verifies and repairs that release."""
    backend = filled_backend()
    backend.fail_with(Broken("2 blocks broken in numpy-2.0.whl", hint="repair it"))
    app = app_on(backend)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await pilot.press("V", "5")
        await settled(app, pilot)
        assert isinstance(app.screen, JobsScreen)
        assert "R repairs: fetches what is broken" in app.screen.details.text
        assert "2 blocks broken in numpy-2.0.whl" in app.screen.rows.render_line(1).text
        await pilot.press("R")
        await settled(app, pilot)
        assert backend.calls == [("verify", ROOT), ("repair", ROOT)]
        assert [job.title for job in app.desk.jobs.jobs] == ["verify 2026.11", "verify and repair 2026.11"]


async def test_retry_says_what_it_costs() -> None:
    """A pin that failed fetches only what is missing, and that is said before and after."""
    backend = filled_backend()
    backend.fail_with(Broken("3 wheels are missing"))
    app = app_on(backend)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        await pilot.press("p")
        while len(app.screen_stack) < 2:
            await pilot.pause()
        await pilot.press("y", "5")
        await settled(app, pilot)
        assert isinstance(app.screen, JobsScreen)
        assert "e tries again: only what is missing is fetched" in app.screen.details.text
        await pilot.press("e")
        await settled(app, pilot)
        assert ("pin all of 2026.11", "queued again; only what is missing is fetched") in said(app)
        assert [job.state for job in app.desk.jobs.jobs] == [JobState.FAILED, JobState.DONE]


async def test_waiting_for_another_run_does_not_freeze_the_screen() -> None:
    """The job says who holds the data directory; everything else goes on, and it can be cancelled."""
    backend = half_done()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("V", "5")
        await pilot.pause()
        backend.tell_holder("sync, process 17")
        await pilot.pause()
        assert isinstance(app.screen, JobsScreen)
        assert "waits for another run: sync" in app.screen.rows.render_line(1).text
        assert "data directory, waiting for it: sync, process 17" in app.screen.details.text
        await pilot.press("x")
        await settled(app, pilot)
        assert app.desk.jobs.jobs[0].state is JobState.CANCELLED


async def test_filter_order_and_cursor_survive_ten_reports_a_second() -> None:
    """What comes while one looks moves nothing: the cursor stays on its job."""
    backend = half_done()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("V", "down", "V", "down", "V", "5")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, JobsScreen)
        await pilot.press("s", "down", "down", "slash", *"edge", "enter")
        await pilot.pause()
        assert [job.title for job in screen.rows.items] == ["verify edge"]
        await pilot.press("escape")
        await pilot.pause()
        shown = [job.title for job in screen.rows.items]
        before = app.job_changes
        running = app.desk.jobs.running
        assert running is not None
        for share in range(20):
            app.desk.jobs._tell(running, replace(HALFWAY, done_bytes=share * 3_000_000))
            await pilot.pause()
        assert app.job_changes - before < 15
        assert [job.title for job in screen.rows.items] == shown
        assert screen.rows.current is not None
        assert screen.rows.current.title == "verify edge"
        assert screen.is_ticking
        backend.go_on()
        await settled(app, pilot)
        assert not screen.is_ticking  # nothing runs: nothing moves, and nothing costs
