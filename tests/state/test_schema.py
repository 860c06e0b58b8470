"""Databases of earlier versions: brought up to date by who may write, copied by who only reads."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.state import schema
from ipwhl_mirror.state.database import State
from ipwhl_mirror.state.errors import StateDamaged
from ipwhl_mirror.state.mirrors import MirrorTable, SyncState

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO = Cid.of(b"one", version=0), Cid.of(b"two")
INDEX = Cid.of(b"index")
BEFORE, AT = "2026-11-21T12:00:00+00:00", "2026-11-22T12:00:00+00:00"
VERSION_1 = f"""
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
INSERT INTO releases VALUES
    (X'{TWO.digest.hex()}', '{TWO}', '2026.10', '2026-10-22T12:00:00+00:00', '{INDEX}', 1, 2, 3),
    (X'{ONE.digest.hex()}', '{ONE}', NULL, '2026-11-22T12:00:00+00:00', '{INDEX}', 4, 5, 6);
INSERT INTO pins VALUES (X'00', '{ONE}', X'01', '-p any', 'name', '2026-11-22T12:00:00+00:00', 1);
INSERT INTO settings VALUES ('node', 'embedded');
PRAGMA user_version = 1;
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A data directory with a database of version 1."""
    db = sqlite3.connect(tmp_path / "state.sqlite")
    db.executescript(VERSION_1)
    db.close()
    return tmp_path


def stored_version(directory: Path) -> int:
    db = sqlite3.connect(directory / "state.sqlite")
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        return int(version)
    finally:
        db.close()


def check_content(state: State) -> None:
    """Everything that version 1 held is there, in its order."""
    assert [(item.cid, item.label, item.source) for item in state.releases()] == [
        (ONE, None, None),
        (TWO, "2026.10", None),
    ]
    assert state.is_by_hand(ONE.digest) and state.is_by_hand(TWO.digest)
    assert state.releases()[0].tracked_at == datetime(2026, 11, 22, 12, tzinfo=UTC)
    (pin,) = state.known_pins()
    assert (pin.cid, pin.selection, pin.adopted) == (ONE, "-p any", True)
    assert state.setting("node") == "embedded"


def test_who_may_write_brings_it_up_to_date(old: Path) -> None:
    """Nothing is lost, and the next one finds the new version."""
    state = State.create(old)
    check_content(state)
    assert not state.is_copy
    state.close()
    assert stored_version(old) == schema.VERSION
    again = State.open(old)
    check_content(again)
    assert not again.is_copy
    again.close()


@pytest.mark.parametrize("mode", [0o600, 0o400], ids=["writable", "read-only"])
def test_who_only_reads_leaves_it_as_it_is(old: Path, mode: int) -> None:
    """A copy in memory is read; the file may be read-only."""
    path = old / "state.sqlite"
    path.chmod(mode)
    before = path.read_bytes()
    state = State.open(old)
    check_content(state)
    assert state.is_copy
    assert state.path == path
    state.close()
    assert path.read_bytes() == before


def test_a_step_that_fails_changes_nothing(old: Path) -> None:
    """It is told as damage, and the version stays."""
    db = sqlite3.connect(old / "state.sqlite")
    db.execute("CREATE TABLE syncs (x)")
    db.close()
    with pytest.raises(StateDamaged, match="syncs"):
        State.create(old)
    assert stored_version(old) == 1
    db = sqlite3.connect(old / "state.sqlite")
    assert db.execute("SELECT count(*) FROM releases").fetchone() == (2,)
    db.close()


@pytest.mark.parametrize(
    ("ended", "succeeded", "state"),
    [
        (None, None, SyncState.RUNNING),
        (None, BEFORE, SyncState.RUNNING),
        (AT, AT, SyncState.GOOD),
        (AT, BEFORE, SyncState.FAILED),
        (AT, None, SyncState.FAILED),
    ],
)
def test_how_the_last_run_went_is_taken_over(
    old: Path, ended: str | None, succeeded: str | None, state: SyncState
) -> None:
    """From a database that told it by equal times."""
    db = sqlite3.connect(old / "state.sqlite")
    db.executescript("".join(schema._STEPS[1:3]) + "PRAGMA user_version = 3;")
    with db:
        db.execute("INSERT INTO syncs VALUES ('campus', ?, ?, ?, 'words')", (BEFORE, ended, succeeded))
    db.close()
    for open_ in (State.open, State.create):
        database = open_(old)
        last = MirrorTable(database).last_sync("campus")
        database.close()
        assert last is not None
        assert (last.state, last.outcome) == (state, "words")


def test_two_sources_may_use_one_label(tmp_path: Path) -> None:
    """And one source may not."""
    from dataclasses import replace

    from tests.state.test_database import release

    state = State.create(tmp_path)
    state.add_release(replace(release(1, "2026.11"), source="upstream"))
    state.add_release(replace(release(2, "2026.11"), source="campus"))
    with pytest.raises(sqlite3.IntegrityError):
        state.add_release(replace(release(3, "2026.11"), source="campus"))
    assert [item.source for item in state.releases()] == ["campus", "upstream"]
    state.close()


def test_a_release_tracked_by_hand_takes_the_source_that_announces_it(tmp_path: Path) -> None:
    """A source that did so first keeps it."""
    from dataclasses import replace

    from tests.state.test_database import release

    state = State.create(tmp_path)
    for source in (None, "upstream", "campus", None):
        state.add_release(replace(release(1, "2026.11"), source=source))
    assert [item.source for item in state.releases()] == ["upstream"]
    state.close()
