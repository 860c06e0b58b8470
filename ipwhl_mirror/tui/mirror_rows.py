"""The rows of the mirrors screen: mirrors, then the sources they follow; how each stands, in words.

Rows are the services' own values. Text of a source is made safe here.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.services.mirrors import MirrorStatus
from ipwhl_mirror.services.source_updates import HINT
from ipwhl_mirror.services.sources import SourceStatus
from ipwhl_mirror.sources.trust import newest
from ipwhl_mirror.state.mirrors import SyncState
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Glyphs, Look, Tone
from ipwhl_mirror.tui.widgets.columns import Align, Column

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from datetime import datetime

    from ipwhl_mirror.tui.backend import Overview
    from ipwhl_mirror.tui.sorting import Sorting
    from ipwhl_mirror.tui.widgets.filter_bar import Filter
    from ipwhl_mirror.tui.widgets.lines import Line

FollowRow = MirrorStatus | SourceStatus

COLUMNS = (
    Column(title="NAME", width=16, flexible=True, most=40),
    Column(title="WHAT", width=6, rank=4),
    Column(title="STATE", width=16),
    Column(title="RELEASE", width=14, rank=1, most=30),
    Column(title="LAST", width=6, align=Align.RIGHT, rank=2),
    Column(title="NEXT", width=6, align=Align.RIGHT, rank=3),
    Column(title="FOLLOWS, OR IS AT", width=24, rank=8, most=60),
)
_GOOD_WORDS = ("nothing new", "new: ")
_REFUSED = "refused: "


class Order(Enum):
    """How the list is sorted; the value is the column that shows it."""

    NAME = 0
    STATE = 2
    LAST = 4


def follow_rows(
    overview: Overview, wanted: Filter, sorting: Sorting[Order], glyphs: Glyphs
) -> list[FollowRow]:
    """Mirrors, then sources; within each in order. By state, what needs a person comes first."""
    mirrors = [row for row in overview.mirrors if wanted.passes(row_text(row))]
    sources = [row for row in overview.sources if wanted.passes(row_text(row))]
    keys: dict[Order, Callable[[FollowRow], Any]] = {
        Order.NAME: row_name,
        Order.STATE: lambda row: _URGENCY[row_look(row, overview.sources, glyphs).tone],
        Order.LAST: lambda row: -_timestamp(last_at(row)),
    }
    by = keys[sorting.order]
    return [*sorting.direct(sorted(mirrors, key=by)), *sorting.direct(sorted(sources, key=by))]


def row_name(row: FollowRow) -> str:
    """What it is called; not safe."""
    return row.name if isinstance(row, MirrorStatus) else row.trust.name


def row_key(row: FollowRow) -> Hashable:
    """Tells rows apart over refreshes."""
    return (type(row), row_name(row))


def row_text(row: FollowRow) -> str:
    """What a filter looks at."""
    what = "mirror" if isinstance(row, MirrorStatus) else "source"
    return f"{safe_text(row_name(row))} {what} {safe_text(_release(row) or '')}".lower()


def row_look(row: FollowRow, sources: Sequence[SourceStatus], glyphs: Glyphs) -> Look:
    """How a mirror or a source stands."""
    if isinstance(row, SourceStatus):
        return source_look(row, glyphs)
    return mirror_look(row, follows(row, sources), glyphs)


def mirror_look(mirror: MirrorStatus, source: SourceStatus | None, glyphs: Glyphs) -> Look:
    """The worst that is true of a mirror comes first."""
    last = mirror.last
    if mirror.config is None:
        return Look(glyphs.foreign, "not configured", Tone.MUTED)
    if source is None:
        return Look(glyphs.failed, "no source", Tone.BAD)
    if mirror.stale is not None:
        return Look(glyphs.failed, "stale", Tone.BAD)
    if last is not None and last.state is SyncState.RUNNING:
        return Look(glyphs.fetching, "running", Tone.PART)
    if last is not None and last.state is SyncState.FAILED:
        return Look(glyphs.failed, "failed", Tone.BAD)
    if mirror.current is None:
        return Look(glyphs.absent, "no release yet", Tone.MUTED)
    if mirror.held:
        return Look(glyphs.partial, "held", Tone.PART)
    announced = newest(source.trust)
    if announced is not None and announced[1].digest != mirror.current.release:
        return Look(glyphs.partial, "behind", Tone.PART)
    return Look(glyphs.pinned, "current", Tone.GOOD)


def source_look(source: SourceStatus, glyphs: Glyphs) -> Look:
    """What of a source may be mirrored by itself, or why nothing is."""
    outcome = source.outcome
    if not source.trust.accepted:
        return Look(glyphs.failed, "not accepted", Tone.BAD)
    if source.frozen is not None:
        return Look(glyphs.failed, "frozen", Tone.BAD)
    if outcome.startswith(_REFUSED):
        return Look(glyphs.failed, "refused", Tone.BAD)
    if not source.trust.keys or outcome.startswith(HINT):
        return Look(glyphs.unknown, "unsigned", Tone.PART)
    if source.asked_at is None:
        return Look(glyphs.absent, "never asked", Tone.MUTED)
    if not outcome.startswith(_GOOD_WORDS):
        return Look(glyphs.failed, "no answer", Tone.BAD)
    return Look(glyphs.pinned, "signed", Tone.GOOD)


def last_at(row: FollowRow) -> datetime | None:
    """When a mirror ran, or a source was asked, last."""
    if isinstance(row, SourceStatus):
        return row.asked_at
    return None if row.last is None else row.last.started_at


def row_cells(row: FollowRow, overview: Overview, glyphs: Glyphs) -> tuple[Cell, ...]:
    """One cell for each of COLUMNS."""
    look, last = row_look(row, overview.sources, glyphs), last_at(row)
    name = Cell(f"{look.glyph} {safe_text(row_name(row))}", look.tone, Cut.MIDDLE)
    release = Cell(safe_text(_release(row) or "-"), Tone.PLAIN, Cut.MIDDLE)
    ago = Cell("-" if last is None else figures.age(overview.now - last), Tone.MUTED)
    if isinstance(row, SourceStatus):
        where = Cell(safe_text(row.trust.url), Tone.MUTED, Cut.MIDDLE)
        return (name, Cell("source", Tone.MUTED), Cell(look.word, look.tone), release, ago, Cell(""), where)
    follows = "-" if row.config is None else safe_text(row.config.source)
    next_run = Cell(_in(row.next_at, overview.now), Tone.MUTED)
    return (name, Cell("mirror"), Cell(look.word, look.tone), release, ago, next_run, Cell(follows))


def row_details(row: FollowRow, overview: Overview, address: str, glyphs: Glyphs) -> list[Line]:
    """Three lines: what it is, how the last run or question went, where it is.

    Args:
        address: of the mirror, for pip.
    """
    look = row_look(row, overview.sources, glyphs)
    head = (Cell(safe_text(row_name(row)), Tone.HEAD, Cut.MIDDLE), Cell(f"  {look.text}  ", look.tone))
    if isinstance(row, SourceStatus):
        return _source_details(row, head, overview.now, glyphs.dot)
    last, config = row.last, row.config
    selection = row.current.selection if row.current is not None else ""
    taken = f"takes {safe_text(selection) or 'everything'}" if row.current is not None else ""
    kept = "" if config is None else f"{glyphs.dot}keeps {len(row.kept)} of {config.keep}"
    ran: Line = (Cell("it has not run yet", Tone.MUTED),)
    if last is not None:
        stays = "it stays where a person sent it until there is news" if row.held else ""
        why = row.stale or stays or last.outcome
        bad = look.tone is Tone.BAD
        ran = (
            Cell(f"ran {_ago(last.started_at, overview.now)}: ", Tone.MUTED),
            Cell(safe_text(why), Tone.BAD if bad else Tone.PLAIN, Cut.MIDDLE),
            Cell(_when(row.next_at, overview.now, glyphs.dot), Tone.MUTED),
        )
    return [
        (*head, Cell(taken + kept, Tone.PLAIN, Cut.MIDDLE)),
        ran,
        (Cell(safe_text(address), Tone.MUTED, Cut.MIDDLE),),
    ]


def _source_details(source: SourceStatus, head: Line, now: datetime, dot: str) -> list[Line]:
    trust = source.trust
    keys = (
        ", ".join(key.fingerprint for key in trust.keys)
        or "no key: all of it is a hint, which a person tracks"
    )
    accepted = "" if trust.accepted_at is None else f"{dot}newest signed {_ago(trust.accepted_at, now)}"
    if source.asked_at is None:
        asked: Line = (Cell("it was not asked yet", Tone.MUTED),)
    else:
        words = source.frozen or source.outcome
        asked = (
            Cell(f"asked {_ago(source.asked_at, now)}: ", Tone.MUTED),
            Cell(safe_text(words), Tone.PLAIN, Cut.MIDDLE),
            Cell(accepted, Tone.MUTED),
        )
    return [
        (*head, Cell(safe_text(keys), Tone.MUTED, Cut.MIDDLE)),
        asked,
        (Cell(safe_text(trust.url), Tone.MUTED, Cut.MIDDLE),),
    ]


def at_release(overview: Overview, digest: bytes) -> list[str]:
    """Names of the mirrors whose address leads to a release; not safe."""
    return [
        mirror.name
        for mirror in overview.mirrors
        if mirror.current is not None and mirror.current.release == digest
    ]


def follows(mirror: MirrorStatus, sources: Sequence[SourceStatus]) -> SourceStatus | None:
    """The source of a mirror; None where there is none."""
    wanted = None if mirror.config is None else mirror.config.source
    return next((source for source in sources if source.trust.name == wanted), None)


def _release(row: FollowRow) -> str | None:
    if isinstance(row, SourceStatus):
        return row.label
    return None if row.current is None else row.current.label or str(row.current.cid)


def _in(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "-"
    return figures.age(at - now) if at > now else "now"


def _when(at: datetime | None, now: datetime, dot: str) -> str:
    if at is None:
        return ""
    return f"{dot}next run in {figures.age(at - now)}" if at > now else f"{dot}next run now"


def _ago(at: datetime, now: datetime) -> str:
    age = figures.age(now - at)
    return age if age == "now" else f"{age} ago"


def _timestamp(at: datetime | None) -> float:
    return 0.0 if at is None else at.timestamp()


def news(before: Overview, after: Overview) -> list[tuple[str, bool]]:
    """What sources say since: words, and whether a person should look at it."""
    known = {source.trust.name: source for source in before.sources}
    told: list[tuple[str, bool]] = []
    for source in after.sources:
        old = known.get(source.trust.name)
        if old is None:
            continue
        name = safe_text(source.trust.name)
        if source.label is not None and source.label != old.label:
            told.append((f"{name} announced {safe_text(source.label)}, signed", False))
        if source.outcome != old.outcome and source.outcome.startswith(_REFUSED):
            told.append((f"{name}: {safe_text(source.outcome)}", True))
        if source.frozen is not None and old.frozen is None:
            told.append((f"{name} is frozen: {safe_text(source.frozen)}", True))
    return told


_URGENCY = {Tone.BAD: 0, Tone.PART: 1, Tone.MUTED: 2, Tone.GOOD: 3}
