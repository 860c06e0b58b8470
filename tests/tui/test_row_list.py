"""The list: only what is on screen is drawn, the cursor keeps its item, and no text is markup."""

from __future__ import annotations

import pytest
from rich.style import Style
from textual.app import App, ComposeResult
from textual.geometry import Region

from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.widgets.columns import Align, Column, visible_columns
from ipwhl_mirror.tui.widgets.row_lines import Plain, line_strip
from ipwhl_mirror.tui.widgets.row_list import RowList

COLUMNS = (
    Column(title="NAME", width=10, flexible=True),
    Column(title="SIZE", width=6, align=Align.RIGHT, rank=1),
    Column(title="NOTE", width=20, rank=2),
)


class Listing(App[None]):
    """A list and nothing else."""

    CSS = """
    .tone--bad { color: red; }
    .row-list--cursor { background: blue; }
    .row-list--range { background: green; }
    """

    def __init__(self, items: list[str]) -> None:
        super().__init__()
        self.drawn: list[str] = []
        self.moves = 0
        self.pressed: list[tuple[int, bool]] = []
        self.items = items
        self.rows: RowList[str] = RowList(COLUMNS, draw=self.draw_item, key=lambda item: item, cut_mark="…")

    def compose(self) -> ComposeResult:
        yield self.rows

    def on_mount(self) -> None:
        self.rows.show(self.items)

    def draw_item(self, item: str) -> tuple[Cell, ...]:
        self.drawn.append(item)
        return Cell(item, cut=Cut.MIDDLE), Cell("1"), Cell("note")

    def on_row_list_moved(self) -> None:
        self.moves += 1

    def on_row_list_pressed(self, event: RowList.Pressed) -> None:
        self.pressed.append((event.x, event.again))

    def line(self, y: int) -> str:
        return self.rows.render_line(y).text


def names(count: int) -> list[str]:
    return [f"row-{number:05}" for number in range(count)]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, [(0, 48), (1, 6), (2, 20)]),
        (42, [(0, 10), (1, 6), (2, 20)]),
        (41, [(0, 31), (1, 6)]),
        (19, [(0, 17)]),
        (5, [(0, 10)]),
    ],
)
def test_columns_drop_by_rank_and_the_flexible_one_takes_the_rest(
    width: int, expected: list[tuple[int, int]]
) -> None:
    """The highest rank goes first; rank 0 stays."""
    assert visible_columns(COLUMNS, width) == expected


async def test_only_rows_on_screen_are_drawn() -> None:
    """50,000 rows cost what 23 cost, at the top and at the bottom."""
    app = Listing(names(50_000))
    async with app.run_test(size=(60, 24)) as pilot:
        await pilot.pause()
        assert set(app.drawn) == set(names(23))
        app.drawn.clear()
        await pilot.press("end")
        await pilot.pause()
        assert app.rows.current == "row-49999"
        assert set(app.drawn) <= set(names(50_000)[-24:]) | {"row-00000"}
        assert app.line(23).strip().startswith("row-49999")


async def test_cursor_keeps_its_item_over_sorting_and_filtering() -> None:
    """The cursor follows the item's key; when the item is gone it stays near."""
    app = Listing(names(100))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press(*["down"] * 30)
        assert app.rows.current == "row-00030"
        app.rows.show(names(100)[::-1])
        await pilot.pause()
        assert app.rows.current == "row-00030"
        assert any("row-00030" in app.line(y) for y in range(1, 12))
        app.rows.show(names(100)[20:40])
        await pilot.pause()
        assert app.rows.current == "row-00030"
        app.rows.show(names(10))
        await pilot.pause()
        assert app.rows.current == "row-00009"
        app.rows.show([])
        await pilot.pause()
        assert app.rows.current is None


@pytest.mark.parametrize(
    ("keys", "row"),
    [
        (("down", "j", "k"), 1),
        (("pagedown",), 10),
        (("pagedown", "pageup"), 0),
        (("G", "up"), 98),
        (("end", "g"), 0),
        (("up",), 0),
        (("end", "down"), 99),
    ],
)
async def test_keys_move_the_cursor_and_stop_at_the_ends(keys: tuple[str, ...], row: int) -> None:
    """Arrows and letters, pages, ends."""
    app = Listing(names(100))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press(*keys)
        assert app.rows.cursor == row


