"""The rows of the pins screen: pins, and above those of one release their sum; what each row says.

Rows are the backend's own values. Pins of other programs come last in every order.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui.backend import KeptRelease, PinEntry, PinOwner
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Glyphs, Look, Tone
from ipwhl_mirror.tui.widgets.columns import Align, Column

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime
    from typing import Any

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.tui.backend import Storage
    from ipwhl_mirror.tui.sorting import Sorting
    from ipwhl_mirror.tui.widgets.filter_bar import Filter
    from ipwhl_mirror.tui.widgets.lines import Line

PinRow = PinEntry | KeptRelease

COLUMNS = (
    Column(title="PIN", width=24, flexible=True, most=60),
    Column(title="RELEASE", width=14, rank=2, most=30),
    Column(title="WHEELS", width=7, align=Align.RIGHT, rank=4),
    Column(title="BYTES", width=9, align=Align.RIGHT),
    Column(title="ONLY HERE", width=10, align=Align.RIGHT, rank=1),
    Column(title="VERIFIED", width=8, align=Align.RIGHT, rank=3),
    Column(title="CID", width=46, rank=8),
)


class Order(Enum):
    """How the list is sorted; the value is the column that shows it."""

    NAME = 0
    RELEASE = 1
    WHEELS = 2
    LARGEST = 3
    ALONE = 4
    VERIFIED = 5


_KEYS: dict[Order, Callable[[PinEntry], Any]] = {
    Order.NAME: lambda entry: pin_words(entry),
    Order.WHEELS: lambda entry: -entry.wheels,
    Order.LARGEST: lambda entry: -entry.bytes,
    Order.ALONE: lambda entry: -entry.only_here,
    Order.VERIFIED: lambda entry: entry.verified_at.timestamp() if entry.verified_at else 0,
}
"""What to sort by; by release, the newest first, is how pins come. The longest unverified come first."""


def pin_rows(storage: Storage, wanted: Filter, sorting: Sorting[Order]) -> list[PinRow]:
    """What is listed. By release, a release with several pins has a row of its own above them."""
    shown = [entry for entry in storage.pins if wanted.is_empty or wanted.passes(row_text(entry))]
    ours = [entry for entry in shown if entry.release is not None]
    foreign = [entry for entry in shown if entry.release is None]
    if (by := _KEYS.get(sorting.order)) is not None:
        return [*sorting.direct(sorted(ours, key=by)), *foreign]
    rows: list[PinRow] = []
    of_release: dict[Cid | None, list[PinEntry]] = {}
    for entry in ours:
        of_release.setdefault(entry.release, []).append(entry)
    for release in sorting.direct(storage.releases):
        pins = of_release.get(release.cid, [])
        if release.pins > 1 and pins:
            rows.append(release)
        rows += pins
    return [*rows, *foreign]


def row_key(row: PinRow) -> Hashable:
    """Tells rows apart over refreshes."""
    return (type(row), row.cid)


def row_text(entry: PinEntry) -> str:
    """What a filter looks at."""
    return f"{pin_words(entry)} {safe_text(entry.release_name)}".lower()


def pin_words(entry: PinEntry) -> str:
    """What a pin is called: its part, or another program's name for it."""
    if entry.owner is PinOwner.OTHER:
        return f'not ours: "{safe_text(entry.name)}"' if entry.name else "not ours"
    if entry.selection is None:
        return "a subset"
    return safe_text(entry.selection) or "whole release"


def pin_look(entry: PinEntry, glyphs: Glyphs) -> Look:
    """Whose a pin is, and whether it was read back."""
    if entry.owner is PinOwner.OTHER:
        return Look(glyphs.foreign, "not ours, never touched", Tone.MUTED)
    if entry.verified_at is None:
        return Look(glyphs.unknown, "not verified", Tone.PART)
    if entry.owner is PinOwner.ADOPTED:
        return Look(glyphs.pinned, "pinned by another program", Tone.GOOD)
    return Look(glyphs.pinned, "pinned", Tone.GOOD)


def row_cells(row: PinRow, glyphs: Glyphs, now: datetime | None) -> tuple[Cell, ...]:
    """One cell for each of COLUMNS."""
    if isinstance(row, KeptRelease):
        return (
            Cell(f"{safe_text(row.name)}  {figures.plural(row.pins, 'pin')}", Tone.HEAD, Cut.MIDDLE),
            Cell("", Tone.HEAD),
            Cell(figures.count(row.wheels), Tone.HEAD),
            Cell(figures.size(row.bytes), Tone.HEAD),
            Cell(figures.size(row.only_here), Tone.HEAD),
            Cell(""),
            Cell(str(row.cid), Tone.MUTED, Cut.MIDDLE),
        )
    look = pin_look(row, glyphs)
    is_known = row.release is not None
    verified = "-" if row.verified_at is None or now is None else figures.age(now - row.verified_at)
    return (
        Cell(f"{look.glyph} {pin_words(row)}", look.tone, Cut.MIDDLE),
        Cell(safe_text(row.release_name) if row.release_name else "-", Tone.PLAIN, Cut.MIDDLE),
        Cell(figures.count(row.wheels) if is_known else "-"),
        Cell(figures.size(row.bytes) if is_known else "-"),
        Cell(figures.size(row.only_here) if is_known else "-", Tone.HEAD),
        Cell(verified, Tone.MUTED),
        Cell(str(row.cid), Tone.MUTED, Cut.MIDDLE),
    )


def row_details(row: PinRow, storage: Storage, glyphs: Glyphs) -> list[Line]:
    """The whole CID of a row, and what dropping its release, all its pins together, would free."""
    release_cid = row.cid if isinstance(row, KeptRelease) else row.release
    release = next((item for item in storage.releases if item.cid == release_cid), None)
    head: list[Cell] = [Cell(str(row.cid), Tone.HEAD, Cut.MIDDLE)]
    if isinstance(row, PinEntry):
        look = pin_look(row, glyphs)
        head.append(Cell(f"  {look.text}", look.tone))
    if release is None:
        return [tuple(head), ()]
    return [tuple(head), alone_line(release)]


def alone_line(release: KeptRelease) -> Line:
    """What a release alone keeps: what is free to go when all its pins are."""
    pins = "its pin" if release.pins == 1 else f"its {release.pins} pins"
    return (
        Cell(safe_text(release.name), Tone.HEAD, Cut.MIDDLE),
        Cell(" alone keeps "),
        Cell(figures.size(release.only_here), Tone.HEAD),
        Cell(f" of {figures.size(release.bytes)}: that goes with {pins} and a gc", Tone.MUTED),
    )
