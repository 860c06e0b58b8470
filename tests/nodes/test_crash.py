"""kill -9 of the embedded node at every step: no finished work is lost, and the next run resumes.

A child process does the work and ends itself, without any clean-up, where the store tells the step.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.nodes.base import Pin
from ipwhl_mirror.nodes.car_blocks import CarBlocks
from ipwhl_mirror.nodes.embedded.layout import Layout, Step
from ipwhl_mirror.nodes.embedded.node import EmbeddedNode
from ipwhl_mirror.nodes.errors import PinFailed
from tests.nodes.embedded_disk import flip_bit
from tests.nodes.embedded_world import EmbeddedWorld, store_directory, world
from tests.nodes.world import walked, write_car
from tests.simulators.dags import BIG, Dag, make_release, small_release
from tests.simulators.faults import Stall
from tests.simulators.vectors import content

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["store_directory", "world"]

ROOT = Path(__file__).parents[2]
CHILD = """
import asyncio, os, sys
from pathlib import Path
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.nodes.car_blocks import CarBlocks
from ipwhl_mirror.nodes.embedded.node import EmbeddedNode

directory, step, count, work, *rest = sys.argv[1:]
left = int(count)

def on_step(reached):
    global left
    if reached.name == step:
        left -= 1
        if not left:
            os._exit(9)

async def main():
    node = EmbeddedNode(Path(directory), [rest[1]] if work == "pin" else [], on_step=on_step)
    if work == "import":
        await node.import_car(CarBlocks.scan(Path(rest[1])), [Cid.parse(rest[0])])
        await node.pin(Cid.parse(rest[0]), "x")
    elif work == "pin":
        await node.pin(Cid.parse(rest[0]), "x")
    elif work == "add":
        await node.add_file(Path(rest[0]), cid_version=0)
    else:
        await node.collect_garbage()

asyncio.run(main())
"""


def command(directory: Path, step: str, count: int, *work: str) -> tuple[str, ...]:
    """The child's command line."""
    return (sys.executable, "-B", "-c", CHILD, str(directory), step, str(count), *work)


def kill_at(step: Step, directory: Path, *work: str, count: int = 1) -> None:
    """Let a child do the work and die at the step."""
    ended = subprocess.run(command(directory, step.name, count, *work), cwd=ROOT, check=False)
    assert ended.returncode == 9


@pytest.fixture
def dag() -> Dag:
    """One wheel of several chunks, so that the first step is its own."""
    return make_release({BIG: content(900_000)})


def car_without_wheels(path: Path, dag: Dag) -> None:
    """A CAR of the release's directories alone."""
    wheel, _ = dag.files[BIG]
    inside = {cid: block for cid, block in dag.blocks.items() if cid.version == 1}
    assert wheel not in inside
    write_car(path, Dag(dag.root, inside, {}))


FILE_STEPS = [
    Step.PAYLOAD_WRITTEN,
    Step.PART_SYNCED,
    Step.RENAMED,
    Step.DIRECTORY_SYNCED,
    Step.ROWS_COMMITTED,
    Step.NODES_REMOVED,
]


@pytest.mark.parametrize("step", FILE_STEPS, ids=lambda step: step.name)
async def test_a_wheel_that_came_is_not_needed_again(
    step: Step, dag: Dag, store_directory: Path, tmp_path: Path
) -> None:
    """After any step the wheel is made whole from the disk alone, and no block is left beside it."""
    write_car(tmp_path / "whole.car", dag)
    kill_at(step, store_directory, "import", str(dag.root), str(tmp_path / "whole.car"))
    node = EmbeddedNode(store_directory)
    assert await node.pins() == []
    wheel, data = dag.files[BIG]
    if await node.whole([wheel]):
        path = node.local_path(wheel)
        assert path is not None
        assert path.read_bytes() == data
    car_without_wheels(tmp_path / "rest.car", dag)
    await node.import_car(CarBlocks.scan(tmp_path / "rest.car"), [dag.root])
    await node.pin(dag.root, "x")
    assert not [block for block in await walked(node, dag.root) if block.fault]
    left = await node.collect_garbage()
    assert left.blocks == 0
    assert left.bytes == left.partial_bytes < 1000
    assert list(Layout(store_directory).unfinished()) == []
    await node.aclose()


async def test_a_pin_that_was_told_is_there(dag: Dag, store_directory: Path, tmp_path: Path) -> None:
    """Killed right after the pin: it is whole."""
    write_car(tmp_path / "whole.car", dag)
    kill_at(Step.PIN_COMMITTED, store_directory, "import", str(dag.root), str(tmp_path / "whole.car"))
    node = EmbeddedNode(store_directory)
    assert await node.pins() == [Pin(dag.root, "x")]
    assert not [block for block in await walked(node, dag.root) if block.fault]
    await node.aclose()


@pytest.mark.parametrize("step", FILE_STEPS[:-1], ids=lambda step: step.name)
async def test_a_file_half_added_is_garbage_or_whole(
    step: Step, store_directory: Path, tmp_path: Path
) -> None:
    """Never a row without its bytes; adding again makes it whole, and leaves nothing behind a collection."""
    (tmp_path / "a").write_bytes(content(600_000))
    kill_at(step, store_directory, "add", str(tmp_path / "a"))
    node = EmbeddedNode(store_directory)
    preview = await node.preview_gc()
    is_committed = step is Step.ROWS_COMMITTED
    assert preview.bytes >= 600_000
    assert (preview.partial_bytes == 0) == is_committed
    added = await node.add_file(tmp_path / "a", cid_version=0)
    assert not [block for block in await walked(node, added.cid) if block.fault]
    await node.collect_garbage()
    assert [*Layout(store_directory).unfinished(), *Layout(store_directory).finished()] == []
    await node.aclose()


