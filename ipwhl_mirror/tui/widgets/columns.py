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
        width: in cells; for the flexible column the least it is useful with.
        rank: the highest is left out first; 0 is never left out.
        flexible: takes the width that remains; one a list.
    """

    title: str
    width: int
    align: Align = Align.LEFT
    rank: int = 0
    flexible: bool = False


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
    spare = max(room - needed(), 0)
    return [(index, columns[index].width + (spare if columns[index].flexible else 0)) for index in kept]
