"""The log of one job: when, about what, what happened. It follows the end while nobody moves away from it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, ClassVar

from textual import on

from ipwhl_mirror.domain import figures
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.job_log import Kind, LogEntry
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.widgets.columns import Column
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Line, Lines
from ipwhl_mirror.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.tui.desk import Desk
    from ipwhl_mirror.tui.jobs import Job

COLUMNS = (
    Column(title="UTC", width=8),
    Column(title="ABOUT", width=9),
    Column(title="WHAT", width=30, flexible=True),
)

_TONES = {Kind.STATE: Tone.HEAD, Kind.PHASE: Tone.PLAIN, Kind.NOTE: Tone.PART, Kind.FAULT: Tone.BAD}
_WRAPPED = 3


class LogScreen(View):
    """Stands over the jobs; escape leads back to them."""

    NAME = "Log"
    CSS_PATH = "log.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.LOG)

    def __init__(self, desk: Desk, job: Job) -> None:
        super().__init__(desk)
        self.job = job
        self._filter = Filter()
        self._listed = -1
        self.follows = job.state.is_open
        cut = desk.glyphs.cut
        self.rows: RowList[LogEntry] = RowList(
            COLUMNS, draw=_draw, key=lambda entry: entry.number, cut_mark=cut, id="log"
        )
        self.details = Lines(cut_mark=cut, id="details", classes="foot")

    def compose_body(self) -> ComposeResult:
        yield self.rows
        yield self.filter_bar
        yield self.details

    def on_mount(self) -> None:
        self.status_bar.show_crumbs(
            ["ipwhl-mirror", "Jobs", f"{self.job.number} {self.job.title}", self.NAME]
        )
        self.rows.focus()

    def on_resize(self) -> None:
        self._show_details()

    def show_jobs(self) -> None:
        super().show_jobs()
        if self._listed != self.job.log.total:
            self.list_rows()
        else:
            self._show_details()

    def list_rows(self) -> None:
        log = self.job.log
        self._listed = log.total
        self.rows.show([entry for entry in log.entries if self._filter.passes(line_of(entry).lower())])
        if self.follows:
            self.rows.action_bottom()

    def pending(self) -> str:
        return ""

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self.list_rows()

    def action_follow(self) -> None:
        self.follows = not self.follows
        if self.follows:
            self.rows.action_bottom()
        self._show_details()

    def action_copy(self) -> None:
        if (entry := self.rows.current) is not None:
            self.post_message(messages.CopyAsked(line_of(entry)))

    def action_back(self) -> None:
        if self.filter_bar.value:
            self.filter_bar.clear_words()
        else:
            self.dismiss()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("sort", "reverse"):
            return False
        return super().check_action(action, parameters)

    @on(RowList.Moved)
    def _moved(self) -> None:
        if self.rows.cursor < len(self.rows.items) - 1:
            self.follows = False
        self._show_details()

    def _show_details(self) -> None:
        self.details.show([self._sum(), *self._whole_entry()])

    def _sum(self) -> Line:
        look = self.desk.glyphs.job(self.job.state)
        dropped = self.job.log.dropped
        gone = f", {figures.count(dropped)} older ones are gone" if dropped else ""
        key = self.desk.keymap.key("log.follow").shown_first
        entries = "1 entry" if self.job.log.total == 1 else f"{figures.count(self.job.log.total)} entries"
        follows = "follows the end" if self.follows else f"{key} follows the end"
        return (
            Cell(look.text, look.tone),
            Cell(f"{self.desk.glyphs.dot}{entries}{gone}{self.desk.glyphs.dot}{follows}", Tone.MUTED),
        )

    def _whole_entry(self) -> list[Line]:
        """The entry under the cursor in lines that fit, so that what the row cuts can be read."""
        if (entry := self.rows.current) is None:
            return []
        width = max(self.size.width - 4, 20)
        lines = textwrap.wrap(entry.text, width, max_lines=_WRAPPED, placeholder=f" {self.desk.glyphs.cut}")
        return [(Cell(line, _TONES[entry.kind]),) for line in lines]


def line_of(entry: LogEntry) -> str:
    """An entry as one line of text, its time as RFC 3339."""
    about = f"{entry.about}: " if entry.about else ""
    return f"{entry.at:%Y-%m-%dT%H:%M:%SZ} {about}{entry.text}"


def _draw(entry: LogEntry) -> tuple[Cell, ...]:
    tone = _TONES[entry.kind]
    return Cell(f"{entry.at:%H:%M:%S}", Tone.MUTED), Cell(entry.about, tone), Cell(entry.text, tone)
