"""Lock files (PEP 751, `pylock.toml`): which projects of a release a lock needs, and in which version.

A mirror serves everybody who installs from a lock: every extra and every group of it counts, and a package
is left out only where its marker is false on every machine that the selection is for. Packages that do not
come from an index (a directory, an archive, a repository of version control) are no projects of a release.

Spec: https://packaging.python.org/specifications/pylock-toml/
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.pylock import Pylock, PylockUnsupportedVersionError, PylockValidationError
from packaging.version import InvalidVersion, Version

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.errors import InvalidLock, InvalidMarker
from ipwhl_mirror.domain.marker_environments import Possibilities, machines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ipwhl_mirror.domain.releases import Release
    from ipwhl_mirror.domain.selections import Selection

LOCK_LIMIT = 8 << 20
"""Bytes of a lock file, at most."""
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_CONTEXT = re.compile(r"packages\[([0-9]{1,9})\]")
_MOST_CHOICES = 64
_SHOWN = 200


@dataclass(frozen=True, slots=True, order=True)
class LockedProject:
    """A project that a lock needs.

    Attributes:
        name: by PEP 503.
        versions: sorted; several where the lock chooses by environment, none where it names none.
    """

    name: str
    versions: tuple[Version, ...] = ()


@dataclass(frozen=True, slots=True)
class LockDifferences:
    """Where a release is not what a lock says.

    Attributes:
        missing: names of projects that the release does not have.
        other_versions: those of which it has no wheel in a locked version.
    """

    missing: tuple[str, ...]
    other_versions: tuple[str, ...]


def locked_projects(data: bytes, filename: str, selection: Selection) -> tuple[LockedProject, ...]:
    """The projects that a lock needs on the machines of a selection, sorted by name.

    These are its `-e`, and its `-p` with its `--python`; without any of them those of the lock's own
    `environments`; without these every machine.

    Args:
        data: the file's bytes.
        filename: for errors.

    Raises:
        InvalidLock: it is no lock of version 1, longer than LOCK_LIMIT, or needs nothing there.
    """
    lock = read_lock(data, filename)
    try:
        possible = _possibilities(lock, selection)
    except InvalidMarker as error:
        raise InvalidLock(filename, None, f"environments: {error}") from error
    versions: dict[str, set[Version]] = {}
    for package in lock.packages:
        if package.is_direct:
            continue
        if not _NAME.fullmatch(package.name):
            raise InvalidLock(filename, package.name, "the name is not normalized (PEP 503)")
        try:
            is_needed = possible is None or possible.allow(package.marker)
        except InvalidMarker as error:
            raise InvalidLock(filename, package.name, str(error)) from error
        if is_needed:
            found = versions.setdefault(package.name, set())
            if package.version is not None:
                found.add(package.version)
    if not versions:
        raise InvalidLock(filename, None, "it needs no project of an index for this selection")
    return tuple(LockedProject(name, tuple(sorted(versions[name]))) for name in sorted(versions))


def compare_lock(release: Release, locked: Iterable[LockedProject]) -> LockDifferences:
    """What of a lock a release does not have, or has in other versions only."""
    wanted = {project.name: project.versions for project in locked}
    there: dict[str, set[Version]] = {name: set() for name in wanted}
    for name, project in zip(release.compared_names, release.projects, strict=True):
        if name in wanted:  # versions of wheels were checked when their names were read
            there[name].update(Version(spelled) for spelled in {wheel.version for wheel in project.wheels})
    return LockDifferences(
        missing=tuple(name for name in wanted if not there[name]),
        other_versions=tuple(
            name
            for name, versions in wanted.items()
            if versions and there[name] and there[name].isdisjoint(versions)
        ),
    )


def read_lock(data: bytes, filename: str) -> Pylock:
    """What a lock file says.

    Raises:
        InvalidLock: it is no lock of version 1, or longer than LOCK_LIMIT.
    """
    if len(data) > LOCK_LIMIT:
        raise InvalidLock(filename, None, f"it is longer than {LOCK_LIMIT} bytes")
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidLock(filename, None, f"it is no TOML: {safe_text(str(error), _SHOWN)}") from error
    try:
        return Pylock.from_dict(table)
    except PylockUnsupportedVersionError as error:
        raise InvalidLock(
            filename,
            None,
            safe_text(str(error), _SHOWN),
            hint="this program reads version 1 of lock files (PEP 751)",
        ) from error
    except (PylockValidationError, InvalidVersion, RecursionError) as error:
        raise InvalidLock(filename, _blamed(table, error), safe_text(str(error), _SHOWN)) from error


def _blamed(table: Mapping[str, object], error: Exception) -> str | None:
    """The package that an error is of, as far as it says."""
    found = _CONTEXT.match(getattr(error, "context", None) or "")
    packages = table.get("packages")
    if found is None or not isinstance(packages, list) or int(found[1]) >= len(packages):
        return None
    package = packages[int(found[1])]
    name = package.get("name") if isinstance(package, dict) else None
    return name if isinstance(name, str) else f"number {int(found[1]) + 1}"


def _possibilities(lock: Pylock, selection: Selection) -> Possibilities | None:
    """What markers can be true; None where nothing bounds the machines."""
    environments = list(lock.environments or ())
    is_chosen = bool(selection.platforms or selection.environments or selection.pythons)
    if not is_chosen and not environments:
        return None
    markers = [package.marker for package in lock.packages if package.marker is not None]
    machines = machines_of(selection, lock.requires_python)
    possible = Possibilities(machines, [*markers, *environments], choices_of(lock))
    if not is_chosen:
        possible.narrow(environments)
    return possible


def choices_of(lock: Pylock) -> list[tuple[frozenset[str], frozenset[str]]]:
    """What people may choose of a lock's extras and groups: nothing, everything, or any one of them."""
    extras, groups = frozenset(lock.extras or ()), frozenset(lock.dependency_groups or ())
    default, none = frozenset(lock.default_groups or ()), frozenset[str]()
    choices = [(none, default)]
    if extras or groups:
        choices += [(extras, groups | default), (none, none)]
    if len(extras) + len(groups) <= _MOST_CHOICES:
        choices += [(frozenset({extra}), default) for extra in sorted(extras)]
        choices += [(none, frozenset({group})) for group in sorted(groups)]
    return choices


def names_of(locked: Sequence[LockedProject]) -> tuple[str, ...]:
    """The names, for `--project`."""
    return tuple(project.name for project in locked)
