"""The releases screen: what it lists, what it offers first, and what its keys ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.widget import Widget

from ipwhl_mirror.tui.glyphs import ASCII
from ipwhl_mirror.tui.screens.releases import ReleasesScreen
from ipwhl_mirror.tui.widgets.lines import Lines
from ipwhl_mirror.tui.widgets.row_list import RowList
from tests.tui.scripted import Broken, app_on, empty_backend, filled_backend

if TYPE_CHECKING:
    from ipwhl_mirror.tui.app import MirrorApp


def listed(app: MirrorApp) -> list[str]:
    screen = app.screen
    assert isinstance(screen, ReleasesScreen)
    return [screen.rows.render_line(y).text.strip() for y in range(1, len(screen.rows.items) + 1)]


def shown(app: MirrorApp, query: str) -> str:
    return app.screen.query_one(query, Lines).text


async def test_rows_say_how_much_is_here() -> None:
    """Label, age, wheels, bytes with `~` where they are a claim, what is here, and which platforms."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        first = listed(app)[0].split()
        assert first == [
            "◐",
            "2026.11",
            "3",
            "d",
            "144",
            "~389.8",
            "MB",
            "126.3",
            "MB",
            "linux-x86_64,",
            "any",
        ]
        assert listed(app)[2].split() == ["○", "edge", "5", "h", "2", "145", "~34.4", "MB", "-", "-"]


async def test_details_show_the_whole_cid() -> None:
    """What the list cuts is whole below it, and follows the cursor."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "QmXxxc7s8SU4Fgm3MzqNNrDu2jLirVfLHqv7vug3DUdMdS" in shown(app, "#details")
        await pilot.press("end")
        await pilot.pause()
        assert "QmTtsjaAzotY8DRD2AJQHmyHsM7PjwcoQ79pWVykqJHpQn" in shown(app, "#details")


async def test_empty_list_offers_the_first_steps() -> None:
    """What a release is in one line, and the keys to begin with."""
    app = app_on(empty_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        text = shown(app, "#empty")
        assert "A release is one CID" in text
        assert "t  track a CID" in text
        assert "D  run the demo" in text
        assert not app.screen.query_one("#releases").display


async def test_unreachable_node_is_said_in_words_and_asked_again() -> None:
    """The error and its hint stand where the list would be; `r` tries again."""
    backend = filled_backend()
    backend.unreachable = Broken("127.0.0.1:5001 does not answer", hint="start the daemon")
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert shown(app, "#empty").splitlines()[:2] == [
            "127.0.0.1:5001 does not answer",
            "hint: start the daemon",
        ]
        backend.unreachable = None
        await pilot.press("r")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert len(listed(app)) == 3
        assert app.screen.query_one("#releases").display


@pytest.mark.parametrize(
    ("typed", "labels"),
    [("2026", ["2026.11", "2026.10"]), ("!2026", ["edge"]), ("2026 !.10", ["2026.11"]), ("nothing", [])],
)
async def test_filter_narrows_while_typing(typed: str, labels: list[str]) -> None:
    """Words must be there, words after `!` must not; escape shows all again."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("slash", *typed)
        await pilot.pause()
        assert [line.split()[1] for line in listed(app)] == labels
        await pilot.press("escape")
        await pilot.pause()
        assert len(listed(app)) == 3
        assert app.focused is app.screen.query_one("#releases")


async def test_enter_keeps_the_filter_and_escape_in_the_list_clears_it() -> None:
    """Enter goes back to the narrowed list; the next escape widens it."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("slash", *"edge", "enter")
        await pilot.pause()
        assert len(listed(app)) == 1
        assert app.focused is app.screen.query_one("#releases")
        await pilot.press("escape")
        await pilot.pause()
        assert len(listed(app)) == 3


async def test_sorting_moves_rows_and_not_the_cursor() -> None:
    """`s` goes through the orders, `S` turns them round, the cursor stays on its release."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("s")
        await pilot.pause()
        assert [line.split()[1] for line in listed(app)] == ["2026.10", "2026.11", "edge"]
        screen = app.screen
        assert isinstance(screen, ReleasesScreen)
        assert screen.rows.current is not None
        assert screen.rows.current.label == "2026.11"
        await pilot.press("S")
        await pilot.pause()
        assert [line.split()[1] for line in listed(app)] == ["edge", "2026.11", "2026.10"]


async def test_copy_puts_the_cid_on_the_clipboard_and_shows_it() -> None:
    """`y` copies by OSC 52, which tells nothing back, so the text is shown too."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        cid = "QmXxxc7s8SU4Fgm3MzqNNrDu2jLirVfLHqv7vug3DUdMdS"
        assert app.clipboard == cid
        assert [notice.message for notice in app._notifications] == [cid]


async def test_ascii_terminal_gets_ascii_only() -> None:
    """Every line of the screen, dialogs included."""
    app = app_on(filled_backend(), glyphs=ASCII)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for keys in ((), ("u",), ("escape", "j", "p"), ("escape", "question_mark")):
            await pilot.press(*keys)
            await pilot.pause()
            for widget in app.screen.query(Widget):
                if isinstance(widget, Lines | RowList):
                    text = "".join(widget.render_line(y).text for y in range(widget.size.height))
                    assert text.isascii(), text
