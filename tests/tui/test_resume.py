"""Jobs over the ends of runs: what quitting says, what is written down, what the next run does by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from ipwhl_mirror.services.requests import PinRequest, Repair, TrackRequest, VerifyRequest
from ipwhl_mirror.services.unfinished import Left, UnfinishedJob
from ipwhl_mirror.tui.backend import Lifetime
from ipwhl_mirror.tui.desk import Access
from ipwhl_mirror.tui.jobs import Fate, JobState
from ipwhl_mirror.tui.screens.confirm import ConfirmDialog
from ipwhl_mirror.tui.screens.jobs import JobsScreen
from tests.simulators.releases import read_release
from tests.tui.scripted import ScriptedBackend, app_on, filled_backend, half_done

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.tui.app import MirrorApp
    from ipwhl_mirror.tui.backend import PinForecast

ROOT = str(read_release("small-v0").root)
EDGE = str(read_release("edge-v0").root)
PIN = UnfinishedJob(title="pin macos-arm64", request=PinRequest(cid=ROOT, selection="-p macos-arm64"))
VERIFY = UnfinishedJob(title="verify 2026.11", request=VerifyRequest(cid=ROOT))
REPAIR = UnfinishedJob(title="verify and repair x", request=VerifyRequest(cid=ROOT, repair=Repair.FETCH))


def left_behind(*jobs: UnfinishedJob, words: str | None = None) -> ScriptedBackend:
    backend = filled_backend()
    backend.left = Left(jobs, words)
    return backend


def titles(backend: ScriptedBackend) -> list[list[str]]:
    """What was written down, one list a writing."""
    return [[job.title for job in jobs] for jobs in backend.written]


def said(app: MirrorApp) -> list[tuple[str, str]]:
    return [(notice.title, notice.message) for notice in app._notifications]


async def settled(app: MirrorApp, pilot: Pilot[None]) -> None:
    """Wait until every job has ended, what it led to is read again, and all is written down."""
    await pilot.pause()
    while app.desk.jobs.open or any(worker.is_running for worker in app.workers):
        await pilot.pause()
    await app.runner.keeper.flush()


async def until_dialog(app: MirrorApp, pilot: Pilot[None]) -> ConfirmDialog:
    while not isinstance(app.screen, ConfirmDialog):
        await pilot.pause()
    return app.screen


def text_of(dialog: ConfirmDialog) -> list[str]:
    return ["".join(cell.text for cell in line) for line in dialog.lines]


async def test_what_an_earlier_run_left_is_done_in_order_and_said() -> None:
    """By itself, planned anew, with a notification and `resumed` in Jobs."""
    backend = left_behind(PIN, VERIFY, REPAIR)
    app = app_on(backend)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settled(app, pilot)
        assert backend.calls == [("pin", "-p macos-arm64"), ("verify", ROOT), ("repair", ROOT)]
        assert ("resumed", "3 jobs of an earlier run go on; 5 shows the jobs") in said(app)
        await pilot.press("5")
        await pilot.pause()
        assert isinstance(app.screen, JobsScreen)
        assert "verify 2026.11, resumed" in app.screen.rows.render_line(2).text
        assert backend.written[-1] == ()


async def test_they_stay_written_down_until_they_are_done() -> None:
    """A run that is killed at any moment leaves what is open, in order."""
    backend = left_behind(PIN, VERIFY)
    backend.hold()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        while not backend.calls:
            await pilot.pause()
        await app.runner.keeper.flush()
        assert backend.written == []  # as it stands there already
        await pilot.press("end", "V")
        await pilot.pause()
        await app.runner.keeper.flush()
        assert titles(backend) == [[PIN.title, VERIFY.title, "verify edge"]]
        backend.go_on()
        await settled(app, pilot)
    assert titles(backend)[-1] == []


class Full(ScriptedBackend):
    """A node without room."""

    async def forecast_pin(self, cid: Cid, selection: Selection) -> PinForecast:
        return replace(await super().forecast_pin(cid, selection), refusal="1.0 GB short")


async def test_a_resumed_pin_that_does_not_fit_fails_in_words() -> None:
    """The plan is made anew and its refusal honoured: nothing is fetched, and it is not tried for ever."""
    backend = Full(filled_backend().tracked, left=Left((PIN,)))
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        (job,) = app.desk.jobs.jobs
        assert job.state is JobState.FAILED
        assert job.failure is not None
        assert job.failure.words == "1.0 GB short"
        assert backend.calls == []
        assert titles(backend) == [[]]


async def test_read_only_resumes_nothing_and_touches_nothing() -> None:
    """Neither read nor written."""
    backend = left_behind(PIN)
    app = app_on(backend, access=Access.READ_ONLY)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await app.runner.ended()
        assert app.desk.jobs.jobs == []
    assert backend.written == []


async def test_words_about_the_list_are_told() -> None:
    """A list that was set aside, or that another run keeps."""
    backend = left_behind(words="unfinished.json is damaged\x1b[2J")
    app = app_on(backend)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(app, pilot)
        assert ("unfinished jobs", "unfinished.json is damaged\\x1b[2J") in said(app)


async def test_hostile_titles_of_a_list_only_show() -> None:
    """What stands in the file is text from outside."""
    hostile = UnfinishedJob(title="\x1b]52;c;x\x07[@click=app.quit]q[/]", request=VerifyRequest(cid=ROOT))
    app = app_on(left_behind(hostile))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        assert app.desk.jobs.jobs[0].title == "\\x1b]52;c;x\\x07[@click=app.quit]q[/]"
        await pilot.press("5", "l")
        await pilot.pause()


async def test_quitting_says_what_resumes_and_what_does_not() -> None:
    """Each open job by name; a verification does, an unpin never by itself."""
    backend = half_done()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("V", "u")
        await until_dialog(app, pilot)
        await pilot.press("y")
        await pilot.pause()
        await pilot.press("q")
        dialog = await until_dialog(app, pilot)
        assert dialog.heading == "Quit with 2 jobs running or waiting"
        lines = text_of(dialog)
        assert lines[0].endswith("running  verify 2026.11  resumes next time")
        assert lines[1].endswith("of 2026.11  does not resume")
        assert lines[-1] == "Unpin, prune, gc and untrack never start by themselves: ask again."
        await pilot.press("y")
    await app.runner.ended()
    assert backend.calls == [("verify", ROOT), ("cancelled", "verify")]
    assert titles(backend)[-1] == ["verify 2026.11"]


@pytest.mark.parametrize("lifetime", list(Lifetime))
async def test_quitting_promises_only_what_is_kept(lifetime: Lifetime) -> None:
    """Where another run owns the list, or the disk cannot be written, no job is said to resume."""
    backend = half_done()
    backend.lifetime = lifetime
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("V")
        await pilot.pause()
        await app.runner.keeper.flush()
        await pilot.press("q")
        fate = Fate.RESUMES if lifetime is Lifetime.KEPT else Fate.ENDS
        assert text_of(await until_dialog(app, pilot))[0].endswith(f"verify 2026.11  {fate.value}")
        await pilot.press("y")
    await app.runner.ended()


@pytest.mark.parametrize("open_jobs", [1, 2], ids=["running", "waiting"])
async def test_what_a_person_cancels_does_not_come_back(open_jobs: int) -> None:
    """`x` takes the job off the list at once, even before it has ended."""
    backend = half_done()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("V", *("down", "V")[: 2 * (open_jobs - 1)], "5")
        await pilot.pause()
        await pilot.press("x")
        await pilot.pause()
        await app.runner.keeper.flush()
        assert titles(backend)[-1] == ["verify 2026.11"][: open_jobs - 1]
        backend.go_on()
        await settled(app, pilot)


async def test_jobs_of_the_demo_are_never_kept() -> None:
    """The demo stands beside the data directory: quitting in it loses its jobs, and says so."""
    backend = ScriptedBackend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("D")
        await settled(app, pilot)
        demo = app.backend
        assert isinstance(demo, ScriptedBackend)
        demo.hold()
        await pilot.press("V")
        await pilot.pause()
        assert demo.calls == [("verify", ROOT)]
        assert app.desk.jobs.jobs[-1].fate is Fate.ENDS
        await pilot.press("q")
        assert text_of(await until_dialog(app, pilot))[0].endswith("verify demo  does not resume")
        await pilot.press("y")
    await app.runner.ended()
    assert [job for jobs in (*backend.written, *demo.written) for job in jobs] == []


async def test_every_thing_that_is_asked_for_has_its_request() -> None:
    """What a flow queues is what the next run would do."""
    backend = half_done()
    app = app_on(backend)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await pilot.press("t")
        await pilot.pause()
        app.screen.query_one("#cid", Input).value = EDGE
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("R")
        await pilot.pause()
        await pilot.press("p")
        while len(app.screen_stack) < 2:
            await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        await app.runner.keeper.flush()
        assert [job.request for job in backend.written[-1]] == [
            TrackRequest(cid=EDGE),
            VerifyRequest(cid=ROOT, repair=Repair.FETCH),
            PinRequest(cid=ROOT),
        ]
        backend.go_on()
        await settled(app, pilot)
