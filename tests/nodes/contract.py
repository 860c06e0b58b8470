"""What `nodes/base.py` promises of every node, one test a sentence.

A node's test module subclasses `NodeContract` and gives a fixture `world`: a fresh node, and a network
in which only what the test offers can be had.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import pytest

from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link, parse_node
from ipwhl_mirror.ipld.directories import build_directory
from ipwhl_mirror.ipld.errors import HashMismatch
from ipwhl_mirror.nodes.base import Fault, Pin, PinProgress, Reach, Transfer
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound, NodeRefused, NoSource, PinFailed
from tests.simulators.dags import BIG, SMALL, Dag, make_release, small_release
from tests.simulators.vectors import content, file_vectors

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Mapping
    from pathlib import Path

    from ipwhl_mirror.nodes.base import Node, WalkedBlock
    from tests.simulators.vectors import FileVector

UNKNOWN = Cid.of(b"nobody has this", RAW)
FILES = [case for case in file_vectors() if case.size <= 1 << 20]


class World(Protocol):
    """A node under test and what surrounds it."""

    node: Node

    def offer(self, blocks: Mapping[bytes, bytes]) -> None:
        """Let the node's network have these blocks, by digest."""

    def withdraw(self, cid: Cid) -> None:
        """Let it lose one."""

    def hold(self) -> None:
        """Let the network be silent until `release`."""

    def release(self) -> None:
        """Let it answer."""

    async def held(self) -> None:
        """Return when a request waits for the silent network."""

    def cut_off(self) -> None:
        """Let the node have no network at all."""

    async def damage(self, cid: Cid) -> None:
        """Flip a bit of a block that the node keeps."""

    async def lose(self, cid: Cid) -> None:
        """Take a block from the node's disk."""


async def blocks_of(blocks: AsyncIterable[tuple[Cid, bytes]]) -> dict[Cid, bytes]:
    """All blocks, none twice."""
    found: dict[Cid, bytes] = {}
    async for cid, block in blocks:
        assert cid not in found
        found[cid] = block
    return found


async def walked(node: Node, cid: Cid) -> list[WalkedBlock]:
    """A whole walk."""
    return [block async for block in node.walk(cid)]


async def read(node: Node, cid: Cid, start: int = 0, end: int | None = None) -> bytes:
    """A file's bytes; each piece is of at most 1 MiB."""
    pieces = [piece async for piece in node.read_file(cid, start=start, end=end)]
    assert all(0 < len(piece) <= 1 << 20 for piece in pieces)
    return b"".join(pieces)


def write_car(path: Path, dag: Dag, *, without: Cid | None = None) -> None:
    """A CAR of the DAG, the root first."""
    cids = [cid for cid in reversed(dag.blocks) if cid != without]
    path.write_bytes(
        car_header([dag.root]) + b"".join(car_section(cid, dag.blocks[cid]) for cid in cids)
    )


@pytest.fixture(params=[0, 1], ids=["v0", "v1"])
def dag(request: pytest.FixtureRequest) -> Dag:
    """A small release, with dag-pb leaves and with raw ones."""
    return small_release(request.param)


