"""The columns of a list, and which of them fit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MARGIN = 1
"""Empty cells at either end of a row."""

GAP = 2
"""Empty cells between two columns."""


class Align(Enum):
    """Where a value stands in its column."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column.

    Attributes:
        title: its header.
        width: in cells; the least it is useful with, where it can be wider.
        rank: the highest is left out first; 0 is never left out.
        flexible: is the first to take the width that remains; one a list.
        most: the most cells it takes of that; None: `width`, or all of it where it is flexible. What nobody
            takes stays empty at the right, so that values stand near their names on a wide screen.
    """

    title: str
    width: int
    align: Align = Align.LEFT
    rank: int = 0
    flexible: bool = False
    most: int | None = None

    def share(self, spare: int) -> int:
        """How many of some spare cells it takes."""
        if self.most is None:
            return spare if self.flexible else 0
        return min(spare, max(self.most - self.width, 0))


def visible_columns(columns: Sequence[Column], width: int) -> list[tuple[int, int]]:
    """(index, width) of the columns that fit in `width` cells, in order."""
    kept = list(range(len(columns)))
    room = width - 2 * MARGIN

    def needed() -> int:
        return sum(columns[index].width for index in kept) + GAP * (len(kept) - 1)

    while needed() > room:
        last = max(kept, key=lambda index: columns[index].rank)
        if columns[last].rank == 0:
            break
        kept.remove(last)
    widths = {index: columns[index].width for index in kept}
    spare = max(room - needed(), 0)
    for index in sorted(kept, key=lambda index: not columns[index].flexible):
        share = columns[index].share(spare)
        widths[index] += share
        spare -= share
    return list(widths.items())
