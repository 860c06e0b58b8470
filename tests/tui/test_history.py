"""The way through the views: escape goes back as one came, crumbs and the running job can be clicked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.tui.history import History
from ipwhl_mirror.tui.widgets.status_bar import StatusBar
from tests.tui.scripted import app_on, half_done, two_pinned

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from ipwhl_mirror.tui.app import MirrorApp


@pytest.mark.parametrize(
    ("way", "current", "above", "back"),
    [
        ([], "releases", (), ["releases"]),
        (["open contents"], "contents", ("releases",), ["releases", "releases"]),
        (["open diff", "open contents"], "contents", ("releases", "diff"), ["diff", "releases"]),
        (["jump pins", "open contents"], "contents", ("pins",), ["pins", "releases"]),
        (["open contents", "jump jobs"], "jobs", (), ["contents", "releases"]),
        (["open contents", "jump jobs", "jump contents"], "contents", ("releases",), ["releases"]),
        (["open contents", "jump pins", "open contents"], "contents", ("pins",), ["pins", "releases"]),
        (["open contents", "open contents"], "contents", ("releases",), ["releases"]),
        (["open contents", "jump releases"], "releases", (), ["releases"]),
    ],
)
def test_back_goes_the_way_one_came(
    way: list[str], current: str, above: tuple[str, ...], back: list[str]
) -> None:
    """One step at a time, to the first view and no further; no view is on the way twice."""
    history = History("releases")
    for step in way:
        verb, view = step.split()
        getattr(history, verb)(view)
    assert (history.current, history.above) == (current, above)
    assert [history.back() for _ in back] == back


async def press(app: MirrorApp, pilot: Pilot[None], *keys: str) -> str:
    """Press keys; the crumbs of the view in front then."""
    await app.workers.wait_for_complete()
    await pilot.press(*keys)
    await app.workers.wait_for_complete()
    await pilot.pause()
    return top_line(app)


def top_line(app: MirrorApp) -> str:
    return app.screen.query_one(StatusBar).render_line(0).text.strip().split("   ")[0]


async def test_escape_walks_back_through_what_was_opened() -> None:
    """From contents to pins, to jobs, to the diff: always to the view before."""
    app = app_on(two_pinned())
    async with app.run_test(size=(120, 36)) as pilot:
        assert await press(app, pilot, "d") == "Releases › 2026.10 -> 2026.11 › Diff"
        assert await press(app, pilot, "5") == "ipwhl-mirror › Jobs"
        assert await press(app, pilot, "escape") == "Releases › 2026.10 -> 2026.11 › Diff"
        assert await press(app, pilot, "4", "enter") == "Pins › 2026.11 › Contents"
        assert await press(app, pilot, "escape") == "ipwhl-mirror › Pins and storage"
        assert await press(app, pilot, "escape") == "Releases › 2026.10 -> 2026.11 › Diff"
        assert await press(app, pilot, "escape") == "ipwhl-mirror › Releases"
        assert await press(app, pilot, "escape") == "ipwhl-mirror › Releases"


@pytest.mark.parametrize(
    ("keys", "crumb", "after"),
    [
        (("d", "enter"), "Diff", "Releases › 2026.10 -> 2026.11 › Diff"),
        (("d", "enter"), "Releases", "ipwhl-mirror › Releases"),
        (("4", "enter"), "Pins", "ipwhl-mirror › Pins and storage"),
        (("enter",), "2026.11", "Releases › 2026.11 › Contents"),
    ],
)
async def test_crumbs_lead_back(keys: tuple[str, ...], crumb: str, after: str) -> None:
    """A click on a view of the way here goes there; on the name of a release nowhere."""
    app = app_on(two_pinned())
    async with app.run_test(size=(120, 36)) as pilot:
        await app.workers.wait_for_complete()
        for key in keys:
            await press(app, pilot, key)
        bar = app.screen.query_one(StatusBar)
        await pilot.click(bar, offset=(bar.render_line(0).text.index(crumb) + 1, 0))
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert top_line(app) == after


async def test_a_click_on_the_running_job_opens_the_jobs() -> None:
    """It stands in the top line of every view."""
    backend = half_done()
    app = app_on(backend)
    async with app.run_test(size=(120, 36)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.press("V")
        await pilot.pause()
        await pilot.pause()
        bar = app.screen.query_one(StatusBar)
        await pilot.click(bar, offset=(bar.render_line(0).text.index("job 1") + 1, 0))
        await pilot.pause()
        assert top_line(app) == "ipwhl-mirror › Jobs"
        backend.go_on()
        await app.workers.wait_for_complete()
