"""What a notification may say: safe text, and no more of it than fits beside everything else.

Messages come from errors and outcomes, which hold names from outside and can be of any length. All of it can
be read in the jobs view; a notification has its beginning, line by line.
"""

from __future__ import annotations

from ipwhl_mirror.domain.display import safe_text

LINES = 4
LINE_LENGTH = 160
TITLE_LENGTH = 60
"""In characters. At 80 columns a line of a notification has 34, so the longest fills most of 24 lines."""


def notice(text: str) -> str:
    r"""The message: its first lines, each made safe and cut.

    >>> notice("a \x1b[2J\nhint: b")
    'a \\x1b[2J\nhint: b'
    """
    lines = text.split("\n", LINES)
    shown = [safe_text(line, LINE_LENGTH) for line in lines[:LINES]]
    return "\n".join(shown)


def notice_title(text: str) -> str:
    """The line above it."""
    return safe_text(text, TITLE_LENGTH)
