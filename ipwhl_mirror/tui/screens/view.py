"""What the full screens share: the top and bottom line, the keys, the filter, the order and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.screen import Screen

from ipwhl_mirror.tui.jobs import Failure
from ipwhl_mirror.tui.keys import changes_something
from ipwhl_mirror.tui.messages import BackAsked
from ipwhl_mirror.tui.vacancy import ASKING, failure_lines, no_match_lines, text_of, waiting_lines
from ipwhl_mirror.tui.widgets.filter_bar import Filter, FilterBar
from ipwhl_mirror.tui.widgets.key_bar import KeyBar
from ipwhl_mirror.tui.widgets.row_list import RowList
from ipwhl_mirror.tui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget

    from ipwhl_mirror.tui.backend import Overview
    from ipwhl_mirror.tui.desk import Desk
    from ipwhl_mirror.tui.sorting import Sorting
    from ipwhl_mirror.tui.widgets.lines import Line


class View(Screen[None]):
    """A screen around one list. A subclass composes its body, lists rows, and says where we are."""

    NAME: ClassVar[str] = ""
    """What the view is called in the crumbs of those that are opened from it."""

    VERTICAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-low"),
        (32, "-tall"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.status_bar = StatusBar(desk)
        self.filter_bar = FilterBar()
        self.sorting: Sorting[Any] | None = None
        self.has_overview = False
        self.trouble: Failure | None = None

    def compose(self) -> ComposeResult:
        yield self.status_bar
        yield from self.compose_body()
        yield KeyBar(self.desk.keymap)

    def compose_body(self) -> ComposeResult:
        """Everything between the first and the last line; yields `self.filter_bar` once."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.watch(self.app, "overview", self.show_overview)
        self.watch(self.app, "outage", self.status_bar.show_outage)
        self.watch(self.app, "job_changes", self.show_jobs)
        self.watch(self.app, "trouble", self.show_trouble)
        self.query_one(RowList).vacancy = self.vacancy

    def show_overview(self, overview: Overview | None) -> None:
        """The node and the releases were read again."""
        self.has_overview = overview is not None
        self.status_bar.show_node(overview)
        self.query_one(RowList).redraw()

    def show_trouble(self, trouble: Failure | None) -> None:
        """Nothing can be read, or it can again."""
        self.trouble = trouble
        self.query_one(RowList).redraw()

    def pending(self) -> str | Failure:
        """What is being read for this view, or why it could not be; empty when it was read."""
        return "" if self.has_overview else self.trouble or ASKING

    def nothing_there(self) -> list[Line]:
        """Why the list is empty although everything was read."""
        return []

    def vacancy(self, width: int) -> list[Line]:
        """What the list says while it has no rows, in lines of `width` cells."""
        pending, glyphs = self.pending(), self.desk.glyphs
        if isinstance(pending, Failure):
            return failure_lines(pending, glyphs.failed, self.desk.keymap.key("app.refresh"), width)
        if pending:
            return waiting_lines(pending, glyphs.fetching)
        if self.filter_bar.value.strip():
            return no_match_lines(self.filter_bar.value, self.desk.keymap.key("list.back"))
        return self.nothing_there()

    @property
    def said(self) -> str:
        """The words that stand in the place of rows; empty where there are rows."""
        return "" if self.query_one(RowList).items else text_of(self.vacancy(80))

    def read_again(self) -> None:
        """Try again what could not be read for this view alone."""

    def show_jobs(self) -> None:
        """A job is further."""
        self.status_bar.refresh()

    def narrow(self, wanted: Filter) -> None:
        """Show only the rows that pass."""
        raise NotImplementedError

    def list_rows(self) -> None:
        """List again, filtered and sorted; a view with `sorting` does."""
        raise NotImplementedError

    def show_sorting(self) -> None:
        """Say in the header what the rows are sorted by."""
        if self.sorting is not None:
            glyphs = self.desk.glyphs
            mark = glyphs.sorted_up if self.sorting.is_reversed else glyphs.sorted_down
            self.query_one(RowList).mark_sorted(self.sorting.order.value, mark)

    def sort(self, sorting: Sorting[Any]) -> None:
        """List in this order."""
        self.sorting = sorting
        self.list_rows()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "back" and not self.can_go_back:
            return False
        return not (self.desk.is_read_only and changes_something(action))

    @property
    def can_go_back(self) -> bool:
        """There is a filter, range or mark to clear, or another view to return to."""
        return True

    def action_find(self) -> None:
        self.filter_bar.open()

    def action_back(self) -> None:
        rows = self.query_one(RowList)
        if self.filter_bar.value:
            self.filter_bar.clear_words()
        elif rows.has_range:
            rows.toggle_range()
        elif rows.marked:
            rows.clear_marks()
        else:
            self.post_message(BackAsked())

    def action_sort(self) -> None:
        if self.sorting is not None:
            self.sort(self.sorting.next(self.query_one(RowList).shown_columns))

    def action_reverse(self) -> None:
        if self.sorting is not None:
            self.sort(self.sorting.turned())

    @on(RowList.HeaderPressed)
    def _header_pressed(self, event: RowList.HeaderPressed) -> None:
        if self.sorting is not None:
            self.sort(self.sorting.of_column(event.column))

    @on(FilterBar.Narrowed)
    def _narrowed(self, event: FilterBar.Narrowed) -> None:
        self.narrow(event.filter)

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self._list().focus()

    def _list(self) -> Widget:
        return self.query_one(RowList)
