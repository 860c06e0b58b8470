"""Where the embedded node keeps what on disk, and how a file gets there durably.

    <dir>/node.sqlite                        refs, directory and inner blocks, pins
    <dir>/lock                               flock: shared by what writes files, exclusive for GC
    <dir>/wheels/<2 chars>/<base32 digest>   a whole file, named by the digest of its root block
    <dir>/wheels/<base32 digest>.part        the same file while its payload arrives
    <dir>/wheels/<base32 digest>.nodes       blocks of that file that cannot be rebuilt from it
    <dir>/wheels/add-*.part                  a file being added, its digest not yet known

A name ending in neither `.part` nor `.nodes` is complete on disk; whether it is one of the store's files
is said by the database alone.
"""

from __future__ import annotations

import base64
import errno
import os
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.durable import sync_directory
from ipwhl_mirror.nodes.errors import NodeRefused, NoSpace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PART = ".part"
NODES = ".nodes"

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NAME_LENGTH = 52


class Step(Enum):
    """The moments of storing or removing a file after which a crash leaves different things on disk.

    The store reports each to its `on_step`, so that a test can stop the program there.
    """

    PAYLOAD_WRITTEN = "payload written"
    PART_SYNCED = "part synced"
    RENAMED = "renamed"
    DIRECTORY_SYNCED = "directory synced"
    ROWS_COMMITTED = "rows committed"
    NODES_REMOVED = "nodes removed"
    PIN_COMMITTED = "pin committed"
    ROWS_REMOVED = "rows removed"
    FILE_REMOVED = "file removed"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths under one store directory."""

    directory: Path

    @property
    def database(self) -> Path:
        return self.directory / "node.sqlite"

    @property
    def journal(self) -> Path:
        return self.directory / "node.sqlite-journal"

    @property
    def lock(self) -> Path:
        return self.directory / "lock"

    @property
    def wheels(self) -> Path:
        return self.directory / "wheels"

    def whole(self, digest: bytes) -> Path:
        """Where the whole file under this root digest lies."""
        name = file_name(digest)
        return self.wheels / name[:2] / name

    def part(self, digest: bytes) -> Path:
        """Where it lies while it is incomplete."""
        return self.wheels / (file_name(digest) + PART)

    def nodes(self, digest: bytes) -> Path:
        """Where its inner blocks lie while it is incomplete or under repair."""
        return self.wheels / (file_name(digest) + NODES)

    def unfinished(self) -> Iterator[tuple[Path, int]]:
        """(path, bytes) of files that are being fetched or added, or were when the program stopped."""
        for entry in _entries(self.wheels):
            if entry.name.endswith((PART, NODES)):
                path = self.wheels / entry.name
                yield path, size_of(path)

    def finished(self) -> Iterator[tuple[bytes, Path]]:
        """(root digest, path) of the whole files on disk, known to the database or not."""
        for directory in _entries(self.wheels):
            if len(directory.name) != 2 or not directory.is_dir():
                continue
            for entry in _entries(self.wheels / directory.name):
                digest = digest_of(entry.name)
                if digest is not None:
                    yield digest, self.wheels / directory.name / entry.name


def size_of(path: Path) -> int:
    """The length of a file; 0 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []


def file_name(digest: bytes) -> str:
    """A digest as a file name: 52 characters of lower-case base32."""
    return base64.b32encode(digest).decode("ascii").rstrip("=").lower()


def digest_of(name: str) -> bytes | None:
    """The digest a file name stands for, None when it is no name of ours."""
    if len(name) != _NAME_LENGTH or name != name.lower():
        return None
    try:
        return base64.b32decode(name.upper() + "====")
    except ValueError:
        return None


def make_directory(directory: Path) -> None:
    """Create a directory and its parents; each new name survives a power cut."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(exist_ok=True)
    sync_directory(directory.parent)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what a disk can refuse while the store writes into errors of this layer.

    Raises:
        NoSpace: the disk, the quota or the file size limit is reached.
        NodeRefused: it may not be written, or the disk failed.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpace(
                f"no space left to write {path}: {error.strerror}",
                hint="free some disk space, then run the same command again: it resumes",
            ) from error
        if error.errno in _REFUSED:
            raise NodeRefused(
                f"cannot write {path}: {error.strerror}",
                hint="run as the user the store belongs to, or choose another --data-dir",
            ) from error
        raise NodeRefused(f"cannot write {path}: {error.strerror}", hint="check the disk") from error
