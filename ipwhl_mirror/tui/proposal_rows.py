"""The rows of a release that could be made: what its check finds, then what changes; totals and words.

The words of findings, and the names of wheels, are safe to show.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.checks.findings import Finding
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.platforms import ANY
from ipwhl_mirror.services.proposals import ProjectChange
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.diff_rows import Change
from ipwhl_mirror.tui.glyphs import Glyphs, Tone
from ipwhl_mirror.tui.jobs import Failure
from ipwhl_mirror.tui.widgets.columns import Align, Column

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ipwhl_mirror.domain.checks.findings import Rule
    from ipwhl_mirror.domain.environments import Environment
    from ipwhl_mirror.services.requests import PublishRequest
    from ipwhl_mirror.tui.backend import ProposalView
    from ipwhl_mirror.tui.widgets.filter_bar import Filter
    from ipwhl_mirror.tui.widgets.lines import Line

COLUMNS = (
    Column(title="WHAT", width=22),
    Column(title="PROJECT", width=14, most=30),
    Column(title="VERSIONS, OR WHAT IS WRONG", width=22, flexible=True, most=90),
    Column(title="BYTES", width=10, align=Align.RIGHT, rank=1),
)
_ENVIRONMENTS = 4
_WRAPPED = 3
_TONES = {Change.ADDED: Tone.GOOD, Change.CHANGED: Tone.PART, Change.REMOVED: Tone.BAD}


@dataclass(frozen=True, slots=True)
class Gap:
    """An environment that the release is not for, and the projects without a wheel there."""

    environment: Environment
    projects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A project that is other than in the release before."""

    change: Change
    project: ProjectChange


@dataclass(frozen=True, slots=True)
class Objection:
    """Why it would be refused though its wheels are sound, or may be; safe to show."""

    words: str
    hint: str | None
    is_doubt: bool


ProposalRow = Finding | Objection | Gap | Difference


def proposal_rows(view: ProposalView, wanted: Filter) -> list[ProposalRow]:
    """Why it would be refused, findings in the order of the rules, projects by name, environments that are
    left out."""
    gaps = [Gap(environment, projects) for environment, projects in view.gathered.left_out]
    rows: list[ProposalRow] = [*objections(view), *view.report.findings, *_differences(view), *gaps]
    return [row for row in rows if wanted.passes(_searched(row).lower())]


def row_cells(row: ProposalRow, allowed: Collection[Rule], glyphs: Glyphs) -> tuple[Cell, ...]:
    """One cell for each of COLUMNS."""
    if isinstance(row, Difference):
        size = figures.size(row.project.bytes) if row.project.bytes else ""
        return (
            Cell(f"{row.change.value} {row.change.name.lower()}", _TONES[row.change]),
            Cell(safe_text(row.project.project), Tone.PLAIN, Cut.MIDDLE),
            Cell(_versions_words(row), Tone.PLAIN, Cut.MIDDLE),
            Cell(size),
        )
    if isinstance(row, Gap):
        projects = ", ".join(map(safe_text, row.projects))
        return (
            Cell(f"{glyphs.absent} left out", Tone.PART),
            Cell(projects),
            Cell(str(row.environment), Tone.PLAIN, Cut.MIDDLE),
            Cell(""),
        )
    if isinstance(row, Objection):
        look = (glyphs.unknown, "doubt", Tone.PART) if row.is_doubt else (glyphs.failed, "refused", Tone.BAD)
        return Cell(f"{look[0]} {look[1]}", look[2]), Cell(""), Cell(row.words), Cell("")
    is_allowed = row.rule in allowed
    tone = Tone.MUTED if is_allowed else Tone.BAD
    return (
        Cell(f"{glyphs.foreign if is_allowed else glyphs.failed} {row.rule.value}", tone),
        Cell(safe_text(row.project), Tone.PLAIN, Cut.MIDDLE),
        Cell(f"allowed: {row.what}" if is_allowed else row.what, Tone.MUTED if is_allowed else Tone.PLAIN),
        Cell(""),
    )


def row_details(row: ProposalRow, width: int) -> list[Line]:
    """All about a row, in lines of `width` cells."""
    if isinstance(row, Difference):
        lines: list[Line] = [
            (Cell(f"- {safe_text(name)}", Tone.BAD, Cut.MIDDLE),) for name in row.project.old
        ]
        return lines + [(Cell(f"+ {safe_text(name)}", Tone.GOOD, Cut.MIDDLE),) for name in row.project.new]
    if isinstance(row, Gap):
        lacking = ", ".join(map(safe_text, row.projects))
        return [
            *_wrapped(f"not for {row.environment}: the locks have no wheel of {lacking}", width, Tone.PART),
            *_wrapped("installers find nothing there: lock wheels for it, or narrow", width),
        ]
    if isinstance(row, Objection):
        tone = Tone.PART if row.is_doubt else Tone.BAD
        hint = _wrapped(f"-> {row.hint}", width) if row.hint else []
        return [*_wrapped(row.words, width, tone), *hint]
    where = ", ".join(map(str, row.environments[:_ENVIRONMENTS]))
    more = len(row.environments) - _ENVIRONMENTS
    on = f"on {where}{f' and {more} more' if more > 0 else ''}: " if row.environments else ""
    return [
        *_wrapped(f"{safe_text(row.path)}: {row.what}", width, Tone.BAD),
        *_wrapped(f"-> {row.fix}", width),
        *_wrapped(f"{on}{row.why}", width, Tone.MUTED),
    ]


