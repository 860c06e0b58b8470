"""The rows of the diff screen, and its words: a project that differs, the totals, what following costs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.content_rows import platform_bytes
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.widgets.columns import Align, Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Set
    from typing import Any

    from ipwhl_mirror.domain.diffs import ProjectDiff
    from ipwhl_mirror.domain.releases import Wheel
    from ipwhl_mirror.tui.backend import DiffView
    from ipwhl_mirror.tui.sorting import Sorting
    from ipwhl_mirror.tui.widgets.filter_bar import Filter
    from ipwhl_mirror.tui.widgets.lines import Line

COLUMNS = (
    Column(title="PROJECT", width=24, flexible=True, most=44),
    Column(title="OLD", width=14, rank=3, most=40),
    Column(title="NEW", width=14, rank=2, most=40),
    Column(title="WHEELS", width=7, align=Align.RIGHT, rank=4),
    Column(title="BYTES", width=10, align=Align.RIGHT),
)


class Change(Enum):
    """What happened to a project; the value is its mark."""

    ADDED = "+"
    CHANGED = "~"
    REMOVED = "-"


_TONES = {Change.ADDED: Tone.GOOD, Change.CHANGED: Tone.PART, Change.REMOVED: Tone.BAD}


@dataclass(frozen=True, slots=True)
class DiffRow:
    """A project that differs."""

    change: Change
    project: ProjectDiff

    @property
    def coming(self) -> tuple[Wheel, ...]:
        """The wheels that the new release has and the old one has not."""
        known = {(wheel.filename, wheel.cid.digest) for wheel in self.project.old}
        return tuple(w for w in self.project.new if (w.filename, w.cid.digest) not in known)

    @property
    def going(self) -> tuple[Wheel, ...]:
        """The wheels that only the old release has."""
        kept = {(wheel.filename, wheel.cid.digest) for wheel in self.project.new}
        return tuple(w for w in self.project.old if (w.filename, w.cid.digest) not in kept)

    @property
    def counted(self) -> tuple[Wheel, ...]:
        """The wheels whose bytes the row tells: those that come; of a removed project those that go."""
        return self.going if self.change is Change.REMOVED else self.coming


class Order(Enum):
    """How the list is sorted; the value is the column that shows it."""

    NAME = 0
    WHEELS = 3
    LARGEST = 4


_KEYS: dict[Order, Callable[[DiffRow], Any]] = {
    Order.WHEELS: lambda row: -_wheels(row),
    Order.LARGEST: lambda row: -row.project.bytes,
}


def diff_rows(view: DiffView, wanted: Filter, sorting: Sorting[Order]) -> list[DiffRow]:
    """Every project that differs and passes, in order."""
    diff = view.diff
    rows = [DiffRow(Change.ADDED, project) for project in diff.added]
    rows += [DiffRow(Change.CHANGED, project) for project in diff.changed]
    rows += [DiffRow(Change.REMOVED, project) for project in diff.removed]
    rows = [row for row in rows if wanted.passes(safe_text(row.project.project).lower())]
    rows.sort(key=lambda row: row.project.project)
    if (by := _KEYS.get(sorting.order)) is not None:
        rows.sort(key=by)
    return list(sorting.direct(rows))


def row_cells(row: DiffRow, here: Set[bytes]) -> tuple[Cell, ...]:
    """One cell for each of COLUMNS; `here`: digests of the wheels that were read on this node."""
    project = row.project
    return (
        Cell(f"{row.change.value} {safe_text(project.project)}", _TONES[row.change], Cut.MIDDLE),
        Cell(versions(project.old), Tone.MUTED, Cut.MIDDLE),
        Cell(versions(project.new), Tone.PLAIN, Cut.MIDDLE),
        Cell(figures.count(_wheels(row)), Tone.MUTED),
        Cell(figures.claimed_size(project.bytes, known=_known(row.counted, here))),
    )


def row_details(row: DiffRow, here: Set[bytes], dot: str) -> list[Line]:
    """What happened to a project: versions and wheels, bytes by platform, then each wheel where there is
    room."""
    project = row.project
    name = Cell(f"{row.change.value} {safe_text(project.project)}", Tone.HEAD, Cut.MIDDLE)
    was, now = versions(project.old), versions(project.new)
    words = {
        Change.ADDED: f"  {now} is new",
        Change.REMOVED: f"  {was} is gone",
        Change.CHANGED: f"  {was} -> {now}" if was != now else f"  {now}, other wheels",
    }[row.change]
    counted = row.counted
    total = sum(wheel.bytes for wheel in counted)
    known = [wheel for wheel in counted if wheel.cid.digest in here]
    sign = "to go" if row.change is Change.REMOVED else "new"
    amount = figures.claimed_size(total, known=_known(counted, here))
    facts = f"{dot}{len(project.old)} -> {len(project.new)} wheels, {len(counted)} {sign}, {amount}"
    already = f"{dot}{len(known)} of them here" if known and row.change is not Change.REMOVED else ""
    by_platform = dot.join(platform_bytes(counted, here))
    lines: list[Line] = [
        (name, Cell(words, Tone.PLAIN, Cut.MIDDLE), Cell(facts), Cell(already, Tone.MUTED)),
        (Cell(by_platform or "the same wheels under other names", Tone.MUTED),),
    ]
    lines += [_wheel_line("-", wheel, Tone.BAD, here) for wheel in row.going]
    lines += [_wheel_line("+", wheel, Tone.GOOD, here) for wheel in row.coming]
    return lines


def total_lines(view: DiffView, dot: str) -> list[Line]:
    """The totals: what came and went, bytes by platform, and what it costs a mirror of the old one."""
    diff = view.diff
    counts = f"+{len(diff.added)} -{len(diff.removed)} ~{len(diff.changed)} projects"
    fetch = f"{figures.plural(diff.fetch.wheels, 'wheel')} ~{figures.size(diff.fetch.bytes)} are new"
    by_platform = dot.join(f"{safe_text(name)} ~{figures.size(size)}" for name, size in view.platforms)
    lines: list[Line] = [
        (Cell(counts, Tone.HEAD), Cell(f"{dot}{fetch}")),
        (Cell(by_platform or "nothing new on any platform", Tone.MUTED),),
    ]
    for selection, amount in view.costs:
        cost = f"{figures.plural(amount.wheels, 'wheel')} ~{figures.size(amount.bytes)} to fetch"
        if not amount.wheels:
            cost = "nothing to fetch"
        lines.append(
            (
                Cell("following it: ", Tone.MUTED),
                Cell(safe_text(selection) or "whole release", Tone.HEAD, Cut.MIDDLE),
                Cell(f"  {cost}"),
            )
        )
    if not view.costs:
        lines.append((Cell(f"nothing of {safe_text(view.old.name)} is pinned here", Tone.MUTED),))
    return lines


def versions(wheels: Iterable[Wheel]) -> str:
    """The versions of some wheels; `-` for none."""
    return ", ".join(sorted({safe_text(str(wheel.version)) for wheel in wheels})) or "-"


def _wheels(row: DiffRow) -> int:
    return len(row.project.new) or len(row.project.old)


def _known(wheels: Iterable[Wheel], here: Set[bytes]) -> int:
    return sum(wheel.bytes for wheel in wheels if wheel.cid.digest in here)


def _wheel_line(sign: str, wheel: Wheel, tone: Tone, here: Set[bytes]) -> Line:
    known = wheel.bytes if wheel.cid.digest in here else -1
    return (
        Cell(f"  {sign} ", tone),
        Cell(safe_text(wheel.filename), Tone.PLAIN, Cut.MIDDLE),
        Cell(f"  {figures.claimed_size(wheel.bytes, known=known)}", Tone.MUTED),
    )
