"""Mirrors in the database: what they keep, where they are, how their last run went."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.state.database import State
from ipwhl_mirror.state.mirrors import Mirrored, MirrorPin, MirrorTable, PinRole, Sync, SyncState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def mirrored(number: int, mirror: str = "campus") -> Mirrored:
    return Mirrored(
        mirror=mirror,
        cid=Cid.of(b"subset %d" % number),
        release=Cid.of(b"release %d" % number).digest,
        label=f"r{number}",
        selection="-p linux-x86_64",
        switched_at=AT + timedelta(days=number),
    )


@pytest.fixture
def table(tmp_path: Path) -> Iterator[MirrorTable]:
    state = State.create(tmp_path)
    yield MirrorTable(state)
    state.close()


def test_the_current_one_is_what_was_switched_to_last(table: MirrorTable) -> None:
    """Each mirror by itself; those of before are kept until they are retired."""
    for number in (1, 2):
        table.switch(mirrored(number))
    table.switch(mirrored(1, "lab"))
    assert table.kept("campus") == (mirrored(2), mirrored(1))
    assert table.current() == {"campus": mirrored(2).cid, "lab": mirrored(1).cid}
    table.retire("campus", mirrored(1).release)
    assert table.kept("campus") == (mirrored(2),)
    assert table.kept("nobody") == ()


def test_going_back_to_a_kept_release_makes_it_the_current_one(table: MirrorTable) -> None:
    """It is there once."""
    for number in (1, 2):
        table.switch(mirrored(number))
    back = replace(mirrored(1), switched_at=AT + timedelta(days=9))
    table.switch(back)
    assert table.kept("campus") == (back, mirrored(2))


def test_two_switches_of_one_moment_keep_their_order(table: MirrorTable) -> None:
    """A clock that stands still does not bring the old one back."""
    table.switch(mirrored(1))
    table.switch(replace(mirrored(2), switched_at=mirrored(1).switched_at))
    assert table.current() == {"campus": mirrored(2).cid}


def test_a_run_is_told_with_the_last_good_one(table: MirrorTable) -> None:
    """Running, good, running again, failed."""
    assert table.last_sync("campus") is None
    table.begin_sync("campus", AT)
    first = Sync(
        mirror="campus",
        state=SyncState.RUNNING,
        started_at=AT,
        ended_at=None,
        succeeded_at=None,
        outcome="running",
    )
    assert table.last_sync("campus") == first
    done = AT + timedelta(minutes=1)
    table.end_sync("campus", done, "nothing new", SyncState.GOOD)
    assert table.last_sync("campus") == replace(
        first, state=SyncState.GOOD, ended_at=done, succeeded_at=done, outcome="nothing new"
    )
    later = AT + timedelta(hours=1)
    table.begin_sync("campus", later)
    assert table.last_sync("campus") == replace(first, started_at=later, succeeded_at=done)
    table.end_sync("campus", later, "refused: rollback", SyncState.FAILED)
    ended = table.last_sync("campus")
    assert ended is not None
    assert (ended.ended_at, ended.succeeded_at, ended.outcome) == (later, done, "refused: rollback")


def test_a_run_that_fails_in_the_second_of_a_good_one_has_failed(table: MirrorTable) -> None:
    """How it went does not follow from when."""
    for state in (SyncState.GOOD, SyncState.FAILED):
        table.begin_sync("campus", AT)
        table.end_sync("campus", AT, state.value, state)
        last = table.last_sync("campus")
        assert last is not None
        assert (last.state, last.ended_at, last.succeeded_at) == (state, AT, AT)


def test_claims_are_of_a_mirror_and_a_release(table: MirrorTable) -> None:
    """Claimed again, a pin has its new role; what is retired needs none any more."""
    part, listing = Cid.of(b"part"), Cid.of(b"listing")
    first, second = mirrored(1).release, mirrored(2).release
    table.claim(
        [
            MirrorPin(mirror="campus", release=first, cid=part, role=PinRole.FOUND),
            MirrorPin(mirror="campus", release=first, cid=listing, role=PinRole.LISTING),
            MirrorPin(mirror="lab", release=second, cid=part),
        ]
    )
    table.claim([MirrorPin(mirror="campus", release=first, cid=part)])
    assert [(pin.mirror, pin.cid, pin.role) for pin in table.pins()] == [
        ("campus", part, PinRole.PART),
        ("campus", listing, PinRole.LISTING),
        ("lab", part, PinRole.PART),
    ]
    table.disclaim(MirrorPin(mirror="campus", release=first, cid=listing))
    assert table.names() == ("campus", "lab")
    table.retire("campus", first)
    assert [pin.mirror for pin in table.pins()] == ["lab"]
    table.forget("lab")
    assert (table.pins(), table.names()) == ((), ())


def test_the_order_is_that_of_the_switches_whatever_the_clock_says(table: MirrorTable) -> None:
    """A clock that went back does not make an old release the current one."""
    table.switch(mirrored(9))
    table.switch(mirrored(1))
    assert table.kept("campus") == (mirrored(1), mirrored(9))