def total_lines(view: ProposalView, request: PublishRequest, dot: str) -> list[Line]:
    """How much it is, what changes, and where it is announced."""
    gathered = view.gathered
    amounts = [
        figures.plural(len(gathered.projects), "project"),
        figures.plural(len(gathered.wheels), "wheel"),
        figures.size(gathered.bytes),
    ]
    away = gathered.to_fetch
    fetch = f"{figures.plural(len(away), 'wheel')} {figures.size(sum(each.size or 0 for each in away))}"
    return [
        (
            Cell(dot.join(amounts), Tone.HEAD),
            Cell(f"{dot}{fetch} to fetch" if away else f"{dot}nothing to fetch", Tone.MUTED),
        ),
        (Cell(dot.join(_platform_words(view)), Tone.MUTED, Cut.PHRASES),),
        _change_line(view, dot),
        *place_lines(request, dot),
    ]


def place_lines(request: PublishRequest, dot: str) -> list[Line]:
    """As what it is announced, and where."""
    named = f"label {request.label}" if request.label else "no label"
    key = "" if request.key is None else f"{dot}signed by {safe_text(request.key)}"
    places = [
        *((f"feed {safe_text(request.feed)}",) if request.feed else ()),
        *((f"git tag in {safe_text(request.git_tag)}",) if request.git_tag else ()),
        *((f"IPNS key {safe_text(request.ipns)}",) if request.ipns else ()),
    ]
    said = dot.join(places) or "announced nowhere: tracked and pinned here"
    return [(Cell(f"{named}{dot}", Tone.MUTED), Cell(said + key, Tone.PLAIN, Cut.MIDDLE))]


def objections(view: ProposalView) -> list[Objection]:
    """Why it would be refused, and doubts."""
    failures = [Failure.of(error) for error in view.outlook.refusals]
    doubts = [Objection(safe_text(words), None, True) for words in view.outlook.doubts]
    return [*(Objection(failure.words, failure.hint, False) for failure in failures), *doubts]


def open_findings(view: ProposalView, allowed: Collection[Rule]) -> list[Finding]:
    """Those whose rules are not allowed."""
    return [finding for finding in view.report.findings if finding.rule not in allowed]


def allowed_counts(view: ProposalView, allowed: Collection[Rule]) -> Mapping[Rule, int]:
    """How many findings there are of rules that are allowed, by an input or by hand."""
    by_hand = Counter(finding.rule for finding in view.report.findings if finding.rule in allowed)
    return {**view.report.allowed, **by_hand}


def _differences(view: ProposalView) -> Iterable[Difference]:
    if view.change is not None:
        found = [Difference(Change.ADDED, each) for each in view.change.added]
        found += [Difference(Change.CHANGED, each) for each in view.change.changed]
        found += [Difference(Change.REMOVED, each) for each in view.change.removed]
        return sorted(found, key=lambda row: row.project.project)
    wheels = groupby(view.gathered.wheels, key=lambda wheel: wheel.project)
    return [
        Difference(
            Change.ADDED,
            ProjectChange(
                project=project,
                old=(),
                new=tuple(wheel.filename for wheel in found),
                bytes=sum(wheel.size or 0 for wheel in found),
            ),
        )
        for project, found in ((project, list(group)) for project, group in wheels)
    ]


def _platform_words(view: ProposalView) -> list[str]:
    """`linux-x86_64 16.8 MB`: the most first, `any` last."""
    sizes: Counter[str] = Counter()
    for wheel in view.gathered.wheels:
        for family in wheel.name.tags.families:
            sizes[family] += wheel.size or 0
    order = sorted(sizes, key=lambda family: (family == ANY, -sizes[family], family))
    return [f"{safe_text(family)} {figures.size(sizes[family])}" for family in order]


def _change_line(view: ProposalView, dot: str) -> Line:
    change = view.change
    if change is None:
        return (Cell("no release before it is known here", Tone.MUTED),)
    counts = f"+{len(change.added)} -{len(change.removed)} ~{len(change.changed)} projects"
    return (
        Cell("after ", Tone.MUTED),
        Cell(safe_text(change.before.name), Tone.HEAD, Cut.MIDDLE),
        Cell(f": {counts}{dot}{figures.size(change.new_bytes)} new"),
    )


def _versions_words(row: Difference) -> str:
    old, new = _versions(row.project.old), _versions(row.project.new)
    if row.change is Change.ADDED:
        return new
    if row.change is Change.REMOVED:
        return f"{old} is gone"
    return f"{old} -> {new}" if old and new and old != new else f"{new or old}, other wheels"


def _versions(filenames: Iterable[str]) -> str:
    return ", ".join(sorted({safe_text(name.split("-")[1]) for name in filenames}))


def _searched(row: ProposalRow) -> str:
    if isinstance(row, Difference):
        return f"{row.change.name} {safe_text(row.project.project)}"
    if isinstance(row, Objection):
        return row.words
    if isinstance(row, Gap):
        return f"left out {row.environment} {' '.join(map(safe_text, row.projects))}"
    return f"{row.rule.value} {safe_text(row.path)} {row.what}"


def _wrapped(words: str, width: int, tone: Tone = Tone.PLAIN) -> list[Line]:
    return [(Cell(line, tone),) for line in wrap(words, width, max_lines=_WRAPPED)]
