"""The wheels that a lock file names (PEP 751), and what it needs in an environment.

Promised of every wheel: its file name is that of a wheel of its package, in the package's version, and short
enough for any file system; its SHA-256 is there. A lock with a wheel of which that is not true is refused
whole, as it is by installers.

A package that is to be had only as a directory, an archive of sources, or from version control has no wheels
here, and says why; an archive that is a wheel counts as one.

Spec: https://packaging.python.org/specifications/pylock-toml/
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.version import Version

from ipwhl_mirror.domain.checks.pythons import AdmittedPythons
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.errors import InvalidLock, InvalidMarker, InvalidWheelName
from ipwhl_mirror.domain.locks import choices_of, read_lock
from ipwhl_mirror.domain.marker_environments import Possibilities, machines_of
from ipwhl_mirror.domain.selections import Selection, accepts_project, accepts_tags
from ipwhl_mirror.domain.wheels import normalize_name, parse_wheel_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from packaging.markers import Marker
    from packaging.pylock import Package, PackageArchive, PackageWheel
    from packaging.specifiers import SpecifierSet

    from ipwhl_mirror.domain.environments import Environment
    from ipwhl_mirror.domain.wheels import WheelName

LONGEST_NAME = 255
"""Bytes of a file name."""
LARGEST_WHEEL = 8 << 30
"""Bytes of a wheel, at most."""
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_INTERPRETER = re.compile(r"[a-z]+([1-9])([0-9]+)t?")
_SHOWN = 120


class NoWheel(Enum):
    """Why a package of a lock has no wheel."""

    DIRECTORY = "it is a directory, no wheel"
    VCS = "it comes from version control, not as a wheel"
    ARCHIVE = "it is an archive of sources, no wheel"
    SDIST = "the lock has no wheel of it, only its sources"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedWheel:
    """A wheel of a lock.

    Attributes:
        filename: that of a wheel of its package.
        name: what it says.
        url: where it is on the network, path: where it is as seen from the lock; one of them, or both. Both
            are as the lock has them, not safe to show.
        size: in bytes; None where the lock does not say.
        sha256: 32 bytes.
    """

    filename: str
    name: WheelName
    url: str | None
    path: str | None
    size: int | None
    sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """A package of a lock.

    Attributes:
        name: by PEP 503.
        version: None where neither the lock nor a wheel says one.
        marker: where it is needed; None: everywhere.
        requires_python: the Pythons that its wheels install on; None: all.
        wheels: in the order of the lock.
        no_wheel: why there is none.
    """

    name: str
    version: Version | None
    marker: Marker | None
    requires_python: SpecifierSet | None
    wheels: tuple[LockedWheel, ...]
    no_wheel: NoWheel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelLock:
    """A lock.

    Attributes:
        filename: for messages, not safe to show.
        packages: in the order of the lock; one may be there several times, with other markers.
        requires_python: the Pythons it is for; None: all.
        environments: markers, one of which is true where it is for; none: everywhere.
        choices: extras and groups that may be chosen at a time.
    """

    filename: str
    packages: tuple[LockedPackage, ...]
    requires_python: SpecifierSet | None
    environments: tuple[Marker, ...]
    choices: tuple[tuple[frozenset[str], frozenset[str]], ...]

    def narrowed(self, selection: Selection, drop: Collection[str]) -> WheelLock:
        """The same without what a selection does not choose, and without some projects.

        With `--no-any` that is also what has wheels for any platform alone.
        """
        packages = (
            replace(
                package,
                wheels=tuple(each for each in package.wheels if accepts_tags(selection, each.name.tags)),
            )
            for package in self.packages
            if package.name not in drop
            and accepts_project(selection, package.name)
            and not (
                selection.no_any
                and package.wheels
                and all(each.name.tags.only_any for each in package.wheels)
            )
        )
        return replace(self, packages=tuple(packages))


class Needs:
    """What a lock needs where."""

    def __init__(self, lock: WheelLock) -> None:
        self._lock = lock
        self._admitted = AdmittedPythons()
        self._markers = [package.marker for package in lock.packages if package.marker is not None]

    def admits(self, environment: Environment) -> bool:
        """Whether the lock is for the Python of an environment."""
        return self._admitted.admit(self._lock.requires_python, _python_of(environment))

    def installs(self, package: LockedPackage, environment: Environment) -> bool:
        """Whether the wheels of a package install on the Python of an environment."""
        return self._admitted.admit(package.requires_python, _python_of(environment))

    def needed(self, environment: Environment) -> tuple[LockedPackage, ...]:
        """The packages that are needed in an environment; none where the lock is not for it.

        Raises:
            InvalidLock: a marker cannot be evaluated.
        """
        if not self.admits(environment):
            return ()
        lock = self._lock
        machines = machines_of(Selection(environments=(environment,)), None)
        possible = Possibilities(machines, [*self._markers, *lock.environments], lock.choices)
        try:
            possible.narrow(lock.environments)
        except InvalidMarker as error:
            raise InvalidLock(lock.filename, None, f"environments: {error}") from error
        return tuple(package for package in lock.packages if self._allows(possible, package))

    def _allows(self, possible: Possibilities, package: LockedPackage) -> bool:
        try:
            return possible.allow(package.marker)
        except InvalidMarker as error:
            raise InvalidLock(self._lock.filename, package.name, str(error)) from error


def read_wheel_lock(data: bytes, filename: str) -> WheelLock:
    """Read a lock.

    Args:
        data: the file's bytes.
        filename: for errors.

    Raises:
        InvalidLock: it is no lock of version 1, or names what cannot be a wheel of its package.
    """
    lock = read_lock(data, filename)
    return WheelLock(
        filename=filename,
        packages=tuple(_package(package, filename) for package in lock.packages),
        requires_python=lock.requires_python,
        environments=tuple(lock.environments or ()),
        choices=tuple(choices_of(lock)),
    )


def _package(package: Package, filename: str) -> LockedPackage:
    if package.name != normalize_name(package.name):
        raise InvalidLock(filename, package.name, "the name is not normalized (PEP 503)")
    wheels = tuple(_wheel(wheel, package, filename) for wheel in _wheels(package))
    versions = {Version(wheel.name.version) for wheel in wheels}
    if package.version is not None:
        versions.add(package.version)
    if len(versions) > 1:
        found = ", ".join(sorted(map(str, versions)))
        raise InvalidLock(filename, package.name, f"its wheels are of several versions: {safe_text(found)}")
    return LockedPackage(
        name=package.name,
        version=next(iter(versions), None),
        marker=package.marker,
        requires_python=package.requires_python,
        wheels=wheels,
        no_wheel=None if wheels else _reason(package),
    )


def _wheels(package: Package) -> Iterator[PackageWheel | PackageArchive]:
    yield from package.wheels or ()
    archive = package.archive
    if archive is not None and not archive.subdirectory and _last_name(archive).endswith(".whl"):
        yield archive


def _reason(package: Package) -> NoWheel:
    if package.directory is not None:
        return NoWheel.DIRECTORY
    if package.vcs is not None:
        return NoWheel.VCS
    return NoWheel.ARCHIVE if package.archive is not None else NoWheel.SDIST


def _wheel(wheel: PackageWheel | PackageArchive, package: Package, lock: str) -> LockedWheel:
    filename = getattr(wheel, "name", None) or _last_name(wheel)
    shown = safe_text(filename, _SHOWN)
    if len(filename) > LONGEST_NAME:
        raise InvalidLock(lock, package.name, f"the name of its wheel {shown} is too long")
    try:
        name = parse_wheel_name(filename, package.name)
    except InvalidWheelName as error:
        raise InvalidLock(lock, package.name, str(error)) from error
    sha256 = next((value for kind, value in wheel.hashes.items() if kind.lower() == "sha256"), "")
    if not _SHA256.fullmatch(sha256):
        raise InvalidLock(
            lock,
            package.name,
            f"its wheel {shown} has no SHA-256",
            hint="lock again from an index that tells the SHA-256 of its files",
        )
    if wheel.size is not None and not 0 <= wheel.size <= LARGEST_WHEEL:
        raise InvalidLock(
            lock, package.name, f"its wheel {shown} has {wheel.size} bytes, of at most {LARGEST_WHEEL}"
        )
    return LockedWheel(
        filename=filename,
        name=name,
        url=wheel.url,
        path=wheel.path,
        size=wheel.size,
        sha256=bytes.fromhex(sha256),
    )


def _last_name(file: PackageWheel | PackageArchive) -> str:
    """The last name of its path or its address."""
    if file.path is not None:
        return re.split(r"[/\\]", file.path)[-1]
    try:
        return unquote(urlsplit(file.url or "").path).rpartition("/")[2]
    except ValueError:
        return ""


def _python_of(environment: Environment) -> tuple[int, int]:
    found = _INTERPRETER.fullmatch(environment.interpreter)
    assert found is not None, "an Environment was checked when it was made"
    return int(found[1]), int(found[2])
