"""The embedded node's store: files added, garbage told apart, versions refused, readers that need nothing."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.directories import build_directory
from ipwhl_mirror.nodes.base import Fault, GcPreview, Reach, Transfer
from ipwhl_mirror.nodes.embedded.layout import Layout, digest_of, file_name
from ipwhl_mirror.nodes.embedded.node import EmbeddedNode
from ipwhl_mirror.nodes.errors import NodeRefused, NoSpace, StoreDamaged
from tests.nodes.embedded_world import EmbeddedWorld, store_directory, world
from tests.nodes.world import blocks_of, walked
from tests.simulators.dags import BIG, SMALL, make_release, small_release
from tests.simulators.vectors import content, file_vectors

if TYPE_CHECKING:
    from collections.abc import Callable

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


# Readers


async def test_reading_makes_nothing(world: EmbeddedWorld) -> None:
    """A store that does not exist reads as an empty one, and still does not exist."""
    assert await world.node.pins() == []
    assert (await world.node.status()).repo_bytes == 0
    assert await world.node.whole([V0.root]) == set()
    assert [block.fault for block in await walked(world.node, V0.root)] == [Fault.MISSING]
    assert await world.node.preview_gc() == GcPreview(blocks=0, bytes=0)
    assert not world.directory.exists()


async def test_other_processes_read_while_a_pin_runs(world: EmbeddedWorld) -> None:
    """Status, pins, blocks and files: all at once, and what is stored already is found."""
    world.offer(V0.by_digest())
    await blocks_of(world.node.get_blocks([V0.root], Reach.NETWORK))
    world.hold()
    pinning = asyncio.create_task(world.node.pin(V0.root, "x"))
    await world.held()
    reader = world.open()
    assert await reader.pins() == []
    assert (await reader.status()).repo_bytes > 0
    assert len(await blocks_of(reader.get_blocks([V0.root], Reach.LOCAL))) == 1
    world.release()
    await pinning
    assert len(await reader.pins()) == 1


READER = """
import asyncio, json, os, resource, signal, sys
from pathlib import Path
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.nodes.embedded.node import EmbeddedNode

def without_write_permission():
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

def without_a_free_byte():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

async def main(directory, root):
    node = EmbeddedNode(Path(directory))
    faults = [block.fault async for block in node.walk(Cid.parse(root))]
    pins = [pin.name for pin in await node.pins()]
    repo_bytes = (await node.status()).repo_bytes
    preview = await node.preview_gc()
    try:
        await node.unpin(Cid.parse(root))
        refused = None
    except Exception as error:
        refused = type(error).__name__
    await node.aclose()
    print(json.dumps([len(faults), any(faults), pins, repo_bytes > 0, preview.blocks, refused]))

globals()[sys.argv[1]]()
asyncio.run(main(*sys.argv[2:]))
"""


@pytest.mark.parametrize("limit", ["without_write_permission", "without_a_free_byte"])
async def test_a_reader_needs_no_permission_and_no_disk(world: EmbeddedWorld, limit: str) -> None:
    """Walk, pins, status and the preview work; what writes is refused in our words."""
    world.offer(V0.by_digest())
    await world.node.pin(V0.root, "a name")
    for path in [world.directory.parent, world.directory, *world.directory.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-B", "-c", READER, limit, str(world.directory), str(V0.root)),
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
    )
    output, _ = await process.communicate()
    for path in [world.directory.parent, world.directory, *world.directory.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    *read, refused = json.loads(output)
    assert read == [len(V0.blocks), False, ["a name"], True, 0]
    assert refused in ("NodeRefused", "NoSpace")


# A full disk


async def test_a_full_disk_stops_a_pin_and_is_gone_on_from(world: EmbeddedWorld) -> None:
    """NoSpace, no pin; what came is not fetched again when there is room."""
    world.offer(V0.by_digest())
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, hard))
    try:
        with pytest.raises(NoSpace) as caught:
            await world.node.pin(V0.root, "x", transfer=Transfer(concurrency=1))
        assert "resumes" in (caught.value.hint or "")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert await world.node.pins() == []
    served = world.gateway.bytes_served
    await world.node.pin(V0.root, "x")
    assert world.gateway.bytes_served - served < 450_000
    assert not [block for block in await walked(world.node, V0.root) if block.fault]


# Several processes


async def test_two_nodes_pin_the_same_wheels_at_once(world: EmbeddedWorld) -> None:
    """Each wheel is put together by one of them; both have it; nothing is fetched twice."""
    other_release = make_release(
        {**{path: data for path, (_, data) in V0.files.items()}, "x/x-1-py3-none-any.whl": b"x"}
    )
    world.offer({**V0.by_digest(), **other_release.by_digest()})
    other = world.open()
    await asyncio.gather(world.node.pin(V0.root, "a"), other.pin(other_release.root, "b"))
    cars = [request.path for request in world.gateway.requests if request.format == "car"]
    assert len(cars) == len(set(cars)) == len(other_release.files)
    for dag in (V0, other_release):
        assert not [block for block in await walked(world.node, dag.root) if block.fault]
    assert (await other.preview_gc()).bytes == 0


async def test_garbage_collection_waits_for_the_pin_of_another_process(world: EmbeddedWorld) -> None:
    """The lock is in the store's directory, not in the process."""
    world.offer(V0.by_digest())
    other = world.open()
    world.hold()
    pinning = asyncio.create_task(world.node.pin(V0.root, "x"))
    await world.held()
    collecting = asyncio.create_task(other.collect_garbage())
    await asyncio.wait([collecting], timeout=0.02)
    assert not collecting.done()
    world.release()
    await pinning
    assert await collecting == GcPreview(blocks=0, bytes=0)


async def test_a_cancelled_pin_lets_its_locks_go(world: EmbeddedWorld) -> None:
    """A collection begins at once, and another pin of the same wheels too."""
    world.offer(V0.by_digest())
    for _ in range(3):
        world.hold()
        pinning = asyncio.create_task(world.node.pin(V0.root, "x"))
        await world.held()
        pinning.cancel()
        await asyncio.wait([pinning])
        world.release()
        await world.node.collect_garbage()
    await world.open().pin(V0.root, "x")


async def test_a_store_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """Where the directory should be there is a file."""
    (tmp_path / "node").write_text("")
    node = EmbeddedNode(tmp_path / "node")
    with pytest.raises(NodeRefused, match="cannot write"):
        await node.put_blocks(V0.blocks.items())
    await node.aclose()
