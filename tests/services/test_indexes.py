"""A release whose index another program removed: told as such, and nothing else is the worse for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.cli import documents, text
from ipwhl_mirror.config import Config, NodeConfig, StorageConfig
from ipwhl_mirror.domain.releases import PlatformState
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound
from ipwhl_mirror.services import overview, pinning, planning, releases
from ipwhl_mirror.services.indexes import IndexState
from ipwhl_mirror.services.inventory import inventory
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from ipwhl_mirror.services.storage import forecast_prune
from tests.nodes.embedded_disk import damage_block, lose_block
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.simulators.wheels import SampleRelease, sample_release, sample_wheels

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from ipwhl_mirror.services.overview import ReleaseStatus
    from tests.nodes.running_kubo import KuboDaemon
    from tests.simulators.gateway import SimulatedGateway

LINUX = Selection.parse(platforms=["linux-x86_64"])
ARM = Selection.parse(platforms=["macos-arm64"])
EVERYTHING = Selection.parse()
SECOND = sample_release(sample_wheels("2.0"))


@pytest.fixture
async def two(session: Session, source: SimulatedGateway, sample: SampleRelease) -> Session:
    """Two tracked releases, `one` and the newer `two`, on an embedded node."""
    source.blocks.update(SECOND.blocks)
    await releases.track(session, sample.root, label="one")
    await releases.track(session, SECOND.root, label="two")
    return session


async def by_label(session: Session) -> dict[str | None, ReleaseStatus]:
    """What `status` tells of each release."""
    return {item.tracked.label: item for item in (await overview.status(session)).releases}


def lose_index(session: Session, label: str) -> None:
    """Take a release's directory blocks from the disk of an embedded node."""
    tracked = releases.resolve(session, label)
    lose_block(session.settings.data_dir / "node", tracked.index_cid)


@pytest.mark.parametrize("looked", [False, True], ids=["never looked at", "looked at before"])
async def test_a_release_without_its_index_is_told_and_the_others_are_as_before(
    two: Session, looked: bool
) -> None:
    """Its counts are those that were stored; nothing of it is called pinned."""
    if looked:
        await overview.status(two)
    lose_index(two, "one")
    found = await by_label(two)
    lost, other = found["one"], found["two"]
    assert (lost.index, lost.state) == (IndexState.MISSING, PlatformState.ABSENT)
    assert (lost.tracked.wheels, lost.pinned_wheels) == (6, 0)
    assert [row.platform for row in lost.rows] == [row.platform for row in other.rows if looked]
    assert (other.index, len(other.rows)) == (IndexState.WHOLE, 4)
    with pytest.raises(BlockNotFound) as caught:
        await releases.load(two, "one")
    assert caught.value.hint == f"fetch its index again: ipwhl-mirror track {lost.tracked.cid}"


async def test_a_damaged_index_is_told_too(two: Session, sample: SampleRelease) -> None:
    """In words of its own, with the same remedy; and the remedy helps."""
    damage_block(two.settings.data_dir / "node", releases.resolve(two, "one").index_cid)
    assert (await by_label(two))["one"].index is IndexState.DAMAGED
    with pytest.raises(BlockCorrupt) as caught:
        await releases.load(two, "one")
    assert caught.value.hint is not None
    await releases.track(two, sample.root)
    assert (await by_label(two))["one"].index is IndexState.WHOLE


async def test_others_can_be_planned_pinned_and_pruned(two: Session) -> None:
    """Though a release with pins has lost its index: what its pins keep is found in their own trees, or
    counts as keeping nothing."""
    await pinning.pin(two, "one", LINUX)
    lose_index(two, "one")
    assert (await planning.forecast_pin(two, "two", LINUX)).plan.fetch.wheels == 3
    report = await pinning.pin(two, "two", LINUX)
    assert report.read_back.blocks > 0
    found = await by_label(two)
    assert (found["two"].pinned_wheels, found["two"].index) == (3, IndexState.WHOLE)
    assert found["one"].index is IndexState.MISSING
    removal = (await planning.forecast_unpin(two, "two", LINUX)).removal
    assert (removal.plan.leaving.wheels, removal.unread) == (3, 1)
    stored = await inventory(two)
    assert [(held.holding.tracked.label, held.is_read) for held in stored.pins] == [
        ("two", True),
        ("one", False),
    ]
    with pytest.raises(BlockNotFound):
        await forecast_prune(two, 1)


async def test_pinned_counts_stand_while_the_pins_are_the_same(two: Session) -> None:
    """What was read back before is under the same pins still."""
    await pinning.pin(two, "one", LINUX)
    before = (await by_label(two))["one"]
    lose_index(two, "one")
    after = (await by_label(two))["one"]
    assert after.index is IndexState.MISSING
    assert (after.rows, after.pinned_wheels) == (before.rows, 3)


