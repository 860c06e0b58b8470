"""What a bad disk does to the embedded node's store: the walk tells each fault, and repair mends each."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.ipld.files import parse_file_node
from ipwhl_mirror.nodes.base import Fault, Pin, Reach
from ipwhl_mirror.nodes.embedded.database import Database
from ipwhl_mirror.nodes.embedded.layout import Layout
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound, NodeRefused, PinFailed
from tests.nodes.embedded_disk import damage_block, flip_bit, lose_block
from tests.nodes.embedded_world import EmbeddedWorld, store_directory, world
from tests.nodes.world import blocks_of, read, walked
from tests.simulators.dags import BIG, SMALL, Dag, make_release, small_release
from tests.simulators.vectors import content

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["store_directory", "world"]

V0, V1 = small_release(0), small_release(1)
CHUNK = 262_144


def leaves(dag: Dag, path: str) -> list[Cid]:
    """The leaves of a file, in its order."""
    root, _ = dag.files[path]
    return [cid for cid, _ in parse_file_node(root, dag.blocks[root]).children]


def file_of(world: EmbeddedWorld, dag: Dag, path: str) -> Path:
    """Where the node keeps a file."""
    return Layout(world.directory).whole(dag.files[path][0].digest)


def truncate(path: Path, size: int) -> None:
    """Cut a file, or lengthen it with zeros."""
    os.truncate(path, size)


def zero(path: Path, start: int, end: int) -> None:
    """Overwrite a part of a file with zeros."""
    with path.open("r+b") as stream:
        stream.seek(start)
        stream.write(bytes(end - start))


CASES: dict[str, tuple[Callable[[EmbeddedWorld, Dag], object], Callable[[Dag], dict[Cid, Fault]]]] = {
    "flipped bit in a leaf": (
        lambda world, dag: flip_bit(file_of(world, dag, BIG), CHUNK + 5),
        lambda dag: {leaves(dag, BIG)[1]: Fault.CORRUPT},
    ),
    "flipped bit in a single chunk": (
        lambda world, dag: flip_bit(file_of(world, dag, SMALL), 0),
        lambda dag: {dag.files[SMALL][0]: Fault.CORRUPT},
    ),
    "zeroed leaf": (
        lambda world, dag: zero(file_of(world, dag, BIG), 2 * CHUNK, 3 * CHUNK),
        lambda dag: {leaves(dag, BIG)[2]: Fault.CORRUPT},
    ),
    "truncated in a leaf": (
        lambda world, dag: truncate(file_of(world, dag, BIG), 2 * CHUNK + 10),
        lambda dag: {leaves(dag, BIG)[2]: Fault.CORRUPT, leaves(dag, BIG)[3]: Fault.MISSING},
    ),
    "truncated to nothing": (
        lambda world, dag: truncate(file_of(world, dag, BIG), 0),
        lambda dag: dict.fromkeys(leaves(dag, BIG), Fault.MISSING),
    ),
    "too long": (
        lambda world, dag: truncate(file_of(world, dag, BIG), 900_001),
        lambda dag: {dag.files[BIG][0]: Fault.CORRUPT},
    ),
    "deleted file": (
        lambda world, dag: file_of(world, dag, BIG).unlink(),
        lambda dag: dict.fromkeys(leaves(dag, BIG), Fault.MISSING),
    ),
    "deleted single chunk": (
        lambda world, dag: file_of(world, dag, SMALL).unlink(),
        lambda dag: {dag.files[SMALL][0]: Fault.MISSING},
    ),
    "wrong inner block": (
        lambda world, dag: damage_block(world.directory, dag.files[BIG][0]),
        lambda dag: {dag.files[BIG][0]: Fault.CORRUPT},
    ),
    "missing inner block": (
        lambda world, dag: lose_block(world.directory, dag.files[BIG][0]),
        lambda dag: {dag.files[BIG][0]: Fault.MISSING},
    ),
    "wrong directory": (
        lambda world, dag: damage_block(world.directory, dag.root),
        lambda dag: {dag.root: Fault.CORRUPT},
    ),
    "missing directory": (
        lambda world, dag: lose_block(world.directory, dag.root),
        lambda dag: {dag.root: Fault.MISSING},
    ),
}


@pytest.mark.parametrize("dag", [V0, V1], ids=["v0", "v1"])
@pytest.mark.parametrize(("damage", "expected"), CASES.values(), ids=CASES)
async def test_damage_is_told_and_mended(
    world: EmbeddedWorld,
    dag: Dag,
    damage: Callable[[EmbeddedWorld, Dag], object],
    expected: Callable[[Dag], dict[Cid, Fault]],
) -> None:
    """Exactly what is broken is told; repair fetches no more than it; the file is as it was, the pin too."""
    world.offer(dag.by_digest())
    await world.node.pin(dag.root, "x")
    damage(world, dag)
    broken = {block.cid: block.fault for block in await walked(world.node, dag.root) if block.fault}
    assert broken == expected(dag)
    served = world.gateway.bytes_served
    await world.node.repair(broken)
    fetched = world.gateway.bytes_served - served
    assert fetched <= sum(len(dag.blocks[cid]) for cid in broken) + 2000
    assert {block.cid: block.fault for block in await walked(world.node, dag.root)} == dict.fromkeys(
        dag.blocks
    )
    for path, (_, data) in dag.files.items():
        assert file_of(world, dag, path).read_bytes() == data
    assert await world.node.pins() == [Pin(dag.root, "x")]
    assert (await world.node.preview_gc()).bytes == 0


async def test_a_leaf_that_is_good_once_and_bad_once_is_told(world: EmbeddedWorld) -> None:
    """Every place of a block is read, and mended from the good one without a network."""
    shared = content(CHUNK)
    dag = make_release({"a/a-1-py3-none-any.whl": shared + b"a", "b/b-1-py3-none-any.whl": shared + b"b"})
    world.offer(dag.by_digest())
    await world.node.pin(dag.root, "x")
    flip_bit(file_of(world, dag, "b/b-1-py3-none-any.whl"), 7)
    blocks = await walked(world.node, dag.root)
    leaf = leaves(dag, "a/a-1-py3-none-any.whl")[0]
    assert [(b.cid, b.fault) for b in blocks if b.cid == leaf][-1] == (leaf, Fault.CORRUPT)
    assert await blocks_of(world.node.get_blocks([leaf], Reach.LOCAL)) == {leaf: dag.blocks[leaf]}
    world.cut_off()
    await world.node.repair([leaf])
    assert not [block for block in await walked(world.node, dag.root) if block.fault]


async def test_a_leaf_that_stands_twice_in_one_file_is_read_twice(world: EmbeddedWorld) -> None:
    """The second place is told when it alone is bad."""
    dag = make_release({"a/a-1-py3-none-any.whl": content(CHUNK) * 2})
    world.offer(dag.by_digest())
    await world.node.pin(dag.root, "x")
    assert len(await walked(world.node, dag.root)) == len(dag.blocks)
    flip_bit(file_of(world, dag, "a/a-1-py3-none-any.whl"), CHUNK + 1)
    faults = [block.fault for block in await walked(world.node, dag.root) if block.fault]
    assert faults == [Fault.CORRUPT]


async def test_a_failed_repair_leaves_the_good_part_readable(world: EmbeddedWorld) -> None:
    """No gateway: the broken leaf is still the only broken one."""
    world.offer(V0.by_digest())
    await world.node.pin(V0.root, "x")
    flip_bit(file_of(world, V0, BIG), 0)
    world.cut_off()
    with pytest.raises(PinFailed) as caught:
        await world.node.repair([leaves(V0, BIG)[0]])
    assert "--gateway" in (caught.value.hint or "")
    faults = [block.cid for block in await walked(world.node, V0.root) if block.fault]
    assert faults == [leaves(V0, BIG)[0]]


async def test_a_damaged_file_is_never_read_short(world: EmbeddedWorld) -> None:
    """Cut or gone: the error of the block, after the bytes before it."""
    world.offer(V0.by_digest())
    await world.node.pin(V0.root, "x")
    cid, data = V0.files[BIG]
    path = file_of(world, V0, BIG)
    truncate(path, CHUNK + 5)
    came = bytearray()
    with pytest.raises(BlockCorrupt):
        async for piece in world.node.read_file(cid):
            came += piece
    assert came == data[:CHUNK]
    path.unlink()
    with pytest.raises(BlockNotFound):
        await read(world.node, cid)


async def test_pinning_what_shares_a_damaged_file_mends_it(world: EmbeddedWorld) -> None:
    """A file that is gone or cut is not taken for whole by another pin."""
    other = make_release({BIG: V0.files[BIG][1], "new/new-1-py3-none-any.whl": b"new"})
    world.offer({**V0.by_digest(), **other.by_digest()})
    await world.node.pin(V0.root, "x")
    truncate(file_of(world, V0, BIG), 100)
    assert world.node.local_path(V0.files[BIG][0]) is None
    await world.node.pin(other.root, "y")
    assert not [block for block in await walked(world.node, V0.root) if block.fault]
    assert file_of(world, V0, BIG).read_bytes() == V0.files[BIG][1]


async def test_nothing_is_collected_while_a_pinned_directory_cannot_be_read(world: EmbeddedWorld) -> None:
    """What it keeps is not known, so all is kept, and the words say what to do."""
    world.offer(V0.by_digest())
    await world.node.pin(V0.root, "x")
    damage_block(world.directory, V0.root)
    for attempt in (world.node.preview_gc, world.node.collect_garbage):
        with pytest.raises(NodeRefused, match=r"nothing was removed: pinned block .* is corrupt") as caught:
            await attempt()
        assert caught.value.hint == "run verify --repair first"
    await world.node.repair([V0.root])
    assert (await world.node.collect_garbage()).blocks == 0


async def test_a_lost_database_costs_no_wheel(world: EmbeddedWorld) -> None:
    """Wheels that lie on disk without a row are taken up again: only nodes and directories are fetched."""
    world.offer(V0.by_digest())
    await world.node.pin(V0.root, "x")
    await world.reopen(lose_database=True)
    assert await world.node.pins() == []
    served = world.gateway.bytes_served
    await world.node.pin(V0.root, "x")
    assert world.gateway.bytes_served - served < 3000
    assert not [block for block in await walked(world.node, V0.root) if block.fault]


async def test_a_row_for_a_raw_name_is_no_file(world: EmbeddedWorld) -> None:
    """Raw and dag-pb name the same bytes, but only one of them a file of them."""
    world.offer(V0.by_digest())
    await world.node.pin(V0.root, "x")
    root, data = V0.files[SMALL]
    raw = Cid(1, RAW, root.digest)
    assert root.codec == DAG_PB
    assert await world.node.file_size(root) == len(data)
    assert await world.node.file_size(raw) == len(V0.blocks[root])
    assert await world.node.whole([raw]) == set()


def test_the_store_uses_no_wal_and_syncs(tmp_path: Path) -> None:
    """The pragmas that power cuts and readers depend on."""
    database = Database(tmp_path / "node.sqlite")
    with database.write() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "truncate"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert connection.execute("PRAGMA mmap_size").fetchone() in (None, (0,))
    database.close()
    with closing(sqlite3.connect(tmp_path / "node.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
