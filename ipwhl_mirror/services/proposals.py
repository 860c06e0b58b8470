"""What a release that could be made changes against the one before it, in projects and bytes.

The one before is what the feed announced last, where it is tracked here; else the first release among the
inputs. Wheels are compared by file name, and by CID where both are known: of a wheel that was not added yet
nobody knows the CID.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.input_wheels import OnNode
from ipwhl_mirror.services import announcing, releases
from ipwhl_mirror.services.errors import UnknownRelease

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ipwhl_mirror.domain.input_wheels import Gathered, InputWheel
    from ipwhl_mirror.domain.releases import Wheel
    from ipwhl_mirror.services.announcing import FeedFile
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.database import TrackedRelease


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChange:
    """A project that would differ.

    Attributes:
        old, new: file names that only the one or the other has.
        bytes: of the new ones, as far as their sizes are known.
    """

    project: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseChange:
    """What would differ from the release before; projects by name.

    Attributes:
        added, removed: projects that only the one or the other has.
        changed: in both, with other wheels.
    """

    before: TrackedRelease
    added: tuple[ProjectChange, ...]
    removed: tuple[ProjectChange, ...]
    changed: tuple[ProjectChange, ...]

    @property
    def new_bytes(self) -> int:
        """What a mirror of all of the release before would fetch, in bytes."""
        return sum(each.bytes for each in (*self.added, *self.changed))


async def compare_with_before(
    session: Session, gathered: Gathered, inputs: Sequence[str | Path], feed: FeedFile | None
) -> ReleaseChange | None:
    """What would change; None where no release before it is known here.

    Raises:
        UsageProblem, TransferFailed: see `announcing.open_feed`.
        NodeError: the index of the release before is not whole on this node.
    """
    before = await _before(session, inputs, feed)
    if before is None:
        return None
    return await asyncio.to_thread(_compare, before, gathered)


async def _before(
    session: Session, inputs: Sequence[str | Path], feed: FeedFile | None
) -> LoadedRelease | None:
    newest = None if feed is None else (await asyncio.to_thread(announcing.open_feed, feed)).newest
    named = [] if newest is None else [str(newest.cid)]
    named += [str(each) for each in inputs if not Path(each).exists()]
    for rel in named:
        try:
            return await releases.load(session, rel)
        except UnknownRelease:
            continue
    return None


def _compare(before: LoadedRelease, gathered: Gathered) -> ReleaseChange:
    olds: dict[str, list[Wheel]] = {}
    for wheel in before.release.wheels:
        olds.setdefault(wheel.project, []).append(wheel)
    news: dict[str, list[InputWheel]] = {}
    for each in gathered.wheels:
        news.setdefault(each.project, []).append(each)
    found = {
        project: _change(project, olds.get(project, ()), news.get(project, ())) for project in {*olds, *news}
    }
    differing = [found[project] for project in sorted(found) if found[project].old or found[project].new]
    return ReleaseChange(
        before=before.tracked,
        added=tuple(each for each in differing if each.project not in olds),
        removed=tuple(each for each in differing if each.project not in news),
        changed=tuple(each for each in differing if each.project in olds and each.project in news),
    )


def _change(project: str, old: Iterable[Wheel], new: Iterable[InputWheel]) -> ProjectChange:
    known = {wheel.filename: wheel.cid.digest for wheel in old}
    fresh = [
        wheel
        for wheel in new
        if wheel.filename not in known
        or (isinstance(wheel.place, OnNode) and wheel.place.cid.digest != known[wheel.filename])
    ]
    staying = {wheel.filename for wheel in new} - {wheel.filename for wheel in fresh}
    return ProjectChange(
        project=project,
        old=tuple(sorted(known.keys() - staying)),
        new=tuple(sorted(wheel.filename for wheel in fresh)),
        bytes=sum(wheel.size or 0 for wheel in fresh),
    )
