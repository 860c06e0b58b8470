"""Read one input of `publish`: a wheel, a directory of wheels, a lock, or a tracked release.

A path wins over a release's label of the same name. Names that begin with a dot are left alone, as
`ipfs add -r` does, and so is what is no regular file.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.errors import InvalidWheelName
from ipwhl_mirror.domain.input_wheels import FileHere, InputWheel, OnNode
from ipwhl_mirror.domain.locked_wheels import WheelLock, read_wheel_lock
from ipwhl_mirror.domain.locks import LOCK_LIMIT
from ipwhl_mirror.domain.wheels import normalize_name, parse_wheel_name
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.errors import TransferFailed, UsageProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipwhl_mirror.services.session import Session

_LOCK = re.compile(r"pylock(?:\.[^.]+)?\.toml")
_SUFFIXES = (".whl", ".toml")
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadInput:
    """What an input is: wheels, or a lock.

    Attributes:
        name: as given, safe to show.
        wheels: of a path or a release, every one.
        lock: what a lock says.
        directory: where a lock lies; its paths are as seen from there.
        families: the platforms that a release has.
    """

    name: str
    wheels: tuple[InputWheel, ...] = ()
    lock: WheelLock | None = None
    directory: Path = Path()

    @property
    def projects(self) -> set[str]:
        """The projects it has wheels of, or that it locks."""
        locked = () if self.lock is None else self.lock.packages
        return {wheel.project for wheel in self.wheels} | {package.name for package in locked}


async def read_input(session: Session, text: str) -> ReadInput:
    """Read an input.

    Raises:
        UsageProblem: it is nothing that can be used.
        InvalidLock: a lock cannot be read.
        TransferFailed: a file or a directory cannot be read.
        UnknownRelease, AmbiguousRelease: it is neither a path nor a release.
        NodeError: a release's index is not whole on this node.
    """
    path, name = Path(text), safe_text(text, _SHOWN)
    try:
        if not await asyncio.to_thread(path.exists):
            return await _read_release(session, text, name)
        return await asyncio.to_thread(_read_path, path, name)
    except OSError as error:
        raise TransferFailed(f"{name} cannot be read: {error.strerror}") from error


async def _read_release(session: Session, text: str, name: str) -> ReadInput:
    if text.startswith((".", "/", "~")) or text.endswith(_SUFFIXES):
        raise UsageProblem(
            f"{name}: there is no such file or directory",
            hint="give a wheel, a directory of wheels, a pylock.toml, or a tracked release",
        )
    loaded = await releases.load(session, text)
    return ReadInput(
        name=name,
        wheels=tuple(
            InputWheel(
                project=normalize_name(wheel.project),
                filename=wheel.filename,
                place=OnNode(wheel.cid, wheel.tsize),
                given_by=name,
                size=wheel.tsize,
            )
            for wheel in loaded.release.wheels
        ),
    )


def _read_path(path: Path, name: str) -> ReadInput:
    """Blocking."""
    if path.is_dir():
        files = [_wheel_file(file, name) for file in _wheels_in(path)]
        if not files:
            raise UsageProblem(f"{name}: no wheel in it", hint="give directories that hold .whl files")
        return ReadInput(name=name, wheels=_unique(files))
    if _LOCK.fullmatch(path.name):
        with path.open("rb") as file:
            data = file.read(LOCK_LIMIT + 1)
        return ReadInput(name=name, lock=read_wheel_lock(data, str(path)), directory=path.parent)
    if path.suffix == ".whl" and path.is_file():
        return ReadInput(name=name, wheels=(_wheel_file(path, name),))
    raise UsageProblem(
        f"{name}: neither a wheel nor a lock nor a directory",
        hint="the name of a wheel ends in .whl, that of a lock is pylock.toml or pylock.NAME.toml",
    )


def _wheels_in(directory: Path) -> Iterator[Path]:
    """The wheels of a directory and of those just in it, by name."""
    for entry in _entries(directory):
        if entry.is_dir():
            yield from (file for file in _entries(entry) if file.suffix == ".whl" and file.is_file())
        elif entry.suffix == ".whl" and entry.is_file():
            yield entry


def _entries(directory: Path) -> list[Path]:
    return sorted(entry for entry in directory.iterdir() if not entry.name.startswith("."))


def _wheel_file(path: Path, name: str) -> InputWheel:
    try:
        project = normalize_name(path.name.partition("-")[0])
        parse_wheel_name(path.name, project)
    except InvalidWheelName as error:
        raise UsageProblem(
            f"{safe_text(str(path), _SHOWN)}: {error}", hint="rename it to a wheel's name, or leave it out"
        ) from error
    return InputWheel(
        project=project,
        filename=path.name,
        place=FileHere(path),
        given_by=name,
        size=path.stat().st_size,
    )


def _unique(wheels: list[InputWheel]) -> tuple[InputWheel, ...]:
    """The same, if no two have one name."""
    found: dict[str, InputWheel] = {}
    for wheel in wheels:
        known = found.setdefault(wheel.filename, wheel)
        if known is not wheel:
            places = [
                safe_text(str(each.place.path), _SHOWN)
                for each in (known, wheel)
                if isinstance(each.place, FileHere)
            ]
            raise UsageProblem(
                f"{wheel.filename} is given twice: {' and '.join(places)}", hint="leave one of them out"
            )
    return tuple(found.values())
