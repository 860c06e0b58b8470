"""Text from outside, as bad as it can be, in every view, dialog and notification: it is shown, no more."""

from __future__ import annotations

import re
import string
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.screen import ModalScreen
from textual.widgets import Input
from textual.widgets._toast import Toast

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.glyphs import ASCII, UNICODE
from ipwhl_mirror.tui.jobs import Failure
from ipwhl_mirror.tui.screens.confirm import ConfirmDialog
from ipwhl_mirror.tui.screens.releases import ReleasesScreen
from ipwhl_mirror.tui.widgets.filter_bar import FilterBar
from ipwhl_mirror.tui.widgets.row_list import RowList
from tests.tui.hostile import KINDS, LENGTH, dressed, longest, mild, worst
from tests.tui.scenes import DIALOGS, STATES, VIEWS, Scene, broken_job, play, settle
from tests.tui.scripted import Broken, app_on, filled_backend, two_pinned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.pilot import Pilot
    from textual.strip import Strip

    from ipwhl_mirror.tui.app import MirrorApp

SIZES = ((80, 24), (200, 50))
BOXES = {chr(code) for code in range(0x2500, 0x25A0)}
OURS = set(string.printable[:95]) | BOXES | {c for f in fields(UNICODE) for c in getattr(UNICODE, f.name)}
"""What the program itself draws; everything from outside is printable ASCII."""

MORE = (
    Scene(name="done-job", make=filled_backend, keys=("V", "5")),
    Scene(name="wheels", make=filled_backend, keys=("enter", "asterisk", "end")),
    Scene(name="failed-log", make=broken_job, keys=("V", "5", "l")),
    Scene(name="unpin-many", make=two_pinned, keys=("4", "space", "space", "u")),
)
NAMED = {
    *("plan", "plans", "copy", "untrack", "export", "prune"),
    *("down", "failed-pins", "too-large"),
}
TOLD = (*VIEWS, *MORE, *(scene for scene in (*DIALOGS, *STATES) if scene.name in NAMED))
"""The scenes in which text from outside stands."""


def strips(app: MirrorApp) -> list[Strip]:
    """The screen as it is sent to the terminal, line by line."""
    return app.screen._compositor.render_strips()


def lines(app: MirrorApp) -> list[str]:
    return [strip.text for strip in strips(app)]


def assert_only_shown(app: MirrorApp, size: tuple[int, int]) -> None:
    """Only our characters, every line as wide as the terminal, and nothing that a click would do."""
    assert app.is_running
    for strip in strips(app):
        assert strip.cell_length == cell_len(strip.text) == size[0]
        assert not set(strip.text) - OURS, set(strip.text) - OURS
        for segment in strip:
            style = segment.style or Style.null()
            assert not segment.control
            assert style.link is None
            assert "@click" not in style.meta


@pytest.mark.parametrize("scene", TOLD, ids=lambda scene: scene.name)
async def test_it_is_shown_and_that_is_all(scene: Scene) -> None:
    """At both sizes, with notifications: no other character, no link, no job, no exit, no other screen."""
    backend = dressed(scene.make(), worst)
    app = app_on(backend, access=scene.access)
    async with app.run_test(size=SIZES[0], notifications=True) as pilot:
        await play(pilot, scene)
        asked = [verb for verb, _ in backend.calls]
        assert set(asked) <= {"verify"}
        front = app.screen
        assert isinstance(front, ModalScreen) or scene not in DIALOGS
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await settle(pilot)
            assert_only_shown(app, size)
        assert app.screen is front
        assert [verb for verb, _ in backend.calls] == asked
        assert app.clipboard == ""


WITH_FIGURES = {"releases", "contents", "pins"}
NUMBERS = ("WHEELS", "BYTES", "HERE", "ONLY HERE", "VERIFIED", "AGE", "PROJECTS", "TIME")


def figures(app: MirrorApp) -> list[list[str]]:
    """The columns of figures of the list, each from the end of its title to the left, and that of states."""
    rows = app.screen.query_one(RowList)
    top, *listed = [
        strip.text for strip in strips(app)[rows.region.y : rows.region.bottom] if strip.text.strip()
    ]
    ends = [found.end() for name in NUMBERS for found in re.finditer(rf"(?<=\s\s){name}(?=\W|$)", top)]
    states = [found.start() for found in re.finditer(r"(?<=\s\s)STATE(?=\W|$)", top)]
    return [
        [*(line[end - 6 : end] for end in ends), *(line[start : start + 9] for start in states)]
        for line in listed
    ]


@pytest.mark.parametrize("scene", [s for s in VIEWS if s.name in WITH_FIGURES], ids=lambda scene: scene.name)
async def test_a_long_name_pushes_no_figure_away(scene: Scene) -> None:
    """10,000 characters in every name, and the columns hold what they hold with short ones."""
    seen = []
    for change in (mild, longest):
        app = app_on(dressed(scene.make(), change))
        async with app.run_test(size=SIZES[0]) as pilot:
            await play(pilot, scene)
            seen.append([figures(app)])
            await pilot.resize_terminal(*SIZES[1])
            await settle(pilot)
            seen[-1].append(figures(app))
    assert all(any(any(cell.strip() for cell in row) for row in shown) for shown in seen[0])
    assert seen[0] == seen[1]


async def test_details_keep_their_columns() -> None:
    """The platforms of the release under the cursor: the figures stand where they stand with short names."""
    seen = []
    for change in (mild, longest):
        app = app_on(dressed(filled_backend(), change))
        async with app.run_test(size=(200, 50)) as pilot:
            await settle(pilot)
            found = [line for line in lines(app) if re.search(r"B here\s*$", line)]
            seen.append([line[line.index(" wheel") - 6 :] for line in found])
            assert len({line.index(" wheel") for line in found}) == 1
    assert len(seen[0]) > 3
    assert seen[0] == seen[1]


