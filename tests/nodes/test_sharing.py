"""One store directory, several processes: readers that need nothing, a full disk, locks that are let go."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ipwhl_mirror.nodes.base import Fault, GcPreview, Reach, Transfer
from ipwhl_mirror.nodes.embedded.node import EmbeddedNode
from ipwhl_mirror.nodes.errors import NodeRefused, NoSpace
from tests.nodes.embedded_world import EmbeddedWorld, store_directory, world
from tests.nodes.world import blocks_of, walked
from tests.simulators.dags import make_release, small_release

__all__ = ["store_directory", "world"]

V0 = small_release(0)


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
