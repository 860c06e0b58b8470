"""Repositories on this machine: directories of wheels, and IPWHL's metadata repositories.

A directory of wheels has them in directories of projects, as a release has, or just in it, as `publish` takes
them. A metadata repository is a directory with `pkgs` that has directories in it. Names that begin with a dot
are left alone, as `ipfs add -r` does. Blocking; nothing is changed, links to directories are not followed
below the second level, and what is no regular file is not opened.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.checks.findings import Rule
from ipwhl_mirror.domain.checks.repository import CheckedWheel, Fault, Repository, RepositoryKind
from ipwhl_mirror.domain.declarations import (
    DECLARATION_LIMIT,
    PACKAGES,
    SUPPORTED,
    declared_wheel,
    parse_declaration,
    parse_supported,
)
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.errors import InvalidDeclaration, InvalidSupported, InvalidWheel, InvalidWheelName
from ipwhl_mirror.domain.index_reading import is_project_name
from ipwhl_mirror.domain.wheels import normalize_name
from ipwhl_mirror.services.wheel_metadata import metadata_of_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipwhl_mirror.domain.environments import Environment

OnWheel = Callable[[int, int], None]
"""Told how many wheels of how many were read."""


def read_repository(directory: Path, on_wheel: OnWheel) -> Repository:
    """A directory's wheels, or declarations.

    Raises:
        OSError: a directory cannot be read.
    """
    if is_metadata_repository(directory):
        return _read_declarations(directory, on_wheel)
    return _read_wheels(directory, on_wheel)


def is_metadata_repository(directory: Path) -> bool:
    """Whether a directory is a metadata repository, not one of wheels."""
    packages = directory / PACKAGES
    return packages.is_dir() and any(entry.is_dir() for entry in packages.iterdir())


def supported_of(directory: Path) -> tuple[Environment, ...] | None:
    """The environments that a repository says it supports; None where it says nothing.

    Raises:
        InvalidSupported, OSError: see `read_supported`.
    """
    path = directory / SUPPORTED
    return read_supported(path) if path.is_file() else None


def read_supported(path: Path) -> tuple[Environment, ...]:
    """The environments of a file.

    Raises:
        InvalidSupported: it is no list of environments.
        OSError: it cannot be read.
    """
    try:
        return parse_supported(read_text(path), str(path))
    except UnicodeDecodeError as error:
        raise InvalidSupported(str(path), "it is no UTF-8") from error


def read_text(path: Path) -> str:
    """The text of a declaration or a list of environments.

    Raises:
        UnicodeDecodeError: it is no UTF-8.
        OSError: it cannot be read, is no regular file, or is longer than DECLARATION_LIMIT bytes.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(None, "it is no regular file", str(path))
    with path.open("rb") as file:
        data = file.read(DECLARATION_LIMIT + 1)
    if len(data) > DECLARATION_LIMIT:
        raise OSError(None, f"it is longer than {DECLARATION_LIMIT} bytes", str(path))
    return data.decode("utf-8")


def _read_wheels(directory: Path, on_wheel: OnWheel) -> Repository:
    projects: list[str] = []
    faults: list[Fault] = []
    files: list[tuple[str, Path]] = []
    for entry in _entries(directory):
        if entry.is_dir():
            if not is_project_name(entry.name):
                faults.append(_foreign(entry.name, "", "it is not a project's name"))
                continue
            projects.append(entry.name)
            files += ((entry.name, file) for file in _entries(entry))
        elif entry.suffix == ".whl":
            files.append(("", entry))
        elif entry.name != SUPPORTED:
            faults.append(_foreign(entry.name, "", "it is no wheel"))
    wheels: list[CheckedWheel] = []
    for number, (project, file) in enumerate(files, start=1):
        found = _wheel(project, file)
        if isinstance(found, Fault):
            faults.append(found)
        else:
            wheels.append(found)
            _describe(wheels, file, faults)
        on_wheel(number, len(files))
    flat = dict.fromkeys(wheel.project for wheel in wheels if "/" not in wheel.path)
    return Repository(
        kind=RepositoryKind.WHEELS,
        projects=tuple(dict.fromkeys([*projects, *flat])),
        wheels=tuple(wheels),
        faults=tuple(faults),
    )


def _wheel(project: str, file: Path) -> CheckedWheel | Fault:
    """A wheel by its name; `project` is "" where it lies in no directory of one."""
    path = f"{project}/{file.name}" if project else file.name
    if file.suffix != ".whl" or not file.is_file():
        return _foreign(path, project, "it is no wheel")
    try:
        return CheckedWheel.named(path, project or normalize_name(file.name.partition("-")[0]), file.name)
    except InvalidWheelName as error:
        return Fault(rule=Rule.WHEEL_NAME, path=path, project=project, reason=error.reason)


def _describe(wheels: list[CheckedWheel], file: Path, faults: list[Fault]) -> None:
    """Read METADATA of the last of these."""
    wheel = wheels[-1]
    try:
        wheels[-1] = wheel.described(metadata_of_file(file))
        return
    except InvalidWheel as error:
        reason = error.reason
    except OSError as error:
        reason = f"it cannot be read: {safe_text(error.strerror or str(error))}"
    faults.append(Fault(rule=Rule.METADATA_READABLE, path=wheel.path, project=wheel.project, reason=reason))


def _foreign(path: str, project: str, reason: str) -> Fault:
    return Fault(rule=Rule.FOREIGN_ENTRY, path=path, project=project, reason=reason)


def _read_declarations(directory: Path, on_wheel: OnWheel) -> Repository:
    files = list(_files_below(directory / PACKAGES))
    projects: dict[str, None] = {}
    wheels: list[CheckedWheel] = []
    faults: list[Fault] = []
    for number, file in enumerate(files, start=1):
        path = file.relative_to(directory).as_posix()
        try:
            project, filename = declared_wheel(path)
            projects[project] = None
            wheel = CheckedWheel.named(path, project, filename)
            wheels.append(wheel)
            wheels[-1] = wheel.declared(parse_declaration(read_text(file), path))
        except InvalidDeclaration as error:
            faults.append(_misdeclared(path, error.reason))
        except UnicodeDecodeError:
            faults.append(_misdeclared(path, "it is no UTF-8"))
        except OSError as error:
            faults.append(_misdeclared(path, f"it cannot be read: {safe_text(error.strerror or str(error))}"))
        on_wheel(number, len(files))
    return Repository(
        kind=RepositoryKind.DECLARATIONS,
        projects=tuple(projects),
        wheels=tuple(wheels),
        faults=tuple(faults),
    )


def _misdeclared(path: str, reason: str) -> Fault:
    parts = path.split("/")
    project = parts[2] if len(parts) == 4 else ""
    return Fault(rule=Rule.DECLARATION, path=path, project=project, reason=reason)


def _files_below(packages: Path) -> Iterator[Path]:
    """Everything that should be a declaration: what is no directory above them, and all beside them."""
    for prefix in _entries(packages):
        for project in _entries(prefix) if prefix.is_dir() else (prefix,):
            if project.is_dir() and project is not prefix:
                yield from _entries(project)
            else:
                yield project


def _entries(directory: Path) -> list[Path]:
    return sorted(entry for entry in directory.iterdir() if not entry.name.startswith("."))
