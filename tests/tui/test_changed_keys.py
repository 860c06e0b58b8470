"""The application with changed keys: what they do, and that everything that tells of keys follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.command import CommandPalette
from textual.widgets import Input

from ipwhl_mirror.tui.keymap import Keymap
from ipwhl_mirror.tui.screens.files import FileDialog
from ipwhl_mirror.tui.screens.help import HelpOverlay
from ipwhl_mirror.tui.screens.jobs import JobsScreen
from ipwhl_mirror.tui.screens.releases import ReleasesScreen
from ipwhl_mirror.tui.screens.track import TrackDialog
from ipwhl_mirror.tui.widgets.filter_bar import FilterBar
from ipwhl_mirror.tui.widgets.key_bar import KeyBar
from tests.tui.scenes import press, settle
from tests.tui.scripted import app_on, empty_backend, filled_backend, node_down

if TYPE_CHECKING:
    from textual.app import App


def bar_text(app: App[None]) -> str:
    """What the key bar says."""
    return app.screen.query_one(KeyBar).render_line(0).text


async def test_a_changed_key_acts_and_the_old_one_does_not() -> None:
    """The registry's `t` becomes f6: pressed, in the bar by mouse, in the help and in the palette."""
    app = app_on(filled_backend(), keys=Keymap.parse({"release.track": "F6"}))
    async with app.run_test(size=(120, 36)) as pilot:
        await press(pilot)
        assert "f6 track" in bar_text(app)
        assert " t track" not in bar_text(app)
        await press(pilot, "t")
        assert isinstance(app.screen, ReleasesScreen)
        await press(pilot, "f6")
        assert isinstance(app.screen, TrackDialog)
        await press(pilot, "escape")
        await pilot.click(KeyBar, offset=(bar_text(app).index("f6 track"), 0))
        await settle(pilot)
        assert isinstance(app.screen, TrackDialog)
        await press(pilot, "escape")
        assert "   f6  track a release by CID" in await press(pilot, "question_mark")
        await press(pilot, "escape", "colon")
        (command,) = [
            found for found in app.get_system_commands(app.screen_stack[0]) if "Track" in found.title
        ]
        assert command.help == "f6"
        await press(pilot, *"track", "down", "enter")
        assert isinstance(app.screen, TrackDialog)


async def test_two_keys_can_be_swapped() -> None:
    """Each does what the other did."""
    app = app_on(filled_backend(), keys=Keymap.parse({"release.track": "i", "release.import": "t"}))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "i")
        assert isinstance(app.screen, TrackDialog)
        await press(pilot, "escape", "t")
        assert isinstance(app.screen, FileDialog)


async def test_a_key_of_lists_can_be_changed_in_all_of_them() -> None:
    """The arrow that Textual binds itself is gone with ours."""
    app = app_on(filled_backend(), keys=Keymap.parse({"list.down": "w", "list.find": "f3"}))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "down", "j")
        rows = app.get_screen("releases", ReleasesScreen).rows
        assert rows.cursor == 0
        await press(pilot, "w")
        assert rows.cursor == 1
        await press(pilot, "slash")
        assert not isinstance(app.screen.focused, Input)
        await press(pilot, "f3", "w")
        assert app.screen.query_one(FilterBar).value == "w"
        assert rows.cursor < 2


async def test_what_has_no_key_is_done_from_the_palette() -> None:
    """`""` takes a key away: from the bar and the help, not from the commands."""
    keys = Keymap.parse({"release.track": "", "list.sort": ""})
    app = app_on(filled_backend(), keys=keys)
    async with app.run_test(size=(120, 36)) as pilot:
        await press(pilot, "t")
        assert isinstance(app.screen, ReleasesScreen)
        assert "track" not in bar_text(app)
        assert "track a release" not in await press(pilot, "question_mark")
        assert isinstance(app.screen, HelpOverlay)
        await press(pilot, "escape", "colon")
        assert isinstance(app.screen, CommandPalette)
        without = {
            found.title for found in app.get_system_commands(app.screen_stack[0]) if found.help == "no key"
        }
        assert without == {"Track a release by CID", "Sort by the next column"}
        await press(pilot, *"track", "down", "enter")
        assert isinstance(app.screen, TrackDialog)


async def test_words_tell_the_changed_keys() -> None:
    """The first steps, a failure, a notification, and what to press where there is no key."""
    keys = Keymap.parse(
        {"release.track": "T", "release.untrack": "", "release.demo": "", "app.refresh": "F5"}
    )
    app = app_on(empty_backend(), keys=keys)
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await press(pilot)
        assert "  T  track a CID" in shown
        assert "  : demo  run the demo" in shown
    app = app_on(node_down(), keys=keys)
    async with app.run_test(size=(80, 24)) as pilot:
        assert "f5  tries again" in await press(pilot)
    for jobs, told in (("7", "queued; 7 shows the jobs"), ("", "queued; : jobs shows the jobs")):
        app = app_on(filled_backend(), keys=Keymap.parse({"view.jobs": jobs}))
        async with app.run_test(size=(80, 24)) as pilot:
            await press(pilot, "V")
            assert told in [notice.message for notice in app._notifications]
            await press(pilot, *jobs)
            assert isinstance(app.screen, JobsScreen) is bool(jobs)


async def test_while_typing_the_bar_tells_the_keys_that_are_not_typed() -> None:
    """`?` and `q` are words of the filter, f1 is a key. A changed key that types is typed."""
    app = app_on(filled_backend(), keys=Keymap.parse({"app.refresh": "F5", "list.page_up": "b"}))
    async with app.run_test(size=(80, 24)) as pilot:
        assert "? help  q quit" in await press(pilot)
        shown = await press(pilot, "slash", *"b?q")
        assert app.screen.query_one(FilterBar).value == "b?q"
        assert "f1 help" in shown
        assert "? help" not in shown


@pytest.mark.parametrize("key", ["ctrl+q", "f10"])
async def test_leaving_at_once_works_while_typing_in_a_dialog(key: str) -> None:
    """The key that was there, and one that was added."""
    app = app_on(filled_backend(), keys=Keymap.parse({"app.quit_now": "ctrl+q, F10"}))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "t", *"bafy")
        assert isinstance(app.screen, TrackDialog)
        await pilot.press(key)
        await pilot.pause()
        assert app.return_code == 0
        assert not app.is_running
