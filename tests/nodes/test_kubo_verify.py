"""Verification of what a real Kubo keeps, by the services: it finds what `ipfs pin verify` passes over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.config import Config, NodeConfig, StorageConfig
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.ipld.dagpb import parse_node
from ipwhl_mirror.nodes.base import Fault
from ipwhl_mirror.nodes.errors import PinFailed
from ipwhl_mirror.services import overview, pinning, releases, verifying
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from tests.nodes.kubo_world import pair
from tests.simulators.wheels import LINUX, SampleRelease, add_file, sample_release, sample_wheels

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.nodes.kubo_world import KuboPair

__all__ = ["pair"]

pytestmark = pytest.mark.kubo

CHOSEN = Selection.parse(platforms=["linux-x86_64"])
PROJECT, FILENAME = "native", f"native-1.0-{LINUX}.whl"
FILES = sample_wheels(padding=600_000)
SAMPLES = {version: sample_release(FILES, cid_version=version) for version in (0, 1)}


@dataclass(frozen=True, slots=True)
class Mirror:
    """A platform of a release, pinned on the daemon from its peer.

    Attributes:
        leaf: the second chunk of a wheel.
    """

    pair: KuboPair
    session: Session
    sample: SampleRelease
    leaf: Cid

    def damage(self, change: Callable[[bytes], bytes] | None) -> None:
        """Change the leaf on disk, or take it away."""
        if change is None:
            self.pair.lost.append(self.leaf)
            self.pair.repo.lose(self.leaf)
        else:
            self.pair.repo.overwrite(self.leaf, change(self.sample.blocks[self.leaf.digest]))

    def kubo_says_all_is_well(self) -> bool:
        """What `ipfs pin verify` says."""
        answers = self.pair.daemon.call("pin/verify", verbose=True).splitlines()
        return all(json.loads(answer)["Ok"] for answer in answers)

    async def broken(self) -> list[tuple[str | None, str, str, Cid, Fault]]:
        """What a verification names: release, project, wheel, block, and what is wrong with it."""
        found: list[tuple[str | None, str, str, Cid, Fault]] = []
        for damage in (await verifying.verify(self.session)).broken:
            wheel, block = damage.block.wheel, damage.block
            assert wheel is not None
            found.append((damage.tracked.label, wheel.project, wheel.filename, block.cid, block.reason))
        return found

    async def is_shown_as_pinned(self) -> bool:
        """The state of the platform."""
        rows = (await overview.show(self.session, "one", CHOSEN)).rows
        return {row.platform: row.state.value for row in rows}["linux-x86_64"] == "pinned"


@pytest.fixture(params=[0, 1], ids=["v0", "v1"])
async def mirror(request: pytest.FixtureRequest, pair: KuboPair, tmp_path: Path) -> AsyncIterator[Mirror]:
    """The peer has the release; the daemon one platform of it, and a pin of somebody else."""
    sample = SAMPLES[request.param]
    pair.peer.put((Cid(1, DAG_PB, digest), block) for digest, block in sample.blocks.items())
    node = NodeConfig(spec=pair.daemon.rpc_maddr, gateways=(pair.peer.gateway_url,), stall_timeout=20.0)
    config = Config(node=node, storage=StorageConfig(reserve_free=0))
    wheel, _ = add_file(FILES[PROJECT, FILENAME], {}, cid_version=request.param)
    leaf = parse_node(sample.blocks[wheel.digest]).links[1].cid
    async with Session.open(Settings(data_dir=tmp_path / "data", config=config)) as session:
        pair.daemon.pin(parse_node(sample.blocks[sample.root.digest]).links[0].cid, "somebody's")
        await releases.track(session, sample.root, label="one")
        await pinning.pin(session, "one", CHOSEN)
        yield Mirror(pair, session, sample, leaf)
    pair.reset()


def flip_in_the_middle(block: bytes) -> bytes:
    """One bit of a chunk's payload."""
    at = len(block) // 2
    return block[:at] + bytes([block[at] ^ 1]) + block[at + 1 :]


def cut(block: bytes) -> bytes:
    """Half of it."""
    return block[: len(block) // 2]


def emptied(block: bytes) -> bytes:
    """As a power cut leaves a file that was not synced."""
    return block[:0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(None, Fault.MISSING, id="missing"),
        pytest.param(flip_in_the_middle, Fault.CORRUPT, id="bit flipped"),
        pytest.param(emptied, Fault.CORRUPT, id="empty"),
        pytest.param(cut, Fault.CORRUPT, id="cut short"),
    ],
)
async def test_a_broken_leaf_is_named_and_mended_under_the_pins_that_are_there(
    change: Callable[[bytes], bytes] | None, reason: Fault, mirror: Mirror
) -> None:
    """Release, project and wheel are named, and nothing is shown as pinned before it was read whole again.

    Kubo says that raw leaves are well whatever they are, and finds a dag-pb leaf only where it is missing or
    cannot be parsed. That is also the one that a daemon with default settings does not let us replace.
    """
    assert await mirror.is_shown_as_pinned()
    pins = mirror.pair.daemon.pins()
    mirror.damage(change)
    is_raw = mirror.leaf.codec != DAG_PB
    if is_raw or change in (flip_in_the_middle, emptied):
        assert mirror.kubo_says_all_is_well()
    assert await mirror.broken() == [("one", PROJECT, FILENAME, mirror.leaf, reason)]
    assert not await mirror.is_shown_as_pinned()
    if change is cut and not is_raw:
        with pytest.raises(PinFailed) as caught:
            await verifying.verify_and_repair(mirror.session)
        assert [FILENAME in detail for detail in caught.value.details] == [True]
        assert "BlockKeyCacheSize" in (caught.value.hint or "")
        assert not await mirror.is_shown_as_pinned()
    else:
        report = await verifying.verify_and_repair(mirror.session)
        assert (report.broken, report.repaired) == ((), 1)
        assert await mirror.is_shown_as_pinned()
    assert mirror.pair.daemon.pins() == pins
