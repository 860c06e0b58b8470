"""Under which CID a wheel of known SHA-256 was added here, so that it need not be fetched to be added again.

The CID that `ipfs add` gives a file is a function of its bytes and of the CID version, so what is written
here stays true for ever; whether the node still has the wheel is asked of the node. A cache beside the
database, written under the data directory's lock: nothing is lost with it. What cannot be read (damage,
another program's lock) is as if it was not known; a damaged file is begun anew.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import InvalidCid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

FILENAME = "added-wheels.sqlite"
_BUSY_S = 2.0
_TABLE = """
CREATE TABLE IF NOT EXISTS added (
    sha256 BLOB NOT NULL, cid_version INTEGER NOT NULL, cid TEXT NOT NULL, size INTEGER NOT NULL,
    tsize INTEGER NOT NULL, PRIMARY KEY (sha256, cid_version)
) STRICT, WITHOUT ROWID
"""
_LOAD = "SELECT cid, size, tsize FROM added WHERE sha256 = ? AND cid_version = ?"


@dataclass(frozen=True, slots=True)
class AddedWheel:
    """A file as `ipfs add` made it; sizes in bytes, of the file and of its DAG."""

    cid: Cid
    size: int
    tsize: int


class AddedWheelsFile:
    """The file of a data directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILENAME

    def load(self, hashes: Iterable[bytes], cid_version: int) -> Mapping[bytes, AddedWheel]:
        """What is known of files with these SHA-256."""
        found: dict[bytes, AddedWheel] = {}
        with contextlib.suppress(sqlite3.Error, OSError, InvalidCid), self._open("ro") as connection:
            for sha256 in hashes:
                row = connection.execute(_LOAD, (sha256, cid_version)).fetchone()
                if row is not None:
                    cid, size, tsize = row
                    found[sha256] = AddedWheel(Cid.parse(cid), size, tsize)
        return found

    def save(self, added: Mapping[bytes, AddedWheel], cid_version: int) -> None:
        """Keep these, if that can be done."""
        rows = [
            (sha256, cid_version, str(wheel.cid), wheel.size, wheel.tsize) for sha256, wheel in added.items()
        ]
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
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_TABLE)
            connection.executemany("INSERT OR REPLACE INTO added VALUES (?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def _open(self, mode: str) -> Iterator[sqlite3.Connection]:
        address = f"{self._path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(address, uri=True, timeout=_BUSY_S, isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()
