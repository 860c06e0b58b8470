"""What is pinned on the node, ours and not, what each pin alone keeps, and how full the disk is."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from textual import on

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.backend import PinOwner
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Glyphs, Look, Tone
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.widgets.columns import Align, Column
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Line, Lines
from ipwhl_mirror.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.tui.backend import Overview, PinEntry, ReleaseSummary, Storage
    from ipwhl_mirror.tui.desk import Desk

COLUMNS = (
    Column(title="PIN", width=24, flexible=True),
    Column(title="RELEASE", width=14, rank=2),
    Column(title="WHEELS", width=7, align=Align.RIGHT, rank=4),
    Column(title="BYTES", width=9, align=Align.RIGHT),
    Column(title="ONLY HERE", width=10, align=Align.RIGHT, rank=1),
    Column(title="VERIFIED", width=8, align=Align.RIGHT, rank=3),
    Column(title="CID", width=46, rank=8),
)

_BAR = 12


class Order(Enum):
    """How the list is sorted; the value is the column that shows it."""

    RELEASE = 1
    LARGEST = 3
    ALONE = 4


class PinsScreen(View):
    """The fourth screen."""

    CSS_PATH = "pins.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.PINS)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._storage: Storage | None = None
        self._overview: Overview | None = None
        self._order = Order.RELEASE
        self._reverse = False
        self._filter = Filter()
        cut = desk.glyphs.cut
        self.rows: RowList[PinEntry] = RowList(
            COLUMNS, draw=self._draw, key=lambda entry: entry.cid, cut_mark=cut, id="pins"
        )
        self._details = Lines(cut_mark=cut, id="details", classes="foot")

    def compose_body(self) -> ComposeResult:
        yield self.rows
        yield self.filter_bar
        yield self._details

    def on_mount(self) -> None:
        self.status_bar.show_crumbs(["ipwhl-mirror", "Pins and storage"])
        self.watch(self.app, "storage", self.show_storage)

    def show_overview(self, overview: Overview | None) -> None:
        super().show_overview(overview)
        self._overview = overview

    def show_storage(self, storage: Storage | None) -> None:
        """What is pinned was read again."""
        self._storage = storage
        self._list_rows()

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self._list_rows()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        entry = self.rows.current
        if action in ("open", "verify") and (entry is None or self._summary() is None):
            return False
        if action == "unpin" and not (entry is not None and entry.can_go and self._summary() is not None):
            return False
        if action == "copy" and entry is None:
            return False
        if action == "export" and (entry is None or entry.selection is None or self._summary() is None):
            return False
        return super().check_action(action, parameters)

    def action_open(self) -> None:
        if (summary := self._summary()) is not None:
            self.post_message(messages.Opened(summary))

    def action_unpin(self) -> None:
        entry, summary = self.rows.current, self._summary()
        if entry is not None and summary is not None and entry.selection is not None:
            selection = Selection.from_cli_text(entry.selection)
            self.post_message(messages.UnpinAsked(summary, selection))

    def action_export(self) -> None:
        entry, summary = self.rows.current, self._summary()
        if entry is not None and summary is not None and entry.selection is not None:
            selection = Selection.from_cli_text(entry.selection)
            self.post_message(messages.ExportAsked(summary, selection))

    def action_verify(self) -> None:
        if (summary := self._summary()) is not None:
            self.post_message(messages.VerifyAsked(summary))

    def action_prune(self) -> None:
        self.post_message(messages.PruneAsked())

    def action_collect(self) -> None:
        self.post_message(messages.CollectAsked())

    def action_copy(self) -> None:
        if (entry := self.rows.current) is not None:
            self.post_message(messages.CopyAsked(str(entry.cid)))

    def action_sort(self) -> None:
        orders = list(Order)
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self._reverse = False
        self._list_rows()

    def action_reverse(self) -> None:
        self._reverse = not self._reverse
        self._list_rows()

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._details.show(self._foot())
        self.refresh_bindings()

    @on(RowList.Pressed)
    def _pressed(self, event: RowList.Pressed) -> None:
        if event.again and self.check_action("open", ()):
            self.action_open()

    def _summary(self) -> ReleaseSummary | None:
        entry = self.rows.current
        if entry is None or self._overview is None:
            return None
        return next((item for item in self._overview.releases if item.cid == entry.release), None)

    def _list_rows(self) -> None:
        entries = () if self._storage is None else self._storage.pins
        rows = [entry for entry in entries if self._filter.passes(pin_words(entry).lower())]
        if self._order is Order.LARGEST:
            rows.sort(key=lambda entry: -entry.bytes)
        elif self._order is Order.ALONE:
            rows.sort(key=lambda entry: -entry.only_here)
        self.rows.show(rows[::-1] if self._reverse else rows)
        glyphs = self.desk.glyphs
        self.rows.mark_sorted(self._order.value, glyphs.sorted_up if self._reverse else glyphs.sorted_down)

    def _draw(self, entry: PinEntry) -> tuple[Cell, ...]:
        look = pin_look(entry, self.desk.glyphs)
        name = safe_text(entry.release_name) if entry.release_name else "-"
        is_known = entry.release is not None
        now = None if self._overview is None else self._overview.now
        verified = "-" if entry.verified_at is None or now is None else figures.age(now - entry.verified_at)
        return (
            Cell(f"{look.glyph} {pin_words(entry)}", look.tone, Cut.MIDDLE),
            Cell(name, Tone.PLAIN, Cut.MIDDLE),
            Cell(figures.count(entry.wheels) if is_known else "-"),
            Cell(figures.size(entry.bytes) if is_known else "-"),
            Cell(figures.size(entry.only_here) if is_known else "-", Tone.HEAD),
            Cell(verified, Tone.MUTED),
            Cell(str(entry.cid), Tone.MUTED, Cut.MIDDLE),
        )

    def _foot(self) -> list[Line]:
        entry, storage = self.rows.current, self._storage
        if storage is None:
            return [(Cell("asking the node what is pinned", Tone.MUTED),)]
        lines: list[Line] = [storage_line(storage, self.desk.glyphs)]
        if entry is None:
            return [(Cell("Nothing is pinned on this node yet.", Tone.MUTED),), *lines]
        look = pin_look(entry, self.desk.glyphs)
        return [
            (Cell(str(entry.cid), Tone.HEAD, Cut.MIDDLE), Cell(f"  {look.text}", look.tone)),
            *lines,
        ]


def pin_words(entry: PinEntry) -> str:
    """What a pin is called: its part, or another program's name for it."""
    if entry.owner is PinOwner.OTHER:
        return f'not ours: "{safe_text(entry.name)}"' if entry.name else "not ours"
    if entry.selection is None:
        return "a subset"
    return safe_text(entry.selection) or "whole release"


