"""The contents screen: boxes, live totals, the command line, hostile names, 50,000 wheels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual import events

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.plans import amount_of
from ipwhl_mirror.domain.releases import PlatformRow, Project, Wheel
from ipwhl_mirror.domain.selections import Selection, select_wheels
from ipwhl_mirror.tui.content_spots import AtProject, row_number
from ipwhl_mirror.tui.screens.contents import ContentsScreen
from ipwhl_mirror.tui.screens.copy import CopyDialog
from ipwhl_mirror.tui.widgets.row_list import RowList
from tests.simulators.releases import read_release
from tests.tui.scripted import ScriptedBackend, app_on, filled_backend, large_backend

if TYPE_CHECKING:
    from ipwhl_mirror.tui.app import MirrorApp

SMALL = read_release("small-v0")


async def opened(app: MirrorApp, pilot: object, *keys: str) -> ContentsScreen:
    """The contents of the release under the cursor, after these keys on the first screen."""
    await pilot.pause()  # type: ignore[attr-defined]
    await pilot.press(*keys, "enter")  # type: ignore[attr-defined]
    await app.workers.wait_for_complete()
    await pilot.pause()  # type: ignore[attr-defined]
    assert isinstance(app.screen, ContentsScreen)
    return app.screen


def unpinned() -> ScriptedBackend:
    backend = filled_backend()
    return ScriptedBackend(backend.tracked[:1])


def row(screen: ContentsScreen, name: str) -> str:
    """The drawn line of the row with this text, once it is on screen."""
    lines = [screen.rows.render_line(y).text for y in range(1, screen.rows.size.height)]
    return next(line for line in lines if f" {name}" in line)


async def test_pinned_platforms_are_marked_at_first() -> None:
    """What is pinned is marked; the rest is not."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        assert "[x] linux-x86_64" in row(screen, "linux-x86_64")
        assert "[ ] linux-aarch64" in row(screen, "linux-aarch64")
        assert screen.cli_line == "ipwhl-mirror pin 2026.11 -p linux-x86_64"


async def test_nothing_pinned_is_nothing_marked_and_nothing_to_pin() -> None:
    """Without a mark there is no selection, no line, and no key to pin."""
    app = app_on(unpinned())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        assert screen.cli_line == ""
        assert "nothing is marked" in screen.totals.text
        assert screen.check_action("pin", ()) is False
        await pilot.press("p")
        await pilot.pause()
        assert app.screen is screen


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        pytest.param(("space",), "-p linux-aarch64", id="first platform"),
        pytest.param(
            ("space", "end", "home", *["down"] * 5, "space"), "-p linux-aarch64 --no-any", id="without any"
        ),
        pytest.param(("a",), "", id="all is the whole release"),
        pytest.param(("v", "down", "space", "escape"), "-p linux-aarch64 -p linux-x86_64", id="range"),
        pytest.param(("a", *["down"] * 6, "space"), "--exclude attrs", id="project left out"),
        pytest.param(
            ("a", *["down"] * 6, "v", "down", "space"), "--exclude attrs --exclude blinker", id="two"
        ),
        pytest.param(("a", "plus", *"3.12", "enter"), "--python 3.12", id="a Python"),
    ],
)
async def test_keys_make_this_command_line_and_its_totals(keys: tuple[str, ...], options: str) -> None:
    """The line shown means what is marked, and the totals are those of its wheels."""
    app = app_on(unpinned())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press(*keys)
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert screen.cli_line == f"ipwhl-mirror pin 2026.11 {options}".rstrip()
        wheels = select_wheels(SMALL, Selection.from_cli_text(options))
        assert screen.marked is not None
        assert screen.marked.wheels == wheels
        assert figures.amount(amount_of(wheels)) in screen.totals.text


async def test_space_marks_and_goes_on() -> None:
    """Marking moves to the next row, so that several are marked by one finger."""
    app = app_on(unpinned())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("space", "space", "space")
        assert screen.rows.cursor == 3
        assert screen.marked is not None
        assert screen.marked.marks.chosen == {"linux-aarch64", "linux-x86_64", "macos-arm64"}


