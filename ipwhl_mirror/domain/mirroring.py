"""When a mirror lets a release go, and when it refuses to follow one. Pure: no clock, no disk.

Retention keeps the current release, the newest `keep`, and whatever was replaced less than `keep_days` ago.
The removal guard looks at each part of the selection: a release that lost one whole platform is refused,
though the others and the wheels that run everywhere are all there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.selections import choose_wheels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ipwhl_mirror.domain.releases import Release
    from ipwhl_mirror.domain.selections import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long a mirror keeps a release.

    Attributes:
        keep: how many stay, the current one included; at least 1.
        keep_days: one that was replaced stays at least so many days.
    """

    keep: int
    keep_days: float = 0.0

    def retired(self, switched_at: Sequence[datetime], now: datetime) -> tuple[int, ...]:
        """Which of the releases a mirror keeps go.

        Args:
            switched_at: when each became the current one, the current one first.

        Returns:
            Places in `switched_at`, ascending; never 0.
        """
        youngest = now - timedelta(days=self.keep_days)
        # a release was replaced when the one before it here became the current one
        return tuple(
            place
            for place in range(max(self.keep, 1), len(switched_at))
            if switched_at[place - 1] <= youngest
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrinkage:
    """How much of a part of a selection a newer release does not have any more.

    Projects with a wheel of a platform of their own, and those that only have wheels that run everywhere, are
    counted apart: of a platform with 2,000 projects, which can load 5,000 pure ones too, nothing may be left.

    Attributes:
        part: of the selection.
        gone, before: projects in the older release, and how many of them the newer one does not have.
    """

    part: Selection
    gone: int
    before: int

    @property
    def ratio(self) -> float:
        """From 0 to 1."""
        return self.gone / self.before if self.before else 0.0


def worst_shrinkage(old: Release, new: Release, selection: Selection) -> Shrinkage:
    """What a mirror would lose most of by going from one release to another."""
    found = (one for part in selection.parts() for one in _shrinkages(old, new, part))
    return max(found, key=lambda one: one.ratio)


def _shrinkages(old: Release, new: Release, part: Selection) -> Iterator[Shrinkage]:
    before, after = _kinds(old, part), _kinds(new, part)
    binary = [name for name, kinds in before.items() if kinds != _PURE]
    # a project that became pure has lost nothing; one that had a pure wheel beside has
    lost = [name for name in binary if after.get(name, _NONE) <= before[name] & _PURE]
    yield Shrinkage(part=part, gone=len(lost), before=len(binary))
    pure = [name for name, kinds in before.items() if kinds == _PURE]
    yield Shrinkage(part=part, gone=sum(name not in after for name in pure), before=len(pure))


_NONE: frozenset[bool] = frozenset()
_PURE = frozenset((True,))


def _kinds(release: Release, part: Selection) -> dict[str, frozenset[bool]]:
    """For each project of a part, whether it has wheels that run everywhere (True) and others (False)."""
    kinds: dict[str, frozenset[bool]] = {}
    for wheel in choose_wheels(release, part):
        kinds[wheel.project] = kinds.get(wheel.project, _NONE) | {wheel.tags.only_any}
    return kinds
