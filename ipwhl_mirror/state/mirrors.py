"""What every mirror keeps, which release it is at, and how its last run went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import Cid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipwhl_mirror.state.database import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """A release that a mirror keeps.

    Attributes:
        cid: what its address leads to: the release's root, or the subset of the selection.
        release: digest of the release's root block.
        label: of the release; None where it has none.
        selection: the mirror's then, as CLI text.
        switched_at: since when it is, or was, the current one.
    """

    mirror: str
    cid: Cid
    release: bytes
    label: str | None
    selection: str
    switched_at: datetime


class SyncState(Enum):
    """How a run of a mirror went."""

    RUNNING = "running"
    """It runs, or was killed."""
    GOOD = "good"
    FAILED = "failed"
    """It did not bring the mirror where it is to be, or was cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """The last run of a mirror.

    Attributes:
        ended_at: None while it runs, or where it was killed.
        succeeded_at: when the last good one ended, this or an earlier one; None before any.
        outcome: in words; `running` while it does.
    """

    mirror: str
    state: SyncState
    started_at: datetime
    ended_at: datetime | None
    succeeded_at: datetime | None
    outcome: str


class PinRole(Enum):
    """What a pin is to a mirror."""

    PART = "part"
    """A part of its selection, pinned for it: it goes when no mirror needs it any more."""
    LISTING = "listing"
    """It keeps the directories that the mirror's address leads to, and no wheel; it goes likewise."""
    FOUND = "found"
    """A part that was pinned before any mirror needed it, by a person or another program: it stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorPin:
    """A pin that a mirror needs.

    Attributes:
        release: digest of the root block of the release it is for.
    """

    mirror: str
    release: bytes
    cid: Cid
    role: PinRole = PinRole.PART


class MirrorTable:
    """The mirrors in a database."""

    def __init__(self, state: State) -> None:
        self._state = state

    def kept(self, mirror: str) -> tuple[Mirrored, ...]:
        """What a mirror keeps, the current one first."""
        rows = self._state.read(
            "SELECT mirror, cid, digest, label, selection, switched_at FROM mirrored WHERE mirror = ? "
            "ORDER BY rowid DESC",
            mirror,
        )
        return tuple(
            Mirrored(
                mirror=name,
                cid=Cid.parse(cid),
                release=digest,
                label=label,
                selection=selection,
                switched_at=datetime.fromisoformat(at),
            )
            for name, cid, digest, label, selection, at in rows
        )

    def current(self) -> dict[str, Cid]:
        """Where the address of each mirror leads."""
        names = [name for (name,) in self._state.read("SELECT DISTINCT mirror FROM mirrored ORDER BY mirror")]
        return {name: self.kept(name)[0].cid for name in names}

    def switch(self, to: Mirrored) -> None:
        """Let a mirror's address lead to a release that is whole; in one transaction, so that whoever asks
        sees the one or the other."""
        with self._state.change() as db:
            db.execute(
                "INSERT OR REPLACE INTO mirrored (mirror, digest, cid, label, selection, switched_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (to.mirror, to.release, str(to.cid), to.label, to.selection, to.switched_at.isoformat()),
            )

            db.execute("DELETE FROM mirror_aims WHERE mirror = ? AND release = ?", (to.mirror, to.release))

    def aim(self, mirror: str, release: bytes) -> None:
        """Write down which release a mirror is to go to, before it tries: so that one that it never reaches
        is known, and goes when it is to go to another."""
        with self._state.change() as db:
            db.execute("INSERT OR IGNORE INTO mirror_aims VALUES (?, ?)", (mirror, release))

    def missed(self, mirror: str) -> tuple[bytes, ...]:
        """Digests of the releases that a mirror was to go to and did not reach yet, the oldest first."""
        rows = self._state.read("SELECT release FROM mirror_aims WHERE mirror = ? ORDER BY rowid", mirror)
        return tuple(release for (release,) in rows)

    def give_up(self, mirror: str, release: bytes) -> None:
        """Forget that a mirror was to go to a release."""
        with self._state.change() as db:
            db.execute("DELETE FROM mirror_aims WHERE mirror = ? AND release = ?", (mirror, release))

    def retire(self, mirror: str, release: bytes) -> None:
        """Forget that a mirror keeps a release, and which pins it needs for it; the caller has removed those
        that go."""
        with self._state.change() as db:
            db.execute("DELETE FROM mirrored WHERE mirror = ? AND digest = ?", (mirror, release))
            db.execute("DELETE FROM mirror_pins WHERE mirror = ? AND release = ?", (mirror, release))

    def names(self) -> tuple[str, ...]:
        """Every mirror that keeps something, or has run."""
        rows = self._state.read(
            "SELECT mirror FROM mirrored UNION SELECT mirror FROM mirror_pins UNION SELECT mirror FROM syncs"
        )
        return tuple(sorted(name for (name,) in rows))

    def pins(self) -> tuple[MirrorPin, ...]:
        """The pins that mirrors need, oldest first."""
        rows = self._state.read("SELECT mirror, release, cid, role FROM mirror_pins ORDER BY rowid")
        return tuple(
            MirrorPin(mirror=mirror, release=release, cid=Cid.parse(cid), role=PinRole(role))
            for mirror, release, cid, role in rows
        )

    def claim(self, pins: Iterable[MirrorPin]) -> None:
        """Write down which pins a mirror needs, before it asks for them: so that whatever becomes of the run,
        it is known which go when no mirror needs them."""
        with self._state.change() as db:
            db.executemany(
                "INSERT INTO mirror_pins VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET role = excluded.role",
                [(pin.mirror, pin.release, pin.cid.digest, str(pin.cid), pin.role.value) for pin in pins],
            )

    def disclaim(self, pin: MirrorPin) -> None:
        """Forget that a mirror needs a pin."""
        with self._state.change() as db:
            db.execute(
                "DELETE FROM mirror_pins WHERE mirror = ? AND release = ? AND digest = ?",
                (pin.mirror, pin.release, pin.cid.digest),
            )

    def forget(self, mirror: str) -> None:
        """Forget a mirror that keeps nothing any more, and how its last run went."""
        with self._state.change() as db:
            for table in ("mirrored", "mirror_pins", "mirror_aims", "syncs"):
                db.execute(f"DELETE FROM {table} WHERE mirror = ?", (mirror,))

    def last_sync(self, mirror: str) -> Sync | None:
        """How its last run went; None before any."""
        rows = self._state.read(
            "SELECT state, started_at, ended_at, succeeded_at, outcome FROM syncs WHERE mirror = ?", mirror
        )
        for state, started, ended, succeeded, outcome in rows:
            return Sync(
                mirror=mirror,
                state=SyncState(state),
                started_at=datetime.fromisoformat(started),
                ended_at=_moment(ended),
                succeeded_at=_moment(succeeded),
                outcome=outcome,
            )
        return None

    def begin_sync(self, mirror: str, at: datetime) -> None:
        """Note that a run begins."""
        with self._state.change() as db:
            db.execute(
                "INSERT INTO syncs (mirror, started_at, outcome, state) VALUES (?, ?, 'running', 'running') "
                "ON CONFLICT (mirror) DO UPDATE SET started_at = excluded.started_at, ended_at = NULL, "
                "outcome = excluded.outcome, state = excluded.state",
                (mirror, at.isoformat()),
            )

    def end_sync(self, mirror: str, at: datetime, outcome: str, state: SyncState) -> None:
        """Note how it ended."""
        with self._state.change() as db:
            db.execute(
                "UPDATE syncs SET ended_at = ?1, outcome = ?2, state = ?3, "
                "succeeded_at = iif(?3 = 'good', ?1, succeeded_at) WHERE mirror = ?4",
                (at.isoformat(), outcome, state.value, mirror),
            )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
