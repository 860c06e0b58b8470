"""The platforms screen: every platform across the newest releases, one cell under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.tui.screens.contents import ContentsScreen
from ipwhl_mirror.tui.screens.platforms import PlatformsScreen
from ipwhl_mirror.tui.widgets.lines import Lines
from tests.tui.scripted import app_on, empty_backend, filled_backend

if TYPE_CHECKING:
    from ipwhl_mirror.tui.app import MirrorApp


def screen_of(app: MirrorApp) -> PlatformsScreen:
    assert isinstance(app.screen, PlatformsScreen)
    return app.screen


def listed(app: MirrorApp) -> dict[str, list[str]]:
    """The words of each platform's cells."""
    rows = screen_of(app).rows
    lines = [rows.render_line(y).text.split("  ") for y in range(1, len(rows.items) + 1)]
    words = [[part.strip() for part in line if part.strip()] for line in lines]
    return {line[0]: line[1:] for line in words}


def details(app: MirrorApp) -> str:
    return app.screen.query_one("#details", Lines).text


async def test_cells_say_what_is_here_of_each_platform_in_each_release() -> None:
    """Pinned, in part, absent; a dash where a release has no wheel for it; `any` stands last."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        cells = listed(app)
        assert cells["linux-x86_64"][:1] == ["● pinned"]
        assert cells["macos-arm64"][:1] == ["○ absent"]
        assert "-" in cells["musl-x86_64"] or all(len(row) == 3 for row in cells.values())
        assert list(cells)[-1] == "any"


async def test_the_cell_under_the_cursor_is_explained_and_opens() -> None:
    """Left and right move between releases, up and down between platforms; enter opens the release."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        names = [line.platform for line in screen_of(app).rows.items]
        await pilot.press(*["down"] * names.index("linux-x86_64"))
        await pilot.pause()
        assert "linux-x86_64 in 2026.11  ● pinned" in details(app)
        assert " wheels, " in details(app)
        await pilot.press("right")
        await pilot.pause()
        assert "linux-x86_64 in 2026.10" in details(app)
        await pilot.press("left", "left", "enter")
        await pilot.pause()
        assert isinstance(app.screen, ContentsScreen)
        assert app.opened is not None
        assert app.opened.summary.name == "2026.11"


async def test_pin_and_unpin_are_of_that_platform_in_that_release() -> None:
    """The plan is the cell's; so is the list of what an unpin removes."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        names = [line.platform for line in screen_of(app).rows.items]
        await pilot.press(*["down"] * names.index("macos-arm64"), "right", "p")
        await pilot.pause()
        await pilot.press("y")
        await app.workers.wait_for_complete()
        assert backend.calls == [("pin", "-p macos-arm64")]
        await pilot.press("left", *["up"] * 20, *["down"] * names.index("linux-x86_64"), "u")
        await pilot.pause()
        await pilot.press("y")
        await app.workers.wait_for_complete()
        assert [verb for verb, _ in backend.calls] == ["pin", "unpin"]


async def test_the_cursor_stays_on_its_release_when_a_new_one_comes() -> None:
    """The column follows the release, not its number."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("3", "right")
        await pilot.pause()
        before = screen_of(app).summary
        assert before is not None
        assert before.name == "2026.10"
        backend.tracked.insert(0, ("2026.12", *backend.tracked.pop(2)[1:]))
        await pilot.press("r")
        await app.workers.wait_for_complete()
        await pilot.pause()
        after = screen_of(app).summary
        assert after is not None
        assert (after.cid, screen_of(app).rows.spot) == (before.cid, 3)


@pytest.mark.parametrize("width", [40, 80, 200])
async def test_the_oldest_releases_give_way(width: int) -> None:
    """What does not fit is left out from the oldest on, and the cursor cannot go there."""
    app = app_on(filled_backend())
    async with app.run_test(size=(width, 24)) as pilot:
        await pilot.press("3", *["right"] * 5)
        await pilot.pause()
        header = screen_of(app).rows.render_line(0).text
        summary = screen_of(app).summary
        assert summary is not None
        assert "2026.11" in header
        assert summary.name in header


async def test_clicks_choose_a_cell_and_open_it() -> None:
    """A click moves to the cell, another one on it opens."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        rows = screen_of(app).rows
        x = rows.render_line(0).text.index("2026.10") + 2
        await pilot.click(rows, offset=(x, 2))
        await pilot.pause()
        summary = screen_of(app).summary
        assert (rows.cursor, summary.name if summary else "") == (1, "2026.10")
        await pilot.click(rows, offset=(x, 2))
        await pilot.pause()
        assert isinstance(app.screen, ContentsScreen)


async def test_without_a_release_it_says_where_to_begin() -> None:
    """No row, no key that needs one."""
    app = app_on(empty_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        assert "No release is tracked" in details(app)
        await pilot.press("right", "enter", "p", "u", "y", "s", "S")
        await pilot.pause()
        assert isinstance(app.screen, PlatformsScreen)
