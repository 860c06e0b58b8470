"""The statements by which whole files and blocks get into and out of the database.

Each works within the connection it is given, in whatever transaction that is in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.files import Wrapper

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ipwhl_mirror.nodes.embedded.layout import Layout

_COPIES = 8
_ROUND = 500


class Ref(NamedTuple):
    """A leaf that is rebuilt from a file: `length` bytes at `offset`, framed by `wrapper`."""

    offset: int
    length: int
    wrapper: Wrapper
    digest: bytes


class SharedRef(NamedTuple):
    """A leaf of a file, and whether it stands elsewhere too, in this file or another."""

    ref: Ref
    is_shared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeFile:
    """A file DAG that was completed on disk.

    Attributes:
        id: of its row.
        cid: its root.
        size: its length, in bytes.
        blocks: how many blocks it has.
        path: where it lies.
    """

    id: int
    cid: Cid
    size: int
    blocks: int
    path: Path

    @property
    def is_intact(self) -> bool:
        """Whether a file of that length is there; proves nothing about its bytes."""
        try:
            return self.path.stat().st_size == self.size
        except OSError:
            return False


def find_file(connection: sqlite3.Connection, layout: Layout, digest: bytes) -> WholeFile | None:
    """The whole file whose root has this digest."""
    row = connection.execute("SELECT id, cid, size, blocks FROM files WHERE digest = ?", (digest,)).fetchone()
    return None if row is None else _whole_file(layout, row)


def files_with(connection: sqlite3.Connection, layout: Layout, digest: bytes) -> list[WholeFile]:
    """The whole files this block is a part of, the oldest first."""
    rows = connection.execute(
        "SELECT id, cid, size, blocks FROM files WHERE id IN (SELECT file FROM refs WHERE digest = :digest"
        " UNION SELECT file FROM nodes WHERE digest = :digest) ORDER BY id",
        {"digest": digest},
    ).fetchall()
    return [_whole_file(layout, row) for row in rows]


def roots_among(connection: sqlite3.Connection, digests: Sequence[bytes]) -> list[Cid]:
    """The roots of whole files that have one of these digests."""
    found: list[Cid] = []
    for start in range(0, len(digests), _ROUND):
        some = digests[start : start + _ROUND]
        marks = ",".join("?" * len(some))
        rows = connection.execute(f"SELECT cid FROM files WHERE digest IN ({marks})", some).fetchall()
        found += [Cid.from_bytes(row[0]) for row in rows]
    return found


def block_data(connection: sqlite3.Connection, digest: bytes) -> bytes | None:
    """The bytes kept for a block, not hashed."""
    row = connection.execute("SELECT data FROM blocks WHERE digest = ?", (digest,)).fetchone()
    return None if row is None else row[0]


def refs_to(connection: sqlite3.Connection, digest: bytes) -> list[tuple[bytes, Ref]]:
    """Some of the places a leaf can be rebuilt from, each with the root digest of its file."""
    rows = connection.execute(
        "SELECT files.digest, offset, length, wrapper FROM refs JOIN files ON files.id = refs.file"
        " WHERE refs.digest = ? LIMIT ?",
        (digest, _COPIES),
    ).fetchall()
    return [(file, Ref(offset, length, Wrapper(wrapper), digest)) for file, offset, length, wrapper in rows]


def refs_between(connection: sqlite3.Connection, file: int, start: int, end: int) -> dict[int, SharedRef]:
    """The leaves of a file that begin in [start, end), by offset."""
    rows = connection.execute(
        "SELECT offset, length, wrapper, digest, EXISTS (SELECT 1 FROM refs AS other WHERE"
        " other.digest = refs.digest AND (other.file, other.offset) IS NOT (refs.file, refs.offset))"
        " FROM refs WHERE file = ? AND offset >= ? AND offset < ?",
        (file, start, end),
    ).fetchall()
    return {
        offset: SharedRef(Ref(offset, length, Wrapper(wrapper), digest), bool(shared))
        for offset, length, wrapper, digest, shared in rows
    }


def put_blocks(connection: sqlite3.Connection, blocks: Iterable[tuple[bytes, bytes]]) -> None:
    """Keep (digest, bytes); what was kept for a digest is replaced if it differs."""
    connection.executemany(
        "INSERT INTO blocks (digest, data) VALUES (?, ?)"
        " ON CONFLICT (digest) DO UPDATE SET data = excluded.data WHERE data IS NOT excluded.data",
        blocks,
    )


def put_file(
    connection: sqlite3.Connection,
    cid: Cid,
    size: int,
    refs: Sequence[Ref],
    nodes: Iterable[tuple[bytes, bytes]],
) -> None:
    """Make a file one of the store's, or renew its rows; `nodes` are its (digest, bytes) without a ref."""
    connection.execute(
        "INSERT INTO files (digest, cid, size, blocks) VALUES (?, ?, ?, 0)"
        " ON CONFLICT (digest) DO UPDATE SET cid = excluded.cid, size = excluded.size",
        (cid.digest, cid.to_bytes(), size),
    )
    file = connection.execute("SELECT id FROM files WHERE digest = ?", (cid.digest,)).fetchone()[0]
    connection.execute("DELETE FROM refs WHERE file = ?", (file,))
    connection.execute("DELETE FROM nodes WHERE file = ?", (file,))
    connection.executemany(
        "INSERT INTO refs (file, offset, length, wrapper, digest) VALUES (?, ?, ?, ?, ?)",
        ((file, ref.offset, ref.length, ref.wrapper.value, ref.digest) for ref in refs),
    )
    kept = 0
    for node, block in nodes:
        put_blocks(connection, [(node, block)])
        connection.execute("INSERT INTO nodes (file, digest) VALUES (?, ?)", (file, node))
        kept += 1
    leaves = len({ref.digest for ref in refs})
    connection.execute("UPDATE files SET blocks = ? WHERE id = ?", (leaves + kept, file))


def _whole_file(layout: Layout, row: tuple[int, bytes, int, int]) -> WholeFile:
    file, name, size, blocks = row
    cid = Cid.from_bytes(name)
    return WholeFile(id=file, cid=cid, size=size, blocks=blocks, path=layout.whole(cid.digest))
