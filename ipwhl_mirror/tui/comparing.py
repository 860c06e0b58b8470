"""Which two releases are compared: one with the one before it, or with the next older one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.tui.backend import ReleaseSummary


class Pair(NamedTuple):
    """Two releases."""

    old: ReleaseSummary
    new: ReleaseSummary


def with_the_one_before(release: ReleaseSummary, releases: Sequence[ReleaseSummary]) -> Pair | None:
    """A release and the one before it among `releases` (newest first); the oldest with the one after it."""
    at = next((i for i, item in enumerate(releases) if item.cid == release.cid), 0)
    if at + 1 < len(releases):
        return Pair(releases[at + 1], releases[at])
    return Pair(releases[at], releases[at - 1]) if at else None


def with_another(pair: Pair, releases: Sequence[ReleaseSummary]) -> Pair | None:
    """The same new release with the next older one; after the last the first again."""
    others = [item for item in releases if item.cid != pair.new.cid]
    at = next((i for i, item in enumerate(others) if item.cid == pair.old.cid), -1)
    return Pair(others[(at + 1) % len(others)], pair.new) if others else None


def in_order(one: ReleaseSummary, two: ReleaseSummary, releases: Sequence[ReleaseSummary]) -> Pair:
    """Two releases, the one that is further down among `releases` (newest first) as the old one."""
    cids = [item.cid for item in releases]
    return Pair(one, two) if cids.index(one.cid) > cids.index(two.cid) else Pair(two, one)
