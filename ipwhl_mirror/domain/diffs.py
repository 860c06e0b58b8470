"""Diffs: what one release has that another has not, under a selection.

Projects are compared by their names as published, wheels by file name and content. What a mirror of the old
release would have to fetch for the new one is counted by content: a wheel that moved or was renamed costs
nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.plans import Amount, amount_of
from ipwhl_mirror.domain.selections import check_platforms, choose_wheels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipwhl_mirror.domain.releases import ProjectName, Release, Wheel
    from ipwhl_mirror.domain.selections import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDiff:
    """A project that differs.

    Attributes:
        project: its name as published.
        old, new: its selected wheels; () where the project is only in the other release.
        bytes: of the wheels that are only in the new release; of a removed project, of those that go.
    """

    project: ProjectName
    old: tuple[Wheel, ...]
    new: tuple[Wheel, ...]
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDiff:
    """How two releases differ under one selection; projects by name.

    Attributes:
        added: projects with a selected wheel in the new release only.
        removed: in the old one only.
        changed: in both, with other wheels.
        fetch: the wheels selected of the new release whose content is not among those of the old.
    """

    added: tuple[ProjectDiff, ...]
    removed: tuple[ProjectDiff, ...]
    changed: tuple[ProjectDiff, ...]
    fetch: Amount


def diff_releases(old: Release, new: Release, selection: Selection) -> ReleaseDiff:
    """Compare what a selection chooses of two releases.

    Raises:
        UnknownPlatform: a `-p` names no family of either release, nor one that a release could have.
    """
    check_platforms(selection, old.families | new.families)
    before, after = choose_wheels(old, selection), choose_wheels(new, selection)
    olds, news = _by_project(before), _by_project(after)
    added, removed, changed = [], [], []
    for project in sorted(olds.keys() | news.keys()):
        mine, theirs = olds.get(project, ()), news.get(project, ())
        if not mine:
            added.append(_diff(project, mine, theirs, theirs))
        elif not theirs:
            removed.append(_diff(project, mine, theirs, mine))
        elif _contents(mine) != _contents(theirs):
            known = _contents(mine)
            fresh = [wheel for wheel in theirs if (wheel.filename, wheel.cid.digest) not in known]
            changed.append(_diff(project, mine, theirs, fresh))
    here = {wheel.cid.digest for wheel in before}
    return ReleaseDiff(
        added=tuple(added),
        removed=tuple(removed),
        changed=tuple(changed),
        fetch=amount_of(wheel for wheel in after if wheel.cid.digest not in here),
    )


def new_bytes(old: Release, new: Release) -> tuple[tuple[str, int], ...]:
    """Bytes of the wheels whose content is only in the new release, by platform, the most first.

    A wheel of several platforms counts in each, as in a platform table; platforms without any are left out.
    """
    here = {wheel.cid.digest for wheel in old.wheels}
    found: Counter[str] = Counter()
    for wheel in new.wheels:
        if wheel.cid.digest not in here:
            for family in wheel.tags.families:
                found[family] += wheel.bytes
    return tuple(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _diff(
    project: ProjectName, old: tuple[Wheel, ...], new: tuple[Wheel, ...], counted: Iterable[Wheel]
) -> ProjectDiff:
    return ProjectDiff(project=project, old=old, new=new, bytes=amount_of(counted).bytes)


def _by_project(wheels: Iterable[Wheel]) -> dict[ProjectName, tuple[Wheel, ...]]:
    grouped: dict[ProjectName, list[Wheel]] = {}
    for wheel in wheels:
        grouped.setdefault(wheel.project, []).append(wheel)
    return {project: tuple(group) for project, group in grouped.items()}


def _contents(wheels: Iterable[Wheel]) -> set[tuple[str, bytes]]:
    return {(wheel.filename, wheel.cid.digest) for wheel in wheels}
