"""What a list without rows says: what is waited for, what failed and how to try again, or why it is empty.

A view is never blank: whoever waits is told for what, whoever has a problem is told which key to press.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Tone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.tui.jobs import Failure
    from ipwhl_mirror.tui.keys import Key
    from ipwhl_mirror.tui.widgets.lines import Line

ASKING = "asking the node, reading the releases"
"""What everything waits for first."""


def waiting_lines(words: str, sign: str) -> list[Line]:
    """Something is being read; safe text. `sign` is the glyph for what is under way."""
    return [(Cell(f"{sign} ", Tone.PART), Cell(words, Tone.PLAIN, Cut.MIDDLE))]


def failure_lines(failure: Failure, sign: str, again: Key, width: int) -> list[Line]:
    """Something could not be read: why, in lines of `width` cells, what to do, the key that tries again."""
    words = wrap(f"{sign} {failure.words}", width, subsequent_indent="  ")
    hints = wrap(f"hint: {failure.hint}", width, subsequent_indent="  ") if failure.hint else []
    lines: list[Line] = [(Cell(line, Tone.BAD),) for line in words]
    lines += [(Cell(line),) for line in hints]
    lines += [(Cell(f"  {line}", Tone.MUTED, Cut.MIDDLE),) for line in failure.details]
    return [*lines, (), key_line(again, "tries again")]


def no_match_lines(words: str, back: Key) -> list[Line]:
    """A filter lets nothing pass."""
    found: Line = (Cell("nothing here has "), Cell(words.strip(), Tone.HEAD))
    return [found, (), key_line(back, "shows all again")]


def nothing_lines(words: str, *keys: tuple[Key, str]) -> list[Line]:
    """There is nothing to list, and what can be done about it with which keys."""
    lines: list[Line] = [(Cell(words),)]
    return [*lines, (), *(key_line(key, does) for key, does in keys)] if keys else lines


def key_line(key: Key, does: str) -> Line:
    """A key and what it does."""
    return (Cell(f"  {key.shown_first}", Tone.KEY), Cell(f"  {does}"))


def text_of(lines: Sequence[Line]) -> str:
    """The words alone."""
    return "\n".join("".join(cell.text for cell in line) for line in lines)
