"""The terminal UI as a process in a real pseudo-terminal: its start, what it takes while nothing happens, and
its memory.

What the kernel counts is read from /proc, so that there are no such figures but on Linux.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import CannotMeasure, Figure, Goal, Unit, WrongResult, in_turns
from tests.benchmarks.programs import command
from tests.benchmarks.tui_stage import SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from tests.benchmarks.measuring import Size

_PATIENCE_S = 120.0
SETTLED_S = 0.5
_BARE_WORDS = "nothing else"
_EMPTY_WORDS = "pip installs from"


class Watched:
    """A program in a terminal of its own, whose output is taken and not looked at; its end kills it."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._written = bytearray()

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            self._words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1"},
        )  # fmt: skip
        os.close(slave)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def wait_for(self, words: str) -> float:
        """Return when the program has written these words; the seconds since its start.

        Raises:
            WrongResult: they do not come.
        """
        wanted = words.encode()
        until = time.monotonic() + _PATIENCE_S
        while wanted not in self._written:
            if time.monotonic() > until or not self._read(0.05):
                raise WrongResult(f"{words!r} does not come: {bytes(self._written[-300:])!r}")
        return time.perf_counter() - self.began

    def rest(self, seconds: float) -> None:
        """Take what is written for a while."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._read(left)

    @property
    def cpu_s(self) -> float:
        """The processor's seconds that it has taken."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory_bytes(self) -> int:
        """What it has of the memory, in bytes."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _read(self, wait_s: float) -> bool:
        """Take what comes; False when the program has ended."""
        if select.select([self._master], [], [], wait_s)[0]:
            try:
                self._written += os.read(self._master, 1 << 16)
            except OSError:  # Linux answers so when the last program has closed its end
                return False
        return True


def _program(name: str, *arguments: int) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.tui_programs", name, *map(str, arguments)]


def process(size: Size) -> Iterator[Figure]:
    """Start, rest, and memory.

    Raises:
        CannotMeasure: there is no /proc.
    """
    if not Path("/proc/self/statm").exists():
        raise CannotMeasure("no /proc: what a process takes cannot be read")
    yield _start(size)
    yield from _rest(size)
    yield from _memory(size)


def _start(size: Size) -> Figure:
    ours = command(size.directory / "empty")
    taken, other = in_turns(
        size.rounds, lambda: _seconds_to(ours, _EMPTY_WORDS), lambda: _seconds_to(_bare(), _BARE_WORDS)
    )
    return Figure(
        name="tui: start to first paint", work="an empty data directory", ours=taken, other=other,
        other_way="an application with one line", goal=Goal(ratio=0.5),
    )  # fmt: skip


def _bare() -> list[str]:
    # not a module of the tests: they import what a bare application needs not
    line = (
        "from textual.app import App; from textual.widgets import Static; "
        f"type('Bare', (App,), {{'compose': lambda self: iter([Static({_BARE_WORDS!r})])}})().run()"
    )
    return [sys.executable, "-c", line]


def _seconds_to(words: Sequence[str], painted: str) -> float:
    with Watched(words) as program:
        return program.wait_for(painted)


def _rest(size: Size) -> Iterator[Figure]:
    empty = command(size.directory / "empty")
    for name, ours, words, beside, other_words, way, most in (
        ("at rest", empty, _EMPTY_WORDS, _bare(), _BARE_WORDS, "an application with one line", 0.02),
        ("while a job runs", _program("busy"), "job 1", _program("busy-bare"), "of 10000000",
         "an application that writes a line as often", 0.15),
    ):  # fmt: skip
        with Watched(ours) as mine, Watched(beside) as other:
            mine.wait_for(words)
            other.wait_for(other_words)
            mine.rest(size.watched_s / 5)
            other.rest(size.watched_s / 5)
            began = mine.cpu_s, other.cpu_s
            until = time.monotonic() + size.watched_s
            while time.monotonic() < until:
                mine.rest(0.05)
                other.rest(0.05)
            yield Figure(
                name=f"tui: processor {name}", work=f"{size.watched_s:g} s watched",
                ours=max(mine.cpu_s - began[0], 0.01), other=max(other.cpu_s - began[1], 0.01),
                other_way=way, goal=Goal(at_most=most * size.watched_s),
            )  # fmt: skip


def _memory(size: Size) -> Iterator[Figure]:
    ours = _memory_of(_program("mirror", size.projects), "project-00000")
    for way, words, painted in (
        ("an application with one line", _program("bare"), _BARE_WORDS),
        ("a DataTable with all rows", _program("table", size.projects), "project-00000"),
    ):
        yield Figure(
            name="tui: memory", work=f"{size.projects * 5} wheels on screen", ours=ours,
            other=_memory_of(words, painted), other_way=way, unit=Unit.BYTES,
            goal=Goal(at_most=150 * 1024 * 1024),
        )  # fmt: skip


def _memory_of(words: Sequence[str], painted: str) -> int:
    with Watched(words) as program:
        program.wait_for(painted)
        program.rest(SETTLED_S)
        return program.memory_bytes