async def test_range_spans_from_its_start_to_the_cursor() -> None:
    """A range holds the rows between, in order, in either direction."""
    app = Listing(names(10))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("down", "down", "down")
        app.rows.toggle_range()
        await pilot.press("up", "up")
        assert app.rows.range_items == names(10)[1:4]
        app.rows.toggle_range()
        assert app.rows.range_items == ["row-00001"]


async def test_click_moves_the_cursor_and_a_second_one_says_so() -> None:
    """The header is not a row, and a click below the last row is nowhere."""
    app = Listing(names(5))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.click(RowList, offset=(4, 3))
        await pilot.click(RowList, offset=(4, 3))
        await pilot.click(RowList, offset=(4, 0))
        await pilot.click(RowList, offset=(4, 9))
        await pilot.pause()
        assert app.rows.cursor == 2
        assert app.pressed == [(3, False), (3, True)]


async def test_text_is_never_markup_and_long_names_are_cut_in_the_middle() -> None:
    """Brackets of every kind are shown as they are; each line is exactly as wide as the list."""
    hostile = ["[/red]x", "a[/]b", "pkg[test]-1.0", "[@click=app.quit]run[/]", "x" * 40 + "-end.whl"]
    app = Listing(hostile)
    async with app.run_test(size=(38, 12)) as pilot:
        await pilot.pause()
        for y, name in enumerate(hostile[:4], 1):
            assert name in app.line(y)
        assert "…" in app.line(5)
        assert "-end.whl" in app.line(5)
        assert {app.rows.render_line(y).cell_length for y in range(12)} == {38}


async def test_one_message_for_a_burst_of_moves() -> None:
    """Moves that wait together are told once."""
    app = Listing(names(100))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        before = app.moves
        for _ in range(20):
            app.rows.action_cursor_down()
        await pilot.pause()
        assert app.rows.cursor == 20
        assert app.moves == before + 1


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(("down", "down", "up"), id="within the screen"),
        pytest.param(("pagedown", "down", "pageup", "up"), id="pages"),
        pytest.param(("end", "up", "home"), id="ends"),
        pytest.param(("down", "V_RANGE", "down", "down", "up", "pagedown"), id="range"),
        pytest.param(("down", "V_RANGE", "down", "down", "V_RANGE", "up"), id="range that ended"),
    ],
)
async def test_what_is_painted_again_is_all_that_changed(keys: tuple[str, ...]) -> None:
    """After every move the screen is as if all of it had been painted anew."""
    app = Listing(names(60))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        for key in keys:
            if key == "V_RANGE":
                app.rows.toggle_range()
            else:
                await pilot.press(key)
            await pilot.pause()
            whole = Region(0, 0, *app.rows.outer_size)
            painted = app.rows.render_lines(whole)
            app.rows.redraw()
            assert painted == app.rows.render_lines(whole), key


async def test_a_move_draws_the_row_it_goes_to_and_no_other() -> None:
    """The rest of the screen is known."""
    app = Listing(names(60))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("down", "down")
        app.drawn.clear()
        await pilot.press("down")
        await pilot.pause()
        assert set(app.drawn) <= {"row-00002", "row-00003"}


async def test_rows_are_drawn_again_when_told_or_in_other_colours() -> None:
    """What is known of a row is forgotten with `redraw`, and with the theme."""
    app = Listing(names(60))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        for change in (app.rows.redraw, lambda: setattr(app, "theme", "textual-light")):
            before = app.rows.render_line(5)
            app.drawn.clear()
            change()
            await pilot.pause()
            assert set(app.drawn) == set(names(11))
            assert (app.rows.render_line(5) == before) is (change == app.rows.redraw)


def test_a_line_is_as_wide_as_it_should_be() -> None:
    """Cells stand below their titles, cut where there is no room, whatever the width."""
    columns = [(0, 10), (1, 6)]
    cells = [Cell("a name that is long", cut=Cut.MIDDLE), Cell("日本"), Cell("left out")]
    blend = Plain(Style())
    for width in (5, 19, 20, 40):
        strip = line_strip(cells, COLUMNS, columns, width=width, cut_mark="…", blend=blend)
        assert strip.cell_length == sum(segment.cell_length for segment in strip) == width
    line = line_strip(cells, COLUMNS, columns, width=20, cut_mark="…", blend=blend, sign="*")
    assert line.text == "*a nam…long    日本 "
