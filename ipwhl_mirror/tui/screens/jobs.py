"""Jobs: what runs and waits, how far, how fast, and what came of it."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from textual import on

from ipwhl_mirror.domain import figures
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Glyphs, Tone
from ipwhl_mirror.tui.job_words import Times, job_details, row_cell, wrapped
from ipwhl_mirror.tui.jobs import Job, JobState, Origin
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.runner import can_repair
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.sorting import Sorting
from ipwhl_mirror.tui.vacancy import nothing_lines
from ipwhl_mirror.tui.widgets.columns import Align, Column
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Line, Lines
from ipwhl_mirror.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.timer import Timer

    from ipwhl_mirror.tui.desk import Desk

_TITLE_AT_LEAST = 27
_ALL_FIGURES = 48
_WIDE = 110
_TICK_S = 1.0


def columns_for(width: int) -> tuple[Column, ...]:
    """The columns on a screen so wide: titles get a quarter of it, and reasons and figures what is left."""
    return (
        Column(title="JOB", width=max(_TITLE_AT_LEAST, width // 4)),
        Column(title="STATE", width=13),
        Column(title="SO FAR", width=_ALL_FIGURES if width >= _WIDE else 30, flexible=True),
        Column(title="PROGRESS", width=9, rank=1),
        Column(title="TIME", width=7, align=Align.RIGHT, rank=2),
        Column(title="END UTC", width=7, align=Align.RIGHT, rank=3),
    )


class Order(Enum):
    """How jobs are sorted; the value is the column that shows it."""

    NEWEST = 0
    STATE = 1


_BY_STATE = (JobState.RUNNING, JobState.QUEUED, JobState.FAILED, JobState.CANCELLED, JobState.DONE)


class JobsScreen(View):
    """The fifth screen."""

    sorting: Sorting[Order]

    NAME = "Jobs"
    CSS_PATH = "jobs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.JOBS)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._filter = Filter()
        self.sorting = Sorting(Order.NEWEST)
        self._ticking: Timer | None = None
        self._shown: list[object] = []
        cut = desk.glyphs.cut
        self.rows: RowList[Job] = RowList(
            columns_for(0), draw=self._draw, key=lambda job: job.number, cut_mark=cut, id="jobs"
        )
        self.details = Lines(cut_mark=cut, id="details", classes="foot")

    def compose_body(self) -> ComposeResult:
        yield self.rows
        yield self.filter_bar
        yield self.details

    def on_mount(self) -> None:
        self.status_bar.show_crumbs(["ipwhl-mirror", self.NAME])

    def on_resize(self, event: events.Resize) -> None:
        self.rows.show_columns(columns_for(event.size.width), spot=None)
        self._show_details()

    def on_screen_resume(self) -> None:
        self.list_rows()

    def show_jobs(self) -> None:
        super().show_jobs()
        if not self.is_current:
            return
        if self._states_of(self._listed()) == self._shown:
            self._draw_running()
        else:
            self.list_rows()

    def list_rows(self) -> None:
        jobs = self._listed()
        self._shown = self._states_of(jobs)
        self.rows.show(jobs)
        self.show_sorting()
        self._tick_while_running()

    def pending(self) -> str:
        return ""

    def nothing_there(self) -> list[Line]:
        return nothing_lines("No jobs yet: pinning, unpinning, tracking and verifying show here.")

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self.list_rows()

    def action_cancel(self) -> None:
        if (job := self.rows.current) is not None:
            self.post_message(messages.CancelAsked(job))

    def action_retry(self) -> None:
        if (job := self.rows.current) is not None:
            self.post_message(messages.RetryAsked(job))

    def action_repair(self) -> None:
        if (job := self.rows.current) is not None:
            self.post_message(messages.RepairAfterAsked(job))

    def action_log(self) -> None:
        if (job := self.rows.current) is not None:
            self.post_message(messages.LogAsked(job))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        job = self.rows.current
        if action == "cancel":
            return job is not None and job.state.is_open and not job.is_cancelling
        if action == "log":
            return job is not None
        if action == "retry" and (job is None or not job.can_be_tried_again):
            return False
        if action == "repair" and (job is None or not can_repair(job)):
            return False
        return super().check_action(action, parameters)

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._show_details()
        self.refresh_bindings()

    @on(RowList.Pressed)
    def _pressed(self, event: RowList.Pressed) -> None:
        if event.again:
            self.action_log()

    @property
    def is_ticking(self) -> bool:
        """Times move by themselves."""
        return self._ticking is not None

    def _show_details(self) -> None:
        job = self.rows.current
        if job is not None:
            self.details.show(wrapped(job_details(job, self.desk, Times.SHOWN), self.size.width - 2))
        else:
            self.details.show([])

    def _tick_while_running(self) -> None:
        """Times move by themselves while a job runs, and nothing does otherwise."""
        if self.desk.jobs.running is not None and self._ticking is None:
            self._ticking = self.set_interval(_TICK_S, self._tick)
        elif self.desk.jobs.running is None and self._ticking is not None:
            self._ticking.stop()
            self._ticking = None

    def _tick(self) -> None:
        if self.is_current:
            self._draw_running()

    def _draw_running(self) -> None:
        """Draw what is further, and nothing else: over a slow line a whole screen a second is much."""
        running = self.desk.jobs.running
        for row, job in enumerate(self.rows.items):
            if job is running:
                self.rows.refresh_line(row + 1)
        if running is not None and self.rows.current is running:
            self._show_details()

    def _listed(self) -> list[Job]:
        return listed(self.desk.jobs.jobs, self._filter, self.sorting)

    @staticmethod
    def _states_of(jobs: Sequence[Job]) -> list[object]:
        """What of the rows is other only when they are listed again."""
        return [(job.number, job.state, job.is_cancelling, job.holder) for job in jobs]

    def _draw(self, job: Job) -> tuple[Cell, ...]:
        look = self.desk.glyphs.job(job.state)
        now = self.desk.clock()
        elapsed = job.elapsed_s(now)
        resumed = ", resumed" if job.origin is Origin.RESUMED else ""
        eta = job.progress.eta_s if job.progress is not None and job.state is JobState.RUNNING else None
        end = job.ended_at or (None if eta is None else now + timedelta(seconds=eta))
        return (
            Cell(f"{job.number:>2} {job.title}{resumed}", Tone.PLAIN, Cut.MIDDLE),
            Cell(look.text, look.tone),
            row_cell(job, self.desk.glyphs),
            Cell(_bar(job, self.desk.glyphs)),
            Cell("" if elapsed is None else figures.duration(elapsed), Tone.MUTED),
            Cell("" if end is None else f"{'' if job.ended_at else '~'}{end:%H:%M}", Tone.MUTED),
        )


def listed(jobs: list[Job], wanted: Filter, sorting: Sorting[Order]) -> list[Job]:
    """Those that pass, in order: the newest first, or by state, and then those that wait by their turn."""
    found = [job for job in jobs if wanted.passes(f"{job.title} {job.state.value}".lower())]
    if sorting.order is Order.STATE:
        found.sort(key=_state_and_turn)
    else:
        found.reverse()
    return list(sorting.direct(found))


def _state_and_turn(job: Job) -> tuple[int, int]:
    turn = job.number if job.state is JobState.QUEUED else -job.number
    return _BY_STATE.index(job.state), turn


def _bar(job: Job, glyphs: Glyphs) -> str:
    share = job.percent if job.state is JobState.RUNNING else None
    return "" if share is None else glyphs.bar(share, 100, 9)
