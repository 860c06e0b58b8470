"""The key registry: complete, without clashes, and the only source of what is shown."""

from __future__ import annotations

from collections import Counter
from inspect import getmembers

import pytest
from rich.cells import cell_len

from ipwhl_mirror.tui.app import MirrorApp
from ipwhl_mirror.tui.desk import Access
from ipwhl_mirror.tui.keys import BY_ID, KEYS, Effect, Key, Place, keys_of
from ipwhl_mirror.tui.screens.contents import ContentsScreen
from ipwhl_mirror.tui.screens.dialog import Dialog
from ipwhl_mirror.tui.screens.diff import DiffScreen
from ipwhl_mirror.tui.screens.help import EXPLAINED_WIDTH
from ipwhl_mirror.tui.screens.jobs import JobsScreen
from ipwhl_mirror.tui.screens.pins import PinsScreen
from ipwhl_mirror.tui.screens.platforms import PlatformsScreen
from ipwhl_mirror.tui.screens.releases import ReleasesScreen
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.widgets.key_bar import KeyBar, active_keys, fitting
from ipwhl_mirror.tui.widgets.row_list import RowList
from tests.tui.scripted import app_on, empty_backend, filled_backend

HOMES = {
    Place.ANYWHERE: MirrorApp,
    Place.LIST: RowList,
    Place.RELEASES: ReleasesScreen,
    Place.CONTENTS: ContentsScreen,
    Place.PLATFORMS: PlatformsScreen,
    Place.PINS: PinsScreen,
    Place.DIFF: DiffScreen,
    Place.JOBS: JobsScreen,
    Place.DIALOG: Dialog,
}
TAKEN_BY_TERMINALS = {f"ctrl+{letter}" for letter in "abjklhszid[m"}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
def test_every_key_has_an_action_where_it_works(key: Key) -> None:
    """The action of a key exists on the class of its place, or on the screen or app it names."""
    target, _, action = key.action.partition("(")[0].rpartition(".")
    home = {"screen": View, "app": MirrorApp, "": HOMES[key.place]}[target]
    names = {name for name, _ in getmembers(home)}
    subclasses = {name for cls in (ReleasesScreen, ContentsScreen, JobsScreen) for name in dir(cls)}
    assert f"action_{action}" in names | (subclasses if home is View else set())


SHARED = {Place.ANYWHERE, Place.LIST, Place.DIALOG}


@pytest.mark.parametrize("screen", [place for place in Place if place not in SHARED])
def test_no_key_means_two_things_on_a_screen(screen: Place) -> None:
    """Keys of a screen, of its list and of the app are all different."""
    reachable = [key for place in (Place.ANYWHERE, Place.LIST, screen) for key in keys_of(place)]
    counts = Counter(name for key in reachable for name in key.keys.split(","))
    assert [name for name, count in counts.items() if count > 1] == []


def test_no_key_belongs_to_a_multiplexer_or_the_terminal() -> None:
    """tmux, screen, line editing and flow control keep their keys."""
    used = {name for key in KEYS for name in key.keys.split(",")}
    assert used & TAKEN_BY_TERMINALS == set()


def test_ids_are_unique_and_explanations_fit_the_overlay() -> None:
    """Every id is there once, and no explanation is cut in the help overlay."""
    assert len(BY_ID) == len(KEYS)
    assert [key.id for key in KEYS if cell_len(key.explained) > EXPLAINED_WIDTH] == []


def test_key_bar_drops_the_least_useful_and_keeps_help_and_quit() -> None:
    """With less room there are fewer keys, and help and quit are the last to go."""
    keys = [*keys_of(Place.ANYWHERE), *keys_of(Place.CONTENTS)]
    wide, narrow, tiny = fitting(keys, 200), fitting(keys, 60), fitting(keys, 15)
    assert len(wide) > len(narrow) > len(tiny)
    assert [key.id for key in tiny] == ["app.help", "app.quit"]
    assert {key.id for key in narrow} <= {key.id for key in wide}


@pytest.mark.parametrize("views", [(), ("enter",), ("5",)], ids=["releases", "contents", "jobs"])
async def test_read_only_run_has_no_key_that_changes_something(views: tuple[str, ...]) -> None:
    """Under read-only the changing keys are neither shown nor bound, and do nothing when pressed."""
    backend = filled_backend()
    app = app_on(backend, access=Access.READ_ONLY)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*views)
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert [key.id for key in active_keys(app.screen) if key.effect is Effect.CHANGES] == []
        for key in KEYS:
            if key.effect is Effect.CHANGES:
                await pilot.press(*key.keys.split(",")[:1])
        await app.workers.wait_for_complete()
        assert app.desk.jobs.jobs == []
        assert backend.calls == []
        assert len(app.screen_stack) == 1


async def test_demo_is_offered_only_while_nothing_is_tracked() -> None:
    """`D` belongs to the empty state."""
    for backend, offered in ((empty_backend(), True), (filled_backend(), False)):
        app = app_on(backend)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            assert ("release.demo" in {key.id for key in active_keys(app.screen)}) is offered


async def test_clicking_a_key_in_the_bar_presses_it() -> None:
    """The bar at the bottom works by mouse."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        bar = app.screen.query_one(KeyBar)
        at = bar.render_line(0).text.index("? help")
        await pilot.click(KeyBar, offset=(at, 0))
        await pilot.pause()
        assert type(app.screen).__name__ == "HelpOverlay"
