"""What the data directory knows: releases, which pins are ours, what was verified, the run log, settings.

It is a cache and a journal: when it is deleted, releases and pins are found again from the node's pins and
trees. How the file is opened and changed is in `connection`.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime

from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.state.connection import Database
from ipwhl_mirror.state.errors import StateReadOnly


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRelease:
    """A release this data directory knows.

    Attributes:
        cid: as first tracked.
        label: for people; None when none was given.
        source: the name of the source that announced it; None where a person added it by hand.
        tracked_at: when.
        index_cid: its index tree, which is pinned as long as it is tracked.
        projects, wheels, bytes: its totals; bytes as its links claim.
    """

    cid: Cid
    label: str | None
    tracked_at: datetime
    index_cid: Cid
    projects: int
    wheels: int
    bytes: int
    source: str | None = None

    @property
    def name(self) -> str:
        """The label, or the CID where there is none."""
        return self.label or str(self.cid)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPin:
    """A pin of a release's part.

    Attributes:
        cid: the pinned root, a part's subset or a whole release.
        release: digest of the release's root block.
        selection: the part as CLI text; None when it is not known.
        name: the pin's name on the node.
        adopted: it was there before this program asked for it, and is never removed by it.
    """

    cid: Cid
    release: bytes
    selection: str | None
    name: str
    created_at: datetime
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Verification:
    """When a pinned root was last read and hashed whole.

    `trusted` is False after an unclean stop: the date still holds, but the wheels are read again by the
    next pin that shares them.
    """

    verified_at: datetime
    trusted: bool


class State(Database):
    """The tables of the database; those of mirrors are in `mirrors`."""

    # releases

    def releases(self) -> tuple[TrackedRelease, ...]:
        """All tracked releases, the newest first."""
        rows = self._db.execute(
            "SELECT cid, label, source, tracked_at, index_cid, projects, wheels, bytes "
            "FROM releases ORDER BY rowid DESC"
        )
        return tuple(
            TrackedRelease(
                cid=Cid.parse(cid), label=label, source=source or None,
                tracked_at=datetime.fromisoformat(at), index_cid=Cid.parse(index),
                projects=projects, wheels=wheels, bytes=size,
            )
            for cid, label, source, at, index, projects, wheels, size in rows
        )  # fmt: skip

    def add_release(self, release: TrackedRelease) -> None:
        """Remember a release; one already known keeps its place and CID and takes a new label, if given.

        Raises:
            sqlite3.IntegrityError: another release of the source has the label (callers look first).
        """
        with self.change() as db:
            db.execute(
                "INSERT INTO releases (digest, cid, label, source, tracked_at, index_cid, projects, wheels, "
                "bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE "
                "SET label = coalesce(excluded.label, label), "
                "source = CASE WHEN source = '' THEN excluded.source ELSE source END",
                (release.cid.digest, str(release.cid), release.label, release.source or "",
                 release.tracked_at.isoformat(), str(release.index_cid), release.projects, release.wheels,
                 release.bytes),
            )  # fmt: skip

    def keep_by_hand(self, cid: Cid) -> None:
        """Remember that a person asked for a release: it stays when no mirror needs it."""
        with self.change() as db:
            db.execute("UPDATE releases SET by_hand = 1 WHERE digest = ?", (cid.digest,))

    def is_by_hand(self, digest: bytes) -> bool:
        """Whether a person asked for a release, whatever source announced it too."""
        return bool(self.read("SELECT 1 FROM releases WHERE digest = ? AND by_hand", digest))

    def remove_release(self, cid: Cid) -> None:
        """Forget a release."""
        with self.change() as db:
            db.execute("DELETE FROM releases WHERE digest = ?", (cid.digest,))
            db.execute("DELETE FROM platform_rows WHERE release = ?", (cid.digest,))

    # pins

    def known_pins(self) -> tuple[KnownPin, ...]:
        """The pins of parts, oldest first; whether the node still has them is the node's to say."""
        rows = self._db.execute(
            "SELECT cid, release, selection, name, created_at, adopted FROM pins ORDER BY rowid"
        )
        return tuple(
            KnownPin(cid=Cid.parse(cid), release=release, selection=selection, name=name,
                   created_at=datetime.fromisoformat(at), adopted=bool(adopted))
            for cid, release, selection, name, at, adopted in rows
        )  # fmt: skip

    def add_pin(self, pin: KnownPin) -> None:
        """Remember that this pin is ours. Written before the node is asked, so that a kill between the two
        leaves a claim on a pin that is not there, never a pin that nobody claims."""
        with self.change() as db:
            db.execute(
                "INSERT INTO pins VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
                (pin.cid.digest, str(pin.cid), pin.release, pin.selection, pin.name,
                 pin.created_at.isoformat(), int(pin.adopted)),
            )  # fmt: skip

    def replace_pin(self, pin: KnownPin) -> None:
        """Change the name of a known pin and whose it is; its verification stays."""
        with self.change() as db:
            db.execute(
                "UPDATE pins SET name = ?, adopted = ? WHERE digest = ?",
                (pin.name, int(pin.adopted), pin.cid.digest),
            )

    def remove_pin(self, cid: Cid) -> None:
        """Forget a pin and its verification."""
        with self.change() as db:
            db.execute("DELETE FROM pins WHERE digest = ?", (cid.digest,))
            db.execute("DELETE FROM verifications WHERE digest = ?", (cid.digest,))

    # verifications

    def verifications(self) -> dict[bytes, Verification]:
        """What was read and hashed whole, by the pinned root's digest."""
        rows = self._db.execute("SELECT digest, verified_at, trusted FROM verifications")
        return {
            digest: Verification(datetime.fromisoformat(at), bool(trusted)) for digest, at, trusted in rows
        }

    def record_verified(self, cid: Cid, at: datetime) -> None:
        """Every block under this pinned root was read and hashed at this time."""
        with self.change() as db:
            db.execute("INSERT OR REPLACE INTO verifications VALUES (?, ?, 1)", (cid.digest, at.isoformat()))

    def forget_verified(self, cid: Cid) -> None:
        """Damage was found under this root, or its pin lapsed."""
        with self.change() as db:
            db.execute("DELETE FROM verifications WHERE digest = ?", (cid.digest,))

    # platform rows, kept so that `status` of many releases reads no index

    def platform_rows(self, release: Cid, pinned_key: bytes) -> bytes | None:
        """The stored rows, if they were computed for this set of pins."""
        row = self._db.execute(
            "SELECT rows FROM platform_rows WHERE release = ? AND pinned_key = ?",
            (release.digest, pinned_key),
        ).fetchone()
        return None if row is None else bytes(row[0])

    def last_platform_rows(self, release: Cid) -> bytes | None:
        """The rows that were stored last, for whatever set of pins."""
        row = self._db.execute(
            "SELECT rows FROM platform_rows WHERE release = ?", (release.digest,)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def store_platform_rows(self, release: Cid, pinned_key: bytes, rows: bytes) -> None:
        """Keep rows; where nothing can be written, do not."""
        with contextlib.suppress(StateReadOnly), self.change() as db:
            db.execute(
                "INSERT OR REPLACE INTO platform_rows VALUES (?, ?, ?)", (release.digest, pinned_key, rows)
            )

    # runs

    def begin_run(self, verb: str, at: datetime) -> int:
        """Note that a change begins; a run found open was killed: what was verified is trusted no more."""
        with self.change() as db:
            killed = db.execute(
                "UPDATE runs SET outcome = 'killed', ended_at = ? WHERE ended_at IS NULL", (at.isoformat(),)
            ).rowcount
            if killed:
                db.execute("UPDATE verifications SET trusted = 0")
            run = db.execute("INSERT INTO runs (verb, started_at) VALUES (?, ?)", (verb, at.isoformat()))
            db.execute("DELETE FROM runs WHERE id <= ? - 1000", (run.lastrowid,))
            assert run.lastrowid is not None
            return run.lastrowid

    def ended_well(self) -> bool:
        """Whether the run before the one that is open was done; True where there was none."""
        row = self._db.execute(
            "SELECT outcome FROM runs WHERE ended_at IS NOT NULL ORDER BY id DESC LIMIT 1"
        ).fetchone()
        return row is None or row[0] == "done"

    def end_run(self, run: int, outcome: str, at: datetime) -> None:
        """Note how it ended."""
        with self.change() as db:
            db.execute(
                "UPDATE runs SET ended_at = ?, outcome = ? WHERE id = ?", (at.isoformat(), outcome, run)
            )

    # settings of this directory

    def setting(self, key: str) -> str | None:
        """A remembered choice, for instance which node is used."""
        row = self._db.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def remember(self, key: str, value: str) -> None:
        """Remember a choice."""
        with self.change() as db:
            db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, value))
