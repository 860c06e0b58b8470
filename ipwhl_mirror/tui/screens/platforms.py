"""Which platform is mirrored in which release: platforms down, releases across, as many as fit."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from textual import on

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.command_line import release_and_part
from ipwhl_mirror.tui.content_spots import AtPlatform, Start
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.platform_rows import PlatformLine, cell_lines, cell_look, job_of, platform_lines
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.sorting import Sorting
from ipwhl_mirror.tui.vacancy import nothing_lines
from ipwhl_mirror.tui.widgets.columns import GAP, MARGIN, Column
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Line, Lines
from ipwhl_mirror.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.domain.releases import PlatformRow
    from ipwhl_mirror.tui.backend import Overview, ReleaseSummary
    from ipwhl_mirror.tui.desk import Desk

_NAME = Column(title="PLATFORM", width=18, flexible=True, most=32)
_CELL = 12
_CELL_WITH_BYTES = 22


class Order(Enum):
    """How the list is sorted: by name, or the most pinned bytes of all releases first."""

    NAME = 0
    MOST = -1


class PlatformsScreen(View):
    """The third screen."""

    NAME = "Platforms"
    sorting: Sorting[Order]
    CSS_PATH = "platforms.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.PLATFORMS)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._releases: tuple[ReleaseSummary, ...] = ()
        self._first = 0
        self._cell_width = _CELL
        self.sorting = Sorting(Order.NAME)
        self._filter = Filter()
        cut = desk.glyphs.cut
        self.rows: RowList[PlatformLine] = RowList(
            (_NAME,), draw=self._draw, key=lambda line: line.platform, cut_mark=cut, id="platforms"
        )
        self._details = Lines(cut_mark=cut, id="details", classes="foot")

    def compose_body(self) -> ComposeResult:
        yield self.rows
        yield self.filter_bar
        yield self._details

    def on_mount(self) -> None:
        self.status_bar.show_crumbs(["ipwhl-mirror", "Platforms"])

    def show_overview(self, overview: Overview | None) -> None:
        super().show_overview(overview)
        shown, before = self.summary, self._at
        self._releases = () if overview is None else overview.releases
        cids = [summary.cid for summary in self._releases]
        at = cids.index(shown.cid) if shown is not None and shown.cid in cids else 0
        self._first = max(self._first + at - before, 0)
        self._show_columns(at)
        self.list_rows()

    def show_jobs(self) -> None:
        super().show_jobs()
        self.rows.redraw()
        self._details.show(self._cell_lines())

    def on_resize(self) -> None:
        if self._releases:
            self._show_columns(self._at)

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self.list_rows()

    @property
    def summary(self) -> ReleaseSummary | None:
        """The release of the column under the cursor."""
        return self._releases[self._at] if self._at < len(self._releases) else None

    @property
    def _at(self) -> int:
        """Which release is under the cursor."""
        return self._first + (self.rows.spot or 1) - 1

    @property
    def cell(self) -> PlatformRow | None:
        """What is under the cursor; None where the release has no such platform."""
        line = self.rows.current
        return line.cells[self._at] if line is not None and self._at < len(line.cells) else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in _ON_A_CELL and self.cell is None:
            return False
        if action in _ON_A_RELEASE and self.summary is None:
            return False
        return super().check_action(action, parameters)

    def action_left(self) -> None:
        self._show_columns(max(self._at - 1, 0))

    def action_right(self) -> None:
        self._show_columns(max(min(self._at + 1, len(self._releases) - 1), 0))

    def action_open(self) -> None:
        if (summary := self.summary) is not None:
            spot = Start.AS_IT_WAS if self.cell is None else AtPlatform(self.cell.platform)
            self.post_message(messages.Opened(summary, spot))

    def action_pin(self) -> None:
        if (summary := self.summary) is not None and (row := self.cell) is not None:
            self.post_message(messages.PinAsked(summary, Selection.parse(platforms=[row.platform])))

    def action_unpin(self) -> None:
        if (summary := self.summary) is not None and (row := self.cell) is not None:
            self.post_message(messages.UnpinAsked(summary, Selection.parse(platforms=[row.platform])))

    def action_verify(self) -> None:
        if (summary := self.summary) is not None:
            self.post_message(messages.VerifyAsked(summary))

    def action_copy(self) -> None:
        if (summary := self.summary) is not None and (row := self.cell) is not None:
            selection = Selection.parse(platforms=[row.platform])
            self.post_message(messages.CopyAsked(release_and_part(summary.name, selection.cli_text())))

    def action_sort(self) -> None:
        self.sort(Sorting(Order.MOST if self.sorting.order is Order.NAME else Order.NAME))

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._details.show(self._cell_lines())
        self.refresh_bindings()

    @on(RowList.Pressed)
    def _pressed(self, event: RowList.Pressed) -> None:
        if event.again:
            self.action_open()

    def list_rows(self) -> None:
        lines = [
            line for line in platform_lines(self._releases) if self._filter.passes(safe_text(line.platform))
        ]
        if self.sorting.order is Order.MOST:
            lines.sort(key=lambda line: -line.pinned_bytes)
        self.rows.show(self.sorting.direct(lines))
        self._show_columns(self._at)
        self.show_sorting()

    def show_sorting(self) -> None:
        glyphs = self.desk.glyphs
        self.rows.mark_sorted(0, glyphs.sorted_up if self.sorting.is_reversed else glyphs.sorted_down)

    def nothing_there(self) -> list[Line]:
        releases = self.desk.keymap.key("view.releases")
        return nothing_lines("No release is tracked yet.", (releases, "shows what to do first"))

    def _show_columns(self, at: int) -> None:
        """Show the releases from `_first` on, and the cursor on release `at`, which is brought into view."""
        width = self.size.width - 2 * MARGIN - 1 - _NAME.width
        has_room = len(self._releases) * (_CELL_WITH_BYTES + GAP) <= width
        self._cell_width = _CELL_WITH_BYTES if has_room else _CELL
        room = max(width // (self._cell_width + GAP), 1)
        last = max(len(self._releases) - room, 0)
        self._first = max(min(self._first, at, last), min(at - room + 1, last))
        shown = self._releases[self._first : self._first + room]
        more = f" {self._first + 1}-{self._first + len(shown)} of {len(self._releases)}"
        title = _NAME.title if self.sorting.order is Order.NAME else "MOST HERE"
        name = replace(_NAME, title=title + (more if len(shown) < len(self._releases) else ""))
        cell = self._cell_width
        columns = [Column(title=safe_text(summary.name, cell), width=cell, rank=1) for summary in shown]
        self.rows.show_columns([name, *columns], spot=at - self._first + 1 if columns else None)

    def _draw(self, line: PlatformLine) -> tuple[Cell, ...]:
        cells = [Cell(safe_text(line.platform), Tone.PLAIN, Cut.MIDDLE)]
        jobs = self.desk.jobs.open
        for summary, row in zip(self._releases[self._first :], line.cells[self._first :], strict=False):
            if row is None:
                cells.append(Cell("-", Tone.MUTED))
            else:
                look = cell_look(row, job_of(jobs, summary, line.platform), self.desk.glyphs)
                size = figures.claimed_size(row.bytes, known=row.pinned_bytes)
                text = f"{look.text:<{_CELL}} {size:>9}" if self._cell_width > _CELL else look.text
                cells.append(Cell(text, look.tone))
        return tuple(cells)

    def _cell_lines(self) -> list[Line]:
        line, summary = self.rows.current, self.summary
        if line is None or summary is None:
            return [(), ()]
        job = job_of(self.desk.jobs.open, summary, line.platform)
        return cell_lines(line.platform, summary, self.cell, job, self.desk.glyphs)


_ON_A_RELEASE = frozenset({"open", "verify", "left", "right"})
_ON_A_CELL = frozenset({"pin", "unpin", "copy"})
