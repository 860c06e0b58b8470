"""The embedded node's store: files added, garbage told apart, and databases that are refused."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.directories import build_directory
from ipwhl_mirror.nodes.base import GcPreview, Reach
from ipwhl_mirror.nodes.embedded.layout import Layout, digest_of, file_name
from ipwhl_mirror.nodes.embedded.schema import check_version, create
from ipwhl_mirror.nodes.errors import StoreDamaged
from tests.nodes.embedded_world import EmbeddedWorld, store_directory, world
from tests.nodes.world import blocks_of, walked
from tests.simulators.dags import BIG, SMALL, small_release
from tests.simulators.vectors import content, file_vectors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.simulators.vectors import FileVector

__all__ = ["store_directory", "world"]

V0 = small_release(0)
LARGE = [case for case in file_vectors() if case.size == 45_613_057]


# Files


@pytest.mark.parametrize("case", LARGE, ids=lambda case: f"{case.size}")
@pytest.mark.parametrize("version", [0, 1])
async def test_a_file_of_two_levels_is_added_as_ipfs_add_does(
    world: EmbeddedWorld, case: FileVector, version: int, tmp_path: Path
) -> None:
    """The CID of files.json; one file on disk, equal to the one added, and every block good."""
    path = tmp_path / "a.whl"
    path.write_bytes(content(case.size))
    added = await world.node.add_file(path, cid_version=version)
    assert added.cid == (case.v0, case.v1)[version]
    kept = world.node.local_path(added.cid)
    assert kept is not None
    assert kept.read_bytes() == content(case.size)
    blocks = await walked(world.node, added.cid)
    assert not [block for block in blocks if block.fault]
    assert sum(block.size for block in blocks) == added.tsize
    assert await world.node.whole([added.cid]) == {added.cid.digest}


async def test_a_file_added_twice_is_kept_once(world: EmbeddedWorld, tmp_path: Path) -> None:
    """The second time nothing is left behind."""
    (tmp_path / "a").write_bytes(content(300_000))
    first = await world.node.add_file(tmp_path / "a", cid_version=1)
    before = await world.node.preview_gc()
    assert await world.node.add_file(tmp_path / "a", cid_version=1) == first
    assert await world.node.preview_gc() == before
    assert before.partial_bytes == 0


async def test_wheels_of_a_release_are_files_and_nothing_else_is(world: EmbeddedWorld) -> None:
    """Pinned or imported, each wheel is one file, named by its root's digest."""
    world.offer(V0.by_digest())
    await world.node.pin(V0.root, "x")
    on_disk = {digest: path.read_bytes() for digest, path in Layout(world.directory).finished()}
    assert on_disk == {cid.digest: data for cid, data in V0.files.values()}
    assert await world.node.whole([cid for cid, _ in V0.files.values()]) == on_disk.keys()
    with closing(sqlite3.connect(Layout(world.directory).database)) as connection:
        kept = {row[0] for row in connection.execute("SELECT digest FROM blocks")}
    small, (big, _) = V0.files[SMALL][0], V0.files[BIG]
    assert small.digest not in kept
    assert big.digest in kept
    assert len(kept) == 6  # four directories, one inner node, the leaf of nothing


async def test_a_wheel_that_was_stored_as_blocks_becomes_a_file_when_pinned(world: EmbeddedWorld) -> None:
    """And its leaves are garbage beside the file."""
    await world.node.put_blocks(V0.blocks.items())
    await world.node.pin(V0.root, "x")
    path = world.node.local_path(V0.files[BIG][0])
    assert path is not None
    assert path.read_bytes() == V0.files[BIG][1]
    assert (await world.node.preview_gc()).bytes > 900_000
    await world.node.collect_garbage()
    assert not [block for block in await walked(world.node, V0.root) if block.fault]


async def test_a_file_that_contradicts_itself_is_kept_as_blocks(world: EmbeddedWorld) -> None:
    """A hostile DAG is pinned whole, walked once a block, and is no file on disk."""
    leaf = content(1000)
    cid, blocks = Cid.of(leaf, RAW), {Cid.of(leaf, RAW): leaf}
    for _ in range(64):
        tree = build_directory([Link(cid, "a", 0), Link(cid, "b.whl", 0)])
        blocks.update(tree.blocks)
        cid = tree.cid
    world.offer({key.digest: block for key, block in blocks.items()})
    await world.node.pin(cid, "diamond")
    assert len(await walked(world.node, cid)) == len(blocks)
    assert (await world.node.collect_garbage()).blocks == 0


async def test_the_blocks_of_an_index_are_asked_for_as_directories(world: EmbeddedWorld) -> None:
    """A raw link under `.ipwhl` names a directory block, which nobody announces by its raw name."""
    index = build_directory([Link(V0.root.as_raw(), "root", 0), build_directory([]).link("projects")])
    subset = build_directory([index.link(".ipwhl")])
    empty = build_directory([])
    known = [*index.blocks, *subset.blocks, *empty.blocks]
    world.offer({cid.digest: block for cid, block in known} | {V0.root.digest: V0.blocks[V0.root]})
    await world.node.pin(subset.cid, "x")
    asked = [request.path for request in world.gateway.requests]
    assert f"/ipfs/{V0.root.as_version(1)}" in asked
    assert f"/ipfs/{V0.root.as_raw()}" not in asked


# Garbage


