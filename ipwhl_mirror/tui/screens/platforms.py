"""Which platform is mirrored in which release: platforms down, the newest releases across."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from textual import on

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.platforms import ANY
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Glyphs, Tone
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.widgets.columns import Column
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Line, Lines
from ipwhl_mirror.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.domain.releases import PlatformRow
    from ipwhl_mirror.tui.backend import Overview, ReleaseSummary
    from ipwhl_mirror.tui.desk import Desk

_NAME = Column(title="PLATFORM", width=18, flexible=True)
_CELL = 12


@dataclass(frozen=True, slots=True)
class PlatformLine:
    """A platform, and its row in each release; None where a release has no wheel for it."""

    platform: str
    cells: tuple[PlatformRow | None, ...]


class Order(Enum):
    """How the list is sorted."""

    NAME = "name"
    MOST = "most"


def platform_lines(releases: Sequence[ReleaseSummary]) -> list[PlatformLine]:
    """Every platform of these releases by name, `any` last."""
    by_release = [{row.platform: row for row in summary.platforms} for summary in releases]
    names = sorted({name for rows in by_release for name in rows}, key=lambda name: (name == ANY, name))
    return [PlatformLine(name, tuple(rows.get(name) for rows in by_release)) for name in names]


class PlatformsScreen(View):
    """The third screen."""

    CSS_PATH = "platforms.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.PLATFORMS)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._releases: tuple[ReleaseSummary, ...] = ()
        self._order = Order.NAME
        self._reverse = False
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
        shown = self.summary
        self._releases = () if overview is None else overview.releases
        columns = [
            Column(title=safe_text(summary.name, _CELL), width=_CELL, rank=number)
            for number, summary in enumerate(self._releases)
        ]
        cids = [summary.cid for summary in self._releases]
        at = cids.index(shown.cid) if shown is not None and shown.cid in cids else 0
        self.rows.show_columns([_NAME, *columns], spot=at + 1 if columns else None)
        self._list_rows()

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self._list_rows()

    @property
    def summary(self) -> ReleaseSummary | None:
        """The release of the column under the cursor."""
        spot = self.rows.spot
        return self._releases[spot - 1] if spot is not None and spot <= len(self._releases) else None

    @property
    def cell(self) -> PlatformRow | None:
        """What is under the cursor; None where the release has no such platform."""
        line, spot = self.rows.current, self.rows.spot
        return None if line is None or spot is None else line.cells[spot - 1]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in _ON_A_CELL and self.cell is None:
            return False
        return super().check_action(action, parameters)

    def action_left(self) -> None:
        self.rows.move_spot(-1)

    def action_right(self) -> None:
        self.rows.move_spot(1)

    def action_open(self) -> None:
        if (summary := self.summary) is not None:
            self.post_message(messages.Opened(summary))

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
            self.post_message(messages.CopyAsked(f"{safe_text(summary.name)} {selection.cli_text()}"))

    def action_sort(self) -> None:
        self._order = Order.MOST if self._order is Order.NAME else Order.NAME
        self._list_rows()

    def action_reverse(self) -> None:
        self._reverse = not self._reverse
        self._list_rows()

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._details.show(self._cell_lines())
        self.refresh_bindings()

    @on(RowList.Pressed)
    def _pressed(self, event: RowList.Pressed) -> None:
        if event.again:
            self.action_open()

    def _list_rows(self) -> None:
        lines = [
            line for line in platform_lines(self._releases) if self._filter.passes(safe_text(line.platform))
        ]
        if self._order is Order.MOST:
            lines.sort(key=lambda line: -sum(row.pinned_bytes for row in line.cells if row is not None))
        self.rows.show(lines[::-1] if self._reverse else lines)
        glyphs = self.desk.glyphs
        mark = glyphs.sorted_up if self._reverse else glyphs.sorted_down
        self.rows.mark_sorted(0 if self._order is Order.NAME else -1, mark)

    def _draw(self, line: PlatformLine) -> tuple[Cell, ...]:
        cells = [Cell(safe_text(line.platform), Tone.PLAIN, Cut.MIDDLE)]
        for row in line.cells:
            look = None if row is None else self.desk.glyphs.platform(row)
            cells.append(Cell("-", Tone.MUTED) if look is None else Cell(look.text, look.tone))
        return tuple(cells)

    def _cell_lines(self) -> list[Line]:
        line, summary = self.rows.current, self.summary
        if line is None or summary is None:
            return [(Cell("No release is tracked yet: 1 shows what to do first.", Tone.MUTED),)]
        return cell_lines(line.platform, summary, self.cell, self.desk.glyphs)


_ON_A_CELL = frozenset({"pin", "unpin", "copy"})


def cell_lines(platform: str, summary: ReleaseSummary, row: PlatformRow | None, glyphs: Glyphs) -> list[Line]:
    """A platform of a release in figures."""
    head: Line = (
        Cell(safe_text(platform), Tone.HEAD, Cut.MIDDLE),
        Cell(" in "),
        Cell(safe_text(summary.name), Tone.HEAD, Cut.MIDDLE),
    )
    if row is None:
        return [head, (Cell("no wheel for it in this release", Tone.MUTED),)]
    look = glyphs.platform(row)
    wheels = f"{figures.count(row.pinned_wheels)} of {figures.plural(row.wheels, 'wheel')}"
    known = figures.claimed_size(row.bytes, known=row.pinned_bytes)
    return [
        (*head, Cell(f"  {look.text}", look.tone)),
        (Cell(f"{wheels}, {figures.size(row.pinned_bytes)} of {known} here"),),
    ]