@pytest.mark.parametrize("step", [Step.ROWS_REMOVED, Step.FILE_REMOVED], ids=lambda step: step.name)
async def test_a_killed_collection_is_finished_by_the_next(
    step: Step, store_directory: Path, tmp_path: Path
) -> None:
    """What is pinned is untouched; the rest goes."""
    kept, gone = make_release({BIG: content(600_000)}), small_release()
    node = EmbeddedNode(store_directory)
    for dag in (kept, gone):
        write_car(tmp_path / "a.car", dag)
        await node.import_car(CarBlocks.scan(tmp_path / "a.car"), [dag.root])
    await node.pin(kept.root, "kept")
    await node.aclose()
    kill_at(step, store_directory, "gc")
    node = EmbeddedNode(store_directory)
    assert not [block for block in await walked(node, kept.root) if block.fault]
    await node.collect_garbage()
    assert not [block for block in await walked(node, kept.root) if block.fault]
    assert {digest for digest, _ in Layout(store_directory).finished()} == {kept.files[BIG][0].digest}
    await node.aclose()


@pytest.mark.parametrize("step", FILE_STEPS, ids=lambda step: step.name)
@pytest.mark.parametrize("damage", ["flipped", "cut"])
async def test_a_killed_repair_is_known_or_done(
    world: EmbeddedWorld, dag: Dag, step: Step, damage: str
) -> None:
    """After the kill the walk tells the damage, or there is none; the next repair mends it."""

    class Killed(BaseException):
        pass

    def kill(reached: Step) -> None:
        if reached is step:
            raise Killed

    world.offer(dag.by_digest())
    await world.node.pin(dag.root, "x")
    wheel, data = dag.files[BIG]
    path = world.node.local_path(wheel)
    assert path is not None
    flip_bit(path, 300_000) if damage == "flipped" else path.write_bytes(data[:300_000])
    broken = [block.cid for block in await walked(world.node, dag.root) if block.fault]
    dying = world.open(on_step=kill)
    if step is Step.RENAMED and damage == "flipped":
        await dying.repair(broken)
    else:
        with pytest.raises(Killed):
            await dying.repair(broken)
    again = world.open()
    still = [block.cid for block in await walked(again, dag.root) if block.fault]
    shown = again.local_path(wheel)
    assert still or (shown is not None and shown.read_bytes() == data)
    await again.repair(still)
    assert path.read_bytes() == data
    assert not [block for block in await walked(again, dag.root) if block.fault]
    assert await again.pins() == [Pin(dag.root, "x")]


async def test_a_pin_killed_in_the_middle_of_a_wheel_goes_on_there(world: EmbeddedWorld, dag: Dag) -> None:
    """SIGKILL while the gateway is silent after two chunks and a half: those two are not fetched again."""
    world.offer(dag.by_digest())
    world.gateway.script = [None, None, Stall(after=650_000)]
    child = await asyncio.create_subprocess_exec(
        *command(world.directory, "", 0, "pin", str(dag.root), world.gateway.url), cwd=ROOT
    )
    part = Layout(world.directory).part(dag.files[BIG][0].digest)
    while not part.exists() or part.stat().st_size < 2 * 262_144:  # noqa: ASYNC110 -- of another process
        await asyncio.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    await child.wait()
    served = world.gateway.bytes_served
    await world.node.pin(dag.root, "x")
    assert world.gateway.bytes_served - served < 900_000 - 2 * 262_144 + 1000
    assert not [block for block in await walked(world.node, dag.root) if block.fault]
    assert list(Layout(world.directory).unfinished()) == []


@pytest.fixture
def hot_journal(store_directory: Path) -> Iterator[Path]:
    """A store whose last writer was killed within a transaction that had begun to reach the disk."""
    script = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = TRUNCATE")
connection.execute("PRAGMA cache_size = 2")
connection.execute("BEGIN IMMEDIATE")
for number in range(200):
    connection.execute("INSERT INTO blocks VALUES (?, ?)", (os.urandom(32), os.urandom(9000)))
os._exit(9)
"""
    node = EmbeddedNode(store_directory)
    asyncio.run(node.put_blocks(small_release().blocks.items()))
    asyncio.run(node.aclose())
    path = Layout(store_directory).database
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert Layout(store_directory).journal.stat().st_size > 0
    yield path


def test_a_transaction_that_was_killed_is_undone_by_the_next_reader(
    hot_journal: Path, store_directory: Path
) -> None:
    """The database is as it was before it."""
    node = EmbeddedNode(store_directory)
    assert asyncio.run(node.preview_gc()).blocks == len(small_release().blocks)
    asyncio.run(node.aclose())
    with closing(sqlite3.connect(hot_journal)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


async def test_a_failed_pin_leaves_no_descriptor_open(world: EmbeddedWorld, dag: Dag) -> None:
    """A program that runs for months does not run out of them."""
    world.offer(dag.by_digest())
    world.withdraw(dag.files[BIG][0])
    for _ in range(2):
        with pytest.raises(PinFailed):
            await world.node.pin(dag.root, "x")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(PinFailed):
            await world.node.pin(dag.root, "x")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
