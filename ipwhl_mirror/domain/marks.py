"""Boxes on the platforms and projects of a release, and the selection they stand for.

A person marks platforms (`-p`) and unmarks projects (`--exclude`); wheels show what comes of it. The rules:

- No platform marked: nothing is selected. All marked: the whole release, without `-p`.
- `any` comes along with every other platform, as its wheels do. Unmarked beside marked ones it is `--no-any`;
  marked alone it is `-p any`.
- Projects whose names normalize alike are excluded together, as their globs would be.

What a selection means is `domain.selections`, and nothing here decides about a wheel. No terminal, no I/O.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.plans import Amount
from ipwhl_mirror.domain.platforms import ANY
from ipwhl_mirror.domain.selections import Selection, select_wheels
from ipwhl_mirror.domain.wheels import normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """Marks worked out on their release.

    Attributes:
        selection: None when nothing is marked.
        wheels: the selected ones in release order, exactly those of `select_wheels`.
        amount: of them.
        shared: those of them that are here already.
        by_platform, by_project: how many of each are selected; absent where none is.
    """

    marks: Marks
    selection: Selection | None
    wheels: tuple[Wheel, ...]
    amount: Amount
    shared: Amount
    by_platform: Mapping[str, int]
    by_project: Mapping[str, int]
    _filenames: Set[tuple[str, str]]

    @property
    def fetch(self) -> Amount:
        """What is not here."""
        return self.amount - self.shared

    def takes(self, wheel: Wheel) -> bool:
        """The wheel is selected."""
        return (wheel.project, wheel.filename) in self._filenames

    def platform_box(self, family: str) -> Box:
        """On: marked. Some: not marked, but wheels of it come along with others."""
        if family in self.marks.marked:
            return Box.ON
        return Box.SOME if self.by_platform.get(family) else Box.OFF

    def project_box(self, project: Project) -> Box:
        """On: every wheel is selected. Some: not every one. Off: excluded."""
        if self.marks.excludes(project.name):
            return Box.OFF
        taken = self.by_project.get(project.name, 0)
        return Box.ON if taken and taken == len(project.wheels) else Box.SOME


def apply_marks(release: Release, marks: Marks, *, here: Set[bytes]) -> Marked:
    """Work out what is selected, and how much of it is here.

    Args:
        here: digests of wheels that need not be fetched.

    Raises:
        UnknownPlatform: `marks` are of another release.
    """
    selection = marks.selection()
    wheels = () if selection is None else select_wheels(release, selection)
    shared = [wheel.bytes for wheel in wheels if wheel.cid.digest in here] if here else []
    families: Counter[str] = Counter()
    with_tags = Counter(wheel.tags.text for wheel in wheels)
    for tags in release.tag_sets:
        for family in tags.families:
            families[family] += with_tags[tags.text]
    return Marked(
        marks=marks,
        selection=selection,
        wheels=wheels,
        amount=Amount(len(wheels), sum(wheel.bytes for wheel in wheels)),
        shared=Amount(len(shared), sum(shared)),
        by_platform=families,
        by_project=Counter(wheel.project for wheel in wheels),
        _filenames={(wheel.project, wheel.filename) for wheel in wheels},
    )
