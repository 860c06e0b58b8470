"""The title of the terminal's window while the program runs: `ipwhl-mirror: Releases, 42 %`.

Words only. Who writes them to the terminal is the driver, which also puts the title back that was there
before. Terminals that would print the sequence, or have no title, get none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text

if TYPE_CHECKING:
    from ipwhl_mirror.tui.jobs import JobQueue

PROGRAM = "ipwhl-mirror"

LONGEST = 60
"""Characters; tabs and task lists show fewer."""

KEEP = "\x1b[22;0t"
"""Puts the title on the terminal's stack (xterm, and those that do as it does)."""

PUT_BACK = "\x1b[23;0t"
"""Takes it from there again."""

_WITHOUT = ("linux", "dumb", "vt", "cons", "sun", "unknown", "eterm")


def has_title(term: str) -> bool:
    """A terminal of this TERM has a title that can be set and put back.

    >>> has_title("xterm-256color"), has_title("linux"), has_title("")
    (True, False, False)
    """
    return bool(term) and not term.lower().startswith(_WITHOUT)


def title_words(view: str, jobs: JobQueue) -> str:
    """What the title says: the view, and how far a job is."""
    running = jobs.running
    share = None if running is None else running.percent
    far = "" if share is None else f", {share} %"
    return safe_text(f"{PROGRAM}: {view}{far}", LONGEST)


def title_sequence(words: str) -> str:
    """What sets the title (OSC 2)."""
    return f"\x1b]2;{safe_text(words, LONGEST)}\x1b\\"
