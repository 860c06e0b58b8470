"""The other ways to show what the terminal UI shows: Textual's own table, and as little as Textual can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.text import Text
from textual.app import App
from textual.geometry import Size
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import DataTable, Static

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.app import ComposeResult

    from ipwhl_mirror.tui.cells import Cell

TABLE = "a DataTable with the same cells"
PLAIN = "a list of plain text"

TableRow = tuple[Text, ...]


class Bare(App[None]):
    """One line of text: the least that an application can be."""

    def compose(self) -> ComposeResult:
        yield Static("nothing else", markup=False)


class PlainList(ScrollView, can_focus=True):
    """Lines of text without columns, styles, a cursor or a header."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: Sequence[str] = ()

    def show(self, lines: Sequence[str]) -> None:
        """List these."""
        self._lines = lines
        self.virtual_size = Size(self.size.width, len(lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        row = self.scroll_offset.y + y
        text = self._lines[row] if row < len(self._lines) else ""
        return Strip([Segment(text)]).adjust_cell_length(self.size.width)


class PlainScreen(Screen[None]):
    """Such a list and nothing else."""

    AUTO_FOCUS: ClassVar[str | None] = "PlainList"

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self.rows = PlainList()
        self._lines = lines

    def compose(self) -> ComposeResult:
        yield self.rows

    def on_mount(self) -> None:
        self.rows.show(self._lines)


class TableScreen(Screen[None]):
    """A `DataTable` and nothing else."""

    AUTO_FOCUS: ClassVar[str | None] = "DataTable"

    def __init__(self, titles: Sequence[str], rows: Iterable[TableRow] = ()) -> None:
        super().__init__()
        self.rows: DataTable[Text] = DataTable(cursor_type="row")
        self._titles = titles
        self._first = rows

    def compose(self) -> ComposeResult:
        yield self.rows

    def on_mount(self) -> None:
        self.rows.add_columns(*self._titles)
        self.rows.add_rows(self._first)

    def show(self, rows: Iterable[TableRow]) -> None:
        """List these instead of what is listed."""
        self.rows.clear()
        self.rows.add_rows(rows)


def table_row(cells: Iterable[Cell]) -> TableRow:
    """Cells as a table takes them without reading markup."""
    return tuple(Text(cell.text) for cell in cells)


def plain_line(cells: Iterable[Cell]) -> str:
    """Cells as one text."""
    return "  ".join(cell.text for cell in cells)
