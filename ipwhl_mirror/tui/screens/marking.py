"""A view whose rows can be marked: what the marking keys do, and how the number of marked rows is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipwhl_mirror.domain import figures
from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.screens.view import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.tui.widgets.lines import Line
    from ipwhl_mirror.tui.widgets.row_list import RowList


class MarkingView(View):
    """A subclass has `rows`, a list with a sign for marks, and calls `keep_marks` after every reading."""

    rows: RowList[Any]

    def action_mark(self) -> None:
        self.rows.toggle_mark()

    def action_range(self) -> None:
        self.rows.toggle_range()

    def action_mark_all(self) -> None:
        self.rows.toggle_all()

    def with_marks(self, lines: Sequence[Line]) -> list[Line]:
        """These lines, the first one after the number of what is marked."""
        return [(*self._marks_line(), *line) if not at else line for at, line in enumerate(lines)]

    def _marks_line(self) -> Line:
        marked = len(self.rows.marked)
        if not marked:
            return ()
        listed = sum(self.rows.is_marked(item) for item in self.rows.items)
        hidden = f", {figures.count(marked - listed)} not in view" if listed < marked else ""
        sign = self.desk.glyphs.taken
        return (Cell(f"{sign} {figures.count(marked)} marked{hidden}  ", Tone.KEY),)
