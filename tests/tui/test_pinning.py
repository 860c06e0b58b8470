"""From a key to a job: the plan with its numbers, the question, the progress, the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.widgets import Button

from ipwhl_mirror.domain.plans import plan_pin
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.tui.job_words import time_left
from ipwhl_mirror.tui.jobs import JobState
from ipwhl_mirror.tui.screens.confirm import ConfirmDialog
from ipwhl_mirror.tui.screens.jobs import JobsScreen
from ipwhl_mirror.tui.screens.plan import PlanDialog
from ipwhl_mirror.tui.widgets.lines import Lines
from tests.simulators.releases import read_release
from tests.tui.scripted import HALFWAY, STALLED, Broken, app_on, filled_backend

if TYPE_CHECKING:
    from ipwhl_mirror.tui.app import MirrorApp

SMALL = read_release("small-v0")


def dialog_text(app: MirrorApp) -> str:
    return "\n".join(lines.text for lines in app.screen.query(Lines))


def said(app: MirrorApp) -> list[tuple[str, str]]:
    """Titles and words of the notifications, oldest first."""
    return [(notice.title, notice.message) for notice in app._notifications]


def states_of(app: MirrorApp) -> list[JobState]:
    return [job.state for job in app.desk.jobs.jobs]


async def settled(app: MirrorApp, pilot: object) -> None:
    """Wait until nothing works any more."""
    await app.workers.wait_for_complete()
    await pilot.pause()  # type: ignore[attr-defined]


async def until_dialog(app: MirrorApp, pilot: object) -> None:
    """Wait until a dialog is in front."""
    while len(app.screen_stack) < 2:
        await pilot.pause()  # type: ignore[attr-defined]


async def test_plan_shows_the_numbers_of_the_plan_and_focuses_cancel() -> None:
    """Wheels, what is here, what to fetch, the subset's CID; enter changes nothing."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("p")
        await until_dialog(app, pilot)
        assert isinstance(app.screen, PlanDialog)
        text = dialog_text(app)
        for part in ("389.8 MB  144 wheels", "126.3 MB  53 wheels", "~263.4 MB  91 wheels", str(SMALL.root)):
            assert part in text, text
        assert isinstance(app.focused, Button)
        assert app.focused.id == "no"
        await pilot.press("enter")
        await settled(app, pilot)
        assert backend.calls == []
        assert app.desk.jobs.jobs == []


@pytest.mark.parametrize("keys", [("left", "enter"), ("y",)], ids=["button", "y"])
async def test_pinning_runs_as_a_job_and_shows_in_the_list(keys: tuple[str, ...]) -> None:
    """After the job the release is here, on every screen."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("p")
        await until_dialog(app, pilot)
        await pilot.press(*keys)
        await settled(app, pilot)
        assert backend.calls == [("pin", "")]
        job = app.desk.jobs.jobs[0]
        assert (job.title, job.state, job.outcome) == (
            "pin all of 2026.11",
            JobState.DONE,
            "144 wheels pinned",
        )
        assert app.overview is not None
        assert app.overview.releases[0].pinned_wheels == 144


async def test_pinned_release_cannot_be_pinned_again() -> None:
    """The plan says so, and has no button to do it."""
    backend = filled_backend()
    backend.keep(SMALL, Selection.parse())
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("p")
        await until_dialog(app, pilot)
        assert "all of it is pinned already" in dialog_text(app)
        assert [button.id for button in app.screen.query(Button)] == ["no"]
        await pilot.press("y")
        await pilot.pause()
        assert isinstance(app.screen, PlanDialog)


async def test_jobs_show_progress_and_can_be_cancelled() -> None:
    """Bytes, rate and time to go while it runs; `x` ends it and the next one starts."""
    backend = filled_backend()
    backend.script = [HALFWAY]
    backend.hold()
    app = app_on(backend)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await pilot.press("p")
        await until_dialog(app, pilot)
        await pilot.press("y")
        await pilot.press("V", "5")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, JobsScreen)
        assert states_of(app) == [JobState.RUNNING, JobState.QUEUED]
        await pilot.press("end")
        await pilot.pause()
        running = screen.rows.render_line(2).text
        for part in (
            "1 pin all of 2026.11",
            "↻ running",
            "24 %",
            "31.2 of 126.3 MB",
            "11.2 MB/s",
            "8 s left",
        ):
            assert part in running, running
        assert "12 of 53 wheels" in screen.details.text
        await pilot.press("x")
        await pilot.pause()
        await pilot.pause()
        assert states_of(app) == [JobState.CANCELLED, JobState.RUNNING]
        backend.go_on()
        await settled(app, pilot)
        assert states_of(app) == [JobState.CANCELLED, JobState.DONE]


async def test_stalled_job_says_so_instead_of_a_time() -> None:
    """No invented time to go; the notes say why."""
    assert time_left(HALFWAY) == "8 s left"
    assert time_left(STALLED) == "stalled 45 s"
    backend = filled_backend()
    backend.script = [HALFWAY, STALLED]
    backend.hold()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("V", "5")
        await pilot.pause()
        assert isinstance(app.screen, JobsScreen)
        assert "stalled 45 s" in app.screen.details.text
        assert "gateway 127.0.0.1:1 is left out" in app.screen.details.text
        backend.go_on()
        await settled(app, pilot)


async def test_failed_job_shows_words_and_hint_and_can_be_tried_again() -> None:
    """The error's own words, safe to print; `e` queues the same work anew."""
    backend = filled_backend()
    backend.fail_with(Broken("no gateway has numpy\x1b[2J", hint="add --gateway"))
    app = app_on(backend)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        await pilot.press("V", "5")
        await settled(app, pilot)
        assert isinstance(app.screen, JobsScreen)
        assert app.desk.jobs.jobs[0].state is JobState.FAILED
        assert "no gateway has numpy\\x1b[2J\nhint: add --gateway" in app.screen.details.text
        assert said(app)[-1] == ("verify 2026.11", "no gateway has numpy\\x1b[2J\nhint: add --gateway")
        await pilot.press("e")
        await settled(app, pilot)
        assert [job.state for job in app.desk.jobs.jobs] == [JobState.FAILED, JobState.DONE]


