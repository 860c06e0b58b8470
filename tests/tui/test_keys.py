"""The key registry: complete, without clashes, and the only source of what is shown."""

from __future__ import annotations

from collections import Counter
from inspect import getmembers
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.services.requests import PublishRequest, VerifyRequest
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.app import MirrorApp
from ipwhl_mirror.tui.desk import Access
from ipwhl_mirror.tui.keymap import Keymap
from ipwhl_mirror.tui.keys import BY_ID, KEYS, Effect, Key, Place, keys_of
from ipwhl_mirror.tui.publish_entries import PublishEntries
from ipwhl_mirror.tui.screens.contents import ContentsScreen
from ipwhl_mirror.tui.screens.dialog import Dialog
from ipwhl_mirror.tui.screens.diff import DiffScreen
from ipwhl_mirror.tui.screens.help import EXPLAINED_WIDTH, HelpOverlay, help_layout
from ipwhl_mirror.tui.screens.jobs import JobsScreen
from ipwhl_mirror.tui.screens.log import LogScreen
from ipwhl_mirror.tui.screens.mirrors import MirrorsScreen
from ipwhl_mirror.tui.screens.pins import PinsScreen
from ipwhl_mirror.tui.screens.platforms import PlatformsScreen
from ipwhl_mirror.tui.screens.proposal import ProposalScreen
from ipwhl_mirror.tui.screens.releases import ReleasesScreen
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.widgets.key_bar import KeyBar, active_keys, fitting
from ipwhl_mirror.tui.widgets.row_list import RowList
from tests.tui.proposals import proposal
from tests.tui.scenes import PUBLISH, press, screen_lines, settle
from tests.tui.scripted import Broken, app_on, empty_backend, filled_backend, following, two_pinned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipwhl_mirror.services.events import ProgressSink

HOMES = {
    Place.ANYWHERE: MirrorApp,
    Place.LIST: RowList,
    Place.RELEASES: ReleasesScreen,
    Place.CONTENTS: ContentsScreen,
    Place.PLATFORMS: PlatformsScreen,
    Place.PINS: PinsScreen,
    Place.MIRRORS: MirrorsScreen,
    Place.DIFF: DiffScreen,
    Place.PROPOSAL: ProposalScreen,
    Place.JOBS: JobsScreen,
    Place.LOG: LogScreen,
    Place.DIALOG: Dialog,
}
TAKEN_BY_TERMINALS = {
    # prefixes of screen, tmux and others; line editing; flow control; job control; tab, newline, backspace
    *(f"ctrl+{letter}" for letter in "abdehijklmnorstuvwxyz"),
    # the prefix of some, escape, quit (SIGQUIT), telnet, and what ssh and readline take
    *(f"ctrl+{sign}" for sign in ("at", "left_square_bracket", "backslash", "right_square_bracket")),
    *(f"ctrl+{sign}" for sign in ("circumflex_accent", "underscore", "space")),
    # menus and full screen of terminals
    *("f10", "f11", "shift+pageup", "shift+pagedown", "shift+insert", "alt+enter"),
}


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
    """tmux, screen, line editing, flow and job control keep their keys, the first of a key or any other."""
    used = {name for key in KEYS for name in key.keys.split(",")}
    assert used & TAKEN_BY_TERMINALS == set()
    assert {name for name in used if "+" in name} == {"ctrl+c", "ctrl+p", "ctrl+q"}


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


WAYS = {
    "releases": (),
    "contents": ("enter",),
    "platforms": ("3",),
    "pins": ("4",),
    "mirrors": ("6",),
    "diff": ("d",),
    "jobs": ("5",),
    "log": ("5", "l"),
}
"""The keys that lead to each view."""


async def fail(on_progress: ProgressSink) -> str:
    """The work of a job that can be tried again."""
    raise Broken("no")


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_read_only_run_has_no_key_that_changes_something(way: tuple[str, ...]) -> None:
    """Under read-only the changing keys are in no bar, help or palette, and do nothing when pressed."""
    backend = following()
    app = app_on(backend, access=Access.READ_ONLY)
    async with app.run_test(size=(120, 36)) as pilot:
        app.queue("a demo that fails", fail)
        await press(pilot, *way)
        view = app.screen
        assert changing(active_keys(view, app.desk.keymap)) == []
        assert changing(view.query_one(KeyBar).shown) == []
        titles = {command.title.lower() for command in app.get_system_commands(view)}
        assert titles & {key.explained.lower() for key in changing(KEYS)} == set()
        await press(pilot, "question_mark")
        assert isinstance(app.screen, HelpOverlay)
        assert changing(app.screen.keys) == []
        await press(pilot, "question_mark")
        await pilot.press(*{name for key in changing(KEYS) for name in key.keys.split(",")})
        await settle(pilot)
        assert app.screen is view
        assert [job.title for job in app.desk.jobs.jobs] == ["a demo that fails"]
        assert backend.calls == []


def changing(keys: Iterable[Key]) -> list[Key]:
    """Those that change something."""
    return [key for key in keys if key.effect is Effect.CHANGES]


