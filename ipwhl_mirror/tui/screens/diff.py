"""What one release has that an older one has not, project by project, and what following it would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.content_spots import AtProject
from ipwhl_mirror.tui.diff_rows import (
    COLUMNS,
    Change,
    DiffRow,
    Order,
    diff_rows,
    row_cells,
    row_details,
    total_lines,
)
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.sorting import Sorting
from ipwhl_mirror.tui.vacancy import nothing_lines
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Lines
from ipwhl_mirror.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.tui.backend import DiffView, ReleaseSummary
    from ipwhl_mirror.tui.cells import Cell
    from ipwhl_mirror.tui.desk import Desk
    from ipwhl_mirror.tui.jobs import Failure
    from ipwhl_mirror.tui.widgets.lines import Line


class DiffScreen(View):
    """Opened from the releases."""

    NAME = "Diff"
    sorting: Sorting[Order]
    CSS_PATH = "diff.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.DIFF)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._view: DiffView | None = None
        self._waits_for = ""
        self._asked: tuple[ReleaseSummary, ReleaseSummary] | None = None
        self._failure: Failure | None = None
        self.sorting = Sorting(Order.LARGEST)
        self._filter = Filter()
        cut = desk.glyphs.cut
        self.rows: RowList[DiffRow] = RowList(
            COLUMNS, draw=self._draw, key=lambda row: row.project.project, cut_mark=cut, id="diff"
        )
        self.details = Lines(cut_mark=cut, id="details", classes="foot")
        self.totals = Lines(cut_mark=cut, id="totals", classes="foot")

    def compose_body(self) -> ComposeResult:
        yield self.rows
        yield self.filter_bar
        yield self.details
        yield self.totals

    def on_mount(self) -> None:
        self.watch(self.app, "compared", self.show_view)

    def expect(self, old: ReleaseSummary, new: ReleaseSummary) -> None:
        """Say that two releases are being compared."""
        self._view = self._failure = None
        self._asked = (old, new)
        self._waits_for = f"comparing {safe_text(old.name)} with {safe_text(new.name)}"
        self.rows.show([])
        self._crumbs(old, new)

    def show_failure(self, failure: Failure) -> None:
        """They could not be compared."""
        self._failure = failure
        self.rows.redraw()

    def pending(self) -> str | Failure:
        if self._view is not None:
            return ""
        return self._failure or self._waits_for or super().pending()

    def nothing_there(self) -> list[Line]:
        return nothing_lines("The two hold the same wheels.")

    def read_again(self) -> None:
        if self._failure is not None and self._asked is not None:
            self.post_message(messages.CompareAsked(*self._asked))

    def show_view(self, view: DiffView | None) -> None:
        """Two releases were compared."""
        self._view = view
        if view is not None:
            self._crumbs(view.old, view.new)
        self.list_rows()

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self.list_rows()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("open", "other") and self._view is None:
            return False
        if action == "pin" and not (self._view is not None and self._view.costs):
            return False
        return super().check_action(action, parameters)

    def action_open(self) -> None:
        if self._view is None:
            return
        row = self.rows.current
        if row is None:
            self.post_message(messages.Opened(self._view.new))
        else:
            release = self._view.old if row.change is Change.REMOVED else self._view.new
            self.post_message(messages.Opened(release, AtProject(row.project.project)))

    def action_pin(self) -> None:
        """Pin the same parts of the new release as are pinned of the old one."""
        view = self._view
        if view is not None:
            parts = tuple((view.new, Selection.from_cli_text(text)) for text, _ in view.costs)
            self.post_message(messages.PinManyAsked(parts))

    def action_other(self) -> None:
        if self._view is not None:
            self.post_message(messages.OtherDiffAsked(self._view.old, self._view.new))

    @on(RowList.Moved)
    def _moved(self) -> None:
        dot = self.desk.glyphs.dot
        row = self.rows.current
        if self._view is None:
            self.details.show([])
            self.totals.show([])
        else:
            self.details.show([] if row is None else row_details(row, self._view.here, dot))
            self.totals.show(total_lines(self._view, dot))
        self.refresh_bindings()

    @on(RowList.Pressed)
    def _pressed(self, event: RowList.Pressed) -> None:
        if event.again:
            self.action_open()

    def list_rows(self) -> None:
        self.rows.show([] if self._view is None else diff_rows(self._view, self._filter, self.sorting))
        self.show_sorting()

    def _crumbs(self, old: ReleaseSummary, new: ReleaseSummary) -> None:
        self.status_bar.show_crumbs(["Releases", f"{safe_text(old.name)} -> {safe_text(new.name)}", "Diff"])

    def _draw(self, row: DiffRow) -> tuple[Cell, ...]:
        return row_cells(row, frozenset() if self._view is None else self._view.here)
