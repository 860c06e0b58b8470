"""Sources with what is believed of them, and the mirrors that follow them: how each stands, when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on

from ipwhl_mirror.services.mirrors import MirrorStatus
from ipwhl_mirror.services.sources import SourceStatus
from ipwhl_mirror.sources.trust import newest
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.mirror_rows import (
    COLUMNS,
    FollowRow,
    Order,
    follow_rows,
    row_cells,
    row_details,
    row_key,
)
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.sorting import Sorting
from ipwhl_mirror.tui.vacancy import nothing_lines
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Line, Lines
from ipwhl_mirror.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.tui.backend import Overview, ReleaseSummary
    from ipwhl_mirror.tui.cells import Cell
    from ipwhl_mirror.tui.desk import Desk


class MirrorsScreen(View):
    """The sixth screen."""

    NAME = "Mirrors"
    sorting: Sorting[Order]
    CSS_PATH = "mirrors.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.MIRRORS)

    def __init__(self, desk: Desk, address_of: Callable[[str], str]) -> None:
        """`address_of` tells where a mirror is for pip."""
        super().__init__(desk)
        self._overview: Overview | None = None
        self._address_of = address_of
        self.sorting = Sorting(Order.NAME)
        self._filter = Filter()
        cut = desk.glyphs.cut
        self.rows: RowList[FollowRow] = RowList(
            COLUMNS, draw=self._draw, key=row_key, cut_mark=cut, id="mirrors"
        )
        self._details = Lines(cut_mark=cut, id="details", classes="foot")

    def compose_body(self) -> ComposeResult:
        yield self.rows
        yield self.filter_bar
        yield self._details

    def on_mount(self) -> None:
        self.status_bar.show_crumbs(["ipwhl-mirror", "Sources and mirrors"])

    def show_overview(self, overview: Overview | None) -> None:
        super().show_overview(overview)
        self._overview = overview
        self.list_rows()
        self.refresh_bindings()

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self.list_rows()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        row = self.rows.current
        mirror = row if isinstance(row, MirrorStatus) else None
        if action in ("sync", "go_to") and (mirror is None or mirror.config is None):
            return False
        if action == "remove_source" and not isinstance(row, SourceStatus):
            return False
        if action == "open" and self.summary is None:
            return False
        if action == "copy" and row is None:
            return False
        if action == "update" and (self._overview is None or not self._overview.sources):
            return False
        return super().check_action(action, parameters)

    @property
    def summary(self) -> ReleaseSummary | None:
        """The release that the row under the cursor is at, where it is tracked."""
        row, overview = self.rows.current, self._overview
        if row is None or overview is None:
            return None
        if isinstance(row, SourceStatus):
            announced = newest(row.trust)
            digest = None if announced is None else announced[1].digest
        else:
            digest = None if row.current is None else row.current.release
        return next((summary for summary in overview.releases if summary.cid.digest == digest), None)

    def action_open(self) -> None:
        if (summary := self.summary) is not None:
            self.post_message(messages.Opened(summary))

    def action_sync(self) -> None:
        if isinstance(row := self.rows.current, MirrorStatus):
            self.post_message(messages.SyncAsked(row.name))

    def action_go_to(self) -> None:
        if isinstance(row := self.rows.current, MirrorStatus):
            self.post_message(messages.GoToAsked(row))

    def action_update(self) -> None:
        self.post_message(messages.UpdateAsked())

    def action_add_source(self) -> None:
        self.post_message(messages.SourceAddAsked())

    def action_remove_source(self) -> None:
        if isinstance(row := self.rows.current, SourceStatus):
            self.post_message(messages.SourceRemoveAsked(row.trust.name))

    def action_copy(self) -> None:
        if (row := self.rows.current) is not None:
            text = self._address_of(row.name) if isinstance(row, MirrorStatus) else row.trust.url
            self.post_message(messages.CopyAsked(text))

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._details.show(self._detail_lines())
        self.refresh_bindings()

    @on(RowList.Pressed)
    def _pressed(self, event: RowList.Pressed) -> None:
        if event.again:
            self.action_open()

    def list_rows(self) -> None:
        overview = self._overview
        rows = [] if overview is None else follow_rows(overview, self._filter, self.sorting, self.desk.glyphs)
        self.rows.show(rows)
        self._details.show(self._detail_lines())
        self.show_sorting()

    def nothing_there(self) -> list[Line]:
        keymap = self.desk.keymap
        return nothing_lines(
            "No source is followed: a source announces releases, a mirror keeps the newest.",
            (keymap.key("mirror.add_source"), "adds a source; mirrors are in the configuration file"),
            (keymap.key("view.releases"), "shows the releases, where one can be tracked by hand"),
        )

    def _draw(self, row: FollowRow) -> tuple[Cell, ...]:
        assert self._overview is not None, "rows come from it"
        return row_cells(row, self._overview, self.desk.glyphs)

    def _detail_lines(self) -> list[Line]:
        row, overview = self.rows.current, self._overview
        if row is None or overview is None:
            return [(), (), ()]
        address = self._address_of(row.name) if isinstance(row, MirrorStatus) else ""
        return row_details(row, overview, address, self.desk.glyphs)
