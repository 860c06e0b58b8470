"""The rows of the platforms screen, and its words: a platform across releases, and one cell in figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.platforms import ANY
from ipwhl_mirror.domain.releases import PlatformState
from ipwhl_mirror.services.requests import PinRequest
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Glyphs, Look, Tone
from ipwhl_mirror.tui.jobs import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ipwhl_mirror.domain.releases import PlatformRow
    from ipwhl_mirror.tui.backend import ReleaseSummary
    from ipwhl_mirror.tui.jobs import Job
    from ipwhl_mirror.tui.widgets.lines import Line


@dataclass(frozen=True, slots=True)
class PlatformLine:
    """A platform, and its row in each release; None where a release has no wheel for it."""

    platform: str
    cells: tuple[PlatformRow | None, ...]

    @property
    def pinned_bytes(self) -> int:
        """Of all releases."""
        return sum(row.pinned_bytes for row in self.cells if row is not None)


def platform_lines(releases: Sequence[ReleaseSummary]) -> list[PlatformLine]:
    """Every platform of these releases by name, `any` last."""
    by_release = [{row.platform: row for row in summary.platforms} for summary in releases]
    names = sorted({name for rows in by_release for name in rows}, key=lambda name: (name == ANY, name))
    return [PlatformLine(name, tuple(rows.get(name) for rows in by_release)) for name in names]


def job_of(jobs: Iterable[Job], summary: ReleaseSummary, platform: str) -> Job | None:
    """The job that pins a platform of a release, or waits to: the one that runs, else the next."""
    found = [job for job in jobs if _pins(job, summary, platform)]
    return next((job for job in found if job.state is JobState.RUNNING), found[0] if found else None)


def cell_look(row: PlatformRow, job: Job | None, glyphs: Glyphs) -> Look:
    """How far a platform of a release is here, or that it is on its way."""
    if job is None or row.state is PlatformState.PINNED:
        return glyphs.platform(row)
    if job.state is not JobState.RUNNING:
        return Look(glyphs.fetching, "queued", Tone.PART)
    return Look(glyphs.fetching, "fetching" if job.percent is None else f"{job.percent} %", Tone.PART)


def cell_lines(
    platform: str, summary: ReleaseSummary, row: PlatformRow | None, job: Job | None, glyphs: Glyphs
) -> list[Line]:
    """A platform of a release in figures: what is here, what is missing, and the job that fetches it."""
    head: Line = (
        Cell(safe_text(platform), Tone.HEAD, Cut.MIDDLE),
        Cell(" in "),
        Cell(safe_text(summary.name), Tone.HEAD, Cut.MIDDLE),
    )
    if row is None:
        return [head, (Cell("no wheel for it in this release", Tone.MUTED),)]
    look = cell_look(row, job, glyphs)
    known = figures.claimed_size(row.bytes, known=row.pinned_bytes)
    here = f"{figures.count(row.pinned_wheels)} of {figures.plural(row.wheels, 'wheel')}"
    facts = [Cell(f"{here}, {figures.size(row.pinned_bytes)} of {known} here")]
    if missing := row.wheels - row.pinned_wheels:
        lacks = f"{figures.plural(missing, 'wheel')} ~{figures.size(row.bytes - row.pinned_bytes)}"
        facts.append(Cell(f"{glyphs.dot}{lacks} not pinned", Tone.PART))
    if job is not None:
        facts.append(Cell(f"{glyphs.dot}job {job.number} {job.state.value}", Tone.PART))
    return [(*head, Cell(f"  {look.text}", look.tone)), tuple(facts)]


def _pins(job: Job, summary: ReleaseSummary, platform: str) -> bool:
    request = job.request
    if not job.state.is_open or not isinstance(request, PinRequest):
        return False
    if request.release.digest != summary.cid.digest:
        return False
    chosen = request.chosen
    return platform in chosen.platforms or not (chosen.platforms or chosen.environments)