async def test_unpin_shows_what_goes_and_does_exactly_that() -> None:
    """The pins and the numbers first; then those pins and no others, even if more came meanwhile."""
    backend = filled_backend()
    part = plan_pin(SMALL, Selection.parse(["linux-x86_64"]), here=set(), pinned=set()).parts[0]
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("u")
        await until_dialog(app, pilot)
        assert isinstance(app.screen, ConfirmDialog)
        text = dialog_text(app)
        assert "-p linux-x86_64  53 wheels 126.3 MB" in text
        assert "126.3 MB  become reclaimable" in text
        assert app.focused is not None
        assert app.focused.id == "no"
        backend.keep(SMALL, Selection.parse(["macos-arm64"]))
        await pilot.press("y")
        await settled(app, pilot)
        assert backend.calls == [("unpin", str(part.tree.cid))]
        assert app.overview is not None
        assert app.overview.releases[0].pinned_wheels == 46


async def test_unpinning_what_is_not_pinned_is_refused_in_words() -> None:
    """No dialog and no job, but the reason."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        await pilot.press("end", "u")
        await settled(app, pilot)
        assert len(app.screen_stack) == 1
        assert app.desk.jobs.jobs == []
        assert said(app) == [("", "no pin of these parts is this program's\nhint: nothing to unpin")]


async def test_progress_of_a_burst_is_one_repaint() -> None:
    """A thousand reports that wait together are one message."""
    backend = filled_backend()
    backend.script = [HALFWAY] * 1000
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        before = app.job_changes
        await pilot.press("V")
        await settled(app, pilot)
        assert app.desk.jobs.jobs[0].state is JobState.DONE
        assert app.job_changes - before < 10


async def test_job_that_waits_or_runs_is_not_queued_twice() -> None:
    """The same thing asked for again is refused in words until the first is done."""
    backend = filled_backend()
    backend.hold()
    app = app_on(backend)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        await pilot.press("V", "V")
        await pilot.pause()
        assert states_of(app) == [JobState.RUNNING]
        assert said(app)[-1] == ("verify 2026.11", "waits or runs already")
        backend.go_on()
        await settled(app, pilot)


async def test_leaving_ends_the_running_job_before_the_node_is_closed() -> None:
    """When the application is gone its job is gone too, after it has cleaned up."""
    backend = filled_backend()
    backend.hold()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("V", "q")
        await until_dialog(app, pilot)
        await pilot.press("y")
    await app.desk.jobs.ended()
    assert backend.calls[-1] == ("cancelled", "verify")
