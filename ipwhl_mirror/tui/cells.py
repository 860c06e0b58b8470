"""Text in a terminal, cell by cell: pieces with a tone, cut where there is no room, never wrapped.

A `Cell` holds text that is safe to print: words of this program, or what `safe_text` made of a foreign name.
Nothing here reads markup. Widths are terminal cells, so a wide character counts as two.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from ipwhl_mirror.tui.glyphs import ASCII, UNICODE, Tone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.widget import Widget

TONE_CLASSES = {tone.value for tone in Tone}
"""Component classes of every widget that draws cells."""


class Cut(Enum):
    """What may be cut from a text that is too long."""

    END = "end"
    MIDDLE = "middle"
    PHRASES = "phrases"


class Cell(NamedTuple):
    """A piece of a line. `cut` is MIDDLE for names, which are recognised by both ends, and PHRASES for
    figures with dots between them, of which the last are left out whole."""

    text: str
    tone: Tone = Tone.PLAIN
    cut: Cut = Cut.END


def width_of(text: str) -> int:
    """How many cells a safe text takes; at once for ASCII, however long it is."""
    return len(text) if text.isascii() else cell_len(text)


def cut_middle(text: str, width: int, mark: str) -> str:
    """The text in at most `width` cells: both ends, and `mark` for what is missing between."""
    if width_of(text) <= width:
        return text
    if width <= len(mark):
        return mark[: max(width, 0)]
    left = (width - len(mark) + 1) // 2
    right = width - len(mark) - left
    if text.isascii():
        return text[:left] + mark + text[len(text) - right :]
    return _prefix(text, left) + mark + _prefix(text[::-1], right)[::-1]


def cut_end(text: str, width: int, mark: str) -> str:
    """The text in at most `width` cells: its beginning, and `mark` when something is missing."""
    if width_of(text) <= width:
        return text
    return mark[: max(width, 0)] if width <= len(mark) else _prefix(text, width - len(mark)) + mark


def cut_phrases(text: str, width: int, mark: str) -> str:
    """The text in at most `width` cells: as many phrases as fit whole, so that no figure is cut; the first
    alone may be.

    >>> cut_phrases("24 % · 8 s left · 31.2 of 126.3 MB", 20, "…")
    '24 % · 8 s left'
    """
    dot = next((glyphs.dot for glyphs in (UNICODE, ASCII) if glyphs.dot in text), None)
    while dot is not None and width_of(text) > width and dot in text:
        text = text.rpartition(dot)[0]
    return cut_end(text, width, mark)


_CUTTERS = {Cut.END: cut_end, Cut.MIDDLE: cut_middle, Cut.PHRASES: cut_phrases}


def fit(cell: Cell, width: int, mark: str) -> Cell:
    """The cell in at most `width` terminal cells."""
    return cell._replace(text=_CUTTERS[cell.cut](cell.text, width, mark))


def fit_line(cells: Sequence[Cell], width: int, mark: str) -> list[Cell]:
    """A line in at most `width` cells: names give way first, the longest most; then the end is cut."""
    line = list(cells)
    excess = sum(width_of(cell.text) for cell in line) - width
    while excess > 0:
        names = [index for index, cell in enumerate(line) if cell.cut is Cut.MIDDLE]
        longest = max(names, key=lambda index: width_of(line[index].text), default=None)
        if longest is None or width_of(line[longest].text) <= 12:
            break
        before = width_of(line[longest].text)
        line[longest] = fit(line[longest], max(12, before - excess), mark)
        excess -= before - width_of(line[longest].text)
    room = width
    fitted = []
    for cell in line:
        fitted.append(fit(cell, room, mark))
        room -= width_of(fitted[-1].text)
        if room <= 0:
            break
    return fitted


def strip_of(cells: Sequence[Cell], width: int, base: Style, tone_style: Callable[[Tone], Style]) -> Strip:
    """Draw cells on `base`, exactly `width` wide."""
    segments = [Segment(cell.text, base + tone_style(cell.tone)) for cell in cells if cell.text]
    return Strip(segments).adjust_cell_length(width, base)


def tone_style(widget: Widget, tone: Tone) -> Style:
    """The colour and weight of a tone on a widget, without a background."""
    return _without_background(widget.get_component_rich_style(tone.value))


@lru_cache(maxsize=256)
def _without_background(style: Style) -> Style:
    return Style(color=style.color, bold=style.bold)


def _prefix(text: str, width: int) -> str:
    if width <= 0:
        return ""
    return text[:width] if text.isascii() else set_cell_size(text, width)