async def test_each_kind_in_titles_and_notifications() -> None:
    """A dialog's title, a notification's, its message, and what is copied: one or two kinds at a time."""
    app = app_on(filled_backend())
    async with app.run_test(size=SIZES[0], notifications=True) as pilot:
        await settle(pilot)
        for text in map("".join, batched_kinds(2)):
            app.notify(text, title=text, severity="error", markup=True)
            app.push_screen(ConfirmDialog(app.desk, text, [(Cell(safe_text(text)),)], verb="Do"))
            app.copy_to_clipboard(text)
            await settle(pilot)
            assert_only_shown(app, SIZES[0])
            assert safe_text(text)[:10] in next(line for line in lines(app) if "\u256d" in line)
            assert app.clipboard.isprintable()
            app.post_message(messages.CopyAsked(text))
            await settle(pilot)
            assert app.clipboard == " ".join(safe_text(text).split())
            assert_only_shown(app, SIZES[0])
            app.clear_notifications()
            app.pop_screen()


def batched_kinds(size: int) -> Iterator[tuple[str, ...]]:
    """All kinds, a few at a time."""
    kinds = tuple(KINDS.values())
    return (kinds[at : at + size] for at in range(0, len(kinds), size))


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (1, 1)], ids=str)
async def test_a_notification_leaves_room_for_the_rest(size: tuple[int, int]) -> None:
    """The longest error there is: its words and hint begin, and lines of the view are still seen."""
    app = app_on(filled_backend())
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        failure = Failure.of(Broken("worst " + worst("words"), hint="best " + worst("hint")))
        app.notify(failure.text, title=worst("title"), severity="error")
        await settle(pilot)
        assert_only_shown(app, size)
        (toast,) = app.screen.query(Toast)
        if size[1] >= 24:
            assert toast.region.height <= size[1] - 6
            assert "hint: best" in "".join(lines(app))


async def test_it_takes_no_time() -> None:
    """Names of 10,000 characters cost a scan, and no more: a frame of a list of them is drawn at once."""
    import time

    app = app_on(dressed(filled_backend(), worst))
    async with app.run_test(size=SIZES[1]) as pilot:
        await play(pilot, Scene(name="", make=filled_backend, keys=("enter", "asterisk")))
        rows = app.screen.query_one(RowList)
        before = time.process_time()
        drawn = [rows.render_line(y) for y in range(rows.size.height)]
        assert len(drawn) > 30
        assert time.process_time() - before < 0.5


async def test_any_size_holds_it() -> None:
    """Every view and a dialog, as small or large as a terminal gets."""
    app = app_on(dressed(two_pinned(), worst))
    async with app.run_test(size=(20, 5), notifications=True) as pilot:
        await settle(pilot)
        for key, size in (
            ("enter", (1, 1)),
            ("3", (3, 2)),
            ("4", (1, 1)),
            ("5", (500, 200)),
            ("1", (1, 1)),
            ("d", (4, 3)),
            ("1", (2, 60)),
            ("u", (1, 1)),
        ):
            await pilot.press(key)
            await pilot.resize_terminal(*size)
            await settle(pilot)
            assert_only_shown(app, size)


async def test_what_is_pasted_does_nothing() -> None:
    """Into a view, nothing comes; into the filter and the fields of a dialog, the printable part of the
    first line, and it is not submitted."""
    backend = filled_backend()
    app = app_on(backend)
    evil = "\x1b]52;c;x\x07[@click=app.quit]\u202e\u200b\u00e9q\x9b\nq\r\ny"
    shown = "]52;c;x[@click=app.quit]"
    async with app.run_test(size=SIZES[0]) as pilot:
        await settle(pilot)
        await post_paste(pilot, evil)
        await pilot.press("slash")
        await settle(pilot)
        await post_paste(pilot, f"\r\n{evil}")
        assert app.screen.query_one(FilterBar).value == f"{shown}q"
        assert_only_shown(app, SIZES[0])
        await pilot.press("escape")
        for keys, found in (
            (("t",), {"cid": f"{shown}q", "label": f"{shown}q"}),
            (("i",), {"path": f"{shown}\u00e9q", "label": f"{shown}q"}),
        ):
            await pilot.press(*keys)
            await settle(pilot)
            for name, value in found.items():
                field = app.screen.query_one(f"#{name}", Input)
                field.focus()
                await settle(pilot)
                await post_paste(pilot, evil)
                assert field.value == value
            assert isinstance(app.screen, ModalScreen)
            await pilot.press("escape")
            await settle(pilot)
        assert isinstance(app.screen, ReleasesScreen)
        assert app.is_running
        assert backend.calls == []


async def post_paste(pilot: Pilot[None], text: str) -> None:
    """Paste, as the driver tells it."""
    pilot.app.post_message(events.Paste(text))
    await settle(pilot)


def test_the_glyphs_are_all_of_one_width() -> None:
    """The characters that the screens may hold take one cell each, so that columns can be counted."""
    assert {cell_len(character) for character in OURS} == {1}
    assert set("".join(getattr(ASCII, f.name) for f in fields(ASCII))) <= set(string.printable[:95])


def test_the_worst_is_as_bad_as_it_says() -> None:
    """All kinds, at the length that is promised, and never twice the same."""
    text = worst("a name")
    assert LENGTH - 200 < len(text) < LENGTH + 200
    assert all(kind in text for kind in KINDS.values())
    assert worst("one") != worst("two")
