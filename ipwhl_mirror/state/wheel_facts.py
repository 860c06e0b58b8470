"""Facts of wheels on disk, so that a gateway that starts again need not read the wheels again.

A cache beside the database, in a file of its own: whoever serves writes it, without the data directory's
lock. Nothing is lost with it. Promised: no method raises; what cannot be read or written (no permission, a
full disk, another program's lock, damage) is as if it was not known. A damaged file is begun anew.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.wheel_facts import WheelFacts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

FILENAME = "wheel-facts.sqlite"
MOST = 500_000
"""Wheels that are kept; the oldest go first. A row takes about 200 bytes."""
_VERSION = 1
_BUSY_S = 2.0
_TABLE = f"""
CREATE TABLE IF NOT EXISTS facts (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL, filename TEXT NOT NULL, size INTEGER NOT NULL, sha256 BLOB,
    metadata_sha256 BLOB, requires_python TEXT, UNIQUE (digest, filename)
) STRICT;
PRAGMA user_version = {_VERSION};
"""
_SAVE = """
INSERT INTO facts (digest, filename, size, sha256, metadata_sha256, requires_python) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (digest, filename) DO UPDATE SET
    size = excluded.size, sha256 = coalesce(excluded.sha256, sha256),
    metadata_sha256 = excluded.metadata_sha256, requires_python = excluded.requires_python
"""
_LOAD = """
SELECT size, sha256, metadata_sha256, requires_python FROM facts WHERE digest = ? AND filename = ?
"""
_DIGESTS = "SELECT digest, sha256 FROM facts WHERE sha256 IS NOT NULL"


class WheelFactsFile:
    """The file of a data directory. Its methods may be called from any thread."""

    def __init__(self, directory: Path, *, most: int = MOST) -> None:
        self._path = directory / FILENAME
        self._most = most
        self._lock = threading.Lock()

    def load(self, keys: Collection[tuple[bytes, str]]) -> Mapping[tuple[bytes, str], WheelFacts]:
        """The facts that are known of wheels, by digest of the CID and file name."""
        found = {}
        with self._lock, contextlib.suppress(sqlite3.Error, OSError), self._open("ro") as connection:
            for key in keys:
                row = connection.execute(_LOAD, key).fetchone()
                if row is not None:
                    size, sha256, metadata_sha256, requires_python = row
                    found[key] = WheelFacts(
                        size=size,
                        sha256=sha256,
                        metadata_sha256=metadata_sha256,
                        requires_python=requires_python,
                    )
        return found

    def digests_of(self, hashes: Collection[bytes]) -> Mapping[bytes, tuple[bytes, ...]]:
        """Of files with these SHA-256 the digests of the CIDs they are known under; reads the whole table."""
        found: dict[bytes, set[bytes]] = {}
        with self._lock, contextlib.suppress(sqlite3.Error, OSError), self._open("ro") as connection:
            for digest, sha256 in connection.execute(_DIGESTS):
                if sha256 in hashes:
                    found.setdefault(sha256, set()).add(digest)
        return {sha256: tuple(sorted(digests)) for sha256, digests in found.items()}

    def save(self, facts: Mapping[tuple[bytes, str], WheelFacts]) -> None:
        """Keep these, if that can be done."""
        rows = [
            (*key, fact.size, fact.sha256, fact.metadata_sha256, fact.requires_python)
            for key, fact in facts.items()
        ]
        with self._lock:
            try:
                self._write(rows)
            except (sqlite3.OperationalError, OSError):
                return
            except sqlite3.DatabaseError:
                with contextlib.suppress(sqlite3.Error, OSError):
                    self._path.unlink()
                    self._write(rows)

    def _write(self, rows: Sequence[tuple[object, ...]]) -> None:
        with self._open("rwc") as connection:
            connection.execute("PRAGMA synchronous = NORMAL")
            if connection.execute("PRAGMA user_version").fetchone() == (0,):
                connection.executescript(f"BEGIN IMMEDIATE; {_TABLE} COMMIT;")
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_SAVE, rows)
            connection.execute("DELETE FROM facts WHERE id <= (SELECT max(id) FROM facts) - ?", (self._most,))
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def _open(self, mode: str) -> Iterator[sqlite3.Connection]:
        address = f"{self._path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(address, uri=True, timeout=_BUSY_S, isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()


class FrozenWheelFacts(WheelFactsFile):
    """The same for a run that changes nothing."""

    def save(self, facts: Mapping[tuple[bytes, str], WheelFacts]) -> None:
        """Nothing is kept."""
