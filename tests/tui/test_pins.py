"""The pins screen: whose each pin is, what it alone keeps, and what may be asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.nodes.base import GcPreview
from ipwhl_mirror.tui.backend import PinEntry, PinOwner, Storage
from ipwhl_mirror.tui.glyphs import ASCII, UNICODE, Glyphs
from ipwhl_mirror.tui.screens.confirm import ConfirmDialog
from ipwhl_mirror.tui.screens.keep import KeepDialog
from ipwhl_mirror.tui.screens.pins import PinsScreen, storage_line
from ipwhl_mirror.tui.widgets.lines import Lines
from tests.tui.scripted import ScriptedBackend, app_on, empty_backend, filled_backend

if TYPE_CHECKING:
    from ipwhl_mirror.tui.app import MirrorApp

HOSTILE = 'photos"\x1b]52;c;x\x07[/red]\u202e'
FOREIGN = PinEntry(cid=Cid.of(b"photos", RAW), owner=PinOwner.OTHER, name=HOSTILE)


def two_releases() -> ScriptedBackend:
    """One platform of each of two releases, which share most, and another program's pin."""
    backend = filled_backend()
    backend.keep(backend.tracked[1][1], Selection.parse(platforms=["linux-x86_64"]))
    backend.foreign = (FOREIGN,)
    return backend


def listed(app: MirrorApp) -> list[str]:
    assert isinstance(app.screen, PinsScreen)
    rows = app.screen.rows
    return [rows.render_line(y).text.strip() for y in range(1, len(rows.items) + 1)]


def foot(app: MirrorApp) -> str:
    return app.screen.query_one("#details", Lines).text


async def test_pins_say_whose_they_are_and_what_they_alone_keep() -> None:
    """Ours with release and bytes, then what no other pin keeps; others' by their names, made safe."""
    app = app_on(two_releases())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("4")
        await app.workers.wait_for_complete()
        await pilot.pause()
        first, second, third = listed(app)
        assert first.startswith("● -p linux-x86_64")
        assert "2026.11" in first
        assert "126.3 MB" in first
        assert "2026.10" in second
        alone = [entry.only_here for entry in app.storage.pins[:2]] if app.storage else []
        assert all(0 < size < 126_315_092 for size in alone)
        assert third.startswith("◇ not ours: ")
        assert not set(third) & {"\x1b", "\x07", "\u202e"}
        assert "ours " in foot(app)
        assert "free 212.0 GB" in foot(app)


async def test_another_program_s_pin_is_only_looked_at() -> None:
    """It can be copied; no key opens, unpins or verifies it."""
    backend = two_releases()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await app.workers.wait_for_complete()
        await pilot.press("end")
        await pilot.pause()
        assert "never touched" in foot(app)
        await pilot.press("u", "V", "enter")
        await pilot.pause()
        assert isinstance(app.screen, PinsScreen)
        assert backend.calls == []


async def test_unpin_is_of_the_pin_under_the_cursor() -> None:
    """The dialog lists that pin alone; afterwards the list is without it."""
    backend = two_releases()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await app.workers.wait_for_complete()
        await pilot.press("down", "u")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmDialog)
        assert "2026.10" in app.screen.heading
        await pilot.press("y")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert [verb for verb, _ in backend.calls] == ["unpin"]
        assert len(listed(app)) == 2


@pytest.mark.parametrize(("typed", "verbs"), [("1", ["prune"]), ("2", []), ("", [])])
async def test_prune_shows_what_goes_and_removes_exactly_that(typed: str, verbs: list[str]) -> None:
    """A number is asked for; with nothing older there is nothing to confirm."""
    backend = two_releases()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await app.workers.wait_for_complete()
        await pilot.press("P")
        await pilot.pause()
        assert isinstance(app.screen, KeepDialog)
        app.screen.keep_input.value = typed
        await pilot.press("enter")
        await pilot.pause()
        if verbs:
            assert isinstance(app.screen, ConfirmDialog)
            shown = app.screen.query_one(Lines).text
            assert "kept: 2026.11" in shown
            assert "1 pin to go" in shown
            await pilot.press("y")
        else:
            await pilot.press("escape")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert [verb for verb, _ in backend.calls] == verbs


async def test_a_collection_is_told_in_bytes_before_it_runs() -> None:
    """With what it does to other programs' blocks; Cancel has the focus."""
    backend = two_releases()
    backend.garbage = GcPreview(blocks=7, bytes=3_000_000, whole_store=True)
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4", "c")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmDialog)
        shown = app.screen.query_one(Lines).text
        assert "3.0 MB" in shown
        assert "other programs left unpinned" in shown
        assert app.focused is not None
        assert app.focused.id == "no"
        await pilot.press("enter")
        await pilot.pause()
        assert backend.calls == []
        await pilot.press("c")
        await pilot.pause()
        await pilot.press("y")
        await app.workers.wait_for_complete()
        assert backend.calls == [("gc", "3000000")]


async def test_sorting_by_what_a_pin_alone_keeps() -> None:
    """The column that sorts is marked; the order can be turned round."""
    app = app_on(two_releases())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("4")
        await app.workers.wait_for_complete()
        await pilot.press("s", "s")
        await pilot.pause()
        assert isinstance(app.screen, PinsScreen)
        assert "ONLY HERE▾" in app.screen.rows.render_line(0).text
        sizes = [entry.only_here for entry in app.screen.rows.items]
        assert sizes == sorted(sizes, reverse=True)
        await pilot.press("S")
        await pilot.pause()
        assert [entry.only_here for entry in app.screen.rows.items] == sorted(sizes)


async def test_an_empty_node_says_so() -> None:
    """And how full its disk is."""
    app = app_on(empty_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "Nothing is pinned" in foot(app)
        assert "free" in foot(app)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize(
    ("ours", "other", "free"), [(0, 0, 0), (1, 0, 10**12), (10**12, 0, 0), (5, 5, 5), (1, 10**12, 1)]
)
def test_the_disk_bar_is_as_long_as_it_should_be(glyphs: Glyphs, ours: int, other: int, free: int) -> None:
    """Three parts of one length; a part that is there has at least one cell, where there is room."""
    storage = Storage(pins=(), ours=ours, shared=0, other=other, free=free)
    full, part, empty, _ = storage_line(storage, glyphs)
    assert len(full.text) + len(part.text) + len(empty.text) == 12
    assert bool(full.text) == bool(ours)
