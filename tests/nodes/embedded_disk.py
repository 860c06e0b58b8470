"""What a bad disk does to an embedded node's store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.embedded.layout import Layout

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid


def damage_block(directory: Path, cid: Cid) -> None:
    """Flip a bit of a block, in the database or in the whole file it is a leaf of."""
    layout = Layout(directory)
    with closing(sqlite3.connect(layout.database)) as connection, connection:
        row = connection.execute("SELECT data FROM blocks WHERE digest = ?", (cid.digest,)).fetchone()
        if row is not None:
            damaged = bytes([row[0][0] ^ 1]) + row[0][1:]
            connection.execute("UPDATE blocks SET data = ? WHERE digest = ?", (damaged, cid.digest))
        for path, offset in _places(connection, layout, cid):
            flip_bit(path, offset)


def lose_block(directory: Path, cid: Cid) -> None:
    """Take a block out of the database, and every whole file it is a leaf of."""
    layout = Layout(directory)
    with closing(sqlite3.connect(layout.database)) as connection, connection:
        connection.execute("DELETE FROM blocks WHERE digest = ?", (cid.digest,))
        for path, _ in _places(connection, layout, cid):
            path.unlink()


def flip_bit(path: Path, offset: int) -> None:
    """Change one bit of a file."""
    with path.open("r+b") as stream:
        stream.seek(offset)
        byte = stream.read(1)
        stream.seek(offset)
        stream.write(bytes([byte[0] ^ 1]))


def _places(connection: sqlite3.Connection, layout: Layout, cid: Cid) -> list[tuple[Path, int]]:
    rows = connection.execute(
        "SELECT files.digest, offset FROM refs JOIN files ON files.id = file WHERE refs.digest = ?",
        (cid.digest,),
    ).fetchall()
    return [(layout.whole(digest), offset) for digest, offset in rows]
