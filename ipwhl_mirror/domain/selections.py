"""Selections: which wheels of a release are wanted, and the parts in which they are pinned.

A selection is canonical: aliases are resolved, everything is in lower case, sorted, and there once. So two
that are written differently and mean the same options are equal, have one text, and that text reads back as
the same selection. `--python` is left out where it can change nothing, beside `-e` alone.

The rules are trees.md 3, `selection_rules` 1: tested for each (py, abi, plat) of a wheel, filters after.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from fnmatch import translate
from itertools import compress
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.environments import Environment, PythonVersion
from ipwhl_mirror.domain.errors import InvalidSelection, UnknownPlatform
from ipwhl_mirror.domain.platforms import ANY, WELL_KNOWN_PREFIXES, resolve_alias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Set

    from ipwhl_mirror.domain.releases import Project, Release, Wheel
    from ipwhl_mirror.domain.wheels import WheelTags

SELECTION_RULES = 1
"""The version of these rules, told in every JSON document."""

_WILDCARDS = frozenset("*?[")
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")
"""What a shell takes as it is, and `shlex` leaves so."""

_NO_ANY = "--no-any"
_VALUE_OPTIONS = {
    "-p": "platforms",
    "-e": "environments",
    "--python": "pythons",
    "--project": "projects",
    "--exclude": "excludes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Options that choose wheels of a release; make one with `parse`.

    Attributes:
        platforms: families (`-p`), each alone or with each of `pythons`.
        environments: `-e`.
        pythons: `--python`.
        projects, excludes: patterns for PEP 503 names; excluding wins.
        no_any: without wheels all of whose platform tags are `any`.
    """

    platforms: tuple[str, ...] = ()
    environments: tuple[Environment, ...] = ()
    pythons: tuple[PythonVersion, ...] = ()
    projects: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    no_any: bool = False

    @classmethod
    def parse(
        cls,
        platforms: Iterable[str] = (),
        environments: Iterable[str] = (),
        pythons: Iterable[str] = (),
        projects: Iterable[str] = (),
        excludes: Iterable[str] = (),
        no_any: bool = False,
    ) -> Selection:
        """Read the values of the options.

        Raises:
            InvalidSelection: an environment or a Python that is none, or `--no-any` with `-p any`.
        """
        families = {resolve_alias(platform) for platform in platforms}
        runs_on = {Environment.parse(environment) for environment in environments}
        versions = {PythonVersion.parse(python) for python in pythons}
        if no_any and ANY in families:
            raise InvalidSelection(
                "-p", ANY, f"cannot be chosen together with {_NO_ANY}", hint="leave one out"
            )
        return cls(
            platforms=tuple(sorted(families)),
            environments=tuple(sorted(runs_on)),
            pythons=() if runs_on and not families else tuple(sorted(versions)),
            projects=tuple(sorted({_canonical_pattern(pattern) for pattern in projects})),
            excludes=tuple(sorted({_canonical_pattern(pattern) for pattern in excludes})),
            no_any=no_any,
        )

    @classmethod
    def from_cli_text(cls, text: str) -> Selection:
        """Read the options as one text, quoted as for a shell: the other way of `cli_text`.

        Raises:
            InvalidSelection: it holds something else, or values that cannot be.
        """
        try:
            words = iter(shlex.split(text))
        except ValueError as error:
            raise InvalidSelection("selection", text, "a quotation mark is not closed") from error
        values: dict[str, list[str]] = {name: [] for name in _VALUE_OPTIONS.values()}
        no_any = False
        for word in words:
            option, equals, value = word.partition("=")
            if word == _NO_ANY:
                no_any = True
                continue
            if option not in _VALUE_OPTIONS or (equals and not option.startswith("--")):
                raise InvalidSelection("selection", text, "not the options of a selection")
            given = value if equals else next(words, None)
            if given is None:
                raise InvalidSelection(option, "", "a value is missing")
            values[_VALUE_OPTIONS[option]].append(given)
        return cls.parse(**values, no_any=no_any)

    @property
    def is_everything(self) -> bool:
        """True without any option: the whole release."""
        return self == _EVERYTHING

    def parts(self) -> tuple[Selection, ...]:
        """What is pinned for this selection: one part for each `-p` and each `-e`, with the other options.

        Without either: the selection itself. Parts may turn out to choose the same wheels, or none.
        """
        if not self.platforms and not self.environments:
            return (self,)
        families = (replace(self, platforms=(one,), environments=()) for one in self.platforms)
        runs_on = (replace(self, platforms=(), environments=(one,), pythons=()) for one in self.environments)
        return (*families, *runs_on)

    def cli_args(self) -> tuple[str, ...]:
        """The options as words of a command line, in one order; () for everything."""
        args: list[str] = []
        for option, name in _VALUE_OPTIONS.items():
            for value in getattr(self, name):
                args += (option, str(value))
        return (*args, _NO_ANY) if self.no_any else tuple(args)

    def cli_text(self) -> str:
        """The same as one text, quoted for a shell; "" for everything.

        >>> Selection.parse(platforms=["linux-64"], projects=["Num*"]).cli_text()
        "-p linux-x86_64 --project 'num*'"
        """
        args = self.cli_args()
        # names of projects, thousands of them, need no quotes
        return " ".join(args) if all(args) and _PLAIN.fullmatch("".join(args)) else shlex.join(args)


