"""Figures: how fast the program is, beside another way of doing the same on the same machine in the same run.

Both are run in turns, so that what else the machine does falls on both, and the medians are compared. A
number of seconds says little about another machine; the ratio says more, and goals are ratios where they can
be.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import humanize

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class WrongResult(Exception):
    """What was measured did not do what it should: its time means nothing."""


class CannotMeasure(Exception):
    """A program or file that a benchmark needs is not on this machine."""


class Unit(Enum):
    """What a figure counts."""

    SECONDS = "seconds"
    BYTES = "bytes"
    REQUESTS = "requests"


class Wheels(Enum):
    """Which wheels the figures about large mirrors are of."""

    REAL = "real ones of the package index, 2.5 GB"
    MADE = "generated ones, as many and as large as `files` and `file_bytes` say"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a figure should be; both None: nothing in particular.

    Attributes:
        at_most: ours, in the figure's unit.
        ratio: the other way's, divided by ours, at least.
    """

    at_most: float | None = None
    ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table.

    Attributes:
        name: what was done.
        work: how much of it; the same in every run.
        ours: the median.
        other: the median of the other way.
        other_way: in words.
        unit: of both.
    """

    name: str
    work: str
    ours: float
    other: float
    other_way: str
    unit: Unit = Unit.SECONDS
    goal: Goal = Goal()

    @property
    def ratio(self) -> float:
        """The other way's time (or bytes) divided by ours: above 1 ours is better."""
        return self.other / self.ours

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal == Goal():
            return None
        return (self.goal.at_most is None or self.ours <= self.goal.at_most) and (
            self.goal.ratio is None or self.ratio >= self.goal.ratio
        )

    def cells(self) -> tuple[str, ...]:
        """Its line, as text."""
        wanted = []
        if self.goal.at_most is not None:
            wanted.append(f"<= {self._text(self.goal.at_most)}")
        if self.goal.ratio is not None:
            wanted.append(f">= {self.goal.ratio:.0%}")
        verdict = {None: "", True: " met", False: " MISSED"}[self.is_met]
        return (
            self.name,
            self.work,
            self._text(self.ours),
            f"{self._text(self.other)}  {self.other_way}",
            f"{self.ratio:.0%}",
            ", ".join(wanted) + verdict,
        )

    def _text(self, value: float) -> str:
        if self.unit is Unit.BYTES:
            return humanize.naturalsize(value, binary=True, format="%.0f")
        if self.unit is Unit.REQUESTS:
            return f"{value:.0f}"
        return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured.

    Attributes:
        projects: of the generated index; each has five wheels.
        releases: of `status`, each of `status_projects`.
        files: wheels of `file_bytes` each that are published, fetched and verified.
        big_bytes: of the one wheel of the memory figures.
        pins: of other programs, on the node whose status is asked for.
        listed_releases, listed_pins: in the views of the terminal UI.
        watched_s: for how long a terminal UI that does nothing is watched.
        round_trip_s: of the slow link between two nodes, in seconds.
        wheels: which ones a large mirror has.
        rounds: how often each is run.
        directory: for what is written; on the disk that is to be measured.
    """

    directory: Path
    projects: int = 10_000
    releases: int = 50
    status_projects: int = 1_000
    files: int = 40
    file_bytes: int = 5_000_000
    big_bytes: int = 1 << 30
    pins: int = 100_000
    listed_releases: int = 500
    listed_pins: int = 10_000
    watched_s: float = 5.0
    round_trip_s: float = 0.02
    wheels: Wheels = Wheels.REAL
    rounds: int = 5


def clocked(work: Callable[[], object]) -> Callable[[], float]:
    """The same work, giving the seconds that it took."""

    def run() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return run


def in_turns(rounds: int, ours: Callable[[], float], other: Callable[[], float]) -> tuple[float, float]:
    """The medians of what both give, run one after the other, each as often first as second."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        pair = ((ours, taken[0]), (other, taken[1]))
        for run, times in pair if number % 2 == 0 else reversed(pair):
            times.append(run())
    return statistics.median(taken[0]), statistics.median(taken[1])


def require(is_right: bool, words: str) -> None:
    """Raise WrongResult unless the result is right."""
    if not is_right:
        raise WrongResult(words)
