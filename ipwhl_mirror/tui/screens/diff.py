"""What one release has that an older one has not, project by project, and what following it would cost."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from textual import on

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.widgets.columns import Align, Column
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Line, Lines
from ipwhl_mirror.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.domain.diffs import ProjectDiff
    from ipwhl_mirror.domain.releases import Wheel
    from ipwhl_mirror.tui.backend import DiffView, ReleaseSummary
    from ipwhl_mirror.tui.desk import Desk

COLUMNS = (
    Column(title="PROJECT", width=24, flexible=True),
    Column(title="OLD", width=14, rank=3),
    Column(title="NEW", width=14, rank=2),
    Column(title="WHEELS", width=7, align=Align.RIGHT, rank=4),
    Column(title="BYTES", width=10, align=Align.RIGHT),
)


class Change(Enum):
    """What happened to a project; the value is its mark."""

    ADDED = "+"
    CHANGED = "~"
    REMOVED = "-"


_TONES = {Change.ADDED: Tone.GOOD, Change.CHANGED: Tone.PART, Change.REMOVED: Tone.BAD}


@dataclass(frozen=True, slots=True)
class DiffRow:
    """A project that differs."""

    change: Change
    project: ProjectDiff


class Order(Enum):
    """How the list is sorted; the value is the column that shows it."""

    LARGEST = 4
    NAME = 0


def diff_rows(view: DiffView) -> list[DiffRow]:
    """Every project that differs, by name."""
    diff = view.diff
    rows = [DiffRow(Change.ADDED, project) for project in diff.added]
    rows += [DiffRow(Change.CHANGED, project) for project in diff.changed]
    rows += [DiffRow(Change.REMOVED, project) for project in diff.removed]
    return sorted(rows, key=lambda row: row.project.project)


class DiffScreen(View):
    """Opened from the releases."""

    CSS_PATH = "diff.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.DIFF)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._view: DiffView | None = None
        self._waits_for = ""
        self._order = Order.LARGEST
        self._reverse = False
        self._filter = Filter()
        cut = desk.glyphs.cut
        self.rows: RowList[DiffRow] = RowList(
            COLUMNS, draw=self._draw, key=lambda row: row.project.project, cut_mark=cut, id="diff"
        )
        self.details = Lines(cut_mark=cut, id="details", classes="foot")

    def compose_body(self) -> ComposeResult:
        yield self.rows
        yield self.filter_bar
        yield self.details

    def on_mount(self) -> None:
        self.watch(self.app, "compared", self.show_view)

    def expect(self, old: ReleaseSummary, new: ReleaseSummary) -> None:
        """Say that two releases are being compared."""
        self._view = None
        self._waits_for = f"comparing {safe_text(old.name)} with {safe_text(new.name)}"
        self.rows.show([])
        self._crumbs(old, new)

    def show_words(self, words: str) -> None:
        """Say something in the place of the totals; safe text."""
        self._waits_for = words
        self.details.show([(Cell(words, Tone.MUTED),)])

    def show_view(self, view: DiffView | None) -> None:
        """Two releases were compared."""
        self._view = view
        if view is not None:
            self._crumbs(view.old, view.new)
        self._list_rows()

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self._list_rows()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("open", "other") and self._view is None:
            return False
        return super().check_action(action, parameters)

    def action_open(self) -> None:
        if self._view is not None:
            self.post_message(messages.Opened(self._view.new))

    def action_other(self) -> None:
        if self._view is not None:
            self.post_message(messages.OtherDiffAsked(self._view.old, self._view.new))

    def action_sort(self) -> None:
        self._order = Order.NAME if self._order is Order.LARGEST else Order.LARGEST
        self._reverse = False
        self._list_rows()

    def action_reverse(self) -> None:
        self._reverse = not self._reverse
        self._list_rows()

    @on(RowList.Moved)
    def _moved(self) -> None:
        if self._view is None:
            self.details.show([(Cell(self._waits_for, Tone.MUTED),)])
        else:
            self.details.show(diff_lines(self._view, self.desk.glyphs.dot))
        self.refresh_bindings()

    def _crumbs(self, old: ReleaseSummary, new: ReleaseSummary) -> None:
        self.status_bar.show_crumbs(["Releases", f"{safe_text(old.name)} -> {safe_text(new.name)}", "Diff"])

    def _list_rows(self) -> None:
        rows = [] if self._view is None else diff_rows(self._view)
        rows = [row for row in rows if self._filter.passes(safe_text(row.project.project).lower())]
        if self._order is Order.LARGEST:
            rows.sort(key=lambda row: -row.project.bytes)
        self.rows.show(rows[::-1] if self._reverse else rows)
        glyphs = self.desk.glyphs
        self.rows.mark_sorted(self._order.value, glyphs.sorted_up if self._reverse else glyphs.sorted_down)

    def _draw(self, row: DiffRow) -> tuple[Cell, ...]:
        project = row.project
        known = 0 if self._view is None or row.change is not Change.REMOVED else project.bytes
        return (
            Cell(f"{row.change.value} {safe_text(project.project)}", _TONES[row.change], Cut.MIDDLE),
            Cell(versions(project.old), Tone.MUTED, Cut.MIDDLE),
            Cell(versions(project.new), Tone.PLAIN, Cut.MIDDLE),
            Cell(figures.count(len(project.new) or len(project.old)), Tone.MUTED),
            Cell(figures.claimed_size(project.bytes, known=known)),
        )


def versions(wheels: Iterable[Wheel]) -> str:
    """The versions of some wheels; `-` for none."""
    return ", ".join(sorted({safe_text(str(wheel.version)) for wheel in wheels})) or "-"


def diff_lines(view: DiffView, dot: str) -> list[Line]:
    """The totals: what came and went, bytes by platform, and what it costs a mirror of the old one."""
    diff = view.diff
    counts = f"+{len(diff.added)} -{len(diff.removed)} ~{len(diff.changed)} projects"
    fetch = f"{figures.plural(diff.fetch.wheels, 'wheel')} ~{figures.size(diff.fetch.bytes)} are new"
    by_platform = dot.join(f"{safe_text(name)} ~{figures.size(size)}" for name, size in view.platforms)
    lines: list[Line] = [
        (Cell(counts, Tone.HEAD), Cell(f"{dot}{fetch}")),
        (Cell(by_platform or "nothing new on any platform", Tone.MUTED),),
    ]
    for selection, amount in view.costs:
        cost = f"{figures.plural(amount.wheels, 'wheel')} ~{figures.size(amount.bytes)} to fetch"
        if not amount.wheels:
            cost = "nothing to fetch"
        lines.append(
            (
                Cell("following it: ", Tone.MUTED),
                Cell(safe_text(selection) or "whole release", Tone.HEAD, Cut.MIDDLE),
                Cell(f"  {cost}"),
            )
        )
    if not view.costs:
        lines.append((Cell(f"nothing of {safe_text(view.old.name)} is pinned here", Tone.MUTED),))
    return lines
