"""The embedded node's SQLite database: its schema, its connections, and what its errors mean.

Rollback journal with synchronous=FULL, never WAL and never mmap (SQLite before 3.51.3 can corrupt a WAL
shared by several connections, and a reader of a WAL must be able to write). The journal is truncated and
not deleted, which makes SQLite sync that truncation too: a committed transaction survives a power cut.
A reader needs neither write permission nor free disk. `user_version` is the schema's version.

    files(id, digest, cid, size, blocks)        whole files; digest: of the root; blocks: its leaves and nodes
    refs(file, offset, length, wrapper, digest) leaves that are rebuilt from a file
    nodes(file, digest)                         blocks of a file that are kept in `blocks`
    blocks(digest, data)                        directory and inner blocks, leaves that cannot be rebuilt
    pins(cid, name)                             recursive pins, one a CID
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.embedded.layout import disk_errors, make_directory
from ipwhl_mirror.nodes.errors import NodeError, NodeRefused, NoSpace, StoreDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x49505748
_BUSY_S = 60.0
_SCHEMA = (
    "CREATE TABLE files (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, cid BLOB NOT NULL,"
    " size INTEGER NOT NULL, blocks INTEGER NOT NULL)",
    "CREATE TABLE refs (file INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,"
    " wrapper INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (file, offset)) WITHOUT ROWID",
    "CREATE INDEX refs_by_digest ON refs (digest)",
    "CREATE TABLE nodes (file INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (file, digest))"
    " WITHOUT ROWID",
    "CREATE INDEX nodes_by_digest ON nodes (digest)",
    "CREATE TABLE blocks (digest BLOB NOT NULL UNIQUE, data BLOB NOT NULL)",
    "CREATE TABLE pins (cid BLOB PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID",
)
_REFUSED = frozenset(
    {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
)
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[sqlite3.Connection], None]
    is_done: bool = False


class Database:
    """The connections of one process to one database; safe to use from several threads.

    One connection writes, one transaction at a time; each thread that reads has one of a small pool. A
    database that does not exist reads as an empty one, and is made by the first write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._readers: list[sqlite3.Connection] = []
        self._writer: sqlite3.Connection | None = None
        self._writing = threading.Lock()
        self._pool = threading.Lock()
        self._turn = threading.Lock()
        self._jobs: list[_Job] = []

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with. Fetch what a query gives at once: an open cursor blocks writers.

        Raises:
            StoreDamaged: it is no database of this program, of a newer one, or corrupt.
            NodeRefused: it may not be read, or stays locked.
        """
        with database_errors(self._path):
            with self._pool:
                connection = self._readers.pop() if self._readers else None
            if connection is None:
                connection = self._open_reader()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            if isinstance(connection, _NoDatabase):
                connection.close()
            else:
                with self._pool:
                    self._readers.append(connection)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: durable when the block ends, rolled back when it raises.

        Raises:
            StoreDamaged: it is no database of this program, of a newer one, or corrupt.
            NoSpace: the disk is full.
            NodeRefused: it may not be written, or stays locked.
        """
        with self._writing, database_errors(self._path):
            if self._writer is None:
                self._writer = self._open_writer()
            connection = self._writer
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def write_together(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do work in a transaction that it may share with what other threads want written meanwhile.

        A transaction costs three waits for the disk, however much it writes. When one of several works fails,
        each is done again in a transaction of its own: `work` must be fit for that.

        Raises: what `write` raises, and `work`.
        """
        job = _Job(work)
        with self._pool:
            self._jobs.append(job)
        with self._turn:
            if job.is_done:
                return
            with self._pool:
                jobs, self._jobs = (self._jobs, []) if job in self._jobs else ([job], self._jobs)
            try:
                self._do(jobs)
            except (NodeError, OSError):
                if len(jobs) == 1:
                    raise
                self._do([job])

    def shrink(self) -> None:
        """Give free pages back to the disk, some megabytes at a time; leaves them where there is no room."""
        with self._writing, database_errors(self._path):
            if self._writer is None:
                return
            try:
                while self._writer.execute("PRAGMA freelist_count").fetchone()[0]:
                    # It gives a row without columns for each page, and `execute` would end at the first.
                    self._writer.executescript("PRAGMA incremental_vacuum(1000)")
            except sqlite3.OperationalError as error:
                if _primary(error) != sqlite3.SQLITE_FULL:
                    raise

    def close(self) -> None:
        """Close every connection that is not in use. Safe to call twice."""
        with self._writing, self._pool:
            for connection in self._readers:
                connection.close()
            self._readers.clear()
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _do(self, jobs: list[_Job]) -> None:
        with self.write() as connection:
            for job in jobs:
                job.work(connection)
        for job in jobs:
            job.is_done = True

    def _open_reader(self) -> sqlite3.Connection:
        try:
            if not self._path.exists():
                return _placeholder()
        except PermissionError as error:
            raise NodeRefused(f"cannot read {self._path}", hint="run as a user who may read it") from error
        try:
            connection = self._connect("rw")
        except sqlite3.OperationalError:
            connection = self._connect("ro")
        if not _check_version(connection, self._path):
            connection.close()
            return _placeholder()
        return connection

    def _open_writer(self) -> sqlite3.Connection:
        with disk_errors(self._path):
            make_directory(self._path.parent)
        connection = self._connect("rwc")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = TRUNCATE").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -16000")
        # Spilling would take the exclusive lock in the middle of a transaction and shut readers out.
        connection.execute("PRAGMA cache_spill = OFF")
        connection.execute("BEGIN IMMEDIATE")
        if not _check_version(connection, self._path):
            _create(connection)
        connection.execute("COMMIT")
        return connection

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA mmap_size = 0")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
        return connection


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into this layer's; others pass."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(error, path) from error


def _translate(error: sqlite3.Error, path: Path) -> NodeError:
    code = _primary(error)
    if code == sqlite3.SQLITE_FULL:
        return NoSpace(
            f"no space left to write {path}", hint="free some disk space, then run the command again"
        )
    if code in _BUSY:
        return NodeRefused(
            f"{path} stayed locked for {_BUSY_S:.0f} seconds", hint="wait for the other program that uses it"
        )
    if code in _REFUSED:
        return NodeRefused(
            f"cannot open or write {path}: {error}", hint="run as the user the store belongs to"
        )
    if code == sqlite3.SQLITE_IOERR:
        return NodeRefused(
            f"reading or writing {path} failed: {error}", hint="check the disk and its free space"
        )
    return StoreDamaged(
        f"cannot read {path}: {error}",
        hint="move it away and pin again: wheels that are on disk are taken up again, not fetched",
    )


def _primary(error: sqlite3.Error) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _check_version(connection: sqlite3.Connection, path: Path) -> bool:
    """True when the tables are there, False when nothing was ever written."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if version == 0 and application == 0:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            return False
        raise StoreDamaged(f"{path} is not a database of this program", hint="choose another --data-dir")
    if application != _APPLICATION_ID:
        raise StoreDamaged(f"{path} is not a database of this program", hint="choose another --data-dir")
    if version > SCHEMA_VERSION:
        raise StoreDamaged(
            f"{path} has schema version {version}, this program knows {SCHEMA_VERSION}",
            hint="use the newer ipwhl-mirror that wrote it",
        )
    return True


def _create(connection: sqlite3.Connection) -> None:
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


class _NoDatabase(sqlite3.Connection):
    """Answers for a database that does not exist: empty tables, in memory."""


def _placeholder() -> sqlite3.Connection:
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, check_same_thread=False, factory=_NoDatabase
    )
    _create(connection)
    return connection