async def test_unfinished_downloads_are_garbage_and_told_apart(world: EmbeddedWorld) -> None:
    """partial_bytes are those of `.part`, of `.nodes`, and of files without a row; all of it is removed."""
    layout = Layout(world.directory)
    world.offer(V0.by_digest())
    world.withdraw(next(iter(V0.blocks)))
    with pytest.raises(Exception, match="missing parts"):
        await world.node.pin(V0.root, "x")
    partial = sum(size for _, size in layout.unfinished())
    assert partial > 0
    orphan = layout.whole(b"\x01" * 32)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"12345")
    (layout.wheels / "notes.txt").write_text("not ours")
    preview = await world.node.preview_gc()
    assert preview.partial_bytes == partial + 5
    assert preview == await world.node.collect_garbage()
    assert [*layout.unfinished(), *layout.finished()] == []
    assert (layout.wheels / "notes.txt").exists()
    assert await world.node.preview_gc() == GcPreview(blocks=0, bytes=0)


async def test_a_file_with_one_pinned_leaf_is_kept_whole(world: EmbeddedWorld, tmp_path: Path) -> None:
    """A raw link to a leaf in the middle of an unpinned file keeps that leaf."""
    (tmp_path / "a").write_bytes(content(900_000))
    added = await world.node.add_file(tmp_path / "a", cid_version=1)
    leaf = Cid.of(content(900_000)[262_144:524_288], RAW)
    tree = build_directory([Link(leaf, "leaf", 0)])
    await world.node.put_blocks(tree.blocks)
    await world.node.pin(tree.cid, "x")
    assert await world.node.collect_garbage() == GcPreview(blocks=0, bytes=0)
    assert world.node.local_path(added.cid) is not None
    assert len(await blocks_of(world.node.get_blocks([leaf], Reach.LOCAL))) == 1


async def test_the_database_shrinks_with_what_is_removed(world: EmbeddedWorld) -> None:
    """Bytes that were told as garbage are free on the disk afterwards."""
    await world.node.put_blocks((Cid.of(b"%d" % i * 100_000, RAW), b"%d" % i * 100_000) for i in range(9))
    before = (await world.node.status()).repo_bytes
    removed = await world.node.collect_garbage()
    assert removed == GcPreview(blocks=9, bytes=900_000)
    assert (await world.node.status()).repo_bytes < before - 900_000


# Names


@pytest.mark.parametrize("digest", [bytes(32), b"\xff" * 32, bytes(range(32))], ids=lambda d: d[:2].hex())
def test_a_file_name_says_its_digest(digest: bytes) -> None:
    """52 characters that are equal on file systems without case."""
    assert digest_of(file_name(digest)) == digest
    assert file_name(digest) == file_name(digest).lower()


@pytest.mark.parametrize(
    "name", ["", "a" * 51, "A" * 52, "1" * 52, "a" * 51 + ".", "../" + "a" * 49, "é" * 52]
)
def test_other_names_are_no_digests(name: str) -> None:
    """Whatever lies in the directory is left alone."""
    assert digest_of(name) is None


# Databases that are not ours to use


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database at all, only some text" * 100)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwritten(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"\xaa" * (path.stat().st_size - 4096))


@pytest.mark.parametrize(
    ("spoil", "words", "hint"),
    [
        (newer, "has schema version 99, this program knows 1", "use the newer ipwhl-mirror"),
        (foreign, "is not a database of this program", "choose another --data-dir"),
        (garbage, "cannot read .*: file is not a database", "move it away and pin again"),
        (cut, "cannot read .*: database disk image is malformed", "move it away"),
        (overwritten, "cannot read .*: database disk image is malformed", "move it away"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
async def test_a_database_that_cannot_be_used_is_said_to_be(
    world: EmbeddedWorld, spoil: Callable[[Path], None], words: str, hint: str
) -> None:
    """StoreDamaged with a way out, for reading and writing; the file is left as it is."""
    await world.node.put_blocks(V0.blocks.items())
    await world.reopen()
    path = Layout(world.directory).database
    spoil(path)
    before = path.read_bytes()
    for attempt in (world.node.pin(V0.root, "x"), world.node.put_blocks(V0.blocks.items())):
        with pytest.raises(StoreDamaged, match=words) as caught:
            await attempt
        assert (caught.value.hint or "").startswith(hint)
    assert path.read_bytes() == before


class _Overtaken(sqlite3.Connection):
    """A connection that is overtaken: after its first answer another one makes the tables, if it can."""

    other: sqlite3.Connection | None = None

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """See sqlite3; a cursor that has its answer holds nothing."""
        cursor = super().execute(sql, parameters)
        if self.other is None or not sql.startswith("PRAGMA"):
            return cursor
        answer = cursor.fetchall()
        other, self.other = self.other, None
        with suppress(sqlite3.OperationalError):  # it waits, and waits no longer than it was told
            other.execute("BEGIN IMMEDIATE")
            create(other)
            other.execute("COMMIT")
        if other.in_transaction:
            other.execute("ROLLBACK")
        return super().execute("SELECT ?", answer[0])


def test_a_database_that_is_being_made_is_none_yet_or_ours(tmp_path: Path) -> None:
    """What tells whose it is, is read of one moment: several threads or processes begin with it."""
    path = tmp_path / "node.sqlite"
    with (
        closing(sqlite3.connect(path, isolation_level=None, timeout=0, factory=_Overtaken)) as reader,
        closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as maker,
    ):
        assert isinstance(reader, _Overtaken)
        reader.other = maker
        assert not check_version(reader, path)
        maker.execute("BEGIN IMMEDIATE")
        create(maker)
        maker.execute("COMMIT")
        assert check_version(reader, path)
