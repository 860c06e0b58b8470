"""Jobs in words: how far, how fast, how long, why it waits, what came of it. Pure, for rows and details."""

from __future__ import annotations

import textwrap
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.domain import figures
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Glyphs, Tone
from ipwhl_mirror.tui.job_log import PHASE_WORDS, STALLED_S
from ipwhl_mirror.tui.jobs import Job, JobState, Origin
from ipwhl_mirror.tui.runner import again_words, can_repair

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ipwhl_mirror.services.events import Progress
    from ipwhl_mirror.tui.desk import Desk
    from ipwhl_mirror.tui.keymap import Keymap
    from ipwhl_mirror.tui.widgets.lines import Line

_NOTES_SHOWN = 12
_FAULTS_SHOWN = 8
_WRAPPED = 3
_NOBODY_SENDS = "no source sends anything; it goes on by itself when one does"


class Times(Enum):
    """Whether times are told, UTC."""

    SHOWN = "shown"
    LEFT_OUT = "left out"


def row_cell(job: Job, glyphs: Glyphs) -> Cell:
    """What a row says beside title and state: the reason, the outcome, or how far it is."""
    if job.failure is not None:
        return Cell(job.failure.words, Tone.BAD)
    if job.state is JobState.DONE:
        return Cell(job.outcome, Tone.MUTED)
    if job.is_cancelling and job.state.is_open:
        return Cell("cancelling", Tone.PART)
    if job.holder:
        return Cell(f"waits for another run: {job.holder}", Tone.PART)
    if job.progress is None or job.state is not JobState.RUNNING:
        return Cell("cut off by the end of the run" if job.was_cut else "", Tone.MUTED)
    stalled = job.progress.stalled_s >= STALLED_S
    words = glyphs.dot.join(progress_words(job))
    return Cell(words, Tone.PART if stalled else Tone.PLAIN, Cut.PHRASES)


def progress_words(job: Job) -> list[str]:
    """`24 %`, `8 s left` (or `stalled 45 s`), `31.2 of 126.3 MB`, `11.2 MB/s`: what is known of it."""
    progress = job.progress
    if progress is None:
        return []
    percent = "" if job.percent is None else f"{job.percent} %"
    rate = f"{figures.size(int(progress.rate))}/s" if progress.rate else ""
    return [word for word in (percent, time_left(progress), _bytes(progress), rate) if word]


def time_left(progress: Progress) -> str:
    """`14 min left`; `stalled 45 s` when no byte came for a while; empty when it cannot be told."""
    if progress.stalled_s >= STALLED_S:
        return f"stalled {figures.duration(progress.stalled_s)}"
    return "" if progress.eta_s is None else f"{figures.duration(progress.eta_s)} left"


def job_details(job: Job, desk: Desk, times: Times = Times.LEFT_OUT) -> list[Line]:
    """Everything about one job, the most important first."""
    glyphs = desk.glyphs
    look = glyphs.job(job.state)
    lines: list[Line] = [
        (
            Cell(f"{job.number} ", Tone.MUTED),
            Cell(job.title, Tone.HEAD, Cut.MIDDLE),
            Cell(f"  {look.text}", look.tone),
            Cell(", resumed" if job.origin is Origin.RESUMED else "", Tone.MUTED),
            Cell(_times(job, desk.clock()) if times is Times.SHOWN else "", Tone.MUTED),
        )
    ]
    if job.state is JobState.RUNNING:
        lines += _running_lines(job, glyphs)
    if job.outcome:
        lines.append((Cell(job.outcome, Tone.GOOD),))
    if job.failure is not None:
        lines.append((Cell(job.failure.words, Tone.BAD),))
        if job.failure.hint:
            lines.append((Cell(f"hint: {job.failure.hint}"),))
    if job.can_be_tried_again and not desk.is_read_only:
        lines.append(_next_steps(job, desk.keymap))
    if job.failure is not None:
        lines += _faults(job.failure.details, desk.keymap)
    lines += [(Cell(f"  {note}", Tone.MUTED, Cut.MIDDLE),) for note in job.log.notes[-_NOTES_SHOWN:][::-1]]
    return lines


def wrapped(lines: Sequence[Line], width: int) -> list[Line]:
    """The same, where a sentence that is longer than `width` cells takes a second line, and a third."""
    fitted: list[Line] = []
    for line in lines:
        only = line[0] if len(line) == 1 else None
        if only is None or only.cut is Cut.MIDDLE or len(only.text) <= width:
            fitted.append(line)
        else:
            pieces = textwrap.wrap(only.text, max(width, 20), max_lines=_WRAPPED, placeholder=" ...")
            fitted += [(only._replace(text=piece),) for piece in pieces]
    return fitted


def _running_lines(job: Job, glyphs: Glyphs) -> list[Line]:
    if job.is_cancelling:
        return [(Cell("cancelling: it ends as soon as it can, and what was fetched stays", Tone.PART),)]
    if job.holder:
        return [
            (Cell("another run holds the data directory, waiting for it: ", Tone.PART), Cell(job.holder)),
        ]
    if job.progress is None:
        return []
    words = [PHASE_WORDS[job.progress.phase], _wheels(job.progress), *progress_words(job)]
    lines: list[Line] = [(Cell(glyphs.dot.join(word for word in words if word)),)]
    if job.progress.stalled_s >= STALLED_S:
        waits = job.log.notes[-1] if job.log.notes else _NOBODY_SENDS
        lines.append((Cell(f"waits: {waits}", Tone.PART, Cut.MIDDLE),))
    return lines


def _next_steps(job: Job, keys: Keymap) -> Line:
    line = [
        Cell(keys.key("job.retry").shown_first, Tone.KEY),
        Cell(f" tries again: {again_words(job)}", Tone.MUTED),
    ]
    if can_repair(job):
        line += [
            Cell("  "),
            Cell(keys.key("job.repair").shown_first, Tone.KEY),
            Cell(" repairs: fetches what is broken", Tone.MUTED),
        ]
    return tuple(line)


def _faults(details: tuple[str, ...], keys: Keymap) -> list[Line]:
    lines: list[Line] = [(Cell(f"  {line}", Tone.MUTED, Cut.MIDDLE),) for line in details[:_FAULTS_SHOWN]]
    if len(details) > _FAULTS_SHOWN:
        key = keys.key("job.log").shown_first
        lines.append((Cell(f"  and {len(details) - _FAULTS_SHOWN} more: {key} shows the log", Tone.MUTED),))
    return lines


def _times(job: Job, now: datetime) -> str:
    elapsed = job.elapsed_s(now)
    if elapsed is None:
        return f"  queued {job.queued_at:%H:%M} UTC"
    took = f"  {figures.duration(elapsed)}"
    return f"{took}, ended {job.ended_at:%H:%M} UTC" if job.ended_at is not None else took


def _wheels(progress: Progress) -> str:
    if progress.total_wheels:
        of = figures.plural(progress.total_wheels, "wheel")
        return f"{figures.count(progress.done_wheels)} of {of}"
    return figures.plural(progress.done_wheels, "wheel") if progress.done_wheels else ""


def _bytes(progress: Progress) -> str:
    if progress.total_bytes:
        return figures.of_total(progress.done_bytes, progress.total_bytes)
    return figures.size(progress.done_bytes) if progress.done_bytes else ""