async def test_tracking_again_brings_it_back(two: Session, sample: SampleRelease) -> None:
    """With its label and its place, and everything counts again."""
    await pinning.pin(two, "one", LINUX)
    lose_index(two, "one")
    await by_label(two)
    await releases.track(two, sample.root)
    found = await by_label(two)
    assert list(found) == ["two", "one"]
    assert (found["one"].index, found["one"].pinned_wheels) == (IndexState.WHOLE, 3)
    assert len((await inventory(two)).pins) == 1


async def test_documents_say_it_where_it_is_so(two: Session, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has a field more for that release and none for others; the text has the remedy."""
    lose_index(two, "one")
    report = await overview.status(two)
    document = documents.status(report, [])
    told = {entry["label"]: entry.get("index") for entry in document["releases"]}
    assert told == {"one": "missing", "two": None}
    assert json.loads(json.dumps(document))["schema"] == "ipwhl-mirror/status/1"
    text.status(report)
    lines = capsys.readouterr().out.splitlines()
    cid = releases.resolve(two, "one").cid
    assert f"  its index is not on this node any more; fetch it again: ipwhl-mirror track {cid}" in lines


# a Kubo, where other programs unpin


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboDaemon]:
    """One for the module, that has both releases."""
    repo = KuboRepo.make(ipfs_command(), tmp_path_factory.mktemp("kubo") / "repo")
    with repo.start() as daemon:
        yield daemon


@pytest.fixture
async def on_kubo(daemon: KuboDaemon, sample: SampleRelease, tmp_path: Path) -> AsyncIterator[Session]:
    """Two tracked releases on the daemon, whose wheels are there."""
    daemon.clear()
    blocks = sample.blocks | SECOND.blocks
    daemon.put((Cid(1, DAG_PB, digest), block) for digest, block in blocks.items())
    config = Config(node=NodeConfig(spec=daemon.rpc_maddr), storage=StorageConfig(reserve_free=0))
    settings = Settings(data_dir=tmp_path / "data", config=config, read_only=False, lock_wait_s=0.2)
    async with Session.open(settings) as session:
        await releases.track(session, sample.root, label="one")
        await releases.track(session, SECOND.root, label="two")
        yield session
    daemon.clear()


@pytest.mark.kubo
async def test_an_index_that_another_program_unpinned_and_collected(
    on_kubo: Session, daemon: KuboDaemon, sample: SampleRelease
) -> None:
    """Nothing of the release is pinned: it is told as missing, the other one stays usable, and tracking it
    again fetches it."""
    await pinning.pin(on_kubo, "two", LINUX)
    daemon.call("pin/rm", releases.resolve(on_kubo, "one").index_cid)
    daemon.call("repo/gc", quiet=True)
    found = await by_label(on_kubo)
    assert (found["one"].index, found["two"].index) == (IndexState.MISSING, IndexState.WHOLE)
    assert found["two"].pinned_wheels == 3
    assert (await planning.forecast_pin(on_kubo, "two", LINUX)).plan.shared.wheels == 3
    assert [held.is_read for held in (await inventory(on_kubo)).pins] == [True]
    daemon.put((Cid(1, DAG_PB, digest), block) for digest, block in sample.blocks.items())
    await releases.track(on_kubo, sample.root)
    assert (await by_label(on_kubo))["one"].index is IndexState.WHOLE


@pytest.mark.kubo
async def test_pins_of_a_release_tell_what_is_under_them_without_its_index(
    on_kubo: Session, daemon: KuboDaemon
) -> None:
    """A whole release keeps its directories, a subset the index itself: both are counted, and can go."""
    await pinning.pin(on_kubo, "one", EVERYTHING)
    kept = (await pinning.pin(on_kubo, "two", ARM)).forecast.plan.amount.wheels
    for label in ("one", "two"):
        daemon.call("pin/rm", releases.resolve(on_kubo, label).index_cid)
    daemon.call("repo/gc", quiet=True)
    found = await by_label(on_kubo)
    assert (found["one"].index, found["one"].pinned_wheels) == (IndexState.MISSING, 6)
    assert (found["two"].index, found["two"].pinned_wheels) == (IndexState.WHOLE, kept)
    stored = await inventory(on_kubo)
    assert [(held.holding.tracked.label, held.amount.wheels) for held in stored.pins] == [
        ("two", kept),
        ("one", 6),
    ]
    forecast = await forecast_prune(on_kubo, 1)
    assert [line.holding.tracked.label for line in forecast.removal.going] == ["one"]
    assert forecast.removal.plan.leaving.wheels == 6
    removal = (await planning.forecast_unpin(on_kubo, "one", None)).removal
    assert await pinning.unpin(on_kubo, removal.roots) == removal.roots
