"""Garbage collection: what is under no pin, found exactly, shown or removed.

Kept is what is reached from the pins, by multihash: blocks, and whole files with all their blocks. A raw link
keeps its block and nothing below. A file that has no pin above it and one pinned leaf is kept whole. Where a
pinned block cannot be read, what it keeps is unknown, and nothing is removed. Removed is the rest, and every
unfinished download. Rows go before files: a crash between leaves a file without a row, which is garbage to
the next collection and a finished download to the next pin. The caller sees to it that nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.errors import ForbiddenBlock
from ipwhl_mirror.nodes.base import Fault, GcPreview
from ipwhl_mirror.nodes.embedded.layout import Step, disk_errors, size_of
from ipwhl_mirror.nodes.embedded.pins import list_pins
from ipwhl_mirror.nodes.errors import NodeRefused, NoSpace
from ipwhl_mirror.nodes.graph import links_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from ipwhl_mirror.nodes.embedded.store import Store

_LEAVES_AT_ONCE = 20_000
_BLOCKS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class _GoneFile:
    id: int
    path: Path
    size: int
    leaves: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """What a collection would remove.

    Attributes:
        files: whole files, rows and all.
        blocks: digests of blocks in the database.
        leftovers: paths of unfinished downloads, and of files that have no row.
        preview: all of it, counted.
    """

    files: tuple[_GoneFile, ...]
    blocks: tuple[bytes, ...]
    leftovers: tuple[Path, ...]
    preview: GcPreview


def find_garbage(store: Store) -> Garbage:
    """What is under no pin.

    Raises:
        NodeRefused: a pinned block cannot be read, so it is not known what else is pinned.
    """
    marks = _Marks(store)
    marks.follow(pin.cid for pin in list_pins(store.database))
    leftovers = list(_leftovers(store))
    partial = sum(size for _, size in leftovers)
    with store.database.read() as connection:
        connection.execute("CREATE TEMP TABLE kept_file (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TEMP TABLE kept_block (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        try:
            connection.executemany("INSERT INTO kept_file VALUES (?)", zip(marks.files, strict=True))
            connection.executemany(
                "INSERT INTO kept_block VALUES (?)", ((digest,) for digest in marks.blocks)
            )
            connection.execute(
                "INSERT OR IGNORE INTO kept_block SELECT digest FROM nodes WHERE file IN kept_file"
            )
            files = _gone_files(connection, store)
            blocks = connection.execute(
                "SELECT digest, length(data) FROM blocks WHERE digest NOT IN kept_block"
            ).fetchall()
            count = _count_gone(connection)
        finally:
            connection.execute("DROP TABLE kept_file")
            connection.execute("DROP TABLE kept_block")
    return Garbage(
        files=tuple(files),
        blocks=tuple(digest for digest, _ in blocks),
        leftovers=tuple(path for path, _ in leftovers),
        preview=GcPreview(
            blocks=count,
            bytes=sum(file.size for file in files) + sum(size for _, size in blocks) + partial,
            partial_bytes=partial,
        ),
    )


def remove_garbage(store: Store, garbage: Garbage) -> None:
    """Remove it, the largest files first when the disk has no room for the database's journal.

    Raises:
        NodeRefused: the disk refuses; what was removed is gone, the rest stays.
    """
    for path in garbage.leftovers:
        _unlink(path)
    for files in _batches(garbage.files):
        _remove_files(store, files)
        store.on_step(Step.ROWS_REMOVED)
        for file in files:
            _unlink(file.path)
            store.on_step(Step.FILE_REMOVED)
    for start in range(0, len(garbage.blocks), _BLOCKS_AT_ONCE):
        with store.database.write() as connection:
            connection.executemany(
                "DELETE FROM blocks WHERE digest = ?",
                ((digest,) for digest in garbage.blocks[start : start + _BLOCKS_AT_ONCE]),
            )
    if garbage.files or garbage.blocks:
        store.database.shrink()


class _Marks:
    """What is reached from the pins: ids of whole files, digests of blocks in the database."""

    def __init__(self, store: Store) -> None:
        self.files: set[int] = set()
        self.blocks: set[bytes] = set()
        self._store = store
        self._entered: set[bytes] = set()
        self._leaves: set[bytes] = set()

    def follow(self, roots: Iterable[Cid]) -> None:
        stack = list(roots)
        while stack:
            cid = stack.pop()
            if cid.digest in (self.blocks if cid.codec == RAW else self._entered):
                continue
            file = self._store.file(cid)
            if file is not None:
                self.files.add(file.id)
                self._entered.add(cid.digest)
                continue
            if self._is_row(cid.digest):
                self.blocks.add(cid.digest)
            else:
                self._leaves.add(cid.digest)
            if cid.codec != RAW:
                self._entered.add(cid.digest)
                stack.extend(self._below(cid))
        for digest in sorted(self._leaves):
            self._keep_leaf(digest)

    def _is_row(self, digest: bytes) -> bool:
        with self._store.database.read() as connection:
            found = connection.execute("SELECT 1 FROM blocks WHERE digest = ?", (digest,)).fetchone()
        return found is not None

    def _below(self, cid: Cid) -> list[Cid]:
        block = self._store.read_block(cid.digest)
        if isinstance(block, Fault):
            raise NodeRefused(
                f"nothing was removed: pinned block {cid} is {block.value}, so what it keeps is not known",
                hint="run verify --repair first",
            )
        try:
            return [link.cid for link in links_of(cid, block)]
        except ForbiddenBlock as error:
            raise NodeRefused(f"nothing was removed: what is below {cid} is not known: {error}") from error

    def _keep_leaf(self, digest: bytes) -> None:
        with self._store.database.read() as connection:
            files = connection.execute(
                "SELECT DISTINCT file FROM refs WHERE digest = ?", (digest,)
            ).fetchall()
        ids = sorted(row[0] for row in files)
        if ids and not self.files.intersection(ids):
            self.files.add(ids[0])


def _gone_files(connection: sqlite3.Connection, store: Store) -> list[_GoneFile]:
    rows = connection.execute(
        "SELECT id, digest, (SELECT count(*) FROM refs WHERE file = id) FROM files"
        " WHERE id NOT IN kept_file ORDER BY size DESC, id"
    ).fetchall()
    paths = ((file, store.layout.whole(digest), leaves) for file, digest, leaves in rows)
    return [_GoneFile(file, path, size_of(path), leaves) for file, path, leaves in paths]


def _count_gone(connection: sqlite3.Connection) -> int:
    """Blocks that are nowhere else, each once: leaves of files that go, and rows that go and are no leaf."""
    leaves: int = connection.execute(
        "SELECT count(*) FROM refs WHERE file NOT IN kept_file AND digest NOT IN kept_block AND NOT EXISTS ("
        " SELECT 1 FROM refs AS other WHERE other.digest = refs.digest AND (other.file IN kept_file"
        " OR (other.file, other.offset) < (refs.file, refs.offset)))"
    ).fetchone()[0]
    rows: int = connection.execute(
        "SELECT count(*) FROM blocks WHERE digest NOT IN kept_block"
        " AND NOT EXISTS (SELECT 1 FROM refs WHERE refs.digest = blocks.digest)"
    ).fetchone()[0]
    return leaves + rows


def _leftovers(store: Store) -> Iterator[tuple[Path, int]]:
    yield from store.layout.unfinished()
    with store.database.read() as connection:
        known = {row[0] for row in connection.execute("SELECT digest FROM files").fetchall()}
    for digest, path in store.layout.finished():
        if digest not in known:
            yield path, size_of(path)


def _batches(files: Sequence[_GoneFile]) -> Iterator[list[_GoneFile]]:
    batch: list[_GoneFile] = []
    leaves = 0
    for file in files:
        batch.append(file)
        leaves += file.leaves + 1
        if leaves >= _LEAVES_AT_ONCE:
            yield batch
            batch, leaves = [], 0
    if batch:
        yield batch


def _remove_files(store: Store, files: Sequence[_GoneFile]) -> None:
    made_room = iter(files)
    while True:
        try:
            with store.database.write() as connection:
                for table, column in (("refs", "file"), ("nodes", "file"), ("files", "id")):
                    connection.executemany(
                        f"DELETE FROM {table} WHERE {column} = ?", ((file.id,) for file in files)
                    )
            return
        except NoSpace:
            file = next(made_room, None)
            if file is None:
                raise
            _unlink(file.path)


def _unlink(path: Path) -> None:
    with disk_errors(path):
        path.unlink(missing_ok=True)
