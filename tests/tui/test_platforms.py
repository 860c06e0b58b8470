"""The platforms screen: every platform across the newest releases, one cell under the cursor."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.releases import PlatformRow
from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.tui.content_rows import ReleaseRows
from ipwhl_mirror.tui.platform_rows import platform_lines
from ipwhl_mirror.tui.screens.contents import ContentsScreen
from ipwhl_mirror.tui.screens.platforms import PlatformsScreen
from ipwhl_mirror.tui.widgets.lines import Lines
from tests.tui.scripted import ScriptedBackend, app_on, empty_backend, filled_backend, half_done

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
        row = app.screen.rows.current
        assert isinstance(row, PlatformRow)
        assert row.platform == "linux-x86_64"
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, PlatformsScreen)


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


def many_releases() -> ScriptedBackend:
    """Twelve releases of the same wheels; the first is pinned in part."""
    backend = filled_backend()
    label, release, since = backend.tracked[0]
    more = [
        (f"2025.{number:02}", replace(release, root=Cid.of(b"%d" % number, RAW)), since)
        for number in range(12, 1, -1)
    ]
    backend.tracked = [(label, release, since), *more]
    return backend


def header(app: MirrorApp) -> str:
    return screen_of(app).rows.render_line(0).text


@pytest.mark.parametrize("width", [80, 300])
async def test_left_and_right_reach_every_release(width: int) -> None:
    """As many columns as fit; the others come into view, and the header says which are."""
    app = app_on(many_releases())
    async with app.run_test(size=(width, 24)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        seen = []
        for _ in range(13):
            summary = screen_of(app).summary
            assert summary is not None
            assert summary.name in header(app)
            assert f"in {summary.name}" in details(app)
            seen.append(summary.name)
            await pilot.press("right")
            await pilot.pause()
        names = [label for label, _, _ in app.backend.tracked]  # type: ignore[attr-defined]
        assert seen == [*names, names[-1]]
        assert ("of 12" in header(app)) is (width < 300)
        assert ("2026.11" in header(app)) is (width == 300)
        await pilot.press(*["left"] * 12)
        await pilot.pause()
        assert "2026.11" in header(app)
        assert "● pinned" in listed(app)["linux-x86_64"][0]


async def test_a_smaller_terminal_keeps_the_release_under_the_cursor() -> None:
    """The columns move, the cursor does not leave its release."""
    app = app_on(many_releases())
    async with app.run_test(size=(200, 24)) as pilot:
        await pilot.press("3", *["right"] * 9)
        await pilot.pause()
        before = screen_of(app).summary
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert screen_of(app).summary == before
        assert before is not None
        assert before.name in header(app)


async def test_a_cell_says_what_is_missing_and_which_job_fetches_it() -> None:
    """Bytes here and not pinned; while a job pins it, its state and share stand in the cell."""
    backend = half_done()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        names = [line.platform for line in screen_of(app).rows.items]
        await pilot.press(*["down"] * names.index("macos-arm64"))
        await pilot.pause()
        cell = screen_of(app).cell
        assert cell is not None
        missing = figures.size(cell.bytes - cell.pinned_bytes)
        assert f"{cell.wheels - cell.pinned_wheels} wheels ~{missing} not pinned" in details(app)
        await pilot.press("p")
        await pilot.pause()
        await pilot.press("y", "right", "p")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        await pilot.pause()
        assert listed(app)["macos-arm64"][:2] == ["↻ 24 %", "↻ queued"]
        assert listed(app)["linux-x86_64"][:1] == ["● pinned"]
        assert "job 2 queued" in details(app)
        backend.go_on()
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert listed(app)["macos-arm64"][:2] == ["● pinned", "● pinned"]


def test_platforms_are_in_the_order_they_have_elsewhere() -> None:
    """By name, `any` last, as in the contents of a release."""
    backend = filled_backend()
    summary = asyncio.run(backend.overview()).releases[0]
    view = asyncio.run(backend.load(summary.cid))
    assert [line.platform for line in platform_lines([summary])] == [
        row.platform for row in ReleaseRows(view).platforms
    ]


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
        assert isinstance(app.screen, PlatformsScreen)
        assert "No release is tracked" in app.screen.said
        await pilot.press("right", "enter", "p", "u", "y", "s", "S")
        await pilot.pause()
        assert isinstance(app.screen, PlatformsScreen)


async def test_the_header_says_what_the_platforms_are_sorted_by() -> None:
    """By name, or what most is pinned of first; `s` and clicks change it."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        assert header(app).split()[0] == "PLATFORM▾"
        await pilot.press("s")
        await pilot.pause()
        assert header(app).split()[:2] == ["MOST", "HERE▾"]
        pinned = [line.pinned_bytes for line in screen_of(app).rows.items]
        assert pinned == sorted(pinned, reverse=True)
        assert pinned[0] > 0
        await pilot.click(screen_of(app).rows, offset=(3, 0))
        await pilot.pause()
        assert header(app).split()[0] == "PLATFORM▾"
        await pilot.click(screen_of(app).rows, offset=(3, 0))
        await pilot.pause()
        assert header(app).split()[0] == "PLATFORM▴"
        assert next(iter(listed(app))) == "any"
