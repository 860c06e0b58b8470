"""The tables of the embedded node's database, their version, and what SQLite's errors mean.

`user_version` is the schema's version; a database of another program, or of a newer version of this one, is
left alone.

    files(id, digest, cid, size, blocks)        whole files; digest: of the root; blocks: its leaves and nodes
    refs(file, offset, length, wrapper, digest) leaves that are rebuilt from a file
    nodes(file, digest)                         blocks of a file that are kept in `blocks`
    blocks(digest, data)                        directory and inner blocks, leaves that cannot be rebuilt
    pins(cid, name)                             recursive pins, one a CID
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.errors import NodeError, NodeRefused, NoSpace, StoreDamaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x49505748
BUSY_S = 60.0
"""How long a statement waits for another connection's lock, in seconds."""
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


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into this layer's; others pass."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(error, path) from error


def _translate(error: sqlite3.Error, path: Path) -> NodeError:
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL:
        return NoSpace(
            f"no space left to write {path}", hint="free some disk space, then run the command again"
        )
    if code in _BUSY:
        return NodeRefused(
            f"{path} stayed locked for {BUSY_S:.0f} seconds", hint="wait for the other program that uses it"
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


def primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's result code without its extension; None for an error of the module itself."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def check_version(connection: sqlite3.Connection, path: Path) -> bool:
    """True when the tables are there, False when nothing was ever written.

    Raises:
        StoreDamaged: it is another program's, or a newer version wrote it.
    """
    version, application, tables = _marks(connection)
    if version == application == tables == 0:
        return False
    if application != _APPLICATION_ID:
        raise StoreDamaged(f"{path} is not a database of this program", hint="choose another --data-dir")
    if version > SCHEMA_VERSION:
        raise StoreDamaged(
            f"{path} has schema version {version}, this program knows {SCHEMA_VERSION}",
            hint="use the newer ipwhl-mirror that wrote it",
        )
    return True


def _marks(connection: sqlite3.Connection) -> list[int]:
    """Schema version, application and number of tables, all of one moment: others may be making them."""
    begins = not connection.in_transaction
    if begins:
        connection.execute("BEGIN")
    try:
        return [
            connection.execute(query).fetchone()[0]
            for query in (
                "PRAGMA user_version",
                "PRAGMA application_id",
                "SELECT count(*) FROM sqlite_master",
            )
        ]
    finally:
        if begins and connection.in_transaction:
            connection.execute("ROLLBACK")


def create(connection: sqlite3.Connection) -> None:
    """Make the tables, in the transaction the connection is in."""
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


class NoDatabase(sqlite3.Connection):
    """Answers for a database that does not exist: empty tables, in memory."""


def placeholder() -> NoDatabase:
    """A connection that answers for a database that does not exist."""
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, check_same_thread=False, factory=NoDatabase
    )
    create(connection)
    return connection
