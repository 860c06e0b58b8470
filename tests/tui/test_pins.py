"""The pins screen: whose each pin is, what it alone keeps, and what may be asked of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.nodes.base import GcPreview
from ipwhl_mirror.tui.backend import PinEntry, PinOwner, Storage
from ipwhl_mirror.tui.glyphs import ASCII, UNICODE, Glyphs, Tone
from ipwhl_mirror.tui.screens.confirm import ConfirmDialog
from ipwhl_mirror.tui.screens.keep import KeepDialog
from ipwhl_mirror.tui.screens.pins import PinsScreen
from ipwhl_mirror.tui.widgets.lines import Lines
from ipwhl_mirror.tui.widgets.storage_bar import StorageBar, Unknown, cells_of, disk_parts, legend
from tests.tui.scripted import Broken, ScriptedBackend, app_on, empty_backend, filled_backend

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
        assert "ours " in app.screen.query_one(StorageBar).text
        assert "free 212.0 GB" in app.screen.query_one(StorageBar).text


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
        await pilot.press("s", "s", "s")
        await pilot.pause()
        assert isinstance(app.screen, PinsScreen)
        assert "ONLY HERE▾" in app.screen.rows.render_line(0).text
        sizes = [entry.only_here for entry in app.screen.rows.items][:-1]
        assert sizes == sorted(sizes, reverse=True)
        await pilot.press("S")
        await pilot.pause()
        assert [entry.only_here for entry in app.screen.rows.items][:-1] == sorted(sizes)


async def test_an_empty_node_says_so() -> None:
    """And how full its disk is."""
    app = app_on(empty_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(app.screen, PinsScreen)
        assert isinstance(app.screen, PinsScreen)
        assert "Nothing is pinned" in app.screen.said
        assert "free 212.0 GB" in app.screen.query_one(StorageBar).text


SIZES = [(0, 0, 0, 0, 0), (5, 5, 5, 5, 5), (1, 0, 10**12, 1, 1), (0, 0, 0, 0, 10**12), (1, 1, 1, 1, 10**12)]


@pytest.mark.parametrize("width", [1, 12, 78, 198])
@pytest.mark.parametrize("amounts", SIZES, ids=str)
def test_the_disk_bar_is_as_long_as_it_should_be(amounts: tuple[int, ...], width: int) -> None:
    """Shares fill the width; what is there has at least one cell where there is room, the rest none."""
    shares = cells_of(amounts, width)
    assert sum(shares) == width
    total = sum(amounts)
    if total and width >= len(amounts):
        assert [share > 0 for share in shares] == [amount > 0 for amount in amounts]
    if len(set(amounts)) == 1 and total:
        assert max(shares) - min(shares) <= 1


def storage_of(**values: int) -> Storage:
    storage = Storage(pins=(), ours=900, shared=300, other=500, free=1000)
    return replace(storage, budget=values.get("budget", 0), reserve=values.get("reserve", 0))


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize(
    ("reclaimable", "other", "word"),
    [(200, 300, "200 B"), (0, 500, "0 B"), (700, 0, "700 B"), (Unknown.COUNTING, 500, "counting")],
)
def test_the_parts_of_the_disk_add_up(
    glyphs: Glyphs, reclaimable: int | Unknown, other: int, word: str
) -> None:
    """What is reclaimable is part of what else the node keeps; the parts are the disk."""
    storage = storage_of()
    parts = {part.word: part.bytes for part in disk_parts(storage, reclaimable, glyphs)}
    assert sum(parts.values()) == storage.ours + storage.other + storage.free
    assert (parts["ours"], parts["ours, shared"], parts["other"], parts["free"]) == (600, 300, other, 1000)
    assert len({part.glyph for part in disk_parts(storage, reclaimable, glyphs)}) == 5
    entries = ["".join(cell.text for cell in line) for line in legend(storage, reclaimable, glyphs)]
    assert f"{glyphs.bar_gone} reclaimable {word}" in entries[3]
    if glyphs is ASCII:
        assert "".join(entries).isascii()


@pytest.mark.parametrize(
    ("values", "words", "is_bad"),
    [
        ({"budget": 2000}, "budget 1.4 of 2.0 kB used", False),
        ({"budget": 1400}, "budget 1.4 of 1.4 kB used", False),
        ({"budget": 1000}, "budget 1.4 of 1.0 kB used, 400 B over", True),
        ({"reserve": 1000}, "reserve 1.0 kB", False),
        ({"reserve": 1001}, "reserve 1.0 kB, 1 B short", True),
    ],
)
def test_budget_and_reserve_warn_when_they_are_not_kept(
    values: dict[str, int], words: str, is_bad: bool
) -> None:
    """The budget is for all the node keeps, the reserve for what is free."""
    line = legend(storage_of(**values), 0, UNICODE)[-1]
    assert "".join(cell.text for cell in line) == words
    assert (line[-1].tone is Tone.BAD) is is_bad


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_the_bar_is_as_wide_as_the_screen_and_nothing_is_cut(size: tuple[int, int]) -> None:
    """Every entry of the legend is whole, whatever the width."""
    app = app_on(two_releases())
    async with app.run_test(size=size) as pilot:
        await pilot.press("4")
        await app.workers.wait_for_complete()
        await pilot.pause()
        bar = app.screen.query_one(StorageBar)
        lines = [bar.render_line(y).text for y in range(bar.size.height)]
        assert len(lines[0].strip()) == bar.size.width == size[0] - 2
        for entry in bar.text.splitlines():
            assert any(entry in line for line in lines), entry


async def test_reclaimable_is_counted_beside_and_no_more_when_one_leaves() -> None:
    """The pins are there before the number is; leaving ends the count, coming back begins it again."""
    backend = two_releases()
    backend.garbage = GcPreview(blocks=7, bytes=3_000_000)
    backend.counting = asyncio.Event()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await pilot.pause()
        await pilot.pause()
        assert len(listed(app)) == 3
        assert "reclaimable counting" in app.screen.query_one(StorageBar).text
        await pilot.press("1")
        await pilot.pause()
        assert backend.calls == [("cancelled", "preview")]
        backend.counting.set()
        await pilot.press("4")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "reclaimable 3.0 MB" in app.screen.query_one(StorageBar).text


async def test_a_count_that_fails_is_said() -> None:
    """In words where the number would stand; the pins stay."""
    backend = two_releases()

    async def fail() -> GcPreview:
        raise Broken("the node does not answer")

    backend.preview_gc = fail  # type: ignore[method-assign]
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await pilot.pause()
        await pilot.pause()
        assert "reclaimable not known" in app.screen.query_one(StorageBar).text
        assert len(listed(app)) == 3


def many_pins() -> ScriptedBackend:
    """Two parts of the newest release, one of the one before it, and another program's pin."""
    backend = two_releases()
    backend.keep(backend.tracked[0][1], Selection.parse(platforms=["macos-arm64"]))
    return backend


