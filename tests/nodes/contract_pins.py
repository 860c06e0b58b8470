"""What every node promises of pins and of itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.nodes.base import Health, Pin, PinProgress, Reach, Transfer
from ipwhl_mirror.nodes.errors import NodeRefused, NoSource, PinFailed
from tests.nodes.world import HASTY, blocks_of, broken_part, hints, read, walked
from tests.simulators.dags import BIG, SMALL, Dag, make_release
from tests.simulators.vectors import content

if TYPE_CHECKING:
    from tests.nodes.world import World

ADDED = "added/added-1.0-py3-none-any.whl"


def successor_of(dag: Dag) -> Dag:
    """A release that has one wheel more, one less, and the others unchanged."""
    files = {path: data for path, (_, data) in dag.files.items() if path != SMALL}
    return make_release({**files, ADDED: content(400_000)[::-1]}, dag.files[SMALL][0].version)


class PinContract:
    """Pins, and the node as such."""

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
        """PinFailed lists the files; the others were fetched, and are not fetched again."""
        lost, _ = dag.files[BIG]
        world.offer({digest: block for digest, block in dag.by_digest().items() if digest != lost.digest})
        with pytest.raises(PinFailed) as caught:
            await world.node.pin(dag.root, "x", transfer=HASTY, hints=hints(dag))
        assert [cid for cid, _ in caught.value.failed] == [lost]
        assert all(reason for _, reason in caught.value.failed)
        assert await world.node.pins() == []
        for cid, _ in dag.files.values():
            if cid != lost:
                world.withdraw(cid)
        world.offer({lost.digest: dag.blocks[lost]})
        await world.node.pin(dag.root, "x")
        assert await world.node.pins() == [Pin(dag.root, "x")]

    async def test_a_missing_leaf_is_told_as_its_file(self, world: World, dag: Dag) -> None:
        """What a person knows is the wheel."""
        lost, _ = dag.files[BIG]
        leaf = broken_part(dag, "leaf")
        world.offer({digest: block for digest, block in dag.by_digest().items() if digest != leaf.digest})
        with pytest.raises(PinFailed) as caught:
            await world.node.pin(dag.root, "x", transfer=HASTY, hints=hints(dag))
        assert [cid for cid, _ in caught.value.failed] == [lost]
        assert await world.node.pins() == []

    async def test_without_hints_a_failed_pin_names_what_is_missing(self, world: World, dag: Dag) -> None:
        """Some part at least, and no pin."""
        lost, _ = dag.files[BIG]
        world.offer({digest: block for digest, block in dag.by_digest().items() if digest != lost.digest})
        with pytest.raises(PinFailed) as caught:
            await world.node.pin(dag.root, "x", transfer=HASTY)
        assert [cid for cid, _ in caught.value.failed] == [lost]
        assert await world.node.pins() == []

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
        """NoSource says how to get one."""
        world.cut_off()
        with pytest.raises(NoSource) as caught:
            await world.node.pin(dag.root, "x", transfer=HASTY)
        assert world.remedy in (caught.value.hint or "")
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
        await world.node.pin(dag.root, "x", hints=hints(dag), on_progress=seen.append)
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

    async def test_a_successor_is_pinned_beside_its_base(self, world: World, dag: Dag) -> None:
        """Both are pinned, and whole; only what changed has to be had."""
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "x")
        successor = successor_of(dag)
        for cid in dag.blocks:
            world.withdraw(cid)
        world.offer({cid.digest: block for cid, block in successor.blocks.items() if cid not in dag.blocks})
        await world.node.pin(successor.root, "x", hints=hints(successor, ADDED, base=dag.root))
        world.cut_off()
        assert await world.node.pins() == sorted([Pin(dag.root, "x"), Pin(successor.root, "x")])
        for release in (dag, successor):
            assert {(block.cid, block.fault) for block in await walked(world.node, release.root)} == {
                (cid, None) for cid in release.blocks
            }

    async def test_a_successor_that_cannot_be_had_leaves_its_base(self, world: World, dag: Dag) -> None:
        """PinFailed, and the pins are those of before; once it can be had, it is pinned."""
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "x")
        successor = successor_of(dag)
        added, _ = successor.files[ADDED]
        known = hints(successor, ADDED, base=dag.root)
        world.offer({key: block for key, block in successor.by_digest().items() if key != added.digest})
        with pytest.raises(PinFailed) as caught:
            await world.node.pin(successor.root, "x", transfer=HASTY, hints=known)
        assert [cid for cid, _ in caught.value.failed] == [added]
        assert await world.node.pins() == [Pin(dag.root, "x")]
        world.offer({added.digest: successor.blocks[added]})
        await world.node.pin(successor.root, "x", hints=known)
        assert await world.node.pins() == sorted([Pin(dag.root, "x"), Pin(successor.root, "x")])

    async def test_a_base_that_was_unpinned_meanwhile_does_no_harm(self, world: World, dag: Dag) -> None:
        """Another program may have done it."""
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "x")
        await world.node.unpin(dag.root)
        successor = successor_of(dag)
        world.offer(successor.by_digest())
        await world.node.pin(successor.root, "x", hints=hints(successor, ADDED, base=dag.root))
        assert await world.node.pins() == [Pin(successor.root, "x")]
        assert not [block for block in await walked(world.node, successor.root) if block.fault]

    async def test_unpin_deletes_nothing(self, world: World, dag: Dag) -> None:
        """The blocks stay until a collection; without a pin it has no effect."""
        world.offer(dag.by_digest())
        await world.node.unpin(dag.root)
        await world.node.pin(dag.root, "x")
        await world.node.unpin(dag.root)
        assert await world.node.pins() == []
        assert not [block for block in await walked(world.node, dag.root) if block.fault]

    async def test_pins_are_sorted(self, world: World) -> None:
        """All of them, by CID; `pinned` knows the same roots."""
        trees = [make_release({f"p{i}/p{i}-1-py3-none-any.whl": b"%d" % i}) for i in range(5)]
        assert await world.node.pinned() == set()
        for dag in trees:
            world.offer(dag.by_digest())
            await world.node.pin(dag.root, "x")
        assert list(await world.node.pins()) == sorted(Pin(dag.root, "x") for dag in trees)
        assert await world.node.pinned() == {dag.root.digest for dag in trees}

    async def test_a_sweep_leaves_pins_and_blocks_alone(self, world: World, dag: Dag) -> None:
        """It removes only what a killed run left for a while."""
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "x")
        await world.node.sweep()
        assert await world.node.pins() == [Pin(dag.root, "x")]
        assert not [block for block in await walked(world.node, dag.root) if block.fault]

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

    async def test_findings_say_what_is_so_and_what_to_do(self, world: World) -> None:
        """What was looked at and found; of what is not well, why that matters."""
        findings = await world.node.examine()
        assert findings
        for finding in findings:
            assert finding.check and finding.found
            assert not finding.found.endswith(".")
            assert finding.health is Health.OK or finding.why, finding
        assert await world.node.pins() == []

    async def test_a_node_is_closed_twice(self, world: World) -> None:
        """The second time does nothing."""
        await world.node.pins()
        await world.node.aclose()
        await world.node.aclose()