def changing_messages(app: MirrorApp) -> list[messages.Changing]:
    """One of every kind that changes something, about the newest release or the newest job."""
    assert app.overview is not None
    summary, job, all_of_it = app.overview.releases[0], app.desk.jobs.jobs[0], Selection()
    return [
        messages.PinAsked(summary, all_of_it),
        messages.PinManyAsked(((summary, all_of_it),)),
        messages.UnpinAsked(summary, None),
        messages.UnpinManyAsked((summary.cid,)),
        messages.VerifyAsked(summary),
        messages.RepairAsked(summary),
        messages.TrackAsked(),
        messages.UntrackAsked((app.overview.releases[-1],)),
        messages.ExportAsked(summary, all_of_it),
        messages.ImportAsked(),
        messages.PublishAsked(),
        messages.PublishingAsked(PublishEntries(), PublishRequest(inputs=(str(summary.cid),)), proposal()),
        messages.PruneAsked(),
        messages.SyncAsked("campus"),
        messages.GoToAsked(app.overview.mirrors[0]),
        messages.UpdateAsked(),
        messages.SourceAddAsked(),
        messages.SourceRemoveAsked("names"),
        messages.CollectAsked(),
        messages.RetryAsked(job),
        messages.RepairAfterAsked(job),
    ]


@pytest.mark.parametrize("access", Access, ids=lambda access: access.value)
async def test_what_changes_is_asked_for_in_vain_under_read_only(access: Access) -> None:
    """A message that comes although there is no key for it does nothing; in a full run it asks or begins."""
    backend = following()
    app = app_on(backend, access=access)
    async with app.run_test(size=(80, 24)) as pilot:
        app.queue("verify 2026.11", fail, VerifyRequest(cid=str(backend.tracked[0][1].root)))
        await press(pilot)
        view, acted = app.screen, []
        asked = changing_messages(app)
        assert {type(message) for message in asked} == set(messages.Changing.__subclasses__())
        for message in asked:
            jobs = len(app.desk.jobs.jobs)
            view.post_message(message)
            await settle(pilot)
            if app.screen is not view or len(app.desk.jobs.jobs) > jobs:
                acted.append(message)
                await press(pilot, *(() if app.screen is view else ("escape",)))
        assert acted == ([] if access is Access.READ_ONLY else asked)


# the help overlay

SIZES = ((80, 24), (60, 20), (200, 12))


WITH_PROPOSAL = {**WAYS, "proposal": (*PUBLISH, "enter")}


@pytest.mark.parametrize("way", WITH_PROPOSAL.values(), ids=WITH_PROPOSAL)
async def test_help_shows_every_key_of_a_view_whole(way: tuple[str, ...]) -> None:
    """At any size, by moving down where it does not fit; the keys of the view in front come first."""
    app = app_on(two_pinned())
    async with app.run_test(size=SIZES[0]) as pilot:
        app.queue("verify 2026.11", fail)
        await press(pilot, *way)
        keys = active_keys(app.screen, app.desk.keymap)
        place = keys[-1].place.value
        await press(pilot, "question_mark")
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await settle(pilot)
            box = app.screen.query_one("#box")
            box.scroll_home(animate=False)
            await settle(pilot)
            inside = box.content_region
            rows = slice(inside.y, inside.bottom)
            seen = screen_lines(app)[rows]
            assert seen[0][inside.x :].startswith(f"{place} ")
            while not box.is_vertical_scroll_end:
                await press(pilot, "pagedown")
                seen += screen_lines(app)[rows]
            whole = "\n".join(seen)
            assert [key.id for key in keys if f"{key.shown}  {key.explained} " not in whole] == []
            assert isinstance(app.screen, HelpOverlay)
            assert box.region.height <= size[1]


async def test_help_scrolls_by_the_keys_of_lists_and_closes_by_others() -> None:
    """Those of the keymap, and the arrows; what closes it does nothing else."""
    app = app_on(filled_backend(), keys=Keymap.parse({"list.down": "w", "list.bottom": "z"}))
    async with app.run_test(size=(60, 20)) as pilot:
        assert "down scrolls, any other key closes" in await press(pilot, "question_mark")
        box = app.screen.query_one("#box")
        tops = []
        for key in ("w", "down", "k", "z", "g", "space", "pageup", "end"):
            await press(pilot, key)
            tops.append(box.scroll_offset.y)
        end = box.max_scroll_y
        assert tops == [1, 2, 1, end, 0, min(end, 18), 0, end]
        await press(pilot, "p")
        assert isinstance(app.screen, ReleasesScreen)


def test_help_takes_more_columns_where_it_is_too_high_for_two() -> None:
    """As few as make it fit, and no more than are wide enough."""
    keys = [*keys_of(Place.ANYWHERE), *keys_of(Place.LIST), *keys_of(Place.RELEASES)]
    sizes = {(194, 48): 2, (194, 20): 3, (194, 10): 5, (110, 10): 3, (74, 10): 2, (54, 18): 1, (20, 18): 1}
    assert {size: help_layout(keys, width=size[0], height=size[1])[0] for size in sizes} == sizes


async def test_key_bar_stays_as_it_was_under_a_dialog() -> None:
    """What could be asked of the dialog is not told as a key of the view."""
    app = app_on(empty_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        before = (await press(pilot)).splitlines()[-1]
        assert "esc back" not in before
        assert (await press(pilot, "t")).splitlines()[-1] == before
        assert (await press(pilot, "escape")).splitlines()[-1] == before


async def test_demo_is_offered_only_while_nothing_is_tracked() -> None:
    """`D` belongs to the empty state."""
    for backend, offered in ((empty_backend(), True), (filled_backend(), False)):
        app = app_on(backend)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            assert ("release.demo" in {key.id for key in active_keys(app.screen, app.desk.keymap)}) is offered


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
