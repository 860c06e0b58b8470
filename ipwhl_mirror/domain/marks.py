"""Boxes on the platforms and projects of a release, and the selection they stand for.

A person marks platforms (`-p`) and unmarks projects (`--exclude`); wheels show what comes of it. The rules:

- No platform marked: nothing is selected. All marked: the whole release, without `-p`.
- `any` comes along with every other platform, as its wheels do. Unmarked beside marked ones it is `--no-any`;
  marked alone it is `-p any`.
- Projects whose names normalize alike are excluded together, as their globs would be.

What a selection means is `domain.selections`, and nothing here decides about a wheel. A release is counted
once, by tags (`Tally`); after that, marks on any number of wheels cost next to nothing. No terminal, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from operator import sub
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.plans import Amount
from ipwhl_mirror.domain.platforms import ANY
from ipwhl_mirror.domain.selections import Selection, accepts_tags, check_platforms, select_wheels
from ipwhl_mirror.domain.wheels import normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Set

    from ipwhl_mirror.domain.releases import Project, Release, Wheel


class Box(Enum):
    """What a box shows."""

    ON = "on"
    SOME = "some"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What a person has marked.

    Attributes:
        families: every platform of the release.
        chosen: those marked among them; `any` only where it was marked by itself.
        drops_any: `any` was unmarked where it came along.
        excluded: unmarked projects, by their PEP 503 names.
        pythons: `--python` values as typed; none means every Python.
    """

    families: frozenset[str]
    chosen: frozenset[str] = frozenset()
    drops_any: bool = False
    excluded: frozenset[str] = frozenset()
    pythons: tuple[str, ...] = ()

    @property
    def marked(self) -> frozenset[str]:
        """The platforms whose boxes are on."""
        comes_along = bool(self.chosen) and not self.drops_any
        return self.chosen | {ANY} & self.families if comes_along else self.chosen

    def toggle_platforms(self, families: Iterable[str]) -> Marks:
        """Mark all of them; unmark them where all are marked already."""
        named = self.families.intersection(families)
        if not named:
            return self
        unmarks = named <= self.marked
        chosen = self.chosen - named if unmarks else self.chosen | named
        drops_any = unmarks if ANY in named else self.drops_any
        return replace(self, chosen=chosen, drops_any=drops_any and bool(chosen))

    def toggle_projects(self, projects: Iterable[str]) -> Marks:
        """Exclude all of these projects; include them where all are excluded already."""
        named = frozenset(map(normalize_name, projects))
        unmarks = not named <= self.excluded
        return replace(self, excluded=self.excluded | named if unmarks else self.excluded - named)

    def with_pythons(self, pythons: Iterable[str]) -> Marks:
        """Narrow to these Pythons; to none in particular when empty.

        Raises:
            InvalidSelection: one is no `X.Y` or `X.Yt`.
        """
        narrowed = replace(self, pythons=tuple(dict.fromkeys(pythons)))
        Selection.parse(pythons=narrowed.pythons)
        return narrowed

    def excludes(self, project: str) -> bool:
        """The project's box was unmarked."""
        return bool(self.excluded) and normalize_name(project) in self.excluded

    def selection(self) -> Selection | None:
        """What is selected; None when no platform is marked."""
        marked = self.marked
        if not marked:
            return None
        platforms: Iterable[str] = marked - {ANY} or marked
        if marked == self.families:
            platforms = ()
        options = Selection.parse(
            platforms=sorted(platforms), pythons=self.pythons, no_any=self.drops_any and ANY in self.families
        )
        # PEP 503 names are canonical patterns, and there can be thousands
        return replace(options, excludes=tuple(sorted(self.excluded)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Marked:
    """Marks worked out on their release.

    Attributes:
        selection: None when nothing is marked.
        amount: of the selected wheels, exactly those of `select_wheels`.
        shared: those of them that are here already.
        by_platform: how many of each platform are selected; 0 where none is.
    """

    release: Release
    marks: Marks
    selection: Selection | None
    amount: Amount
    shared: Amount
    by_platform: Mapping[str, int]
    _verdicts: Mapping[str, bool]

    @property
    def fetch(self) -> Amount:
        """What is not here."""
        return self.amount - self.shared

    @cached_property
    def wheels(self) -> tuple[Wheel, ...]:
        """The selected wheels, in release order."""
        return () if self.selection is None else select_wheels(self.release, self.selection)

    def takes(self, wheel: Wheel) -> bool:
        """The wheel is selected."""
        return self._verdicts[wheel.tags.text] and not self.marks.excludes(wheel.project)

    def taken_of(self, project: Project) -> int:
        """How many wheels of a project are selected."""
        if self.marks.excludes(project.name):
            return 0
        return sum(self._verdicts[wheel.tags.text] for wheel in project.wheels)

    def platform_box(self, family: str) -> Box:
        """On: marked. Some: not marked, but wheels of it come along with others."""
        if family in self.marks.marked:
            return Box.ON
        return Box.SOME if self.by_platform[family] else Box.OFF

    def project_box(self, project: Project) -> Box:
        """On: every wheel is selected. Some: not every one. Off: excluded."""
        if self.marks.excludes(project.name):
            return Box.OFF
        taken = self.taken_of(project)
        return Box.ON if taken and taken == len(project.wheels) else Box.SOME


class Tally:
    """A release counted by tags, once, when something is marked first. What the excluded projects take away
    is counted from the marks that were applied before, or from all or none of them, whichever is the least
    to count."""

    def __init__(self, release: Release, *, here: Set[bytes]) -> None:
        """Nothing is counted yet.

        Args:
            here: digests of the wheels that need not be fetched.
        """
        self.release = release
        self._here = here
        self._last: tuple[frozenset[str], _Counts] = (frozenset(), {})

    def prepare(self) -> None:
        """Count now, not when something is marked first."""
        _ = self._counts, self._projects_by_name

    def apply(self, marks: Marks) -> Marked:
        """Work out what is selected, and how much of it is here.

        Raises:
            UnknownPlatform: the marks are of another release.
        """
        release, selection = self.release, marks.selection()
        if selection is not None:
            check_platforms(selection, release.families)
        verdicts = {
            tags.text: selection is not None and accepts_tags(selection, tags) for tags in release.tag_sets
        }
        excluded = {} if selection is None else self._excluded_by(marks.excluded)
        amount, shared = Amount(), Amount()
        by_platform = dict.fromkeys(release.families, 0)
        for tags in release.tag_sets:
            if verdicts[tags.text]:
                counted, left_out = self._counts[tags.text], excluded.get(tags.text, _NOTHING)
                wheels, size, wheels_here, size_here = map(sub, counted, left_out)
                amount += Amount(wheels, size)
                shared += Amount(wheels_here, size_here)
                for family in tags.families:
                    by_platform[family] += wheels
        return Marked(
            release=release,
            marks=marks,
            selection=selection,
            amount=amount,
            shared=shared,
            by_platform=by_platform,
            _verdicts=verdicts,
        )

    def _excluded_by(self, names: frozenset[str]) -> _Counts:
        """The wheels of these projects, counted."""
        if not names:
            return {}
        nothing: tuple[frozenset[str], _Counts] = (frozenset(), {})
        everything = (frozenset(self._projects_by_name), self._counts)
        near, counts = min(self._last, nothing, everything, key=lambda known: len(known[0] ^ names))
        made = {text: list(row) for text, row in counts.items()}
        _count(made, self._wheels_of(names - near), self._here)
        _count(made, self._wheels_of(near - names), self._here, sign=-1)
        self._last = (names, made)
        return made

    @cached_property
    def _counts(self) -> _Counts:
        counts: _Counts = {}
        _count(counts, self.release.wheels, self._here)
        return counts

    def _wheels_of(self, names: Iterable[str]) -> Iterator[Wheel]:
        for name in names:
            for project in self._projects_by_name.get(name, ()):
                yield from project.wheels

    @cached_property
    def _projects_by_name(self) -> dict[str, list[Project]]:
        by_name: dict[str, list[Project]] = {}
        for name, project in zip(self.release.compared_names, self.release.projects, strict=True):
            by_name.setdefault(name, []).append(project)
        return by_name


_Counts = dict[str, list[int]]
"""Wheels, their bytes, wheels here and their bytes, by the text of their tags."""

_NOTHING = (0, 0, 0, 0)


def _count(counts: _Counts, wheels: Iterable[Wheel], here: Set[bytes], sign: int = 1) -> None:
    """Add wheels to counts; take them away where the sign is -1."""
    for wheel in wheels:
        row = counts.get(wheel.tags.text)
        if row is None:
            row = counts[wheel.tags.text] = [0, 0, 0, 0]
        size = sign * (wheel.tsize or 0)
        row[0] += sign
        row[1] += size
        if wheel.cid.digest in here:
            row[2] += sign
            row[3] += size
