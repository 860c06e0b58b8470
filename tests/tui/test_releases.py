"""The releases screen: what it lists, what it offers first, and what its keys ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from textual.widget import Widget

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.plans import fetched_together
from ipwhl_mirror.domain.releases import PlatformRow
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.tui.glyphs import ASCII
from ipwhl_mirror.tui.screens.confirm import ConfirmDialog
from ipwhl_mirror.tui.screens.contents import ContentsScreen
from ipwhl_mirror.tui.screens.copy import CopyDialog
from ipwhl_mirror.tui.screens.plans import PlansDialog, obstacle_of
from ipwhl_mirror.tui.screens.releases import ReleasesScreen
from ipwhl_mirror.tui.widgets.lines import Lines
from ipwhl_mirror.tui.widgets.row_list import RowList
from tests.tui.scripted import FREE, Broken, app_on, empty_backend, filled_backend, two_pinned

if TYPE_CHECKING:
    from textual.pilot import Pilot

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
        assert isinstance(app.screen, ReleasesScreen)
        text = app.screen.said
        assert "A release is one CID" in text
        assert "t  track a CID" in text
        assert "D  run the demo" in text


async def test_unreachable_node_is_said_in_words_and_asked_again() -> None:
    """The error and its hint stand where the list would be; `r` tries again."""
    backend = filled_backend()
    backend.unreachable = Broken("127.0.0.1:5001 does not answer", hint="start the daemon")
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(app.screen, ReleasesScreen)
        assert app.screen.said.splitlines() == [
            "✗ 127.0.0.1:5001 does not answer",
            "hint: start the daemon",
            "",
            "  r  tries again",
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
    """`s` goes through the columns that are seen, `S` turns them round, the cursor stays on its release."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        seen = []
        for _ in range(5):
            seen.append(app.screen.query_one(RowList).render_line(0).text.split("▾")[0].split()[-1])
            await pilot.press("s")
            await pilot.pause()
        assert seen == ["AGE", "WHEELS", "BYTES", "HERE", "LABEL"]
        await pilot.press("s", "s", "s", "s")
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


async def press_on(app: MirrorApp, pilot: Pilot[None], *keys: str) -> None:
    """Press keys when everything was read."""
    await app.workers.wait_for_complete()
    await pilot.press(*keys)
    await pilot.pause()


def marked(app: MirrorApp) -> list[str]:
    """The labels that are marked, and the signs in the margins of their rows."""
    screen = app.screen
    assert isinstance(screen, ReleasesScreen)
    lines = [screen.rows.render_line(y).text for y in range(1, len(screen.rows.items) + 1)]
    return [line.split()[1] for line in lines if line.startswith("✓")]


@pytest.mark.parametrize(
    ("keys", "labels"),
    [
        (("space", "space"), ["2026.11", "2026.10"]),
        (("space", "up", "space"), []),
        (("v", "down", "space"), ["2026.11", "2026.10"]),
        (("a",), ["2026.11", "2026.10", "edge"]),
        (("a", "a"), []),
        (("space", "s", "S", "r"), ["2026.11"]),
        (("slash", *"2026", "enter", "a", "escape"), ["2026.11", "2026.10"]),
        (("a", "escape"), []),
        (("space", "v", "escape"), ["2026.11"]),
    ],
)
async def test_marks_stay_until_they_are_cleared(keys: tuple[str, ...], labels: list[str]) -> None:
    """`space` marks and goes on, `v` a range, `a` all in view; escape clears filter, range, marks in turn."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await press_on(app, pilot, *keys)
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert sorted(marked(app)) == sorted(labels)
        assert (f"✓ {len(labels)} marked" in shown(app, "#details")) is bool(labels)


async def test_marks_that_a_filter_hides_are_told_and_kept() -> None:
    """The number is of all that is marked; what is out of view is said."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await press_on(app, pilot, "space", "slash", *"edge", "enter", "space")
        assert "2 marked, 1 not in view" in shown(app, "#details")


async def test_a_mark_goes_with_its_release() -> None:
    """What is not tracked any more is not marked."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await press_on(app, pilot, "a")
        backend.tracked = backend.tracked[:2]
        await press_on(app, pilot, "r")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "2 marked" in shown(app, "#details")


async def test_unpin_of_marked_releases_is_one_dialog_and_one_job() -> None:
    """It lists every pin with its release; the sum counts what they share once."""
    backend = two_pinned()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await press_on(app, pilot, "space", "space", "u")
        assert isinstance(app.screen, ConfirmDialog)
        assert app.screen.heading == "Unpin 2 pins of 2 releases"
        text = app.screen.query_one(Lines).text
        assert "-p linux-x86_64 of 2026.11" in text
        assert "-p linux-x86_64 of 2026.10" in text
        forecast = await backend.forecast_unpin_many(releases=[item[1].root for item in backend.tracked])
        each = sum(line.bytes for line in forecast.going)
        assert forecast.plan.leaving.bytes < each
        assert f"{figures.size(forecast.plan.leaving.bytes)}  leave the pin set" in text
        await pilot.press("y")
        await app.workers.wait_for_complete()
        assert [verb for verb, _ in backend.calls] == ["unpin"]
        assert backend.calls[0][1] == " ".join(str(line.cid) for line in forecast.going)


async def test_verify_and_untrack_are_of_what_is_marked_one_job_each() -> None:
    """Untracking lists the releases first; the one that is not marked stays."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await press_on(app, pilot, "down", "space", "space", "V")
        await app.workers.wait_for_complete()
        cids = [str(release.root) for _, release, _ in backend.tracked]
        assert backend.calls == [("verify", cids[1]), ("verify", cids[2])]
        await press_on(app, pilot, "T")
        assert isinstance(app.screen, ConfirmDialog)
        text = app.screen.query_one(Lines).text
        assert [label for label in ("2026.11", "2026.10", "edge") if label in text] == ["2026.10", "edge"]
        await pilot.press("y")
        await app.workers.wait_for_complete()
        assert backend.calls[2:] == [("untrack", cids[1]), ("untrack", cids[2])]
        assert [label for label, _, _ in backend.tracked] == ["2026.11"]


