"""Jobs that a terminal UI did not finish, so that the next one does: `unfinished.json` in the data directory.

The list is written whole, atomically, for its owner's eyes only, at every change; so it holds after kill -9
what it held before. One run at a time owns it (`unfinished.lock`, a lock of the kernel, which ends with its
process): another one beside it neither reads nor changes it, and keeps nothing. A file that is damaged, or of
another program or version, is set aside under another name and never overwritten.

Nothing here does a job or decides which one is worth it. All of it blocks; call it in a thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.durable import replace_private_file, sync_directory
from ipwhl_mirror.services.requests import Request  # noqa: TC001 (msgspec reads it)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCHEMA = "ipwhl-mirror/unfinished/1"
_MAX_BYTES = 1 << 20
_DAMAGED = ".damaged"


class UnfinishedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that waited or ran: what it is called, and what was asked for."""

    title: str
    request: Request


class _Document(msgspec.Struct, kw_only=True):
    schema: str
    jobs: tuple[UnfinishedJob, ...]


@dataclass(frozen=True, slots=True)
class Left:
    """What an earlier run left: its jobs in order, and what a person should be told about the list."""

    jobs: tuple[UnfinishedJob, ...] = ()
    words: str | None = None


class UnfinishedJobs:
    """The list of one data directory, in one run. `close` it at the end."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "unfinished.json"
        self._lock: int | None = None
        self._is_closed_to_us = False
        self._why = ""
        self._carried: tuple[UnfinishedJob, ...] = ()

    def take(self) -> Left:
        """Read what an earlier run left. It stays written down until `keep` writes something else."""
        if not os.path.lexists(self._path):
            return Left()
        if not self._own():
            return Left(words=f"{self._why}; jobs of this run do not resume")
        return self._read()

    def keep(self, jobs: Sequence[UnfinishedJob]) -> bool:
        """Write down these instead of what stands there.

        Returns:
            False where nothing is kept: another run owns the list, or it cannot be written.
        """
        if self._is_closed_to_us:
            return False
        if self._lock is None and (not jobs or not self._own_late()):
            return not jobs
        everything = (*self._carried, *jobs)
        try:
            if everything:
                self._write(msgspec.json.encode(_Document(schema=SCHEMA, jobs=everything)))
            else:
                self._path.unlink(missing_ok=True)
        except (OSError, UnicodeEncodeError):
            return False
        return True

    def close(self) -> None:
        """Let another run own the list."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _own_late(self) -> bool:
        """Own it when there is something to keep for the first time; what came there meanwhile stays."""
        if not self._own():
            return False
        self._carried = self._read().jobs
        return True

    def _own(self) -> bool:
        if self._lock is not None or self._is_closed_to_us:
            return not self._is_closed_to_us
        handle = -1
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o755)
            path = self._directory / "unfinished.lock"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if handle >= 0:
                os.close(handle)
            self._is_closed_to_us = True
            is_held = isinstance(error, BlockingIOError)
            self._why = (
                f"another run keeps the unfinished jobs of {self._directory}"
                if is_held
                else f"{self._path} cannot be changed: {error.strerror}"
            )
            return False
        self._lock = handle
        return True

    def _read(self) -> Left:
        try:
            return Left(self._decoded())
        except FileNotFoundError:
            return Left()
        except OSError as error:
            return Left(words=self._set_aside(error.strerror or "it cannot be read"))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            return Left(words=self._set_aside(str(error)))

    def _decoded(self) -> tuple[UnfinishedJob, ...]:
        # not to wait for the writer of a pipe that somebody put there
        handle = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES} bytes")
        document = msgspec.json.decode(data, type=_Document)
        if document.schema != SCHEMA:
            raise ValueError(f"its schema is {document.schema!r}, not {SCHEMA!r}")
        return document.jobs

    def _set_aside(self, reason: str) -> str:
        aside = self._path.with_name(self._path.name + _DAMAGED)
        number = 1
        while os.path.lexists(aside):
            number += 1
            aside = self._path.with_name(f"{self._path.name}{_DAMAGED}-{number}")
        problem = f"{self._path} is no list of unfinished jobs: {reason}"
        try:
            self._path.rename(aside)
        except OSError as error:
            self._is_closed_to_us = True
            return f"{problem}; it cannot be set aside ({error.strerror}), and jobs of this run do not resume"
        return f"{problem}; it is set aside as {aside.name}"

    def _write(self, data: bytes) -> None:
        replace_private_file(self._path, data)
        with contextlib.suppress(OSError):
            sync_directory(self._directory)
