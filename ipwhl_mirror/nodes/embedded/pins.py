"""The embedded node's pins: one a CID, kept in the database, each call one durable transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.nodes.base import Pin

if TYPE_CHECKING:
    from ipwhl_mirror.nodes.embedded.database import Database


def list_pins(database: Database) -> list[Pin]:
    """All pins, sorted."""
    with database.read() as connection:
        rows = connection.execute("SELECT cid, name FROM pins").fetchall()
    return sorted(Pin(Cid.from_bytes(cid), name) for cid, name in rows)


def is_pinned(database: Database, cid: Cid) -> bool:
    """Whether this very CID has a pin."""
    with database.read() as connection:
        row = connection.execute("SELECT 1 FROM pins WHERE cid = ?", (cid.to_bytes(),)).fetchone()
    return row is not None


def add_pin(database: Database, cid: Cid, name: str) -> None:
    """Pin it; a pin the CID has stays as it is."""
    with database.write() as connection:
        connection.execute("INSERT OR IGNORE INTO pins (cid, name) VALUES (?, ?)", (cid.to_bytes(), name))


def remove_pin(database: Database, cid: Cid) -> None:
    """Unpin it; no pin: no effect."""
    if is_pinned(database, cid):
        with database.write() as connection:
            connection.execute("DELETE FROM pins WHERE cid = ?", (cid.to_bytes(),))
