"""The options of SELECTION, and the types that arguments have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipwhl_mirror.domain.selections import Selection

F = TypeVar("F", bound="Callable[..., Any]")

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
    click.option("--exclude", "excludes", multiple=True, metavar="GLOB", help="Not these projects."),
    click.option("--no-any", is_flag=True, help="No wheels that run everywhere."),
)


def selection_options(function: F) -> F:
    """Add the options of SELECTION; the command gets them as keyword arguments for `to_selection`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def to_selection(
    platforms: tuple[str, ...],
    environments: tuple[str, ...],
    pythons: tuple[str, ...],
    projects: tuple[str, ...],
    excludes: tuple[str, ...],
    no_any: bool,
) -> Selection:
    """Read SELECTION.

    Raises:
        InvalidSelection: an option's value, or two that exclude each other.
    """
    from ipwhl_mirror.domain.selections import Selection

    return Selection.parse(
        platforms=platforms,
        environments=environments,
        pythons=pythons,
        projects=projects,
        excludes=excludes,
        no_any=no_any,
    )


FILE = click.Path(path_type=Path, dir_okay=False)
EXISTING = click.Path(path_type=Path, exists=True)
EXISTING_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
