"""Whether there is a terminal that the terminal UI can be shown on; if not, why not, in words."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

_NO_CURSOR = frozenset({"", "dumb", "unknown"})
"""Values of TERM that promise nothing but lines."""


def missing_for_ui() -> str | None:
    """What keeps the UI from this process's terminal; None when nothing does.

    It reads from stdin, draws on stderr, and learns the size from stdout, so it needs all three.
    """
    streams = {
        "standard input": sys.stdin,
        "standard output": sys.stdout,
        "standard error": sys.stderr,
    }
    return no_terminal(streams) or (None if os.name == "nt" else no_cursor(os.environ))


def no_terminal(streams: Mapping[str, TextIO | None]) -> str | None:
    """Names the first of some streams that is no terminal; None when all are."""
    name = next((name for name, stream in streams.items() if not _is_terminal(stream)), None)
    return None if name is None else f"the terminal UI needs a terminal, and {name} is not one"


def no_cursor(environment: Mapping[str, str]) -> str | None:
    """Tells that the terminal cannot move its cursor; None when it can.

    >>> no_cursor({"TERM": "dumb"})
    "the terminal UI needs a terminal that can move its cursor, and TERM is 'dumb'"
    """
    term = environment.get("TERM", "")
    if term not in _NO_CURSOR:
        return None
    said = f"TERM is {term!r}" if term else "TERM is not set"
    return f"the terminal UI needs a terminal that can move its cursor, and {said}"


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False
