"""The terminal UI where it cannot be shown: what is missing is said, and the commands are pointed at."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.cli.terminal import no_cursor, no_terminal
from tests.simulators.terminal import Terminal

if TYPE_CHECKING:
    from typing import TextIO

PROGRAM = (sys.executable, "-m", "ipwhl_mirror")


class _Screen(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def _closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize(
    ("streams", "named"),
    [
        ({"a": _Screen(), "b": _Screen()}, None),
        ({"a": _Screen(), "b": io.StringIO()}, "b"),
        ({"a": _closed(), "b": io.StringIO()}, "a"),
        ({"a": None}, "a"),
    ],
    ids=["all", "one is none", "one is closed", "one is missing"],
)
def test_the_stream_that_is_no_terminal_is_named(
    streams: dict[str, TextIO | None], named: str | None
) -> None:
    """The first of them, whatever it is instead."""
    words = no_terminal(streams)
    assert words == (named and f"the terminal UI needs a terminal, and {named} is not one")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "TERM is not set"),
        ({"TERM": ""}, "TERM is not set"),
        ({"TERM": "dumb"}, "TERM is 'dumb'"),
        ({"TERM": "linux"}, None),
        ({"TERM": "xterm-256color"}, None),
    ],
    ids=["not set", "empty", "dumb", "linux", "xterm"],
)
def test_a_terminal_must_move_its_cursor(environment: dict[str, str], said: str | None) -> None:
    """By TERM; the words name it."""
    words = no_cursor(environment)
    assert (words or "").endswith(said or "")
    assert bool(words) is bool(said)


def test_streams_that_are_redirected_are_said() -> None:
    """Without a terminal: help, what is missing, what to do instead, and exit code 2."""
    ran = subprocess.run(
        PROGRAM, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 2
    assert "Commands:" in ran.stdout
    assert ran.stderr.strip().splitlines() == [
        "error: the terminal UI needs a terminal, and standard input is not one",
        "hint: every command works without: try `ipwhl-mirror status`",
    ]


def test_a_terminal_without_a_cursor_gets_words_only() -> None:
    """TERM=dumb, as in an editor's shell: not one escape sequence, no change of its modes."""
    with Terminal(PROGRAM, columns=80, lines=24, environment={"TERM": "dumb"}) as terminal:
        assert terminal.wait_for_end() == 2
        assert b"and TERM is 'dumb'" in terminal.written
        assert b"\x1b" not in terminal.written
        assert terminal.modes == terminal.modes_before