def pin_look(entry: PinEntry, glyphs: Glyphs) -> Look:
    """Whose a pin is, and whether it was read back."""
    if entry.owner is PinOwner.OTHER:
        return Look(glyphs.foreign, "not ours, never touched", Tone.MUTED)
    if entry.verified_at is None:
        return Look(glyphs.unknown, "not verified", Tone.PART)
    if entry.owner is PinOwner.ADOPTED:
        return Look(glyphs.pinned, "pinned by another program", Tone.GOOD)
    return Look(glyphs.pinned, "pinned", Tone.GOOD)


def storage_line(storage: Storage, glyphs: Glyphs) -> Line:
    """The disk: ours, what else the node keeps, what is free."""
    total = max(storage.ours + storage.other + storage.free, 1)
    ours = min(_BAR, -(-storage.ours * _BAR // total))
    other = min(_BAR - ours, -(-storage.other * _BAR // total))
    parts = [
        f"ours {figures.size(storage.ours)}",
        f"other {figures.size(storage.other)}",
        f"free {figures.size(storage.free)}",
        f"shared {figures.size(storage.shared)}",
    ]
    if storage.budget:
        parts.append(f"budget {figures.size(storage.budget)}")
    return (
        Cell(glyphs.bar_full * ours, Tone.GOOD),
        Cell(glyphs.bar_part * other, Tone.MUTED),
        Cell(glyphs.bar_empty * (_BAR - ours - other), Tone.MUTED),
        Cell("  " + glyphs.dot.join(parts)),
    )
