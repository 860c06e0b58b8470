"""The rows of the contents screen: which there are, in which order, and what each says.

One flat list holds platforms, then projects, each with its wheels below it while it is open. Rows are the
domain's own values (`PlatformRow`, `Project`, `Wheel`); nothing is made for a row that is not on screen.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.marks import Tally
from ipwhl_mirror.domain.platforms import ANY
from ipwhl_mirror.domain.releases import PlatformRow, Project, Wheel
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import BOXES, Glyphs, Tone
from ipwhl_mirror.tui.lookup import Lookup, Order
from ipwhl_mirror.tui.widgets.columns import Align, Column

if TYPE_CHECKING:
    from collections.abc import Container, Hashable, Iterable, Sequence, Set

    from ipwhl_mirror.domain.marks import Marked
    from ipwhl_mirror.tui.backend import ReleaseView
    from ipwhl_mirror.tui.widgets.filter_bar import Filter
    from ipwhl_mirror.tui.widgets.lines import Line

Row = PlatformRow | Project | Wheel

COLUMNS = (
    Column(title="PLATFORM / PROJECT / WHEEL", width=28, flexible=True, most=56),
    Column(title="MARKED", width=7, align=Align.RIGHT, rank=2),
    Column(title="WHEELS", width=7, align=Align.RIGHT, rank=1),
    Column(title="BYTES", width=10, align=Align.RIGHT),
    Column(title="HERE", width=10, align=Align.RIGHT, rank=4),
    Column(title="STATE", width=11),
    Column(title="FILE, OR PLATFORMS", width=60, rank=6, most=100),
)

BOX = range(2, 5)
"""Where a box stands in the first column, in cells."""


class ProjectFacts(NamedTuple):
    """What a row says of a project, apart from marks; the words are safe text."""

    words: str
    platforms: str
    bytes: int
    pinned_wheels: int
    pinned_bytes: int


class ReleaseRows:
    """The rows of one release."""

    def __init__(self, view: ReleaseView, before: ReleaseRows | None = None) -> None:
        """`before`: what was shown until now; where it is of the same release, its lookup serves again."""
        self.view = view
        self.platforms = tuple(sorted(view.summary.platforms, key=lambda row: row.platform == ANY))
        self.projects = view.release.projects
        self._facts: dict[str, ProjectFacts] = {}
        is_same = before is not None and before.lookup.release is view.release
        self.lookup: Lookup = before.lookup if before is not None and is_same else Lookup(view.release)

    def prepare(self) -> None:
        """Make what the first filter, order and mark need; takes a while, and can be done in a thread."""
        self.tally.prepare()
        self.lookup.prepare()

    def rows(self, opened: Set[str], wanted: Filter, order: Order, *, reverse: bool = False) -> list[Row]:
        """What is listed.

        Args:
            opened: names of projects that show their wheels.
            wanted: a project stays when its name passes, or with those of its wheels that pass.
        """
        ordered: Sequence[int] = self.lookup.ordered(order)
        if reverse:
            ordered = ordered[::-1]
        if wanted.is_empty:
            rows: list[Row] = list(self.platforms)
            if not opened:
                rows += map(self.projects.__getitem__, ordered)
                return rows
            named: Container[int] = range(len(self.projects))
            found: dict[int, list[Wheel]] = {}
        else:
            rows = [row for row in self.platforms if wanted.passes(row.platform.lower())]
            named = self.lookup.projects(wanted)
            found = self.lookup.wheels(wanted) if len(named) < len(self.projects) else {}
        for at in ordered:
            if at in named:
                project = self.projects[at]
                rows.append(project)
                if project.name in opened:
                    rows += project.wheels
            elif group := found.get(at):
                rows.append(self.projects[at])
                rows += group
        return rows

    def pinned_of(self, project: Project) -> int:
        """How many of its wheels are pinned."""
        return self.facts(project).pinned_wheels

    def facts(self, project: Project) -> ProjectFacts:
        """What a row says of a project whatever is marked; told once, when it is first on screen."""
        facts = self._facts.get(project.name)
        if facts is None:
            here = [wheel.bytes for wheel in project.wheels if wheel.cid.digest in self.view.pinned]
            facts = self._facts[project.name] = ProjectFacts(
                words=f"{safe_text(project.name)} {safe_text(versions(project))}",
                platforms=platforms_of(project),
                bytes=sum(wheel.bytes for wheel in project.wheels),
                pinned_wheels=len(here),
                pinned_bytes=sum(here),
            )
        return facts

    @cached_property
    def tally(self) -> Tally:
        """The release, counted for marks."""
        return Tally(self.view.release, here=self.view.here)


def row_key(row: Row) -> Hashable:
    """Tells rows apart over refreshes."""
    if isinstance(row, PlatformRow):
        return row.platform
    if isinstance(row, Project):
        return (row.name,)
    return (row.project, row.filename)


def wheel_words(wheel: Wheel) -> str:
    """A wheel without its name and version: `cp311 linux-x86_64`, `cp39-abi3 macos-arm64 macos-x86_64`."""
    python, abi, _ = wheel.tags.text.split("-")
    tags = python if abi in ("none", python) else f"{python}-{abi}"
    return safe_text(f"{tags} {' '.join(sorted(wheel.tags.families))}")


def versions(project: Project) -> str:
    """The version of its wheels, or how many versions there are."""
    found = list(dict.fromkeys(wheel.version for wheel in project.wheels))
    return f"{len(found)} versions" if len(found) > 1 else "".join(found)


def platform_bytes(wheels: Iterable[Wheel], known: Set[bytes]) -> list[str]:
    """`linux-x86_64 16.8 MB`: the bytes of some wheels by platform, the most first, `any` last.

    Args:
        known: digests of wheels whose bytes were read here and are no claim.
    """
    found: dict[str, list[Wheel]] = {}
    for wheel in wheels:
        for family in wheel.tags.families:
            found.setdefault(family, []).append(wheel)
    sizes = {family: sum(wheel.bytes for wheel in group) for family, group in found.items()}
    words = []
    for family in sorted(found, key=lambda family: (family == ANY, -sizes[family], family)):
        here = sum(wheel.bytes for wheel in found[family] if wheel.cid.digest in known)
        words.append(f"{safe_text(family)} {figures.claimed_size(sizes[family], known=here)}")
    return words


def platforms_of(project: Project) -> str:
    """The platforms it has a wheel for, `any` last."""
    families = frozenset[str]().union(*(wheel.tags.families for wheel in project.wheels))
    return safe_text("  ".join(sorted(families, key=lambda name: (name == ANY, name))))


def row_cells(
    row: Row, rows: ReleaseRows, marked: Marked, glyphs: Glyphs, *, is_open: bool
) -> tuple[Cell, ...]:
    """One cell for each of COLUMNS."""
    if isinstance(row, PlatformRow):
        return _platform_cells(row, marked, glyphs)
    if isinstance(row, Project):
        return _project_cells(row, rows, marked, glyphs, is_open=is_open)
    return _wheel_cells(row, rows, marked, glyphs)


def row_details(row: Row | None, rows: ReleaseRows, glyphs: Glyphs) -> list[Line]:
    """The whole name and CID of a row, uncut as far as the terminal goes."""
    if row is None:
        return [(), ()]
    if isinstance(row, PlatformRow):
        look = glyphs.platform(row)
        shared = "comes along with every platform" if row.platform == ANY else ""
        return [
            (Cell(safe_text(row.platform), Tone.HEAD, Cut.MIDDLE), Cell(f"  {look.text}", look.tone)),
            (
                Cell(f"{figures.count(row.pinned_wheels)} of {figures.plural(row.wheels, 'wheel')} pinned, "),
                Cell(figures.of_total(row.pinned_bytes, row.bytes)),
                Cell(f"  {shared}", Tone.MUTED),
            ),
        ]
    if isinstance(row, Project):
        return [
            (
                Cell(safe_text(row.name), Tone.HEAD, Cut.MIDDLE),
                Cell(f" {safe_text(versions(row))}", Tone.HEAD, Cut.MIDDLE),
                Cell(f"  {rows.pinned_of(row)} of {figures.plural(len(row.wheels), 'wheel')} pinned"),
            ),
            (Cell(glyphs.dot.join(platform_bytes(row.wheels, rows.view.pinned)) or "no wheel"),),
            (Cell(str(row.link.cid), Tone.MUTED, Cut.MIDDLE),),
        ]
    return [
        (Cell(safe_text(row.filename), Tone.HEAD, Cut.MIDDLE),),
        (Cell(str(row.cid), Tone.MUTED, Cut.MIDDLE),),
    ]


def _platform_cells(row: PlatformRow, marked: Marked, glyphs: Glyphs) -> tuple[Cell, ...]:
    look = glyphs.platform(row)
    box = BOXES[marked.platform_box(row.platform)]
    pure = " (pure Python)" if row.platform == ANY else ""
    taken = marked.by_platform[row.platform]
    return (
        Cell(f"  {box} {safe_text(row.platform)}{pure}", Tone.HEAD, Cut.MIDDLE),
        Cell(figures.count(taken) if taken else "-", Tone.PLAIN if taken else Tone.MUTED),
        Cell(figures.count(row.wheels)),
        Cell(figures.claimed_size(row.bytes, known=row.pinned_bytes)),
        Cell(figures.size(row.pinned_bytes) if row.pinned_wheels else "-", Tone.MUTED),
        Cell(look.text, look.tone),
        Cell(""),
    )


def _project_cells(
    row: Project, rows: ReleaseRows, marked: Marked, glyphs: Glyphs, *, is_open: bool
) -> tuple[Cell, ...]:
    facts = rows.facts(row)
    look = glyphs.share(facts.pinned_wheels, len(row.wheels))
    excluded = marked.marks.excludes(row.name)
    state = Cell("excluded", Tone.PART) if excluded else Cell(look.text, look.tone)
    box = BOXES[marked.project_box(row)]
    sign = glyphs.opened if is_open else glyphs.closed
    taken = marked.taken_of(row)
    here = figures.size(facts.pinned_bytes) if facts.pinned_wheels else "-"
    return (
        Cell(f"{sign} {box} {facts.words}", Tone.PLAIN, Cut.MIDDLE),
        Cell(figures.count(taken) if taken else "-", Tone.PLAIN if taken else Tone.MUTED),
        Cell(figures.count(len(row.wheels))),
        Cell(figures.claimed_size(facts.bytes, known=facts.pinned_bytes)),
        Cell(here, Tone.MUTED),
        state,
        Cell(facts.platforms, Tone.MUTED),
    )


def _wheel_cells(row: Wheel, rows: ReleaseRows, marked: Marked, glyphs: Glyphs) -> tuple[Cell, ...]:
    taken = marked.takes(row)
    pinned = row.cid.digest in rows.view.pinned
    look = glyphs.share(int(pinned), 1)
    sign = glyphs.taken if taken else " "
    tone = Tone.PLAIN if taken else Tone.MUTED
    return (
        Cell(f"      {sign} {wheel_words(row)}", tone, Cut.MIDDLE),
        Cell("1" if taken else "-", tone),
        Cell("1", tone),
        Cell(figures.claimed_size(row.bytes, known=row.bytes if pinned else -1), tone),
        Cell(figures.size(row.bytes) if pinned else "-", Tone.MUTED),
        Cell(look.text, look.tone),
        Cell(safe_text(row.filename), Tone.MUTED, Cut.MIDDLE),
    )