async def test_projects_open_to_their_wheels_which_show_the_result() -> None:
    """Enter opens a project; marked wheels have a sign; enter on a wheel closes it again."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 30)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("slash", *"cffi", "enter", "end", "enter")
        await pilot.pause()
        kinds = [type(item) for item in screen.rows.items]
        assert kinds == [Project] + [Wheel] * 12
        assert "✓ cp312 linux-x86_64" in row(screen, "✓ cp312 linux-x86_64")
        assert "✓" not in row(screen, "cp312 macos-arm64")
        await pilot.press("down", "enter")
        await pilot.pause()
        assert [type(item) for item in screen.rows.items] == [Project]
        assert isinstance(screen.rows.current, Project)


async def test_filter_finds_wheels_in_closed_projects() -> None:
    """A project stays with those of its wheels that pass; platforms pass by their name."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("slash", *"numpy cp312 !macos")
        await pilot.pause()
        project, *wheels = screen.rows.items
        assert isinstance(project, Project)
        assert project.name == "numpy"
        assert [wheel.filename for wheel in wheels if isinstance(wheel, Wheel)] == [
            wheel.filename
            for wheel in project.wheels
            if "cp312" in wheel.filename and "macos" not in wheel.filename
        ]


async def test_marks_cursor_and_open_projects_survive_a_refresh() -> None:
    """Reading everything again changes the numbers and nothing else."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("down", "down", "space", "asterisk", *["down"] * 9)
        await pilot.pause()
        before = (screen.cli_line, screen.rows.cursor, len(screen.rows.items))
        assert before[2] == 6 + 28 + 144
        await pilot.press("r")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert (screen.cli_line, screen.rows.cursor, len(screen.rows.items)) == before


async def test_mouse_toggles_boxes_and_opens_projects() -> None:
    """A click on a box marks, a click on the sign before a project opens it."""
    app = app_on(unpinned())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await pilot.click(RowList, offset=(4, 1))
        await pilot.pause()
        assert screen.cli_line == "ipwhl-mirror pin 2026.11 -p linux-aarch64"
        await pilot.click(RowList, offset=(1, 7))
        await pilot.pause()
        assert sum(isinstance(item, Wheel) for item in screen.rows.items) == 1
        await pilot.click(RowList, offset=(4, 7))
        await pilot.pause()
        assert screen.cli_line.endswith("--exclude attrs")


async def test_copy_copies_exactly_the_line_shown() -> None:
    """The whole command, as it could be typed."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("y")
        await pilot.pause()
        assert app.clipboard == screen.cli_line == "ipwhl-mirror pin 2026.11 -p linux-x86_64"


async def test_hostile_names_are_shown_and_never_sent() -> None:
    """No row of a release made to hurt has a control or non-ASCII character, or breaks the screen."""
    app = app_on(filled_backend())
    # a tall screen, so that every row is drawn in a few pages
    async with app.run_test(size=(80, 500)) as pilot:
        screen = await opened(app, pilot, "end")
        await pilot.press("asterisk")
        await pilot.pause()
        glyphs = set("●◐○▾▸▴✓…·")
        is_last = False
        while not is_last:
            is_last = screen.rows.cursor == len(screen.rows.items) - 1
            for y in range(screen.rows.size.height):
                text = screen.rows.render_line(y).text
                assert all(" " <= letter <= "~" or letter in glyphs for letter in text), repr(text)
                assert screen.rows.render_line(y).cell_length == screen.rows.size.width
            await pilot.press("pagedown")
            await pilot.pause()
        assert all(" " <= letter <= "~" or letter in "\n·" for letter in screen.details.text)


async def test_fifty_thousand_wheels_open_mark_and_filter() -> None:
    """All open, one platform marked, one found: the numbers are the selection's."""
    backend = large_backend()
    release = backend.tracked[0][1]
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("asterisk")
        await pilot.pause()
        assert len(screen.rows.items) == 5 + 10_000 + 50_000
        await pilot.press("end")
        await pilot.pause()
        assert "py3 any" in row(screen, "py3 any")
        await pilot.press("home", "down", "space")
        await pilot.pause()
        wheels = select_wheels(release, Selection.parse(["linux-x86_64"]))
        assert len(wheels) == 20_000
        assert figures.amount(amount_of(wheels)) in screen.totals.text
        await pilot.press("slash", *"09999 win")
        await pilot.pause()
        assert [type(item) for item in screen.rows.items] == [Project, Wheel]


