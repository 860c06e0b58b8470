"""The tables of the database, and how those of an earlier version become them.

A database is brought up to date in one transaction by whoever holds the data directory's lock. Who only reads
gets a copy in memory, brought up to date there, so that reading needs neither the lock nor a writable disk.
"""

from __future__ import annotations

import sqlite3

from ipwhl_mirror.state.errors import StateDamaged

VERSION = 4
_FIRST = """
CREATE TABLE releases (
    digest BLOB PRIMARY KEY, cid TEXT NOT NULL, label TEXT UNIQUE, tracked_at TEXT NOT NULL,
    index_cid TEXT NOT NULL, projects INTEGER NOT NULL, wheels INTEGER NOT NULL, bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE pins (
    digest BLOB PRIMARY KEY, cid TEXT NOT NULL, release BLOB NOT NULL, selection TEXT,
    name TEXT NOT NULL, created_at TEXT NOT NULL, adopted INTEGER NOT NULL
) STRICT;
CREATE TABLE verifications (
    digest BLOB PRIMARY KEY, verified_at TEXT NOT NULL, trusted INTEGER NOT NULL
) STRICT;
CREATE TABLE platform_rows (
    release BLOB PRIMARY KEY, pinned_key BLOB NOT NULL, rows BLOB NOT NULL
) STRICT;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, verb TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT, outcome TEXT
) STRICT;
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
_SOURCES_AND_MIRRORS = """
CREATE TABLE releases_of_sources (
    digest BLOB PRIMARY KEY, cid TEXT NOT NULL, label TEXT, source TEXT NOT NULL DEFAULT '',
    tracked_at TEXT NOT NULL, index_cid TEXT NOT NULL, projects INTEGER NOT NULL, wheels INTEGER NOT NULL,
    bytes INTEGER NOT NULL, UNIQUE (label, source)
) STRICT;
INSERT INTO releases_of_sources (rowid, digest, cid, label, tracked_at, index_cid, projects, wheels, bytes)
    SELECT rowid, digest, cid, label, tracked_at, index_cid, projects, wheels, bytes FROM releases;
DROP TABLE releases;
ALTER TABLE releases_of_sources RENAME TO releases;
CREATE TABLE mirrored (
    mirror TEXT NOT NULL, digest BLOB NOT NULL, cid TEXT NOT NULL, label TEXT, selection TEXT NOT NULL,
    switched_at TEXT NOT NULL, PRIMARY KEY (mirror, digest)
) STRICT;
CREATE TABLE syncs (
    mirror TEXT PRIMARY KEY, started_at TEXT NOT NULL, ended_at TEXT, succeeded_at TEXT, outcome TEXT NOT NULL
) STRICT;
"""
_PINS_OF_MIRRORS = """
CREATE TABLE mirror_pins (
    mirror TEXT NOT NULL, release BLOB NOT NULL, digest BLOB NOT NULL, cid TEXT NOT NULL, role TEXT NOT NULL,
    PRIMARY KEY (mirror, release, digest)
) STRICT;
"""
_STATES_AND_AIMS = """
ALTER TABLE syncs ADD COLUMN state TEXT NOT NULL DEFAULT 'running';
UPDATE syncs SET state = CASE WHEN ended_at = succeeded_at THEN 'good' ELSE 'failed' END
    WHERE ended_at IS NOT NULL;
CREATE TABLE mirror_aims (
    mirror TEXT NOT NULL, release BLOB NOT NULL, PRIMARY KEY (mirror, release)
) STRICT;
ALTER TABLE releases ADD COLUMN by_hand INTEGER NOT NULL DEFAULT 0;
UPDATE releases SET by_hand = 1 WHERE source = '';
"""
_STEPS = (_FIRST, _SOURCES_AND_MIRRORS, _PINS_OF_MIRRORS, _STATES_AND_AIMS)
"""What makes each version of the one before, from 0, which is empty."""


def version_of(db: sqlite3.Connection) -> int:
    """The version of a database; 0: it is empty.

    Raises:
        StateDamaged: it is newer than this program.
        sqlite3.DatabaseError: it is none.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise StateDamaged(
            f"the database is of version {version}, this program reads up to {VERSION}",
            hint="update ipwhl-mirror, or use another --data-dir",
        )
    return int(version)


def bring_up_to_date(db: sqlite3.Connection) -> None:
    """Make the tables of this version, in one transaction; nothing where they are there.

    Raises:
        StateDamaged, sqlite3.DatabaseError: see `version_of`; nothing was changed.
    """
    version = version_of(db)
    if version == VERSION:
        return
    script = "".join(_STEPS[version:])
    try:
        db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {VERSION}; COMMIT;")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def copy_in_memory(db: sqlite3.Connection) -> sqlite3.Connection:
    """A copy that is of this version; the database stays as it is."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    db.backup(copy)
    bring_up_to_date(copy)
    return copy
