"""What the full screens share: the top and bottom line, the keys, the filter and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.screen import Screen

from ipwhl_mirror.tui.keys import changes_something
from ipwhl_mirror.tui.messages import BackAsked
from ipwhl_mirror.tui.widgets.filter_bar import Filter, FilterBar
from ipwhl_mirror.tui.widgets.key_bar import KeyBar
from ipwhl_mirror.tui.widgets.row_list import RowList
from ipwhl_mirror.tui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget

    from ipwhl_mirror.tui.backend import Overview
    from ipwhl_mirror.tui.desk import Desk


class View(Screen[None]):
    """A screen around one list. A subclass composes its body, lists rows, and says where we are."""

    VERTICAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-low"),
        (32, "-tall"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.status_bar = StatusBar(desk)
        self.filter_bar = FilterBar()

    def compose(self) -> ComposeResult:
        yield self.status_bar
        yield from self.compose_body()
        yield KeyBar()

    def compose_body(self) -> ComposeResult:
        """Everything between the first and the last line; yields `self.filter_bar` once."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.watch(self.app, "overview", self.show_overview)
        self.watch(self.app, "job_changes", self.show_jobs)

    def show_overview(self, overview: Overview | None) -> None:
        """The node and the releases were read again."""
        self.status_bar.show_node(overview)

    def show_jobs(self) -> None:
        """A job is further."""
        self.status_bar.refresh()

    def narrow(self, wanted: Filter) -> None:
        """Show only the rows that pass."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "back" and not self.can_go_back:
            return False
        return not (self.desk.is_read_only and changes_something(action))

    @property
    def can_go_back(self) -> bool:
        """There is a range or filter to clear, or another view to return to."""
        return True

    def action_find(self) -> None:
        self.filter_bar.open()

    def action_back(self) -> None:
        rows = self.query_one(RowList)
        if rows.has_range:
            rows.toggle_range()
        elif self.filter_bar.value:
            self.filter_bar.clear_words()
        else:
            self.post_message(BackAsked())

    @on(FilterBar.Narrowed)
    def _narrowed(self, event: FilterBar.Narrowed) -> None:
        self.narrow(event.filter)

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self._list().focus()

    def _list(self) -> Widget:
        return self.query_one(RowList)