async def test_pure_python_row_stands_last_among_platforms() -> None:
    """`any` is no platform like the others: it is the last of them, and named."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        platforms = [item for item in screen.rows.items if isinstance(item, PlatformRow)]
        assert platforms[-1].platform == "any"
        assert "any (pure Python)" in row(screen, "any")


async def test_reading_a_large_index_is_said_and_the_screen_is_there_at_once() -> None:
    """Before the index is read the screen says which one; a failure takes its place."""
    backend = filled_backend()
    reading = backend.hold_reading()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, ContentsScreen)
        assert "reading the index of 2026.11" in screen.said
        reading.set()
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "53 wheels" in screen.totals.text


async def test_release_opened_during_a_refresh_stays_open() -> None:
    """A refresh that was reading the release before does not bring it back."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        reading = backend.hold_reading()
        await pilot.press("r")
        backend.hold_reading().set()
        await pilot.press("1", "end", "enter")
        await pilot.pause()
        assert app.opened is not None
        reading.set()
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.opened is not None
        assert app.opened.summary.label == "edge"


async def test_untracked_release_is_no_longer_shown() -> None:
    """Contents of a release that is gone are gone."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        del backend.tracked[0]
        await pilot.press("r")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.opened is None
        assert len(screen.rows.items) == 0
        assert "No release is open" in screen.said


async def test_marks_wait_while_another_release_is_looked_at() -> None:
    """Each release keeps its own marks for the run."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("down", "down", "space", "1")
        await opened(app, pilot, "down")
        assert screen.cli_line == ""
        await pilot.press("1")
        await opened(app, pilot, "up")
        assert screen.cli_line == "ipwhl-mirror pin 2026.11 -p linux-x86_64 -p macos-arm64"


async def test_only_what_is_marked_can_be_listed() -> None:
    """`f` leaves out what the marks take nothing of, as they change; again, or escape, shows all."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        everything = list(screen.rows.items)
        await pilot.press("f")
        await pilot.pause()
        assert screen.marked is not None
        names = [row.platform for row in screen.rows.items if isinstance(row, PlatformRow)]
        assert set(names) == {name for name, count in screen.marked.by_platform.items() if count}
        projects = [row for row in screen.rows.items if isinstance(row, Project)]
        assert [screen.marked.taken_of(row) > 0 for row in projects] == [True] * len(projects)
        assert "only marked" in screen.totals.text
        assert len(names) + len(projects) < len(everything)
        await pilot.press("space")
        await pilot.pause()
        assert len(screen.rows.items) < len(names) + len(projects)
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is screen
        assert list(screen.rows.items) == everything
        assert "only marked" not in screen.totals.text


async def test_details_of_a_project_tell_its_bytes_by_platform() -> None:
    """What is pinned is known, the rest a claim; with room the CID is below."""
    app = app_on(filled_backend())
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(app, pilot)
        screen.rows.move_to(row_number(screen.rows.items, AtProject("numpy")))
        await pilot.pause()
        project = screen.rows.current
        assert isinstance(project, Project)
        for family, is_known in (("linux-x86_64", True), ("macos-arm64", False)):
            size = sum(wheel.bytes for wheel in project.wheels if family in wheel.tags.families)
            assert f"{family} {'' if is_known else '~'}{figures.size(size)}" in screen.details.text
        assert str(project.link.cid) in screen.details.text


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ((), ["CID", "project", "pip", "ipfs", "ipwhl-mirror"]),
        (("enter", "down"), ["CID", "wheel", "pip", "ipfs", "ipwhl-mirror"]),
        (("home",), ["CID", "pip", "ipfs", "ipwhl-mirror"]),
    ],
    ids=["project", "wheel", "platform"],
)
async def test_the_copy_menu_has_the_row_and_the_line_of_the_marks(
    keys: tuple[str, ...], words: list[str]
) -> None:
    """The release's CID first, then that of the project or wheel under the cursor."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        screen.rows.move_to(row_number(screen.rows.items, AtProject("numpy")))
        await pilot.press(*keys, "Y")
        await pilot.pause()
        assert isinstance(app.screen, CopyDialog)
        assert [item.word for item in app.screen.texts] == words
        assert app.screen.texts[-1].text == screen.cli_line
        cids = [item.text for item in app.screen.texts[1:-3]]
        assert cids == [str(cid) for _, cid in screen.cids_under_cursor]


async def test_the_wheel_scrolls_and_leaves_the_cursor() -> None:
    """The mouse looks around; the keys go on where they were."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        rows = (await opened(app, pilot)).rows
        await pilot._post_mouse_events([events.MouseScrollDown], widget=rows, offset=(5, 5))
        await pilot.pause()
        assert rows.scroll_offset.y > 0
        assert rows.cursor == 0
        await pilot._post_mouse_events([events.MouseScrollUp], widget=rows, offset=(5, 5))
        await pilot.pause()
        assert rows.scroll_offset.y == 0
