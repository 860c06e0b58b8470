"""Releases: what an index says, as values.

A release has projects, in the order of their names' UTF-8 bytes, and each project wheels, in the same
order; this is *release order*. What is in a release and is no project or wheel is in `malformed` and in no
selection. A wheel's bytes are its link's Tsize, a claim of the repository.

A release of 50,000 wheels is some 25 MB; what is asked of it often is computed once. Values are made by
`reading.IndexReader`. Rules: trees.md 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, NewType

import msgspec

from ipwhl_mirror.domain.wheels import WheelTags, normalize_name
from ipwhl_mirror.ipld.index_tree import build_index_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.ipld.dagpb import Link
    from ipwhl_mirror.ipld.directories import Tree

ProjectName = NewType("ProjectName", str)
"""A project's name as published: the name of its link."""


class Wheel(msgspec.Struct, frozen=True, gc=False):
    """A wheel of a release.

    Attributes:
        project: the directory it lies in.
        filename: as published; ASCII without control characters, by rule.
        version: as the file name spells it.
        cid: its file.
        tsize: of the official link; None where that says none.
        tags: shared with the other wheels of the same tags.
    """

    project: ProjectName
    filename: str
    version: str
    cid: Cid
    tsize: int | None
    tags: WheelTags

    @property
    def bytes(self) -> int:
        """The Tsize, 0 where there is none."""
        return self.tsize or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project of a release.

    Attributes:
        name: as published.
        link: the official link to its directory.
        entries: every official link in it, by the bytes of their names.
        wheels: those that are wheels, in the same order.
        other: those that are not.
    """

    name: ProjectName
    link: Link
    entries: tuple[Link, ...]
    wheels: tuple[Wheel, ...]
    other: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Malformed:
    """An entry that is no project and no wheel.

    Attributes:
        path: below the root, as published: not safe to show.
        reason: why, in words that are safe to show.
        bytes: its Tsize, 0 where there is none.
    """

    path: str
    reason: str
    bytes: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Release:
    """An official release. Two are the same when their roots' digests are.

    Attributes:
        root: in the form that trees.md 5 derives: version 0 when all links of its block are, else 1.
        projects: in release order, empty ones included.
        malformed: by path.
        index_blocks: the official directory blocks, by their official names: the root, its sub-shards, the
            projects and theirs.
        shards: those of them that are HAMT sub-shards.
        tsize: of a link to the root: its block and all that its links claim, in bytes.
    """

    root: Cid
    projects: tuple[Project, ...] = field(repr=False)
    malformed: tuple[Malformed, ...] = field(repr=False)
    index_blocks: tuple[Cid, ...] = field(repr=False)
    shards: tuple[Cid, ...] = field(repr=False)
    tsize: int = 0

    @cached_property
    def index(self) -> Tree:
        """The index tree (trees.md 5): it keeps the directory blocks and no wheel."""
        return build_index_tree(
            self.root, {project.name: project.link.cid for project in self.projects}, self.shards
        )

    @cached_property
    def wheels(self) -> tuple[Wheel, ...]:
        """All wheels, in release order."""
        return tuple(wheel for project in self.projects for wheel in project.wheels)

    @cached_property
    def bytes(self) -> int:
        """Of all wheels; equal CIDs under two names count twice."""
        return sum(wheel.bytes for wheel in self.wheels)

    @cached_property
    def tag_texts(self) -> tuple[str, ...]:
        """The tags of each wheel, as text, in release order."""
        return tuple(wheel.tags.text for wheel in self.wheels)

    @cached_property
    def tag_sets(self) -> tuple[WheelTags, ...]:
        """Every tag set there is, once."""
        return tuple({wheel.tags.text: wheel.tags for wheel in self.wheels}.values())

    @cached_property
    def families(self) -> frozenset[str]:
        """The families with a wheel."""
        return frozenset[str]().union(*(tags.families for tags in self.tag_sets))

    @cached_property
    def compared_names(self) -> tuple[str, ...]:
        """The projects' names in the form that patterns are compared with (PEP 503), in release order."""
        return tuple(normalize_name(project.name) for project in self.projects)

    @property
    def other_entries(self) -> int:
        """How many entries are malformed."""
        return len(self.malformed)

    @property
    def other_bytes(self) -> int:
        """What the malformed entries claim to be, in bytes."""
        return sum(entry.bytes for entry in self.malformed)


class PlatformState(Enum):
    """How much of a platform, or of a release, is pinned."""

    PINNED = "pinned"
    PARTIAL = "partial"
    ABSENT = "absent"

    @classmethod
    def of(cls, pinned_wheels: int, wheels: int) -> PlatformState:
        """Pinned when all wheels are; absent when none is, and where there are none."""
        if not pinned_wheels:
            return cls.ABSENT
        return cls.PINNED if pinned_wheels == wheels else cls.PARTIAL


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformRow:
    """A platform of a release. A wheel counts in every family its tags name.

    Attributes:
        platform: the family.
        wheels, bytes: of the release.
        pinned_wheels, pinned_bytes: those of them that are pinned.
    """

    platform: str
    wheels: int
    bytes: int
    pinned_wheels: int
    pinned_bytes: int

    @property
    def state(self) -> PlatformState:
        """Pinned when all its wheels are."""
        return PlatformState.of(self.pinned_wheels, self.wheels)


def platform_rows(wheels: Iterable[Wheel], pinned: Set[bytes]) -> tuple[PlatformRow, ...]:
    """The platforms that these wheels are for, by name.

    Args:
        pinned: digests of the wheels that are pinned, of this release or any.
    """
    # [wheels, bytes, pinned wheels, pinned bytes] of each tag set first: there are few of those
    sums: dict[str, list[int]] = {}
    families: dict[str, frozenset[str]] = {}
    for wheel in wheels:
        text = wheel.tags.text
        row = sums.get(text)
        if row is None:
            row = sums[text] = [0, 0, 0, 0]
            families[text] = wheel.tags.families
        row[0] += 1
        row[1] += wheel.tsize or 0
        if wheel.cid.digest in pinned:
            row[2] += 1
            row[3] += wheel.tsize or 0
    totals: dict[str, list[int]] = {}
    for text, row in sums.items():
        for family in families[text]:
            total = totals.setdefault(family, [0, 0, 0, 0])
            for place, more in enumerate(row):
                total[place] += more
    return tuple(
        PlatformRow(
            platform=family,
            wheels=count,
            bytes=size,
            pinned_wheels=pinned_count,
            pinned_bytes=pinned_size,
        )
        for family, (count, size, pinned_count, pinned_size) in sorted(totals.items())
    )
