"""The database: what is written is read back, one transaction a change, damage told in words."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.state.database import KnownPin, State, TrackedRelease
from ipwhl_mirror.state.errors import StateDamaged, StateReadOnly

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def release(number: int, label: str | None = None) -> TrackedRelease:
    return TrackedRelease(
        cid=Cid.of(b"release %d" % number, version=0),
        label=label,
        tracked_at=AT,
        index_cid=Cid.of(b"index %d" % number),
        projects=2,
        wheels=3,
        bytes=400,
    )


def pin(number: int, *, adopted: bool = False) -> KnownPin:
    return KnownPin(
        cid=Cid.of(b"pin %d" % number),
        release=release(1).cid.digest,
        selection="-p any",
        name="ipwhl-mirror/-p any",
        created_at=AT,
        adopted=adopted,
    )


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State.create(tmp_path)
    yield state
    state.close()


def test_releases_come_back_newest_first(state: State) -> None:
    """A release is read as it was written; the one tracked last is the first."""
    state.add_release(release(1, "one"))
    state.add_release(release(2))
    assert state.releases() == (release(2), release(1, "one"))


def test_a_release_tracked_again_keeps_its_cid_and_takes_a_label(state: State) -> None:
    """Two CIDs of one multihash are one release, shown as first tracked."""
    state.add_release(release(1))
    again = release(1, "named")
    other_form = TrackedRelease(
        cid=again.cid.as_version(1),
        label="named",
        tracked_at=AT,
        index_cid=again.index_cid,
        projects=2,
        wheels=3,
        bytes=400,
    )
    state.add_release(other_form)
    assert state.releases() == (again,)


def test_one_label_names_one_release(state: State) -> None:
    """The label of another release is refused by the database too, and nothing of the change stays."""
    state.add_release(release(1, "one"))
    with pytest.raises(sqlite3.IntegrityError):
        state.add_release(release(2, "one"))
    assert [known.cid for known in state.releases()] == [release(1).cid]


def test_pins_and_verifications_go_together(state: State) -> None:
    """Forgetting a pin forgets when it was verified."""
    state.add_pin(pin(1))
    state.add_pin(pin(2, adopted=True))
    state.record_verified(pin(1).cid, AT)
    assert state.known_pins() == (pin(1), pin(2, adopted=True))
    assert state.verifications()[pin(1).cid.digest].verified_at == AT
    state.remove_pin(pin(1).cid)
    assert state.known_pins() == (pin(2, adopted=True),)
    assert state.verifications() == {}


def test_a_claim_once_written_stays_as_it_is(state: State) -> None:
    """An adopted pin cannot become ours by being written down again."""
    state.add_pin(pin(1, adopted=True))
    state.add_pin(pin(1))
    assert state.known_pins() == (pin(1, adopted=True),)


def test_a_killed_run_takes_trust_but_not_the_date(state: State) -> None:
    """After a run that never ended, what was verified before keeps its date and is trusted no more."""
    state.record_verified(pin(1).cid, AT)
    state.begin_run("pin", AT)
    assert state.verifications()[pin(1).cid.digest].trusted
    state.end_run(state.begin_run("pin", AT), "done", AT)
    found = state.verifications()[pin(1).cid.digest]
    assert (found.verified_at, found.trusted) == (AT, False)


def test_a_run_that_ended_keeps_trust(state: State) -> None:
    """Failed and cancelled runs end too."""
    state.record_verified(pin(1).cid, AT)
    state.end_run(state.begin_run("pin", AT), "cancelled", AT)
    state.end_run(state.begin_run("pin", AT), "done", AT)
    assert state.verifications()[pin(1).cid.digest].trusted


def test_platform_rows_are_good_for_one_set_of_pins(state: State) -> None:
    """Rows stored for one set of verified pins are not given for another."""
    state.add_release(release(1))
    state.store_platform_rows(release(1).cid, b"key", b"rows")
    assert state.platform_rows(release(1).cid, b"key") == b"rows"
    assert state.platform_rows(release(1).cid, b"other") is None
    state.remove_release(release(1).cid)
    assert state.platform_rows(release(1).cid, b"key") is None


def test_reading_where_there_is_nothing_writes_nothing(tmp_path: Path) -> None:
    """A reading verb in an empty directory finds no release and leaves no file."""
    state = State.open(tmp_path)
    assert state.releases() == ()
    state.close()
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_directory_can_be_read(tmp_path: Path) -> None:
    """The database opens without write permission, and a change is refused in words."""
    writer = State.create(tmp_path)
    writer.add_release(release(1))
    writer.close()
    (tmp_path / "state.sqlite").chmod(0o444)
    state = State.open(tmp_path)
    assert state.releases() == (release(1),)
    state.close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"this is no database, whatever its name says" * 40, "cannot be read", id="garbage"),
        pytest.param(b"SQLite format 3\0" + bytes(200), "cannot be read", id="cut"),
    ],
)
def test_a_damaged_database_is_told_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    """What is no database is an error with a way out, never a traceback."""
    (tmp_path / "state.sqlite").write_bytes(content)
    with pytest.raises(StateDamaged, match=words) as caught:
        State.open(tmp_path)
    assert caught.value.hint is not None


def test_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """A database of a later program is refused and not changed."""
    State.create(tmp_path).close()
    path = tmp_path / "state.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StateDamaged, match="version 99"):
        State.open(tmp_path)
    assert path.read_bytes() == before


def test_what_another_connection_changes_moves_the_version(state: State, tmp_path: Path) -> None:
    """Our own changes do not: they are known."""
    before = state.version
    state.remember("key", "ours")
    assert state.version == before
    other = State.open(tmp_path)
    other.remember("key", "theirs")
    other.close()
    assert state.version != before


def test_a_database_that_is_begun_later_outdates_the_empty_one(tmp_path: Path) -> None:
    """And one that is removed, or has another in its place, is told by who uses it still."""
    empty = State.open(tmp_path)
    assert not empty.is_outdated
    state = State.create(tmp_path)
    assert empty.is_outdated
    empty.close()
    assert (state.is_outdated, state.is_replaced) == (False, False)
    (tmp_path / "state.sqlite").unlink()
    assert state.is_replaced
    State.create(tmp_path).close()
    assert state.is_replaced
    state.close()


def test_a_full_disk_is_told_and_loses_nothing(state: State) -> None:
    """SQLite undoes such a change by itself; what is read stays readable, and what is only kept to be quicker
    is not kept."""
    state.add_release(release(1, "one"))
    ((pages,),) = state.read("PRAGMA page_count")
    state.read(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StateReadOnly, match="full"):
        state.remember("large", "x" * 1_000_000)
    state.store_platform_rows(release(1).cid, b"key", b"x" * 1_000_000)
    assert state.releases() == (release(1, "one"),)
    assert state.platform_rows(release(1).cid, b"key") is None
    state.read(f"PRAGMA max_page_count = {pages + 10_000}")
    state.remember("large", "x" * 1_000_000)
    assert state.setting("large") == "x" * 1_000_000