class NodeContract:
    """The promises; collected in the modules that subclass it."""

    # Blocks

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
        """Reach.NETWORK fetches, keeps and does not pin."""
        world.offer(dag.by_digest())
        assert await blocks_of(world.node.get_blocks(dag.blocks, Reach.NETWORK)) == dag.blocks
        world.cut_off()
        assert await blocks_of(world.node.get_blocks(dag.blocks, Reach.LOCAL)) == dag.blocks
        assert await world.node.pins() == []
        assert (await world.node.preview_gc()).blocks == len(dag.blocks)

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
        """NoSource says how to name a gateway."""
        world.cut_off()
        with pytest.raises(NoSource) as caught:
            await blocks_of(world.node.get_blocks([UNKNOWN], Reach.NETWORK))
        assert "--gateway" in (caught.value.hint or "")

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

    # Files

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
        [(0, None), (0, 0), (5, 5), (5, 6), (262_143, 262_145), (899_999, None), (899_999, 10**9), (10**6, None)],
    )
    async def test_read_file_gives_a_range(
        self, world: World, dag: Dag, start: int, end: int | None
    ) -> None:
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
        """It may leave out, and never makes up."""
        roots = [cid for cid, _ in dag.files.values()]
        assert await world.node.whole([*roots, dag.root, UNKNOWN]) == set()
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "x")
        assert await world.node.whole([*roots, UNKNOWN]) <= {cid.digest for cid in roots}

    # CARs

    async def test_import_car_stores_dags_unpinned(self, world: World, dag: Dag, tmp_path: Path) -> None:
        """All under the root is here, and no pin."""
        write_car(tmp_path / "a.car", dag)
        await world.node.import_car(tmp_path / "a.car", [dag.root])
        assert {block.cid for block in await walked(world.node, dag.root)} == set(dag.blocks)
        assert await world.node.pins() == []

    async def test_a_car_with_a_hole_leaves_its_whole_files(
        self, world: World, dag: Dag, tmp_path: Path
    ) -> None:
        """BlockNotFound; the files that were whole in it are here."""
        hole, _ = dag.files[BIG]
        write_car(tmp_path / "a.car", dag, without=hole)
        with pytest.raises(BlockNotFound) as caught:
            await world.node.import_car(tmp_path / "a.car", [dag.root])
        assert caught.value.cid == hole
        cid, data = dag.files[SMALL]
        assert await read(world.node, cid) == data

    # Pins

    async def test_a_pin_has_everything_and_a_name(self, world: World, dag: Dag) -> None:
        """Afterwards it is in `pins`, and every block is good."""
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "a name")
        assert await world.node.pins() == [Pin(dag.root, "a name")]
        world.cut_off()
        blocks = await walked(world.node, dag.root)
        assert {(block.cid, block.size, block.fault) for block in blocks} == {
            (cid, len(block), None) for cid, block in dag.blocks.items()
        }
        for cid, data in dag.files.values():
            assert await read(world.node, cid) == data

    async def test_pinning_again_changes_nothing(self, world: World, dag: Dag) -> None:
        """The name stays; nothing is fetched, not even what is missing."""
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "first")
        world.cut_off()
        await world.lose(dag.root)
        await world.node.pin(dag.root, "second")
        assert await world.node.pins() == [Pin(dag.root, "first")]

    async def test_a_failed_pin_is_no_pin_and_resumes(self, world: World, dag: Dag) -> None:
        """PinFailed lists the parts; the others were fetched, and are not fetched again."""
        lost, _ = dag.files[BIG]
        world.offer({digest: block for digest, block in dag.by_digest().items() if digest != lost.digest})
        with pytest.raises(PinFailed) as caught:
            await world.node.pin(dag.root, "x")
        assert [cid for cid, _ in caught.value.failed] == [lost]
        assert all(reason for _, reason in caught.value.failed)
        assert await world.node.pins() == []
        for cid in dag.blocks:
            if cid not in (lost,) and cid.digest not in below(dag, lost):
                world.withdraw(cid)
        world.offer({lost.digest: dag.blocks[lost]})
        await world.node.pin(dag.root, "x")
        assert await world.node.pins() == [Pin(dag.root, "x")]

    async def test_a_cancelled_pin_is_no_pin_and_resumes(self, world: World, dag: Dag) -> None:
        """What was fetched before the cancel is used by the next call."""
        world.offer(dag.by_digest())
        await blocks_of(world.node.get_blocks([dag.root], Reach.NETWORK))
        world.hold()
        pinning = asyncio.create_task(world.node.pin(dag.root, "x"))
        await world.held()
        pinning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pinning
        assert await world.node.pins() == []
        world.withdraw(dag.root)
        world.release()
        await world.node.pin(dag.root, "x")
        assert await world.node.pins() == [Pin(dag.root, "x")]

    async def test_pinning_without_a_network_has_no_source(self, world: World, dag: Dag) -> None:
        """NoSource says how to name a gateway."""
        world.cut_off()
        with pytest.raises(NoSource) as caught:
            await world.node.pin(dag.root, "x")
        assert "--gateway" in (caught.value.hint or "")
        assert await world.node.pins() == []

    async def test_what_is_here_is_pinned_without_a_network(self, world: World, dag: Dag) -> None:
        """A DAG whose blocks are all here needs no source."""
        world.cut_off()
        await world.node.put_blocks(dag.blocks.items())
        await world.node.pin(dag.root, "x")
        assert await world.node.pins() == [Pin(dag.root, "x")]

    async def test_progress_ends_with_all_blocks_and_files(self, world: World, dag: Dag) -> None:
        """Numbers only grow; the last ones are those of the DAG."""
        world.offer(dag.by_digest())
        seen: list[PinProgress] = []
        await world.node.pin(dag.root, "x", on_progress=seen.append)
        assert seen[-1].blocks == len(dag.blocks)
        assert seen[-1].items == len(dag.files)
        assert seen[-1].bytes >= sum(len(data) for _, data in dag.files.values())
        for name in ("blocks", "bytes", "items"):
            numbers = [getattr(progress, name) for progress in seen]
            assert numbers == sorted(numbers)

    async def test_a_byte_budget_is_kept(self, world: World, dag: Dag) -> None:
        """More than it is refused, and not pinned; what came stays."""
        world.offer(dag.by_digest())
        with pytest.raises(NodeRefused, match="budget of 300000 bytes"):
            await world.node.pin(dag.root, "x", transfer=Transfer(byte_budget=300_000))
        assert await world.node.pins() == []
        await world.node.pin(dag.root, "x", transfer=Transfer(byte_budget=1_000_000))
        assert await world.node.pins() == [Pin(dag.root, "x")]

    async def test_unpin_deletes_nothing(self, world: World, dag: Dag) -> None:
        """The blocks stay until a collection; without a pin it has no effect."""
        world.offer(dag.by_digest())
        await world.node.unpin(dag.root)
        await world.node.pin(dag.root, "x")
        await world.node.unpin(dag.root)
        assert await world.node.pins() == []
        assert not [block for block in await walked(world.node, dag.root) if block.fault]

    async def test_pins_are_sorted(self, world: World) -> None:
        """All of them, by CID."""
        trees = [make_release({f"p{i}/p{i}-1-py3-none-any.whl": b"%d" % i}) for i in range(5)]
        for dag in trees:
            world.offer(dag.by_digest())
            await world.node.pin(dag.root, "x")
        assert list(await world.node.pins()) == sorted(Pin(dag.root, "x") for dag in trees)

    # Walks and repair

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
            await world.node.repair([dag.root])
        assert [cid for cid, _ in caught.value.failed] == [dag.root]
        assert await world.node.pins() == [Pin(dag.root, "x")]

    # Garbage

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

    # The rest

    async def test_status_says_what_it_is_and_how_full(self, world: World, dag: Dag) -> None:
        """It grows with what is stored."""
        before = await world.node.status()
        assert before.kind in ("embedded", "kubo")
        assert before.version
        assert before.free_bytes > 0
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "x")
        assert (await world.node.status()).repo_bytes >= before.repo_bytes + 900_000

    async def test_the_gateway_is_an_address_or_none(self, world: World) -> None:
        """Without a slash at its end."""
        gateway = await world.node.gateway()
        assert gateway is None or not gateway.url.endswith("/")

    async def test_a_node_is_closed_twice(self, world: World) -> None:
        """The second time does nothing."""
        await world.node.pins()
        await world.node.aclose()
        await world.node.aclose()


def below(dag: Dag, cid: Cid) -> set[bytes]:
    """Digests of what is under a block, without itself."""
    found: set[bytes] = set()
    stack = [cid]
    while stack:
        at = stack.pop()
        if at.codec == RAW:
            continue
        for link in parse_node(dag.by_digest()[at.digest]).links:
            found.add(link.cid.digest)
            stack.append(link.cid)
    return found


def broken_part(dag: Dag, part: str) -> Cid:
    """The release's root, the root of the large wheel, or one of its leaves."""
    return {"root": dag.root, "file": dag.files[BIG][0], "leaf": next(iter(dag.blocks))}[part]
