"""A list of any length, drawn line by line: only the rows on screen cost anything.

The list shows a sequence of items by a `draw` function, one line an item, under a header. Its cursor stands
on an item, not on a number: after `show` with other items it is on the item with the same key, or as near as
there is. Columns that do not fit are left out by rank, and the one flexible column takes what remains, cut
in the middle. The cells it draws are safe text (`tui.cells`); it reads no markup.

What the items mean, and what keys other than movement do, is the screen's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from rich.cells import cell_len
from rich.style import Style
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBarRender
from textual.strip import Strip

from ipwhl_mirror.tui.cells import TONE_CLASSES, Cell, fit, strip_of, tone_style
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.widgets.columns import GAP, MARGIN, Align, Column, visible_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from textual import events
    from textual.binding import BindingType

ItemT = TypeVar("ItemT")


class _AsciiScrollBar(ScrollBarRender):
    """Moves by whole cells."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8


class RowList(ScrollView, Generic[ItemT], can_focus=True):
    """The list.

    | component class | for |
    |---|---|
    | `row-list--header` | the header line |
    | `row-list--cursor` | the row under the cursor |
    | `row-list--range` | rows of a range |
    | `tone--*` | cells by what they say |
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.LIST)
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row-list--header",
        "row-list--cursor",
        "row-list--range",
        *TONE_CLASSES,
    }
    DEFAULT_CSS = """
    RowList {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
    }
    """

    spot: reactive[int | None] = reactive[int | None](None, repaint=False)
    """The column whose cell alone is under the cursor; None: the whole row is."""

    cursor: reactive[int] = reactive(0, repaint=False)
    """The row under the cursor; 0 in an empty list."""

    @dataclass
    class Moved(Message):
        """The cursor is on another item, or the items are others."""

        rows: RowList[object]

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RowList.Moved) and message.rows is self.rows

        @property
        def control(self) -> RowList[object]:
            return self.rows

    @dataclass
    class Pressed(Message):
        """A row was clicked `x` cells from its left edge. The cursor is on it; `again` when it was before."""

        rows: RowList[object]
        x: int
        again: bool

        @property
        def control(self) -> RowList[object]:
            return self.rows

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        draw: Callable[[ItemT], Sequence[Cell]],
        key: Callable[[ItemT], Hashable],
        cut_mark: str,
        id: str | None = None,  # noqa: A002
    ) -> None:
        """`draw` gives one cell for each of `columns`; `key` tells items apart over refreshes."""
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._draw = draw
        self._key = key
        self._cut_mark = cut_mark
        self._items: Sequence[ItemT] = ()
        self._anchor: int | None = None
        self._sorted = (-1, "")
        self._layout: tuple[int, list[tuple[int, int]]] = (-1, [])
        self._tones: dict[Tone, Style] = {}

    @property
    def items(self) -> Sequence[ItemT]:
        """What is listed."""
        return self._items

    @property
    def current(self) -> ItemT | None:
        """The item under the cursor."""
        return self._items[self.cursor] if self._items else None

    @property
    def range_items(self) -> Sequence[ItemT]:
        """The items of the range; the one under the cursor when there is no range."""
        if not self._items:
            return ()
        first, last = self._range()
        return self._items[first : last + 1]

    @property
    def has_range(self) -> bool:
        """A range was started."""
        return self._anchor is not None

    def show_columns(self, columns: Sequence[Column], *, spot: int | None) -> None:
        """List under these columns, with the cursor in one of them."""
        self._columns = tuple(columns)
        self._layout = (-1, [])
        self.spot = spot
        self.refresh()

    def move_spot(self, by: int) -> None:
        """Move to a column beside it; the first stays out of it, and those that do not fit."""
        if self.spot is not None:
            shown = [index for index, _ in self._visible() if index]
            self.spot = max(min(self.spot + by, max(shown, default=1)), 1)

    def show(self, items: Sequence[ItemT]) -> None:
        """List these items; the cursor stays on its item where it is still there."""
        before = self.current
        wanted = None if before is None else self._key(before)
        row = min(self.cursor, max(len(items) - 1, 0))
        if wanted is not None and items and self._key(items[row]) != wanted:
            row = next((at for at, item in enumerate(items) if self._key(item) == wanted), row)
        offset = row - self.cursor
        self._items = items
        self._anchor = None
        self._resize()
        self.cursor = row
        if offset:
            self.scroll_to(y=self.scroll_offset.y + offset, animate=False)
        self._keep_in_view()
        self.refresh()
        self.post_message(self.Moved(self))  # type: ignore[arg-type]

    def move_to(self, row: int) -> None:
        """Put the cursor on a row, or on the nearest there is."""
        self.cursor = row

    def toggle_range(self) -> None:
        """Start a range at the cursor, or end it."""
        self._anchor = self.cursor if self._anchor is None else None
        self.refresh()

    def mark_sorted(self, column: int, mark: str) -> None:
        """Show in the header which column the rows are sorted by."""
        self._sorted = (column, mark)
        self.refresh()

    def redraw(self) -> None:
        """Draw again: what `draw` gives has changed."""
        self.refresh()

    def on_mount(self) -> None:
        if self._cut_mark.isascii():
            self.vertical_scrollbar.renderer = _AsciiScrollBar  # type: ignore[misc]

    def validate_cursor(self, row: int) -> int:
        return max(0, min(row, len(self._items) - 1))

    def watch_cursor(self, before: int, row: int) -> None:
        if self.is_attached:
            self._keep_in_view()
            self.refresh()
            if before != row:
                self.post_message(self.Moved(self))  # type: ignore[arg-type]

    def watch_spot(self, before: int | None, spot: int | None) -> None:
        if self.is_attached and before != spot:
            self.refresh()
            self.post_message(self.Moved(self))  # type: ignore[arg-type]

    def action_cursor_up(self) -> None:
        self.cursor -= 1

    def action_cursor_down(self) -> None:
        self.cursor += 1

    def action_page_up(self) -> None:
        self.cursor -= self._page

    def action_page_down(self) -> None:
        self.cursor += self._page

    def action_top(self) -> None:
        self.cursor = 0

    def action_bottom(self) -> None:
        self.cursor = len(self._items) - 1

    def on_resize(self) -> None:
        self._resize()
        self._keep_in_view()

    def on_click(self, event: events.Click) -> None:
        row = self.scroll_offset.y + event.y - 1
        if event.y == 0 or not 0 <= row < len(self._items):
            return
        column = self._column_at(event.x)
        again = row == self.cursor and (self.spot is None or column == self.spot)
        if self.spot is not None and column:
            self.spot = column
        self.cursor = row
        self.post_message(self.Pressed(self, event.x - MARGIN, again))  # type: ignore[arg-type]

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._tones.clear()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            head = self.get_component_rich_style("row-list--header")
            at, mark = self._sorted
            titles = [
                Cell(column.title + (mark if index == at else ""), Tone.HEAD)
                for index, column in enumerate(self._columns)
            ]
            return self._line(titles, head, self._no_tone)
        row = self.scroll_offset.y + y - 1
        if row >= len(self._items):
            return Strip.blank(width, self.rich_style)
        cells = self._draw(self._items[row])
        if row == self.cursor:
            under_cursor = self.get_component_rich_style("row-list--cursor")
            if self.spot is None:
                return self._line(cells, under_cursor, self._no_tone)
            return self._line(cells, self.rich_style, self._tone, under_cursor)
        first, last = self._range()
        if self._anchor is not None and first <= row <= last:
            return self._line(cells, self.get_component_rich_style("row-list--range"), self._no_tone)
        return self._line(cells, self.rich_style, self._tone)

    @property
    def _page(self) -> int:
        return max(self.size.height - 2, 1)

    def _range(self) -> tuple[int, int]:
        anchor = self.cursor if self._anchor is None else self._anchor
        return min(anchor, self.cursor), max(anchor, self.cursor)

    def _resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._items) + 1)

    def _keep_in_view(self) -> None:
        shown = self.size.height - 1
        top = self.scroll_offset.y
        if shown <= 0:
            return
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + shown:
            self.scroll_to(y=self.cursor - shown + 1, animate=False)

    def _visible(self) -> list[tuple[int, int]]:
        width = self.size.width
        if self._layout[0] != width:
            self._layout = (width, visible_columns(self._columns, width))
        return self._layout[1]

    def _column_at(self, x: int) -> int | None:
        left = MARGIN
        for index, width in self._visible():
            if x < left + width + GAP:
                return index
            left += width + GAP
        return None

    def _line(
        self,
        cells: Sequence[Cell],
        base: Style,
        tone: Callable[[Tone], Style],
        spot: Style | None = None,
    ) -> Strip:
        """One line; `spot` is the style of the cell in the spot column and of the first one."""
        width = self.size.width
        drawn = [Cell(" " * MARGIN)]
        for index, column_width in self._visible():
            column = self._columns[index]
            cell = fit(cells[index], column_width, self._cut_mark)
            pad = " " * (column_width - cell_len(cell.text))
            text = pad + cell.text if column.align is Align.RIGHT else cell.text + pad
            is_spot = spot is not None and index in (0, self.spot)
            drawn += (Cell(text, Tone.SPOT if is_spot else cell.tone), Cell(" " * GAP))
        return strip_of(drawn[:-1], width, base, lambda of: spot if spot and of is Tone.SPOT else tone(of))

    def _tone(self, tone: Tone) -> Style:
        style = self._tones.get(tone)
        if style is None:
            style = self._tones[tone] = tone_style(self, tone)
        return style

    def _no_tone(self, tone: Tone) -> Style:
        return Style.null()
