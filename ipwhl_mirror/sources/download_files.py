"""The files of downloads: complete, or the beginning of one that an earlier run left."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

LARGEST = 8 << 30
"""Bytes of a file, at most."""
_PART = ".part"
_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A file.

    Attributes:
        path: where it goes when it is complete; until then `.part` is added to the name.
        size: in bytes; None where it is not known.
    """

    url: str
    path: Path
    sha256: bytes
    size: int | None

    @property
    def part(self) -> Path:
        """Where it is until it is complete."""
        return self.path.with_name(self.path.name + _PART)


@dataclass(slots=True)
class Beginning:
    """What is here of a file.

    Attributes:
        is_joined: whether several answers were put together.
        wait_s: the server asked to be left alone for so long.
    """

    length: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    is_joined: bool = False
    wait_s: float = 0.0

    @classmethod
    def resume(cls, wanted: Wanted) -> Beginning:
        """What an earlier run left; more than is wanted is thrown away. Blocking."""
        state = cls()
        try:
            with wanted.part.open("rb") as file:
                while piece := file.read(_BUFFER):
                    state.digest.update(piece)
                    state.length += len(piece)
        except FileNotFoundError:
            return state
        state.is_joined = True
        if state.length > (LARGEST if wanted.size is None else wanted.size):
            state.begin_anew()
        return state

    def begin_anew(self) -> None:
        """Nothing of it counts."""
        self.length, self.digest, self.is_joined = 0, hashlib.sha256(), False


def is_complete(wanted: Wanted) -> bool:
    """Whether the file is here, read and hashed. Blocking; one that is damaged is removed.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with wanted.path.open("rb") as file:
            while piece := file.read(_BUFFER):
                digest.update(piece)
    except FileNotFoundError:
        return False
    if digest.digest() != wanted.sha256:
        wanted.path.unlink()
        return False
    return True


def opened(wanted: Wanted, length: int) -> BinaryIO:
    """The file to go on with, behind so many bytes that are there; with 0 what is there goes."""
    return wanted.part.open("ab" if length else "wb")


def keep(wanted: Wanted) -> None:
    """Give a complete file its name."""
    wanted.part.replace(wanted.path)


def discard(wanted: Wanted) -> None:
    """Remove the beginning of a file."""
    wanted.part.unlink(missing_ok=True)
