"""The file of the database, opened to be read or to be changed, and its transactions.

SQLite with a rollback journal and synchronous=FULL: WAL has a corruption bug with several connections before
SQLite 3.51.3. Every change is one transaction. Readers need no write permission: where the file is of an
earlier version, or there is none, they get a copy in memory.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

from ipwhl_mirror.state import schema
from ipwhl_mirror.state.errors import RESUME_WITH_ROOM, StateDamaged, StateFull, StateReadOnly

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

_Mark = tuple[int, int, int] | None


class Database:
    """An open database. Use `open` or `create`; close it."""

    def __init__(self, connection: sqlite3.Connection, *, path: Path | None, is_copy: bool = False) -> None:
        self._db = connection
        self.path = path
        """The file; None for the empty one that stands in where there is no file."""
        self.is_copy = is_copy
        """It stands in memory, for the file or for none: a change needs `create`."""
        self._copied: tuple[Path, _Mark] | None = None
        self._inode = None if path is None or is_copy else path.stat().st_ino

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open the database of a data directory; where there is none, an empty one in memory.

        Raises:
            StateDamaged: it is no database of ours, or of a newer version.
        """
        path = directory / "state.sqlite"
        before = _file_mark(path)
        state = cls._open(path)
        state._copied = (path, before) if state.is_copy else None
        return state

    @classmethod
    def _open(cls, path: Path) -> Self:
        with _damage(path):
            try:
                return cls._for_reading(_connect(path, "rw"), path)
            except sqlite3.OperationalError:
                if path.exists():  # without write permission, or on a full disk
                    return cls._for_reading(_connect(path, "ro"), path)
        empty = sqlite3.connect(":memory:", isolation_level=None)
        schema.bring_up_to_date(empty)
        return cls(empty, path=None, is_copy=True)

    @classmethod
    def _for_reading(cls, db: sqlite3.Connection, path: Path) -> Self:
        with _closed_on_error(db):
            if schema.version_of(db) == schema.VERSION:
                return cls(db, path=path)
            copy = schema.copy_in_memory(db)
        db.close()
        return cls(copy, path=path, is_copy=True)

    @classmethod
    def create(cls, directory: Path) -> Self:
        """Open the database for changes, and begin it where there is none. The caller holds the lock.

        Raises:
            StateDamaged: it is no database of ours, or of a newer version.
        """
        path = directory / "state.sqlite"
        with _damage(path):
            db = _connect(path, "rwc")
            with _closed_on_error(db):
                schema.bring_up_to_date(db)
            return cls(db, path=path)

    @property
    def is_replaced(self) -> bool:
        """Its file was removed, or another one is in its place: what is written here would be lost."""
        if self.path is None or self._inode is None:
            return False
        mark = _file_mark(self.path)
        return mark is None or mark[0] != self._inode

    @property
    def is_outdated(self) -> bool:
        """It stands in memory, and the file for which it does was begun or changed since."""
        return self._copied is not None and _file_mark(self._copied[0]) != self._copied[1]

    @property
    def version(self) -> object:
        """Differs from an earlier one when another connection changed the database in between."""
        if self._copied is not None:
            return self._copied[1]
        return self._db.execute("PRAGMA data_version").fetchone()[0]

    def read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query, for the modules of this package."""
        return self._db.execute(query, values).fetchall()

    def close(self) -> None:
        """Release the file. Safe to call twice."""
        self._db.close()

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction, which is undone on an error.

        Raises:
            StateFull: the disk is full.
            StateReadOnly: nothing can be written.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise StateFull(
                    "the database cannot be changed: the disk is full", hint=RESUME_WITH_ROOM
                ) from error
            raise StateReadOnly(f"the database cannot be changed: {error}") from error
        finally:
            # on a full disk SQLite has undone it already
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _file_mark(path: Path) -> _Mark:
    """Differs after any change of a file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


@contextlib.contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StateDamaged(
            f"{path} cannot be read: {error}",
            hint="move it away: releases and pins are found again from the node",
        ) from error


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=10.0, isolation_level=None)
    with _closed_on_error(db):
        db.execute("PRAGMA synchronous = FULL")
    return db


@contextlib.contextmanager
def _closed_on_error(db: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        db.close()
        raise
