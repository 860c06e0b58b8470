"""What is pinned on the node, ours and not, what each pin alone keeps, and how full the disk is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.backend import KeptRelease, PinEntry
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.pin_rows import (
    COLUMNS,
    Order,
    PinRow,
    pin_rows,
    row_cells,
    row_details,
    row_key,
)
from ipwhl_mirror.tui.screens.marking import MarkingView
from ipwhl_mirror.tui.sorting import Sorting
from ipwhl_mirror.tui.vacancy import nothing_lines
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Line, Lines
from ipwhl_mirror.tui.widgets.row_list import RowList
from ipwhl_mirror.tui.widgets.storage_bar import StorageBar, Unknown

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.tui.backend import Overview, ReleaseSummary, Storage
    from ipwhl_mirror.tui.cells import Cell
    from ipwhl_mirror.tui.desk import Desk
    from ipwhl_mirror.tui.jobs import Failure


class PinsScreen(MarkingView):
    """The fourth screen."""

    NAME = "Pins"
    sorting: Sorting[Order]

    CSS_PATH = "pins.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.PINS)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._storage: Storage | None = None
        self._reclaimable: int | Unknown = Unknown.COUNTING
        self._overview: Overview | None = None
        self._failure: Failure | None = None
        self.sorting = Sorting(Order.RELEASE)
        self._filter = Filter()
        cut = desk.glyphs.cut
        self.rows: RowList[PinRow] = RowList(
            COLUMNS,
            draw=self._draw,
            key=row_key,
            cut_mark=cut,
            mark_sign=desk.glyphs.taken,
            id="pins",
        )
        self._details = Lines(cut_mark=cut, id="details", classes="foot")
        self.bar = StorageBar(desk.glyphs, id="disk", classes="foot")

    def compose_body(self) -> ComposeResult:
        yield self.rows
        yield self.filter_bar
        yield self._details
        yield self.bar

    def on_mount(self) -> None:
        self.status_bar.show_crumbs(["ipwhl-mirror", "Pins and storage"])
        self.watch(self.app, "storage", self.show_storage)
        self.watch(self.app, "reclaimable", self.show_reclaimable)

    def show_overview(self, overview: Overview | None) -> None:
        super().show_overview(overview)
        self._overview = overview

    def show_storage(self, storage: Storage | None) -> None:
        """What is pinned was read again."""
        self._storage, self._failure = storage, None
        self.bar.show(storage, self._reclaimable)
        if storage is not None:
            self.rows.keep_marks([*storage.releases, *storage.pins])
        self.list_rows()

    def show_failure(self, failure: Failure) -> None:
        """What is pinned could not be read; what was read before stays."""
        self._failure = failure
        self.rows.redraw()

    def pending(self) -> str | Failure:
        if self._storage is not None:
            return ""
        return self.trouble or self._failure or "asking the node what is pinned"

    def nothing_there(self) -> list[Line]:
        return nothing_lines(
            "Nothing is pinned on this node yet.",
            (self.desk.keymap.key("view.releases"), "shows the releases, where pinning starts"),
        )

    def show_reclaimable(self, reclaimable: int | Unknown) -> None:
        """What a collection would remove is known, or is being counted."""
        self._reclaimable = reclaimable
        self.bar.show(self._storage, reclaimable)

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self.list_rows()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        row = self.rows.current
        if action in ("copy", "mark", "range", "mark_all") and row is None:
            return False
        if action == "open" and self._summary() is None:
            return False
        if action == "verify" and not self._releases_meant():
            return False
        if action == "unpin" and not self.pins_meant():
            return False
        if action == "export" and (not isinstance(row, PinEntry) or row.selection is None):
            return False
        return super().check_action(action, parameters)

    def pins_meant(self) -> list[PinEntry]:
        """The pins of ours among what is marked, or under the cursor; a release means all of its pins."""
        pins = () if self._storage is None else self._storage.pins
        rows = self.rows.marked_items
        releases = {row.cid for row in rows if isinstance(row, KeptRelease)}
        meant = {row.cid for row in rows if isinstance(row, PinEntry)}
        return [entry for entry in pins if entry.can_go and (entry.cid in meant or entry.release in releases)]

    def action_open(self) -> None:
        if (summary := self._summary()) is not None:
            self.post_message(messages.Opened(summary))

    def action_unpin(self) -> None:
        pins = tuple(entry.cid for entry in self.pins_meant())
        self.post_message(messages.UnpinManyAsked(pins=pins))

    def action_export(self) -> None:
        entry, summary = self.rows.current, self._summary()
        if isinstance(entry, PinEntry) and summary is not None and entry.selection is not None:
            selection = Selection.from_cli_text(entry.selection)
            self.post_message(messages.ExportAsked(summary, selection))

    def action_verify(self) -> None:
        for summary in self._releases_meant():
            self.post_message(messages.VerifyAsked(summary))

    def action_prune(self) -> None:
        self.post_message(messages.PruneAsked())

    def action_collect(self) -> None:
        self.post_message(messages.CollectAsked())

    def action_copy(self) -> None:
        if (entry := self.rows.current) is not None:
            self.post_message(messages.CopyAsked(str(entry.cid)))

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._details.show(self._foot())
        self.refresh_bindings()

    @on(RowList.Pressed)
    def _pressed(self, event: RowList.Pressed) -> None:
        if event.again and self.check_action("open", ()):
            self.action_open()

    def _summary(self) -> ReleaseSummary | None:
        row = self.rows.current
        return None if row is None else self._tracked(row)

    def _tracked(self, row: PinRow) -> ReleaseSummary | None:
        cid = row.cid if isinstance(row, KeptRelease) else row.release
        releases = () if self._overview is None else self._overview.releases
        return next((item for item in releases if item.cid == cid), None)

    def _releases_meant(self) -> list[ReleaseSummary]:
        """The releases of what is marked, or of what is under the cursor, each once."""
        found = [self._tracked(row) for row in self.rows.marked_items]
        return list({item.cid: item for item in found if item is not None}.values())

    def list_rows(self) -> None:
        storage = self._storage
        self.rows.show([] if storage is None else pin_rows(storage, self._filter, self.sorting))
        self.show_sorting()

    def _draw(self, row: PinRow) -> tuple[Cell, ...]:
        return row_cells(row, self.desk.glyphs, None if self._overview is None else self._overview.now)

    def _foot(self) -> list[Line]:
        row, storage = self.rows.current, self._storage
        if storage is None or row is None:
            return [(), ()]
        return self.with_marks(row_details(row, storage, self.desk.glyphs))
