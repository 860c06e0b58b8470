"""One line of a list: cells below their columns, each exactly as wide as its column.

A page of a list is some forty lines of a dozen pieces, drawn anew for every page: what is here is done as
seldom, and as directly, as it can be. Which line looks how is the list's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from ipwhl_mirror.tui.cells import fit, width_of
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.widgets.columns import GAP, MARGIN, Align

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipwhl_mirror.tui.cells import Cell
    from ipwhl_mirror.tui.widgets.columns import Column

_GAP = " " * GAP
_MARGIN = " " * MARGIN


class Blend(dict[Tone, Style]):
    """The styles of tones on one background, each mixed when it is first needed."""

    def __init__(self, base: Style, tone: Callable[[Tone], Style]) -> None:
        super().__init__()
        self.base = base
        self._tone = tone

    def __missing__(self, tone: Tone) -> Style:
        style = self[tone] = self.base + self._tone(tone)
        return style


class Plain(Blend):
    """One style whatever the tone."""

    def __init__(self, base: Style) -> None:
        super().__init__(base, lambda tone: base)


def line_strip(
    cells: Sequence[Cell],
    columns: Sequence[Column],
    places: Sequence[tuple[int, int]],
    *,
    width: int,
    cut_mark: str,
    blend: Blend,
    sign: str = "",
    spots: Sequence[int] = (),
    spot: Style | None = None,
) -> Strip:
    """A line `width` cells wide.

    Args:
        places: (number, width) of the columns that are shown.
        sign: one cell for the left margin.
        spots: the columns whose cells have the style `spot`.
    """
    gap = Segment(_GAP, blend[Tone.PLAIN])
    pieces = [Segment(sign or _MARGIN, blend[Tone.KEY])]
    length = MARGIN - GAP
    for index, room in places:
        cell = cells[index]
        text = cell.text
        if (taken := width_of(text)) > room:
            text = fit(cell, room, cut_mark).text
            taken = width_of(text)
        if taken < room:
            pad = " " * (room - taken)
            text = pad + text if columns[index].align is Align.RIGHT else text + pad
        style = spot if spot is not None and index in spots else blend[cell.tone]
        pieces += (Segment(text, style), gap)
        length += room + GAP
    pieces.pop()
    if length < width:
        pieces.append(Segment(" " * (width - length), blend.base))
        length = width
    return Strip(pieces, length).adjust_cell_length(width, blend.base)