async def test_a_release_with_several_pins_has_their_sum_above_them() -> None:
    """What all its pins together alone keep is more than each alone; foreign pins are last in any order."""
    app = app_on(many_pins())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("4")
        await app.workers.wait_for_complete()
        await pilot.pause()
        rows = [line.split("  ")[0] for line in listed(app)]
        assert rows[0] == "2026.11"
        assert rows[1:4] == ["● -p linux-x86_64", "● -p macos-arm64", "● -p linux-x86_64"]
        assert app.storage is not None
        newest = app.storage.releases[0]
        alone = sum(entry.only_here for entry in app.storage.pins if entry.release == newest.cid)
        assert newest.only_here > alone
        assert f"2026.11 alone keeps {figures.size(newest.only_here)}" in foot(app)
        for keys in (("s",), ("S",), ("s",), ("s", "S")):
            await pilot.press(*keys)
            await pilot.pause()
            assert listed(app)[-1].startswith("◇")
            assert len(listed(app)) == 4


@pytest.mark.parametrize(
    ("keys", "heading", "pins"),
    [
        (("u",), "Unpin 2 pins of 2026.11", 2),
        (("down", "u"), "Unpin 1 pin of 2026.11", 1),
        (("down", "space", "down", "space", "u"), "Unpin 2 pins of 2 releases", 2),
        (("v", "end", "u"), "Unpin 3 pins of 2 releases", 3),
    ],
)
async def test_unpin_is_of_exactly_the_marked_pins(keys: tuple[str, ...], heading: str, pins: int) -> None:
    """A release stands for its pins; another program's pin is never among them; one dialog, one job."""
    backend = many_pins()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await app.workers.wait_for_complete()
        await pilot.press(*keys)
        await pilot.pause()
        assert isinstance(app.screen, ConfirmDialog)
        assert app.screen.heading == heading
        await pilot.press("y")
        await app.workers.wait_for_complete()
        assert [verb for verb, _ in backend.calls] == ["unpin"]
        assert len(backend.calls[0][1].split()) == pins
        assert str(FOREIGN.cid) not in backend.calls[0][1]


async def test_a_long_list_of_pins_scrolls_in_the_dialog() -> None:
    """Every pin is listed; the sums and the buttons are in view from the beginning."""
    backend = two_releases()
    _, release, _ = backend.tracked[2]
    for name in [project.name for project in release.projects][:40]:
        backend.keep(release, Selection.parse(projects=[name]))
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await app.workers.wait_for_complete()
        await pilot.press("a", "u")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmDialog)
        going = len((await backend.storage()).pins) - 1
        assert going > 12
        text = app.screen.query_one(Lines).text
        assert sum(line.startswith("  -") for line in text.splitlines()) == going
        assert app.screen.query_one("#no").region.bottom < 24
        before = app.screen.scroll.scroll_offset.y
        await pilot.press("down", "down")
        await pilot.pause()
        assert app.screen.scroll.scroll_offset.y == before + 2
