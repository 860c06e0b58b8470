"""Progress on stderr: a bar on a terminal, NDJSON events with `--progress --json`, or lines."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

import click
import msgspec

from ipwhl_mirror.cli.run import json_text
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import duration, size
from ipwhl_mirror.services.events import Phase, Progress, ignore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.events import ProgressSink

_EVERY_S = 0.1
_LINE_EVERY_S = 5.0
_STALLED_S = 3.0


@contextlib.contextmanager
def progress_sink(run: Run) -> Iterator[ProgressSink]:
    """The sink for this run; on leaving, the last event is shown and the bar is gone."""
    if run.quiet:
        yield ignore
    elif run.json and run.progress:
        yield _Events()
    elif sys.stderr.isatty() and not run.json:
        with _bar(run) as sink:
            yield sink
    elif run.progress:
        yield _Lines()
    else:
        yield _notes


def _notes(progress: Progress) -> None:
    if progress.note:
        click.echo(safe_text(progress.note), err=True)


class _Events:
    """One JSON object a line."""

    def __init__(self) -> None:
        self._last = 0.0
        self._phase: Phase | None = None

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        same_phase = progress.phase is self._phase
        if progress.note is None and not _is_over(progress) and same_phase and now - self._last < _EVERY_S:
            return
        self._last, self._phase = now, progress.phase
        click.echo(json_text(msgspec.to_builtins(progress)), err=True)


class _Lines:
    """A line a phase and every few seconds, for logs."""

    def __init__(self) -> None:
        self._last = 0.0
        self._phase: Phase | None = None

    def __call__(self, progress: Progress) -> None:
        _notes(progress)
        now = time.monotonic()
        if progress.phase is self._phase and now - self._last < _LINE_EVERY_S:
            return
        self._last, self._phase = now, progress.phase
        click.echo(describe(progress), err=True)


def _is_over(progress: Progress) -> bool:
    """Whether this is the last that a phase tells."""
    bytes_are_done = progress.total_bytes is None or progress.done_bytes >= progress.total_bytes
    wheels_are_done = progress.total_wheels is None or progress.done_wheels >= progress.total_wheels
    has_an_end = progress.total_bytes is not None or progress.total_wheels is not None
    return has_an_end and bytes_are_done and wheels_are_done


def describe(progress: Progress) -> str:
    """One line: phase, bytes of the total, rate, and time to go or how long it stands still."""
    words = [progress.phase.value]
    if progress.total_bytes is not None:
        done = size(progress.done_bytes)
        words.append(f"{done} of {size(progress.total_bytes)}")
    if progress.total_wheels is not None:
        words.append(f"{progress.done_wheels} of {progress.total_wheels}")
    if progress.stalled_s >= _STALLED_S:
        words.append(f"stalled {progress.stalled_s:.0f} s")
    elif progress.rate:
        words.append(f"{size(int(progress.rate))}/s")
        if progress.eta_s is not None:
            words.append(f"{duration(progress.eta_s)} to go")
    return "  ".join(words)


@contextlib.contextmanager
def _bar(run: Run) -> Iterator[ProgressSink]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True, no_color=run.no_color or None, markup=False, highlight=False, emoji=False)
    columns = (BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
    bar = Bar(
        *columns,
        console=console,
        transient=True,
        refresh_per_second=8,
        redirect_stdout=False,  # data for a file or a pipe stays on stdout
    )
    task = bar.add_task("", total=None)

    def sink(progress: Progress) -> None:
        if progress.note:
            console.print(safe_text(progress.note))
        bar.update(
            task,
            description=describe(progress),
            total=progress.total_bytes or progress.total_wheels,
            completed=progress.done_bytes if progress.total_bytes else progress.done_wheels,
        )
        # a bar that has nothing more to say is taken away, so that no line of the result meets it
        if _is_over(progress):
            bar.stop()
        elif not bar.live.is_started:
            bar.start()

    try:
        yield sink
    finally:
        bar.stop()
