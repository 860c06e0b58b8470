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
        return Selection.parse(
            platforms=sorted(platforms),
            pythons=self.pythons,
            excludes=sorted(self.excluded),
            no_any=self.drops_any and ANY in self.families,
        )


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
    """A release counted by tags, once."""

    def __init__(self, release: Release, *, here: Set[bytes]) -> None:
        """Count.

        Args:
            here: digests of the wheels that need not be fetched.
        """
        self.release = release
        self._here = here
        self._counts = _count(release.wheels, here)

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
        excluded = _count(self._excluded_wheels(marks), self._here)
        amount, shared = Amount(), Amount()
        by_platform = dict.fromkeys(release.families, 0)
        for tags in release.tag_sets:
            if verdicts[tags.text]:
                counted, left_out = self._counts[tags.text], excluded.get(tags.text, _NONE)
                amount += counted[0] - left_out[0]
                shared += counted[1] - left_out[1]
                for family in tags.families:
                    by_platform[family] += counted[0].wheels - left_out[0].wheels
        return Marked(
            release=release,
            marks=marks,
            selection=selection,
            amount=amount,
            shared=shared,
            by_platform=by_platform,
            _verdicts=verdicts,
        )

    def _excluded_wheels(self, marks: Marks) -> Iterator[Wheel]:
        for name in marks.excluded:
            for project in self._projects_by_name.get(name, ()):
                yield from project.wheels

    @cached_property
    def _projects_by_name(self) -> dict[str, list[Project]]:
        by_name: dict[str, list[Project]] = {}
        for name, project in zip(self.release.compared_names, self.release.projects, strict=True):
            by_name.setdefault(name, []).append(project)
        return by_name


_NONE = (Amount(), Amount())


def _count(wheels: Iterable[Wheel], here: Set[bytes]) -> dict[str, tuple[Amount, Amount]]:
    """All wheels, and those here, by the text of their tags."""
    sums: dict[str, list[int]] = {}
    for wheel in wheels:
        row = sums.setdefault(wheel.tags.text, [0, 0, 0, 0])
        size = wheel.tsize or 0
        row[0] += 1
        row[1] += size
        if wheel.cid.digest in here:
            row[2] += 1
            row[3] += size
    return {text: (Amount(row[0], row[1]), Amount(row[2], row[3])) for text, row in sums.items()}
