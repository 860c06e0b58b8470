"""What is marked of a release: the first marks, the rows that are concerned, and the line of totals."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.marks import Box, Marked, Marks
from ipwhl_mirror.domain.platforms import ANY
from ipwhl_mirror.domain.releases import PlatformRow, PlatformState, Wheel
from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.glyphs import Tone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipwhl_mirror.tui.backend import ReleaseView
    from ipwhl_mirror.tui.content_rows import Row
    from ipwhl_mirror.tui.desk import Desk
    from ipwhl_mirror.tui.widgets.lines import Line


class Shown(Enum):
    """Which rows of a release are listed."""

    ALL = "all"
    MARKED = "marked"


def marked_rows(rows: Iterable[Row], marked: Marked) -> list[Row]:
    """Those of some rows that the marks take something of."""
    return [row for row in rows if _is_taken(row, marked)]


def _is_taken(row: Row, marked: Marked) -> bool:
    if isinstance(row, PlatformRow):
        return marked.platform_box(row.platform) is not Box.OFF
    return marked.takes(row) if isinstance(row, Wheel) else bool(marked.taken_of(row))


def first_marks(view: ReleaseView) -> Marks:
    """Marks on what is pinned: its platforms, and `any` unless they are pinned without a wheel of it; none
    when nothing is."""
    rows = view.summary.platforms
    absent = {row.platform for row in rows if row.state is PlatformState.ABSENT}
    pinned = frozenset(row.platform for row in rows if row.state is PlatformState.PINNED)
    return Marks(
        families=frozenset(row.platform for row in rows),
        chosen=pinned - {ANY} or pinned,
        drops_any=bool(pinned) and ANY in absent,
    )


def totals_line(marked: Marked, view: ReleaseView, desk: Desk) -> Line:
    """How much is marked, what of it would be fetched, what room would be left."""
    dot = desk.glyphs.dot
    if not marked.amount.wheels:
        toggle, every = (desk.keymap.key(name).shown_first for name in ("contents.mark", "contents.all"))
        words = "nothing is marked" if marked.selection is None else "no wheel is left by these marks"
        return (Cell(f"{words}: {toggle} marks a platform, {every} all of them", Tone.MUTED),)
    fetch, after = marked.fetch, view.free_bytes - marked.fetch.bytes
    return (
        Cell(figures.amount(marked.amount), Tone.HEAD),
        Cell(f"{dot}fetch {'~' if fetch.bytes else ''}{figures.size(fetch.bytes)}"),
        Cell(f"{dot}here {figures.size(marked.shared.bytes)}", Tone.MUTED),
        Cell(
            f"{dot}free after {figures.size(after)}"
            if after >= 0
            else f"{dot}{figures.size(-after)} too much",
            Tone.PLAIN if after >= 0 else Tone.BAD,
        ),
    )
