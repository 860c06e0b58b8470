"""The options of SELECTION, and the types that arguments have."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ipwhl_mirror.domain.locks import LockedProject
    from ipwhl_mirror.domain.releases import Release
    from ipwhl_mirror.domain.selections import Selection

F = TypeVar("F", bound="Callable[..., Any]")

FILE = click.Path(path_type=Path, dir_okay=False)
EXISTING = click.Path(path_type=Path, exists=True)
EXISTING_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)

_SHOWN = 5
"""Names of projects in a line about a lock."""

_OPTIONS = (
    click.option(
        "-p",
        "platforms",
        multiple=True,
        metavar="FAMILY",
        help="A platform: linux-x86_64, macos-arm64, any, ...",
    ),
    click.option(
        "-e",
        "environments",
        multiple=True,
        metavar="'INTERPRETER PLATFORMTAG'",
        help="An environment: 'cp312 manylinux_2_28_x86_64'; 'this' is the running one.",
    ),
    click.option("--python", "pythons", multiple=True, metavar="X.Y", help="A CPython: 3.12, or 3.13t."),
    click.option("--project", "projects", multiple=True, metavar="GLOB", help="Only these projects."),
    click.option(
        "--lock",
        "locks",
        multiple=True,
        type=EXISTING_FILE,
        metavar="FILE",
        help="Only what this pylock.toml needs.",
    ),
    click.option("--exclude", "excludes", multiple=True, metavar="GLOB", help="Not these projects."),
    click.option("--no-any", is_flag=True, help="No wheels that run everywhere."),
)


def selection_options(function: F) -> F:
    """Add the options of SELECTION; the command gets them as keyword arguments for `to_selection`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class Choice:
    """What SELECTION chooses.

    Attributes:
        selection: the names of `--lock` are among its projects.
        locked: what each lock needs.
    """

    selection: Selection
    locked: Mapping[Path, tuple[LockedProject, ...]] = field(default_factory=dict)

    def differences(self, release: Release) -> Iterator[str]:
        """Where a release is not what the locks say: a line each, for people."""
        from ipwhl_mirror.domain.locks import compare_lock

        for file, locked in self.locked.items():
            found = compare_lock(release, locked)
            for names, what in (
                (found.missing, "not in the release"),
                (found.other_versions, "in another version than locked"),
            ):
                if names:
                    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
                    yield f"{file.name}: {len(names)} of {len(locked)} projects {what}: {shown}"


def read_choice(
    platforms: tuple[str, ...],
    environments: tuple[str, ...],
    pythons: tuple[str, ...],
    projects: tuple[str, ...],
    locks: tuple[Path, ...],
    excludes: tuple[str, ...],
    no_any: bool,
) -> Choice:
    """Read SELECTION.

    Raises:
        InvalidSelection: an option's value, or two that exclude each other.
        InvalidLock, OSError: a lock that cannot be used, or read.
    """
    from ipwhl_mirror.domain.selections import Selection

    selection = Selection.parse(
        platforms=platforms,
        environments=environments,
        pythons=pythons,
        projects=projects,
        excludes=excludes,
        no_any=no_any,
    )
    if not locks:
        return Choice(selection)
    from ipwhl_mirror.domain.locks import LOCK_LIMIT, locked_projects, names_of

    locked = {}
    for path in locks:
        with path.open("rb") as file:
            locked[path] = locked_projects(file.read(LOCK_LIMIT + 1), str(path), selection)
    names = chain(selection.projects, *map(names_of, locked.values()))
    return Choice(replace(selection, projects=tuple(sorted(set(names)))), locked)


def to_selection(**chosen: Any) -> Selection:
    """The selection of `read_choice`, for commands that compare it with no release.

    Raises:
        InvalidSelection, InvalidLock, OSError: see there.
    """
    return read_choice(**chosen).selection
