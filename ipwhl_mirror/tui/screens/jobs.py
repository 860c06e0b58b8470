"""Jobs: what runs and waits, how far, how fast, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on

from ipwhl_mirror.domain import figures
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Glyphs, Tone
from ipwhl_mirror.tui.jobs import Job, JobState
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.widgets.columns import Align, Column
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Line, Lines
from ipwhl_mirror.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.services.events import Progress
    from ipwhl_mirror.tui.desk import Desk

COLUMNS = (
    Column(title="JOB", width=22, flexible=True),
    Column(title="STATE", width=13),
    Column(title="PROGRESS", width=15, rank=1),
    Column(title="DONE", width=16, align=Align.RIGHT),
    Column(title="RATE", width=10, align=Align.RIGHT, rank=4),
    Column(title="LEFT", width=12, align=Align.RIGHT, rank=3),
)

STALLED_S = 5.0
"""From this many seconds without a byte on, the wait is told instead of a time to go."""

_NOTES_SHOWN = 12


class JobsScreen(View):
    """The fifth screen."""

    CSS_PATH = "jobs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.JOBS)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._filter = Filter()
        self._reverse = False
        cut = desk.glyphs.cut
        self.rows: RowList[Job] = RowList(
            COLUMNS, draw=self._draw, key=lambda job: job.number, cut_mark=cut, id="jobs"
        )
        self.details = Lines(cut_mark=cut, id="details", classes="foot")

    def compose_body(self) -> ComposeResult:
        yield self.rows
        yield self.filter_bar
        yield self.details

    def on_mount(self) -> None:
        self.status_bar.show_crumbs(["ipwhl-mirror", "Jobs"])

    def show_jobs(self) -> None:
        super().show_jobs()
        jobs = self.desk.jobs.jobs if self._reverse else self.desk.jobs.jobs[::-1]
        self.rows.show([job for job in jobs if self._filter.passes(job.title.lower())])

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self.show_jobs()

    def action_sort(self) -> None:
        self.action_reverse()

    def action_reverse(self) -> None:
        self._reverse = not self._reverse
        self.show_jobs()

    def action_cancel(self) -> None:
        if (job := self.rows.current) is not None:
            self.post_message(messages.CancelAsked(job))

    def action_retry(self) -> None:
        if (job := self.rows.current) is not None:
            self.post_message(messages.RetryAsked(job))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        job = self.rows.current
        if action == "cancel":
            return job is not None and job.state.is_open
        if action == "retry" and (job is None or job.state not in (JobState.FAILED, JobState.CANCELLED)):
            return False
        return super().check_action(action, parameters)

    @on(RowList.Moved)
    def _moved(self) -> None:
        job = self.rows.current
        self.details.show(_NO_JOBS if job is None else job_details(job, self.desk.glyphs))
        self.refresh_bindings()

    def _draw(self, job: Job) -> tuple[Cell, ...]:
        look = self.desk.glyphs.job(job.state)
        progress = job.progress
        is_running = job.state is JobState.RUNNING
        return (
            Cell(f"{job.number:>2} {job.title}", Tone.PLAIN, Cut.MIDDLE),
            Cell(look.text, look.tone),
            Cell(_bar(job, self.desk.glyphs)),
            Cell(_done(progress) if progress is not None else ""),
            Cell(
                f"{figures.size(int(progress.rate))}/s" if progress is not None and is_running else "",
                Tone.MUTED,
            ),
            Cell(time_left(progress) if progress is not None and is_running else "", Tone.MUTED),
        )


_NO_JOBS: list[Line] = [
    (Cell("No jobs yet: pinning, unpinning, tracking and verifying show here.", Tone.MUTED),)
]


def job_details(job: Job, glyphs: Glyphs) -> list[Line]:
    """Everything about one job."""
    look = glyphs.job(job.state)
    lines: list[Line] = [
        (
            Cell(f"{job.number} ", Tone.MUTED),
            Cell(job.title, Tone.HEAD, Cut.MIDDLE),
            Cell(f"  {look.text}", look.tone),
        )
    ]
    progress = job.progress
    if progress is not None and job.state is JobState.RUNNING:
        lines.append((Cell(glyphs.dot.join(_progress_words(progress))),))
    if job.outcome:
        lines.append((Cell(job.outcome, Tone.GOOD),))
    if job.failure is not None:
        lines.append((Cell(job.failure.words, Tone.BAD),))
        if job.failure.hint:
            lines.append((Cell(f"hint: {job.failure.hint}"),))
        lines += [(Cell(f"  {line}", Tone.MUTED, Cut.MIDDLE),) for line in job.failure.details]
    lines += [(Cell(f"  {note}", Tone.MUTED, Cut.MIDDLE),) for note in job.notes[-_NOTES_SHOWN:][::-1]]
    return lines


def time_left(progress: Progress) -> str:
    """`14 min left`; `stalled 45 s` when no byte came for a while; empty when it cannot be told."""
    if progress.stalled_s >= STALLED_S:
        return f"stalled {figures.duration(progress.stalled_s)}"
    return "" if progress.eta_s is None else f"{figures.duration(progress.eta_s)} left"


def _progress_words(progress: Progress) -> list[str]:
    words = [progress.phase.value]
    if progress.total_wheels:
        words.append(
            f"{figures.count(progress.done_wheels)} of {figures.plural(progress.total_wheels, 'wheel')}"
        )
    elif progress.done_wheels:
        words.append(figures.plural(progress.done_wheels, "wheel"))
    words += (_done(progress), f"{figures.size(int(progress.rate))}/s", time_left(progress))
    return [word for word in words if word]


def _bar(job: Job, glyphs: Glyphs) -> str:
    share = job.percent
    if share is None:
        return ""
    return f"{glyphs.bar(share, 100, 9)} {share:>3} %"


def _done(progress: Progress) -> str:
    if progress.total_bytes:
        return figures.of_total(progress.done_bytes, progress.total_bytes)
    return figures.size(progress.done_bytes) if progress.done_bytes else ""
