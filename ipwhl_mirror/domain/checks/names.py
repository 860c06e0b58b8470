"""Rules about names: of directories, of files, and what METADATA says of them.

Spec: PEP 503 (names of projects), PEP 440 (versions), PEP 427 (file names of wheels).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from ipwhl_mirror.domain.checks.findings import Finding, Rule
from ipwhl_mirror.domain.checks.repository import RepositoryKind, shown
from ipwhl_mirror.domain.wheels import normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipwhl_mirror.domain.checks.repository import CheckedWheel, Repository


def check_names(repository: Repository) -> Iterator[Finding]:
    """Every finding about names, in no order."""
    for fault in repository.faults:
        yield Finding(
            rule=fault.rule, project=fault.project, path=fault.path, what=fault.reason, fix=fault.fix
        )
    if repository.kind is RepositoryKind.WHEELS:  # releases made of declarations have normalized names
        yield from _not_normalized(repository)
    yield from _alike(repository)
    yield from _several_versions(repository)
    for wheel in repository.wheels:
        if str(wheel.version) != wheel.spelled_version:
            yield Finding(
                rule=Rule.VERSION_NORMALIZED,
                project=wheel.project,
                path=wheel.path,
                what=f"the version is spelled {wheel.spelled_version}, its normal form is {wheel.version}",
                fix="use a wheel whose file name has the normal form",
            )
        yield from _other_words(wheel)


def _not_normalized(repository: Repository) -> Iterator[Finding]:
    for project in repository.projects:
        normal = normalize_name(project)
        if normal != project:
            yield Finding(
                rule=Rule.DIR_NORMALIZED,
                project=project,
                path=project,
                what=f"the normalized name is {shown(normal)}",
                fix=f"rename the directory to {shown(normal)}",
            )


def _alike(repository: Repository) -> Iterator[Finding]:
    spelled: dict[str, list[str]] = {}
    for project in repository.projects:
        spelled.setdefault(normalize_name(project), []).append(project)
    for normal, names in spelled.items():
        if len(names) > 1:
            yield Finding(
                rule=Rule.NAMES_ALIKE,
                project=names[0],
                path=names[0],
                what=f"{', '.join(map(shown, sorted(names)))} are one project to installers",
                fix=f"keep one directory, {shown(normal)}",
            )


def _several_versions(repository: Repository) -> Iterator[Finding]:
    versions: dict[str, dict[Version, str]] = {}
    for wheel in repository.wheels:
        versions.setdefault(wheel.key, {}).setdefault(wheel.version, wheel.project)
    for found in versions.values():
        if len(found) > 1:
            project = next(iter(found.values()))
            newest = max(found)
            yield Finding(
                rule=Rule.ONE_VERSION,
                project=project,
                path=project,
                what=f"there are {len(found)} versions: {_listed(found)}",
                fix=f"keep the wheels of one of them, as of {newest}",
            )


def _listed(versions: dict[Version, str]) -> str:
    shown_most = 6
    words = [str(version) for version in sorted(versions)[:shown_most]]
    return ", ".join(words) + (", ..." if len(versions) > shown_most else "")


def _other_words(wheel: CheckedWheel) -> Iterator[Finding]:
    """Where METADATA says something else than the file name."""
    said = wheel.metadata
    if said is None:
        return
    if normalize_name(said.name) != wheel.key:
        yield Finding(
            rule=Rule.METADATA_NAME,
            project=wheel.project,
            path=wheel.path,
            what=f"METADATA is of {shown(said.name)}",
            fix="replace the wheel by one of this project, as its publisher made it",
        )
    try:
        agrees = Version(said.version) == wheel.version
    except InvalidVersion:
        agrees = False
    if not agrees:
        yield Finding(
            rule=Rule.METADATA_VERSION,
            project=wheel.project,
            path=wheel.path,
            what=f"METADATA is of version {shown(said.version)}, the file name of {wheel.spelled_version}",
            fix="replace the wheel by one of this version, as its publisher made it",
        )
