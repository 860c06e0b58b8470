"""A list of any length, drawn line by line: only the rows on screen cost anything.

The list shows the items of a `CursorList` by a `draw` function, one line an item, under a header. Columns
that do not fit are left out by rank, and the one flexible column takes what remains, cut in the middle. The
cells it draws are safe text (`tui.cells`); it reads no markup. The sign of a mark stands in the margin. What
the items mean, and what keys other than movement do, is the screen's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.message import Message
from textual.strip import Strip

from ipwhl_mirror.tui.cells import TONE_CLASSES, Cell, fit_line, strip_of, tone_style
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.widgets.columns import GAP, MARGIN, Column, visible_columns
from ipwhl_mirror.tui.widgets.cursor_list import CursorList
from ipwhl_mirror.tui.widgets.row_lines import Blend, Plain, line_strip

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from typing import Self

    from rich.style import Style
    from textual import events
    from textual.binding import BindingType
    from textual.geometry import Region

    from ipwhl_mirror.tui.widgets.lines import Line

ItemT = TypeVar("ItemT")


def _nothing(width: int) -> Sequence[Line]:
    return ()


class RowList(CursorList[ItemT], can_focus=True):
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

    @dataclass
    class Pressed(Message):
        """A row was clicked `x` cells from its left edge. The cursor is on it; `again` when it was before."""

        rows: RowList[object]
        x: int
        again: bool

        @property
        def control(self) -> RowList[object]:
            return self.rows

    @dataclass
    class HeaderPressed(Message):
        """The header of a column was clicked."""

        rows: RowList[object]
        column: int

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
        mark_sign: str = "",
        id: str | None = None,  # noqa: A002
    ) -> None:
        """`draw` gives one cell for each of `columns`; `key` tells items apart over refreshes.

        `mark_sign` is one cell; where it is empty nothing can be marked.
        """
        super().__init__(key=key, mark_sign=mark_sign, id=id)
        self._columns = tuple(columns)
        self._draw = draw
        self._cut_mark = cut_mark
        self._sorted = (-1, "")
        self._layout: tuple[int, list[tuple[int, int]]] = (-1, [])
        self.vacancy: Callable[[int], Sequence[Line]] = _nothing
        """What stands below the header while there are no items, for so many cells."""
        self._tones: Blend | None = None
        self._base: Style | None = None
        self._drawn: dict[int, Strip] = {}

    @property
    def shown_columns(self) -> tuple[int, ...]:
        """The numbers of the columns that there is room for."""
        return tuple(index for index, _ in self._visible())

    def show_columns(self, columns: Sequence[Column], *, spot: int | None) -> None:
        """List under these columns, with the cursor in one of them."""
        self._columns = tuple(columns)
        self._layout = (-1, [])
        self.spot = spot
        self.refresh()
        self.post_message(self.Moved(self))  # type: ignore[arg-type]

    def mark_sorted(self, column: int, mark: str) -> None:
        """Show in the header which column the rows are sorted by."""
        self._sorted = (column, mark)
        self.refresh()

    def redraw(self) -> None:
        """Draw again: what `draw` gives has changed."""
        self.refresh()

    def watch_spot(self, before: int | None, spot: int | None) -> None:
        if self.is_attached and before != spot:
            self.refresh()
            self.post_message(self.Moved(self))  # type: ignore[arg-type]

    def on_click(self, event: events.Click) -> None:
        row = self.scroll_offset.y + event.y - 1
        column = self._column_at(event.x)
        if event.y == 0 and column is not None:
            self.post_message(self.HeaderPressed(self, column))  # type: ignore[arg-type]
        if event.y == 0 or not 0 <= row < len(self._items):
            return
        if self._mark_sign and event.x < MARGIN:
            self.cursor = row
            self._toggle(self._items[row : row + 1])
            return
        again = row == self.cursor and (self.spot is None or column == self.spot)
        if self.spot is not None and column:
            self.spot = column
        self.cursor = row
        self.post_message(self.Pressed(self, event.x - MARGIN, again))  # type: ignore[arg-type]

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._tones = None

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        if not regions:
            self._drawn.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def render_lines(self, crop: Region) -> list[Strip]:
        self._base = self.rich_style
        try:
            return super().render_lines(crop)
        finally:
            self._base = None

    def render_line(self, y: int) -> Strip:
        if y == 0:
            at, mark = self._sorted
            titles = [
                Cell(column.title + (mark if index == at else ""), Tone.HEAD)
                for index, column in enumerate(self._columns)
            ]
            return self._line(titles, Plain(self.get_component_rich_style("row-list--header")))
        row = self.scroll_offset.y + y - 1
        blend = self._blend()
        if row >= len(self._items):
            return Strip.blank(self.size.width, blend.base) if self._items else self._vacant_line(y, blend)
        first, last = self._range()
        if first <= row <= last:
            return self._picked_line(row, blend)
        strip = self._drawn.get(row)
        if strip is None or strip.cell_length != self.size.width:
            item = self._items[row]
            strip = self._drawn[row] = self._line(self._draw(item), blend, sign=self._sign(item))
        return strip

    def _picked_line(self, row: int, blend: Blend) -> Strip:
        """A row of the range, or the one under the cursor."""
        item = self._items[row]
        cells, sign = self._draw(item), self._sign(item)
        if row != self.cursor:
            return self._line(cells, Plain(self.get_component_rich_style("row-list--range")), sign=sign)
        under_cursor = self.get_component_rich_style("row-list--cursor")
        if self.spot is None:
            return self._line(cells, Plain(under_cursor), sign=sign)
        return self._line(cells, blend, spot=blend.base + under_cursor)

    def _vacant_line(self, y: int, blend: Blend) -> Strip:
        """A line of a list without items: an empty one, then what is said."""
        width = self.size.width
        said = self.vacancy(width - 2 * MARGIN)
        if not 0 <= y - 2 < len(said):
            return Strip.blank(width, blend.base)
        line = fit_line(said[y - 2], width - 2 * MARGIN, self._cut_mark)
        return strip_of([Cell(" " * MARGIN), *line], width, blend.base, blend.__getitem__)

    def _sign(self, item: ItemT) -> str:
        return self._mark_sign if self._picked and item in self._picked else ""

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
        blend: Blend,
        *,
        spot: Style | None = None,
        sign: str = "",
    ) -> Strip:
        """One line; `spot` is the style of the cell in the spot column and of the first one."""
        return line_strip(
            cells,
            self._columns,
            self._visible(),
            width=self.size.width,
            cut_mark=self._cut_mark,
            blend=blend,
            sign=sign,
            spots=(0, self.spot or 0),
            spot=spot,
        )

    def _blend(self) -> Blend:
        """The styles of the rows; asked for once a frame, not once a line."""
        base = self._base or self.rich_style
        if self._tones is None or self._tones.base != base:
            self._tones = Blend(base, lambda tone: tone_style(self, tone))
            self._drawn.clear()
        return self._tones
