"""The connections to the embedded node's SQLite database.

Rollback journal with synchronous=FULL, never WAL and never mmap (SQLite before 3.51.3 can corrupt a WAL
shared by several connections, and a reader of a WAL must be able to write). The journal is truncated and
not deleted, which makes SQLite sync that truncation too: a committed transaction survives a power cut.
A reader needs neither write permission nor free disk.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.embedded.layout import disk_errors, make_directory
from ipwhl_mirror.nodes.embedded.schema import (
    BUSY_S,
    NoDatabase,
    check_version,
    create,
    database_errors,
    placeholder,
    primary_code,
)
from ipwhl_mirror.nodes.errors import NodeError, NodeRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


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
            if isinstance(connection, NoDatabase):
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
                for _ in range(self._writer.execute("PRAGMA freelist_count").fetchone()[0] // 1000 + 1):
                    # It gives a row without columns for each page, and `execute` would end at the first.
                    self._writer.executescript("PRAGMA incremental_vacuum(1000)")
            except sqlite3.OperationalError as error:
                if primary_code(error) != sqlite3.SQLITE_FULL:
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
                return placeholder()
        except PermissionError as error:
            raise NodeRefused(f"cannot read {self._path}", hint="run as a user who may read it") from error
        try:
            connection = self._connect("rw")
        except sqlite3.OperationalError:
            connection = self._connect("ro")
        try:
            if check_version(connection, self._path):
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()
        return placeholder()

    def _open_writer(self) -> sqlite3.Connection:
        with disk_errors(self._path):
            make_directory(self._path.parent)
        connection = self._connect("rwc")
        connection.execute("PRAGMA journal_mode = TRUNCATE").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -16000")
        # Spilling would take the exclusive lock in the middle of a transaction and shut readers out.
        connection.execute("PRAGMA cache_spill = OFF")
        try:
            if not check_version(connection, self._path):
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("BEGIN IMMEDIATE")
            if not check_version(connection, self._path):
                create(connection)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_S,
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
