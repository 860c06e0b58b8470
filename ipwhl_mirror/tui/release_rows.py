"""The rows of the releases screen: the columns, the orders, what a row says, and the details below."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.platforms import ANY
from ipwhl_mirror.domain.releases import PlatformRow, PlatformState
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Glyphs, Look, Tone
from ipwhl_mirror.tui.widgets.columns import Align, Column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ipwhl_mirror.tui.backend import DiffView, ReleaseSummary
    from ipwhl_mirror.tui.desk import Desk
    from ipwhl_mirror.tui.sorting import Sorting
    from ipwhl_mirror.tui.widgets.filter_bar import Filter
    from ipwhl_mirror.tui.widgets.lines import Line

COLUMNS = (
    Column(title="LABEL", width=16, flexible=True, most=40),
    Column(title="AGE", width=6, align=Align.RIGHT, rank=4),
    Column(title="SIGNED", width=12, rank=6, most=24),
    Column(title="PROJECTS", width=8, align=Align.RIGHT, rank=7),
    Column(title="WHEELS", width=7, align=Align.RIGHT, rank=1),
    Column(title="BYTES", width=9, align=Align.RIGHT),
    Column(title="HERE", width=9, align=Align.RIGHT, rank=2),
    Column(title="PLATFORMS HERE", width=20, rank=5, most=80),
    Column(title="CID", width=46, rank=8),
)


class Order(Enum):
    """How the list is sorted; the value is the column that shows it."""

    LABEL = 0
    NEWEST = 1
    SIGNED = 2
    PROJECTS = 3
    WHEELS = 4
    LARGEST = 5
    HERE = 6


_KEYS: dict[Order, Callable[[ReleaseSummary], Any]] = {
    Order.LABEL: lambda summary: summary.name,
    Order.SIGNED: lambda summary: (summary.source is None, summary.source or ""),
    Order.PROJECTS: lambda summary: -summary.projects,
    Order.WHEELS: lambda summary: -summary.wheels,
    Order.LARGEST: lambda summary: -summary.bytes,
    Order.HERE: lambda summary: -summary.pinned_bytes,
}
"""What to sort by; the newest first is how releases come."""


def release_look(summary: ReleaseSummary, glyphs: Glyphs) -> Look:
    """How much of a whole release is here, or what keeps it from being opened."""
    if summary.index.problem:
        return Look(glyphs.failed, f"index {summary.index.value}", Tone.BAD)
    return glyphs.share(summary.pinned_wheels, summary.wheels)


def platforms_here(rows: Sequence[PlatformRow], glyphs: Glyphs) -> str:
    """Pinned platforms by name, then those partly here; `any` last, `-` for none."""
    ordered = sorted(rows, key=lambda row: row.platform == ANY)
    pinned = [safe_text(row.platform) for row in ordered if row.state is PlatformState.PINNED]
    partial = [
        f"{glyphs.partial} {safe_text(row.platform)}" for row in ordered if row.state is PlatformState.PARTIAL
    ]
    return ", ".join([*pinned, *partial]) or "-"


def release_rows(
    summaries: Sequence[ReleaseSummary], wanted: Filter, sorting: Sorting[Order]
) -> list[ReleaseSummary]:
    """The releases that pass, in order.

    Args:
        summaries: the newest first.
    """
    rows = [summary for summary in summaries if wanted.passes(safe_text(summary.name).lower())]
    if (by := _KEYS.get(sorting.order)) is not None:
        rows.sort(key=by)
    return list(sorting.direct(rows))


def row_cells(summary: ReleaseSummary, glyphs: Glyphs, now: datetime) -> tuple[Cell, ...]:
    """One cell for each of COLUMNS."""
    look = release_look(summary, glyphs)
    here = figures.size(summary.pinned_bytes) if summary.pinned_wheels else "-"
    return (
        Cell(f"{look.glyph} {safe_text(summary.name)}", look.tone, Cut.MIDDLE),
        Cell(figures.age(now - summary.tracked_at), Tone.MUTED),
        signed_cell(summary, glyphs),
        Cell(figures.count(summary.projects)),
        Cell(figures.count(summary.wheels)),
        Cell(figures.claimed_size(summary.bytes, known=summary.pinned_bytes)),
        Cell(here, look.tone),
        Cell(look.word if summary.index.problem else platforms_here(summary.platforms, glyphs), look.tone),
        Cell(str(summary.cid), Tone.MUTED, Cut.MIDDLE),
    )


def signed_cell(summary: ReleaseSummary, glyphs: Glyphs) -> Cell:
    """Which source announced it with an accepted signature, or that a person tracked it."""
    if summary.source is None:
        return Cell("by hand", Tone.MUTED)
    return Cell(f"{glyphs.taken} {safe_text(summary.source)}", Tone.GOOD, Cut.MIDDLE)


def details(summary: ReleaseSummary, desk: Desk, mirrors: Sequence[str] = ()) -> list[Line]:
    """The release under the cursor: its whole name and CID, then its platforms where there is room.

    Args:
        mirrors: names of those that are at it; not safe.
    """
    glyphs = desk.glyphs
    look = release_look(summary, glyphs)
    lines: list[Line] = [
        (
            Cell(safe_text(summary.name), Tone.HEAD, Cut.MIDDLE),
            Cell(f"  {figures.plural(summary.projects, 'project')}, "),
            Cell(f"{figures.plural(summary.wheels, 'wheel')}  "),
            Cell(look.text, look.tone),
            *(() if summary.source is None else (Cell("  "), signed_cell(summary, glyphs))),
            *(Cell(f"{glyphs.dot}mirror {safe_text(name)} is at it", Tone.GOOD) for name in mirrors),
        ),
        (Cell(str(summary.cid), Tone.MUTED, Cut.MIDDLE),),
    ]
    if summary.index.problem:
        again = desk.keymap.key("release.track").shown_first
        lines.insert(1, (Cell(f"{summary.index.problem}: {again} tracks it again", Tone.BAD),))
    for row in sorted(summary.platforms, key=lambda row: row.platform == ANY):
        look = glyphs.platform(row)
        lines.append(
            (
                Cell(f"  {look.glyph} {look.word:<8}", look.tone),
                Cell(f"  {safe_text(row.platform, 22):<22}"),
                Cell(f"{figures.plural(row.wheels, 'wheel'):>14}"),
                Cell(f"{figures.claimed_size(row.bytes, known=row.pinned_bytes):>12}"),
                Cell(f"{figures.size(row.pinned_bytes):>12} here", Tone.MUTED),
            )
        )
    return lines


def compared_line(view: DiffView, dot: str) -> Line:
    """What a release has that an older one has not, when the two were compared in this run."""
    diff = view.diff
    return (
        Cell("  against ", Tone.MUTED),
        Cell(safe_text(view.old.name), Tone.HEAD, Cut.MIDDLE),
        Cell(f"  +{len(diff.added)} -{len(diff.removed)} ~{len(diff.changed)} projects"),
        Cell(f"{dot}{figures.plural(diff.fetch.wheels, 'wheel')} ~{figures.size(diff.fetch.bytes)} are new"),
    )