async def test_pin_of_marked_releases_sums_what_they_share_once() -> None:
    """One dialog: each release by itself, and together less than that; one job each."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await press_on(app, pilot, "space", "space", "p")
        assert isinstance(app.screen, PlansDialog)
        forecasts = app.screen.forecasts
        together = fetched_together(forecast.plan for forecast in forecasts)
        assert together.bytes < sum(forecast.plan.fetch.bytes for forecast in forecasts)
        text = app.screen.query_one("#numbers", Lines).text
        assert f"~{figures.size(together.bytes)}" in text
        assert f"{figures.size(FREE - together.bytes)} after" in text
        assert app.focused is not None
        assert app.focused.id == "no"
        await pilot.press("y")
        await app.workers.wait_for_complete()
        assert backend.calls == [("pin", ""), ("pin", "")]


async def test_too_much_together_cannot_be_pinned() -> None:
    """Each alone would fit; the dialog says what would be left, and has no button to pin."""
    backend = filled_backend()
    forecasts = [await backend.forecast_pin(item[1].root, Selection.parse()) for item in backend.tracked[:2]]
    together = fetched_together(forecast.plan for forecast in forecasts)
    tight = [
        replace(forecast, free_bytes=together.bytes + 99, reserve_bytes=100, refusal=None)
        for forecast in forecasts
    ]
    for forecast in tight:
        for part in forecast.plan.parts:
            assert part.tree
    assert obstacle_of(tight) == "together too much: 99 B would be left, and 100 B are to stay free"
    assert obstacle_of([replace(forecast, reserve_bytes=99) for forecast in tight]) == ""
    assert obstacle_of([]) == "all of it is pinned already"


@pytest.mark.parametrize(
    ("keys", "compared"),
    [
        (("space", "down", "space", "d"), ("edge", "2026.11")),
        (("end", "space", "home", "space", "d"), ("edge", "2026.11")),
        (("space", "end", "d"), ("edge", "2026.10")),
        (("a", "d"), None),
    ],
)
async def test_two_marked_releases_are_compared(
    keys: tuple[str, ...], compared: tuple[str, str] | None
) -> None:
    """The older one is the old one, however they were marked; of three it is not clear which are meant."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await press_on(app, pilot, *keys)
        await app.workers.wait_for_complete()
        await pilot.pause()
        view = app.compared
        assert (None if view is None else (view.old.name, view.new.name)) == compared


async def test_clicks_on_the_header_sort_and_on_the_margin_mark() -> None:
    """A header sorts by its column, again turns it round; one without an order does nothing."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await press_on(app, pilot)
        rows = app.screen.query_one(RowList)
        for title, labels in (
            ("LABEL", ["2026.10", "2026.11", "edge"]),
            ("LABEL", ["edge", "2026.11", "2026.10"]),
            ("PLATFORMS", ["edge", "2026.11", "2026.10"]),
            ("WHEELS", ["edge", "2026.10", "2026.11"]),
        ):
            x = rows.render_line(0).text.index(title) + 1
            await pilot.click(rows, offset=(x, 0))
            await pilot.pause()
            assert [line.split()[1] for line in listed(app)] == labels, title
        await pilot.click(rows, offset=(0, 2))
        await pilot.pause()
        assert marked(app) == ["2026.10"]
        await pilot.click(rows, offset=(0, 2))
        await pilot.pause()
        assert marked(app) == []
        assert isinstance(app.screen, ReleasesScreen)


async def test_the_copy_menu_copies_what_was_chosen_and_shows_it() -> None:
    """CID, pip line, `ipfs` line and our own; escape copies nothing."""
    cid = "QmXxxc7s8SU4Fgm3MzqNNrDu2jLirVfLHqv7vug3DUdMdS"
    expected = [
        cid,
        f"pip install --index-url http://127.0.0.1:8085/ipfs/{cid}/ PROJECT",
        f"ipfs pin add {cid}",
        "ipwhl-mirror pin 2026.11",
    ]
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        for number, text in enumerate(expected):
            await press_on(app, pilot, "Y")
            assert isinstance(app.screen, CopyDialog)
            assert [item.text for item in app.screen.texts] == expected
            await pilot.press(*["down"] * number, "enter")
            await app.workers.wait_for_complete()
            await pilot.pause()
            assert app.clipboard == text
            assert [notice.message for notice in app._notifications][-1] == text
        app.copy_to_clipboard("before")
        await press_on(app, pilot, "Y")
        await pilot.press("escape")
        await pilot.pause()
        assert app.clipboard == "before"


async def test_m_opens_the_platforms_of_a_release() -> None:
    """The cursor is on the first platform, wherever it was, and no filter hides it."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await press_on(app, pilot, "enter")
        await press_on(app, pilot, "slash", *"numpy", "enter", "end", "1", "m")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(app.screen, ContentsScreen)
        assert app.screen.rows.cursor == 0
        assert isinstance(app.screen.rows.current, PlatformRow)
        assert len(app.screen.rows.items) > 20
