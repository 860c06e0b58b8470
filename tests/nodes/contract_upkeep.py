"""What every node promises of walks, repair and garbage collection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.directories import build_directory
from ipwhl_mirror.nodes.base import Fault, Pin, Reach
from ipwhl_mirror.nodes.errors import PinFailed
from tests.nodes.world import HASTY, below, blocks_of, broken_part, walked
from tests.simulators.dags import Dag, make_release
from tests.simulators.vectors import content

if TYPE_CHECKING:
    from ipwhl_mirror.ipld.cid import Cid
    from tests.nodes.world import World


class UpkeepContract:
    """Walks, repair, garbage collection."""

    async def test_walk_names_parents_before_children_and_each_block_once(
        self, world: World, dag: Dag
    ) -> None:
        """The root first; a parent is one whose link led there."""
        await world.node.put_blocks(dag.blocks.items())
        known: set[Cid] = set()
        for block in await walked(world.node, dag.root):
            assert block.cid not in known
            assert (block.parent is None) == (block.cid == dag.root)
            assert block.parent is None or block.parent in known
            known.add(block.cid)
        assert known == set(dag.blocks)

    @pytest.mark.parametrize("part", ["root", "file", "leaf"])
    async def test_walk_reports_a_damaged_block_and_stops_there(
        self, world: World, dag: Dag, part: str
    ) -> None:
        """CORRUPT, by the CID that the link named; what is below is not told."""
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "x")
        broken = broken_part(dag, part)
        await world.damage(broken)
        blocks = {block.cid: block.fault for block in await walked(world.node, dag.root)}
        gone = {cid for cid in dag.blocks if cid.digest in below(dag, broken)}
        assert blocks == {
            cid: Fault.CORRUPT if cid == broken else None for cid in dag.blocks if cid not in gone
        }

    @pytest.mark.parametrize("part", ["root", "file"])
    async def test_walk_reports_a_missing_block_though_the_network_has_it(
        self, world: World, dag: Dag, part: str
    ) -> None:
        """MISSING, with no size: a walk is offline."""
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "x")
        lost = broken_part(dag, part)
        await world.lose(lost)
        faults = [block for block in await walked(world.node, dag.root) if block.fault]
        assert [(block.cid, block.fault, block.size) for block in faults] == [(lost, Fault.MISSING, 0)]

    async def test_a_raw_link_is_not_descended_into(self, world: World, dag: Dag) -> None:
        """It keeps its block and nothing below; with its dag-pb name beside it, all is walked."""
        raw = build_directory([Link(dag.root.as_raw(), "root", 0)])
        both = build_directory([Link(dag.root.as_raw(), "a", 0), Link(dag.root, "b", 0)])
        await world.node.put_blocks([*raw.blocks, *both.blocks, *dag.blocks.items()])
        assert [block.cid for block in await walked(world.node, raw.cid)] == [raw.cid, dag.root.as_raw()]
        digests = [block.cid.digest for block in await walked(world.node, both.cid)]
        assert len(digests) == len(set(digests)) == len(dag.blocks) + 1

    @pytest.mark.parametrize("part", ["root", "file", "leaf"])
    async def test_repair_replaces_broken_blocks_and_touches_no_pin(
        self, world: World, dag: Dag, part: str
    ) -> None:
        """Afterwards the walk is clean."""
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "x")
        await world.damage(broken_part(dag, part))
        broken = [block.cid for block in await walked(world.node, dag.root) if block.fault]
        await world.node.repair(broken)
        assert {(b.cid, b.fault) for b in await walked(world.node, dag.root)} == {
            (cid, None) for cid in dag.blocks
        }
        assert await world.node.pins() == [Pin(dag.root, "x")]

    async def test_a_repair_that_cannot_be_had_says_what(self, world: World, dag: Dag) -> None:
        """PinFailed lists it; the pin stays."""
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "x")
        await world.damage(dag.root)
        world.cut_off()
        with pytest.raises(PinFailed) as caught:
            await world.node.repair([dag.root], transfer=HASTY)
        assert [cid for cid, _ in caught.value.failed] == [dag.root]
        assert await world.node.pins() == [Pin(dag.root, "x")]

    async def test_preview_is_what_a_collection_removes(self, world: World, dag: Dag) -> None:
        """The same numbers; the preview deletes nothing; what is pinned stays."""
        kept = make_release({"kept/kept-1-py3-none-any.whl": content(300_000)})
        world.offer({**dag.by_digest(), **kept.by_digest()})
        await world.node.pin(kept.root, "kept")
        await world.node.pin(dag.root, "x")
        await world.node.unpin(dag.root)
        preview = await world.node.preview_gc()
        gone = dag.by_digest().keys() - kept.by_digest().keys()
        assert (preview.blocks, preview.partial_bytes) == (len(gone), 0)
        assert preview == await world.node.preview_gc()
        assert not [block for block in await walked(world.node, dag.root) if block.fault]
        assert await world.node.collect_garbage() == preview
        assert [block.fault for block in await walked(world.node, dag.root)] == [Fault.MISSING]
        assert {(b.cid, b.fault) for b in await walked(world.node, kept.root)} == {
            (cid, None) for cid in kept.blocks
        }
        assert (await world.node.preview_gc()).bytes == 0

    async def test_a_leaf_of_two_files_survives_the_one_that_goes(self, world: World) -> None:
        """Whichever it is."""
        shared = content(262_144)
        for gone, kept in ((b"a", b"b"), (b"b", b"a")):
            dags = {
                tail: make_release({"p/p-1-py3-none-any.whl": shared + tail + gone}) for tail in (gone, kept)
            }
            for tail, dag in dags.items():
                world.offer(dag.by_digest())
                await world.node.pin(dag.root, tail.decode())
            await world.node.unpin(dags[gone].root)
            await world.node.collect_garbage()
            assert not [b for b in await walked(world.node, dags[kept].root) if b.fault]
            await world.node.unpin(dags[kept].root)
            await world.node.collect_garbage()

    async def test_a_raw_link_keeps_its_block_from_collection(self, world: World, dag: Dag) -> None:
        """And nothing below it."""
        tree = build_directory([Link(dag.root.as_raw(), "root", 0)])
        await world.node.put_blocks([*tree.blocks, *dag.blocks.items()])
        await world.node.pin(tree.cid, "index")
        removed = await world.node.collect_garbage()
        assert removed.blocks == len(dag.blocks) - 1
        good = {dag.root: dag.blocks[dag.root]}
        assert await blocks_of(world.node.get_blocks(good, Reach.LOCAL)) == good

    async def test_a_collection_waits_for_running_pins(self, world: World, dag: Dag) -> None:
        """What a pin has fetched is not taken from under it."""
        world.offer(dag.by_digest())
        await blocks_of(world.node.get_blocks([dag.root], Reach.NETWORK))
        world.hold()
        pinning = asyncio.create_task(world.node.pin(dag.root, "x"))
        await world.held()
        collecting = asyncio.create_task(world.node.collect_garbage())
        await asyncio.wait([collecting], timeout=0.02)
        assert not collecting.done()
        world.release()
        await pinning
        assert (await collecting).blocks == 0
        assert not [block for block in await walked(world.node, dag.root) if block.fault]
