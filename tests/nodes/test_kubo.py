"""A real Kubo keeps the contract of nodes; and what a disk does to one, which Kubo itself does not see."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from ipwhl_mirror.ipld.cid import RAW
from ipwhl_mirror.ipld.directories import build_directory
from ipwhl_mirror.nodes.base import NO_HINTS, Fault, Pin, PinProgress, Reach
from ipwhl_mirror.nodes.errors import BlockNotFound, PinFailed
from tests.nodes.contract import NodeContract, UpkeepContract
from tests.nodes.kubo_world import pair, running_pair, world
from tests.nodes.world import HASTY, UNKNOWN, below, blocks_of, broken_part, hints, walked
from tests.simulators.dags import EMPTY, make_release, small_release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipwhl_mirror.ipld.cid import Cid
    from tests.nodes.kubo_world import KuboPair, KuboWorld
    from tests.nodes.world import World
    from tests.simulators.dags import Dag

__all__ = ["pair", "world"]

pytestmark = pytest.mark.kubo


def with_raw_leaves() -> Dag:
    """A small release without an empty file, whose only block a Kubo never gives to another."""
    files = {path: data for path, (_, data) in small_release(1).files.items() if path != EMPTY}
    return make_release({**files, "tiny/tiny-1.0-py3-none-any.whl": b"1"}, 1)


@pytest.fixture(params=[0, 1], ids=["v0", "v1"])
def dag(request: pytest.FixtureRequest) -> Dag:
    """A small release, with dag-pb leaves and with raw ones."""
    return with_raw_leaves() if request.param else small_release(0)


class TestKuboNode(NodeContract):
    """The contract, but for what a daemon with a cache of the blocks it has does not let us do.

    Such a daemon removes a damaged block only if it can parse what it then reads: the bit that the
    contract's damage flips makes a dag-pb block unreadable.
    """

    @pytest.mark.parametrize("part", ["root", "file", "leaf"])
    async def test_repair_replaces_broken_blocks_and_touches_no_pin(
        self, world: World, dag: Dag, part: str
    ) -> None:
        """Where it cannot, the error names each block, and the setting to change; the pin stays."""
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "x")
        broken = broken_part(dag, part)
        await world.damage(broken)
        if broken.codec == RAW:
            await world.node.repair([broken])
            assert not [block for block in await walked(world.node, dag.root) if block.fault]
            assert await world.node.pins() == [Pin(dag.root, "x")]
            return
        with pytest.raises(PinFailed) as caught:
            await world.node.repair([broken])
        assert [cid for cid, _ in caught.value.failed] == [broken]
        assert "BlockKeyCacheSize 0" in (caught.value.hint or "")
        assert await world.node.pins() == [Pin(dag.root, "x")]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "last bit flipped": lambda block: block[:-1] + bytes([block[-1] ^ 1]),
    "cut short": lambda block: block[:-1],
    "empty": lambda block: b"",
    "zeros": lambda block: bytes(len(block)),
    "another block": lambda block: build_directory([]).blocks[-1][1],
    "longer": lambda block: block + b"\0",
}
"""What a disk or a power cut makes of a block; a flipped first bit is in the contract."""
CAN_BE_PARSED = ("last bit flipped", "empty", "another block")
"""What of it leaves a dag-pb block one that Kubo can read."""


def corrupt_only(dag: Dag, broken: Cid) -> dict[Cid, Fault | None]:
    """What a walk tells where this block is damaged."""
    gone = below(dag, broken)
    return {cid: Fault.CORRUPT if cid == broken else None for cid in dag.blocks if cid.digest not in gone}


async def faults(world: KuboWorld, dag: Dag) -> dict[Cid, Fault | None]:
    """What a walk tells."""
    return {block.cid: block.fault for block in await walked(world.node, dag.root)}


@pytest.mark.parametrize("part", ["root", "file", "leaf"])
@pytest.mark.parametrize("damage", DAMAGE)
async def test_damage_is_found_while_the_daemon_runs(damage: str, part: str, world: KuboWorld) -> None:
    """Exactly that block is named, whatever the daemon remembers of it; what it can parse is repaired."""
    dag = with_raw_leaves()
    world.offer(dag.by_digest())
    await world.node.pin(dag.root, "x")
    broken = broken_part(dag, part)
    world.pair.repo.overwrite(broken, DAMAGE[damage](dag.blocks[broken]))
    assert await faults(world, dag) == corrupt_only(dag, broken)
    if broken.codec == RAW or damage in CAN_BE_PARSED:
        await world.node.repair([broken])
        assert await faults(world, dag) == dict.fromkeys(dag.blocks)
        assert world.pair.daemon.pins() == {dag.root: "x"}


class TestKuboNodeWithoutBlockCache:
    """With the setting that the error names, every damaged block is replaced."""

    test_repair_replaces_broken_blocks = UpkeepContract.test_repair_replaces_broken_blocks_and_touches_no_pin

    @pytest.fixture(scope="class")
    def pair(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboPair]:
        """The daemon under test remembers nothing of its blocks."""
        settings = {"Datastore.BlockKeyCacheSize": 0}
        with running_pair(tmp_path_factory.mktemp("kubo"), settings) as pair:
            yield pair

    @pytest.mark.parametrize("part", ["root", "file", "leaf"])
    @pytest.mark.parametrize("damage", DAMAGE)
    async def test_damage_is_found_and_repaired(self, damage: str, part: str, world: KuboWorld) -> None:
        """Exactly that block is named, and it is good again afterwards, under the pin that was there."""
        dag = with_raw_leaves()
        world.offer(dag.by_digest())
        await world.node.pin(dag.root, "x")
        broken = broken_part(dag, part)
        world.pair.repo.overwrite(broken, DAMAGE[damage](dag.blocks[broken]))
        assert await faults(world, dag) == corrupt_only(dag, broken)
        await world.node.repair([broken])
        assert await faults(world, dag) == dict.fromkeys(dag.blocks)
        assert world.pair.daemon.pins() == {dag.root: "x"}


@pytest.mark.parametrize("count", [1, 3])
async def test_missing_raw_leaves_are_found_though_kubo_says_ok(count: int, world: KuboWorld) -> None:
    """`ipfs pin verify` does not look for raw leaves; a walk names each of them, and a repair brings them."""
    dag = with_raw_leaves()
    world.offer(dag.by_digest())
    await world.node.pin(dag.root, "x")
    leaves = [cid for cid in dag.blocks if cid.codec == RAW][:count]
    for leaf in leaves:
        await world.lose(leaf)
    assert all(
        json.loads(line)["Ok"] for line in world.pair.daemon.call("pin/verify", verbose=True).splitlines()
    )
    found = {cid: fault for cid, fault in (await faults(world, dag)).items() if fault}
    assert found == dict.fromkeys(leaves, Fault.MISSING)
    await world.node.repair(leaves)
    assert not [block for block in await walked(world.node, dag.root) if block.fault]


@pytest.mark.parametrize("known", [True, False], ids=["known", "not known"])
async def test_an_empty_raw_leaf_is_made_not_fetched(known: bool, world: KuboWorld) -> None:
    """Bitswap takes a block of no bytes for one that is not there; where it is known, nothing waits."""
    dag = small_release(1)
    world.offer(dag.by_digest())
    seen: list[PinProgress] = []
    files = hints(dag) if known else NO_HINTS
    await world.node.pin(dag.root, "x", transfer=HASTY, hints=files, on_progress=seen.append)
    assert not [block for block in await walked(world.node, dag.root) if block.fault]
    assert world.pair.daemon.pins() == {dag.root: "x"}
    assert not known or max(progress.stalled_s for progress in seen) < HASTY.stall_timeout_s


async def test_many_faults_are_found_in_one_walk(world: KuboWorld, dag: Dag) -> None:
    """Missing and damaged blocks of one DAG, each by its name."""
    world.offer(dag.by_digest())
    await world.node.pin(dag.root, "x")
    leaves = list(dag.blocks)[:3]
    await world.lose(leaves[0])
    await world.damage(leaves[1])
    await world.lose(leaves[2])
    found = {cid: fault for cid, fault in (await faults(world, dag)).items() if fault}
    assert found == dict(zip(leaves, (Fault.MISSING, Fault.CORRUPT, Fault.MISSING), strict=True))


async def test_kubo_loses_a_pin_that_is_pinned_again_and_we_never_do(world: KuboWorld, dag: Dag) -> None:
    """With a block missing and no peer, `pin add` of a pinned CID takes the pin away."""
    world.offer(dag.by_digest())
    await world.node.pin(dag.root, "x")
    await world.lose(broken_part(dag, "file"))
    world.cut_off()
    await world.node.pin(dag.root, "again")
    assert await world.node.pins() == [Pin(dag.root, "x")]
    with pytest.raises(httpx.HTTPStatusError):
        world.pair.daemon.call("pin/add", dag.root, timeout="1s")
    assert await world.node.pins() == []


async def test_arrivals_are_told_though_one_never_comes(world: KuboWorld) -> None:
    """Before the blocks are given: a person sees an index come."""
    dag = small_release()
    world.offer(dag.by_digest())
    told: list[int] = []
    with pytest.raises(BlockNotFound):
        await blocks_of(world.node.get_blocks([*dag.blocks, UNKNOWN], Reach.NETWORK, on_arrival=told.append))
    assert told[-1] == len(dag.blocks)


async def test_another_run_s_staging_pins_are_left_alone(world: KuboWorld, dag: Dag) -> None:
    """Only those of the same owner are swept, and only once nothing needs them."""
    strangers: dict[Cid, str] = {}
    for cid, name in zip(list(dag.blocks)[:2], ("contract", "another"), strict=True):
        world.pair.daemon.put([(cid, dag.blocks[cid])])
        world.pair.daemon.pin(cid, f"ipwhl-mirror/staging/{name}")
        strangers[cid] = f"ipwhl-mirror/staging/{name}"
    world.offer(dag.by_digest())
    await world.node.pin(dag.root, "x")
    assert world.pair.daemon.pins() == {dag.root: "x"} | strangers
    await world.node.sweep()
    left = {cid: name for cid, name in strangers.items() if name.endswith("another")}
    assert world.pair.daemon.pins() == {dag.root: "x"} | left
