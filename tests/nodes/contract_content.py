"""What every node promises of blocks, files and CARs."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import DAG_PB
from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.directories import build_directory
from ipwhl_mirror.ipld.errors import HashMismatch
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.nodes.car_blocks import CarBlocks
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound, NoSource
from tests.nodes.world import FILES, UNKNOWN, blocks_of, broken_part, read, walked, write_car
from tests.simulators.dags import BIG, SMALL, Dag
from tests.simulators.vectors import content

if TYPE_CHECKING:
    from pathlib import Path

    from tests.nodes.world import World
    from tests.simulators.vectors import FileVector


class ContentContract:
    """Blocks, files, CARs."""

    async def test_a_block_is_found_under_every_cid_with_its_digest(self, world: World) -> None:
        """Stores are keyed by multihash."""
        tree = build_directory([])
        ((cid, block),) = tree.blocks
        await world.node.put_blocks([(cid, block)])
        names = [cid.as_version(0), cid.as_version(1), cid.as_raw()]
        assert await blocks_of(world.node.get_blocks(names, Reach.LOCAL)) == dict.fromkeys(names, block)

    async def test_get_blocks_gives_duplicates_once(self, world: World, dag: Dag) -> None:
        """A CID asked for twice comes once."""
        await world.node.put_blocks(dag.blocks.items())
        asked = [*dag.blocks, *dag.blocks]
        assert await blocks_of(world.node.get_blocks(asked, Reach.LOCAL)) == dag.blocks

    async def test_local_reach_asks_no_network(self, world: World, dag: Dag) -> None:
        """What is elsewhere is not found with Reach.LOCAL."""
        world.offer(dag.by_digest())
        with pytest.raises(BlockNotFound) as caught:
            await blocks_of(world.node.get_blocks([dag.root], Reach.LOCAL))
        assert caught.value.cid == dag.root

    async def test_fetched_blocks_are_kept_unpinned(self, world: World, dag: Dag) -> None:
        """Reach.NETWORK fetches, keeps and does not pin: a collection removes them all."""
        world.offer(dag.by_digest())
        assert await blocks_of(world.node.get_blocks(dag.blocks, Reach.NETWORK)) == dag.blocks
        world.cut_off()
        assert await blocks_of(world.node.get_blocks(dag.blocks, Reach.LOCAL)) == dag.blocks
        assert await world.node.pins() == []
        removed = await world.node.collect_garbage()
        assert removed.blocks >= len(dag.blocks)
        assert removed.bytes >= sum(map(len, dag.blocks.values()))
        for cid in dag.blocks:
            with pytest.raises(BlockNotFound):
                await blocks_of(world.node.get_blocks([cid], Reach.LOCAL))

    async def test_blocks_before_one_that_nobody_has_are_good_and_stay(self, world: World, dag: Dag) -> None:
        """BlockNotFound names the block; what came before it is here."""
        world.offer({dag.root.digest: dag.blocks[dag.root]})
        found = {}
        with pytest.raises(BlockNotFound) as caught:
            async for cid, block in world.node.get_blocks([dag.root], Reach.NETWORK):
                found[cid] = block
            async for cid, block in world.node.get_blocks([dag.root, UNKNOWN], Reach.NETWORK):
                found[cid] = block
        assert caught.value.cid == UNKNOWN
        assert found == {dag.root: dag.blocks[dag.root]}
        assert await blocks_of(world.node.get_blocks(found, Reach.LOCAL)) == found

    async def test_without_a_network_missing_blocks_have_no_source(self, world: World) -> None:
        """NoSource says how to get one."""
        world.cut_off()
        with pytest.raises(NoSource) as caught:
            await blocks_of(world.node.get_blocks([UNKNOWN], Reach.NETWORK))
        assert world.remedy in (caught.value.hint or "")

    async def test_arrivals_are_told_in_rising_numbers(self, world: World, dag: Dag) -> None:
        """As far as the node knows them before it gives the blocks; never more than were asked for."""
        world.offer(dag.by_digest())
        await world.node.put_blocks([(dag.root, dag.blocks[dag.root])])
        told: list[int] = []
        found = world.node.get_blocks(dag.blocks, Reach.NETWORK, on_arrival=told.append)
        assert await blocks_of(found) == dag.blocks
        assert told == sorted(told)
        assert all(0 <= number <= len(dag.blocks) for number in told)

    async def test_dag_blocks_gives_each_block_once(self, world: World, dag: Dag) -> None:
        """By the CIDs of the links, all that is below."""
        await world.node.put_blocks(dag.blocks.items())
        assert await blocks_of(world.node.dag_blocks(dag.root)) == dag.blocks

    async def test_dag_blocks_ends_at_raw_links(self, world: World, dag: Dag) -> None:
        """As an index has them: the block, and nothing below it."""
        tree = build_directory([Link(dag.root.as_raw(), "root", 0)])
        await world.node.put_blocks([*tree.blocks, *dag.blocks.items()])
        expected = dict(tree.blocks) | {dag.root.as_raw(): dag.blocks[dag.root]}
        assert await blocks_of(world.node.dag_blocks(tree.cid)) == expected

    @pytest.mark.parametrize("part", ["root", "file", "leaf"])
    async def test_dag_blocks_of_what_is_not_whole(self, world: World, dag: Dag, part: str) -> None:
        """BlockNotFound names what is missing, though the network has it; BlockCorrupt what is damaged."""
        broken = broken_part(dag, part)
        world.offer(dag.by_digest())
        await world.node.put_blocks((cid, block) for cid, block in dag.blocks.items() if cid != broken)
        with pytest.raises(BlockNotFound) as missing:
            await blocks_of(world.node.dag_blocks(dag.root))
        assert missing.value.cid == broken
        await world.node.put_blocks([(broken, dag.blocks[broken])])
        await world.damage(broken)
        with pytest.raises(BlockCorrupt) as corrupt:
            await blocks_of(world.node.dag_blocks(dag.root))
        assert corrupt.value.cid == broken

    async def test_a_damaged_block_is_not_given(self, world: World, dag: Dag) -> None:
        """BlockCorrupt with Reach.LOCAL; with Reach.NETWORK it is fetched again and mended."""
        await world.node.put_blocks(dag.blocks.items())
        await world.damage(dag.root)
        with pytest.raises(BlockCorrupt) as caught:
            await blocks_of(world.node.get_blocks([dag.root], Reach.LOCAL))
        assert caught.value.cid == dag.root
        world.offer(dag.by_digest())
        good = {dag.root: dag.blocks[dag.root]}
        assert await blocks_of(world.node.get_blocks([dag.root], Reach.NETWORK)) == good
        assert await blocks_of(world.node.get_blocks([dag.root], Reach.LOCAL)) == good

    async def test_one_wrong_block_and_none_of_the_batch_is_stored(self, world: World, dag: Dag) -> None:
        """HashMismatch names it."""
        batch = [*dag.blocks.items(), (UNKNOWN, b"something else")]
        with pytest.raises(HashMismatch) as caught:
            await world.node.put_blocks(batch)
        assert caught.value.cid == UNKNOWN
        assert (await world.node.preview_gc()).blocks == 0

    @pytest.mark.parametrize("case", FILES, ids=lambda case: f"{case.size}")
    @pytest.mark.parametrize("version", [0, 1])
    async def test_add_file_makes_what_ipfs_add_makes(
        self, world: World, case: FileVector, version: int, tmp_path: Path
    ) -> None:
        """The CIDs of files.json; the file is read, and left alone."""
        path = tmp_path / "a.whl"
        path.write_bytes(content(case.size))
        added = await world.node.add_file(path, cid_version=version)
        assert (added.cid, added.size) == ((case.v0, case.v1)[version], case.size)
        assert path.read_bytes() == content(case.size)
        assert await world.node.file_size(added.cid) == case.size
        assert await read(world.node, added.cid) == content(case.size)
        blocks = await walked(world.node, added.cid)
        assert not [block for block in blocks if block.fault]
        assert added.tsize >= sum(block.size for block in blocks)

    async def test_adding_what_cannot_be_read_is_an_os_error(self, world: World, tmp_path: Path) -> None:
        """The error of reading it, and nothing stored."""
        with pytest.raises(FileNotFoundError):
            await world.node.add_file(tmp_path / "absent", cid_version=0)
        assert (await world.node.preview_gc()).bytes == 0

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (0, None),
            (0, 0),
            (5, 5),
            (5, 6),
            (262_143, 262_145),
            (899_999, None),
            (899_999, 10**9),
            (10**6, None),
        ],
    )
    async def test_read_file_gives_a_range(self, world: World, dag: Dag, start: int, end: int | None) -> None:
        """[start, end), cut at the file's end."""
        await world.node.put_blocks(dag.blocks.items())
        cid, data = dag.files[BIG]
        assert await read(world.node, cid, start, end) == data[start:end]

    async def test_a_file_that_is_not_here_is_not_read(self, world: World, dag: Dag) -> None:
        """BlockNotFound, of a root and of a leaf, whatever the network has."""
        world.offer(dag.by_digest())
        cid, data = dag.files[BIG]
        with pytest.raises(BlockNotFound):
            await world.node.file_size(cid)
        with pytest.raises(BlockNotFound):
            await read(world.node, cid)
        leaf = next(iter(dag.blocks))
        await world.node.put_blocks((key, block) for key, block in dag.blocks.items() if key != leaf)
        assert await world.node.file_size(cid) == len(data)
        with pytest.raises(BlockNotFound):
            await read(world.node, cid)
        assert await read(world.node, cid, 300_000, 300_010) == data[300_000:300_010]

    async def test_a_local_path_has_the_whole_file(self, world: World, dag: Dag) -> None:
        """Or there is none; never one for a raw name of a dag-pb block."""
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "x")
        for cid, data in dag.files.values():
            path = world.node.local_path(cid)
            assert path is None or path.read_bytes() == data
            if cid.codec == DAG_PB:
                assert world.node.local_path(cid.as_raw()) is None
        assert world.node.local_path(dag.root) is None

    async def test_whole_names_no_file_that_is_not(self, world: World, dag: Dag) -> None:
        """It may leave out, and never makes up; None where only pins tell."""
        roots = [cid for cid, _ in dag.files.values()]
        assert not await world.node.whole([*roots, dag.root, UNKNOWN])
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "x")
        assert (await world.node.whole([*roots, UNKNOWN]) or set()) <= {cid.digest for cid in roots}

    async def test_import_car_stores_dags_unpinned(self, world: World, dag: Dag, tmp_path: Path) -> None:
        """All under the root is here, and no pin; each block that was taken is told."""
        write_car(tmp_path / "a.car", dag)
        taken: list[int] = []
        with closing(CarBlocks.scan(tmp_path / "a.car")) as car:
            await world.node.import_car(car, [dag.root], on_block=taken.append)
        assert sorted(taken) == sorted(map(len, dag.blocks.values()))
        assert {block.cid for block in await walked(world.node, dag.root)} == set(dag.blocks)
        assert await world.node.pins() == []

    async def test_import_car_takes_nothing_else(self, world: World, dag: Dag, tmp_path: Path) -> None:
        """What is under no root that is asked for stays in the file."""
        write_car(tmp_path / "a.car", dag)
        wanted, other = dag.files[SMALL][0], dag.files[BIG][0]
        with closing(CarBlocks.scan(tmp_path / "a.car")) as car:
            await world.node.import_car(car, [wanted])
        assert await read(world.node, wanted) == dag.files[SMALL][1]
        with pytest.raises(BlockNotFound):
            await blocks_of(world.node.get_blocks([other], Reach.LOCAL))

    async def test_a_car_with_a_hole_leaves_its_whole_files(
        self, world: World, dag: Dag, tmp_path: Path
    ) -> None:
        """BlockNotFound; the files that were whole in it are here."""
        hole, _ = dag.files[BIG]
        write_car(tmp_path / "a.car", dag, without=hole)
        with closing(CarBlocks.scan(tmp_path / "a.car")) as car, pytest.raises(BlockNotFound) as caught:
            await world.node.import_car(car, [dag.root])
        assert caught.value.cid == hole
        cid, data = dag.files[SMALL]
        assert await read(world.node, cid) == data