_EVERYTHING = Selection()


def select_wheels(release: Release, selection: Selection) -> tuple[Wheel, ...]:
    """The wheels that a selection chooses, in release order.

    Raises:
        UnknownPlatform: a `-p` names no family of the release, nor one that a release could have.
    """
    check_platforms(selection, release.families)
    return choose_wheels(release, selection)


def check_platforms(selection: Selection, families: Set[str]) -> None:
    """Raise UnknownPlatform where a `-p` is nothing that a release could have, nor one of these families."""
    for platform in selection.platforms:
        known = platform == ANY or platform.startswith(WELL_KNOWN_PREFIXES) or platform in families
        if not known:
            raise UnknownPlatform(platform, families)


def choose_wheels(release: Release, selection: Selection) -> tuple[Wheel, ...]:
    """The same without a look at the platforms' names: an unknown one chooses nothing but `any` wheels."""
    if selection.is_everything:
        return release.wheels
    # keyed by text: hashing 50,000 of them costs nothing, a string keeps its hash
    verdicts = {tags.text: accepts_tags(selection, tags) for tags in release.tag_sets}
    if not selection.projects and not selection.excludes:
        return tuple(compress(release.wheels, map(verdicts.__getitem__, release.tag_texts)))
    return tuple(
        wheel
        for project in _wanted_projects(release, selection)
        for wheel in project.wheels
        if verdicts[wheel.tags.text]
    )


def accepts_tags(selection: Selection, tags: WheelTags) -> bool:
    """True when the options for platforms, environments and Pythons, and `--no-any`, choose these tags."""
    if selection.no_any and tags.only_any:
        return False
    if any(environment.runs(tags) for environment in selection.environments):
        return True
    if selection.environments and not selection.platforms:
        return False
    wanted = tags.families if not selection.platforms else tags.families.intersection(selection.platforms)
    native = bool(wanted - {ANY})
    anywhere = ANY in tags.families
    if not selection.pythons:
        return native or anywhere
    return any(
        (native and python.tags.load(tags)) or (anywhere and python.tags.load_anywhere(tags))
        for python in selection.pythons
    )


def accepts_project(selection: Selection, name: str) -> bool:
    """True when `--project` and `--exclude` choose a project; its name is given by PEP 503."""
    wanted, unwanted = _matcher(selection.projects), _matcher(selection.excludes)
    return (not selection.projects or wanted(name)) and not unwanted(name)


def _canonical_pattern(pattern: str) -> str:
    return pattern.lower().replace("_", "-").replace(".", "-")


def _matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """One test for all patterns: hundreds of plain names cost no more than one."""
    names = {pattern for pattern in patterns if _WILDCARDS.isdisjoint(pattern)}
    globs = [translate(pattern) for pattern in patterns if pattern not in names]
    if not globs:
        return names.__contains__
    glob = re.compile("|".join(globs))
    return lambda name: name in names or glob.match(name) is not None


def _wanted_projects(release: Release, selection: Selection) -> Iterator[Project]:
    wanted, unwanted = _matcher(selection.projects), _matcher(selection.excludes)
    for name, project in zip(release.compared_names, release.projects, strict=True):
        if (not selection.projects or wanted(name)) and not unwanted(name):
            yield project
