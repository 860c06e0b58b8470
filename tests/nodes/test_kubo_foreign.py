"""What other programs keep on a real Kubo, while ours works beside them.

Kubo has one pin a CID, with one name, and `pin add` of what is pinned takes the pin away first: so a pin that
somebody else made, of whatever CID and under whatever name, must never be added, updated or removed by us.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import httpx
import pytest

from ipwhl_mirror.config import Config, NodeConfig, StorageConfig
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.domain.subsets import subset_tree
from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.nodes.base import Pin
from ipwhl_mirror.nodes.errors import NodeRefused
from ipwhl_mirror.nodes.kubo.address import RpcAddress
from ipwhl_mirror.nodes.kubo.node import KuboNode
from ipwhl_mirror.services import overview, pinning, planning, releases, storage, verifying
from ipwhl_mirror.services.errors import NotPinned
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.simulators.dags import BIG, small_release
from tests.simulators.wheels import sample_release, sample_wheels

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.nodes.running_kubo import KuboDaemon
    from tests.simulators.wheels import SampleRelease

pytestmark = pytest.mark.kubo

LINUX = Selection.parse(platforms=["linux-x86_64"])
EVERYTHING = Selection.parse()
OURS = "ipwhl-mirror/-p linux-x86_64"
THEIRS = small_release()
ONE = sample_release(sample_wheels(padding=600_000))
TWO = sample_release({**sample_wheels(padding=600_000), ("new", "new-1.0-py3-none-any.whl"): b"new"})


@pytest.fixture(scope="module")
def kubo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KuboRepo, KuboDaemon]]:
    """A repository and its daemon, without peers."""
    repo = KuboRepo.make(ipfs_command(), tmp_path_factory.mktemp("kubo") / "repo")
    with repo.start() as daemon:
        yield repo, daemon


@pytest.fixture
def daemon(kubo: tuple[KuboRepo, KuboDaemon]) -> Iterator[KuboDaemon]:
    """It, with all blocks of two releases and of something else, and no pin."""
    _, daemon = kubo
    daemon.put(THEIRS.blocks.items())
    for sample in (ONE, TWO):
        put(daemon, sample)
    yield daemon
    for kind in ("recursive", "direct"):
        if left := pins(daemon, kind):
            daemon.call("pin/rm", *left)


@pytest.fixture
def open_on(daemon: KuboDaemon, tmp_path: Path) -> Callable[[str], AbstractAsyncContextManager[Session]]:
    """`open_on(name)` opens a session on that data directory and the daemon."""

    def open_(name: str) -> AbstractAsyncContextManager[Session]:
        config = Config(
            node=NodeConfig(spec=daemon.rpc_url, stall_timeout=10), storage=StorageConfig(reserve_free=0)
        )
        return Session.open(Settings(data_dir=tmp_path / name, config=config, lock_wait_s=1))

    return open_


@pytest.fixture
async def session(open_on: Callable[[str], AbstractAsyncContextManager[Session]]) -> AsyncIterator[Session]:
    """A session on the daemon."""
    async with contextlib.AsyncExitStack() as stack:
        yield await stack.enter_async_context(open_on("data"))


@pytest.fixture
async def node(daemon: KuboDaemon) -> AsyncIterator[KuboNode]:
    """A node on the daemon."""
    node = KuboNode(RpcAddress.parse(daemon.rpc_url), owner="foreign", stall_timeout_s=2)
    yield node
    await node.aclose()


def put(daemon: KuboDaemon, sample: SampleRelease) -> None:
    """Have a whole release, unpinned."""
    daemon.put((Cid(1, RAW, digest), block) for digest, block in sample.blocks.items())


def pins(daemon: KuboDaemon, kind: str = "recursive") -> dict[str, str]:
    """Names of the pins of a kind."""
    listed = json.loads(daemon.call("pin/ls", type=kind, names=True)).get("Keys") or {}
    return {cid: pin.get("Name", "") for cid, pin in listed.items()}


async def subset_of(session: Session, rel: str, selection: Selection = LINUX) -> Cid:
    """The CID of a part."""
    forecast = await planning.forecast_pin(session, rel, selection)
    return forecast.plan.parts[0].tree.cid


async def test_pinning_again_by_the_rpc_loses_the_pin_and_by_us_does_not(
    kubo: tuple[KuboRepo, KuboDaemon], daemon: KuboDaemon, node: KuboNode
) -> None:
    """With a block missing that nobody gives, `pin add` of what is pinned ends in no pin at all."""
    repo, _ = kubo
    lost, _ = THEIRS.files[BIG]
    daemon.pin(THEIRS.root, "photos")
    repo.lose(lost)
    await node.pin(THEIRS.root, "ours")
    assert pins(daemon)[str(THEIRS.root)] == "photos"
    with pytest.raises(httpx.HTTPStatusError) as caught:
        daemon.call("pin/add", THEIRS.root, name="photos", timeout="1s")
    assert "deadline exceeded" in caught.value.response.text
    assert str(THEIRS.root) not in pins(daemon)
    daemon.remove(lost)


@pytest.mark.parametrize("name", ["photos", "", "ipwhl-mirror/index", OURS, "x" * 255])
async def test_a_pin_made_before_ours_keeps_its_name_and_stays(session: Session, name: str) -> None:
    """Of the very CID that we want: it is used, shown and verified, and never removed."""
    daemon_url = session.settings.config.node.spec
    node = KuboNode(RpcAddress.parse(daemon_url))
    await releases.track(session, ONE.root, label="one")
    root = await subset_of(session, "one")
    loaded = await releases.load(session, "one")
    wheels = (await planning.forecast_pin(session, "one", LINUX)).plan.parts[0].wheels
    await node.put_blocks(subset_tree(loaded.release, wheels).blocks)
    await node.put_blocks(loaded.release.index.blocks)
    await node.pin(root, name)
    await node.aclose()
    before = await session.node.pins()
    await pinning.pin(session, "one", LINUX)
    assert await session.node.pins() == before
    report = await overview.show(session, "one", EVERYTHING)
    assert "linux-x86_64" in {row.platform for row in report.rows if row.state.value == "pinned"}
    assert await pinning.unpin(session, [root]) == ()
    assert (await storage.forecast_prune(session, 1)).removal.going == ()
    await releases.untrack(session, "one")
    assert Pin(root, name) in await session.node.pins()


async def test_a_day_of_ours_leaves_all_pins_of_others(session: Session, daemon: KuboDaemon) -> None:
    """Recursive and direct, named and not, of a wheel of the release and of something else."""
    wheel = ONE.file_cid("native", "native-1.0-cp311-cp311-win_amd64.whl")
    daemon.pin(THEIRS.root, "photos")
    daemon.pin(wheel)
    daemon.call("pin/add", THEIRS.files[BIG][0], recursive=False, name="just this")
    before = pins(daemon), pins(daemon, "direct")
    for label, sample in (("one", ONE), ("two", TWO)):
        await releases.track(session, sample.root, label=label)
        await pinning.pin(session, label, LINUX)
    await pinning.pin(session, "two", EVERYTHING)
    await verifying.verify(session)
    for label in ("one", "two"):
        forecast = await planning.forecast_unpin(session, label, None)
        await pinning.unpin(session, forecast.removal.roots)
        await releases.untrack(session, label)
    assert (pins(daemon), pins(daemon, "direct")) == before
    await storage.collect_garbage(session)
    assert {block.fault async for block in session.node.walk(THEIRS.root)} == {None}
    assert {block.fault async for block in session.node.walk(wheel)} == {None}


async def test_a_pin_of_ours_that_another_program_renames_is_theirs(
    session: Session, daemon: KuboDaemon
) -> None:
    """It pinned what we had pinned: Kubo has one pin for both, and ours is the one that gives way."""
    await releases.track(session, ONE.root, label="one")
    await pinning.pin(session, "one", LINUX)
    root = await subset_of(session, "one")
    daemon.pin(root, "theirs now")
    report = await overview.show(session, "one", EVERYTHING)
    assert "linux-x86_64" in {row.platform for row in report.rows if row.state.value == "pinned"}
    await pinning.pin(session, "one", LINUX)
    assert pins(daemon)[str(root)] == "theirs now"
    assert await pinning.unpin(session, [root]) == ()
    assert pins(daemon)[str(root)] == "theirs now"
    await releases.untrack(session, "one")
    assert pins(daemon)[str(root)] == "theirs now"


async def test_a_pin_that_came_between_our_claim_and_our_pin_is_theirs(
    session: Session, daemon: KuboDaemon
) -> None:
    """The program was killed after it wrote the claim down, and somebody else pinned the part meanwhile."""
    await releases.track(session, ONE.root, label="one")
    await pinning.pin(session, "one", LINUX)
    root = await subset_of(session, "one")
    daemon.call("pin/rm", root)
    daemon.pin(root, "theirs")
    await pinning.pin(session, "one", LINUX)
    assert await pinning.unpin(session, [root]) == ()
    assert pins(daemon)[str(root)] == "theirs"


async def test_a_pin_that_its_maker_removed_is_made_by_us(session: Session, daemon: KuboDaemon) -> None:
    """An adopted pin that is gone is ours the next time, with our name, and goes with our unpin."""
    await releases.track(session, ONE.root, label="one")
    await pinning.pin(session, "one", LINUX)
    root = await subset_of(session, "one")
    daemon.pin(root, "theirs")
    await pinning.pin(session, "one", LINUX)
    daemon.call("pin/rm", root)
    await pinning.pin(session, "one", LINUX)
    assert pins(daemon)[str(root)] == OURS
    assert await pinning.unpin(session, [root]) == (root,)
    assert str(root) not in pins(daemon)


async def test_an_index_that_another_program_keeps_stays(session: Session, daemon: KuboDaemon) -> None:
    """Untracking removes only the index pin that tracking made."""
    first = await releases.track(session, ONE.root, label="one")
    index = first.tracked.index_cid
    await releases.untrack(session, "one")
    assert str(index) not in pins(daemon)
    daemon.pin(index, "theirs")
    await releases.track(session, ONE.root, label="one")
    await releases.untrack(session, "one")
    assert pins(daemon)[str(index)] == "theirs"


async def test_two_data_directories_on_one_daemon(
    open_on: Callable[[str], AbstractAsyncContextManager[Session]], daemon: KuboDaemon
) -> None:
    """What the first made is foreign to the second, the index too."""
    async with open_on("first") as first, open_on("second") as second:
        for session in (first, second):
            await releases.track(session, ONE.root, label="one")
            await pinning.pin(session, "one", LINUX)
        before = pins(daemon)
        with pytest.raises(NotPinned, match="no pin of one is this program's"):
            await planning.forecast_unpin(second, "one", None)
        await releases.untrack(second, "one")
        assert pins(daemon) == before
        forecast = await planning.forecast_unpin(first, "one", None)
        await pinning.unpin(first, forecast.removal.roots)
        await releases.untrack(first, "one")
        assert not [name for name in pins(daemon).values() if name]


async def test_staging_pins_of_another_are_not_swept(node: KuboNode, daemon: KuboDaemon) -> None:
    """Only those that carry this owner's name, whole."""
    names = ["ipwhl-mirror/staging/other", "ipwhl-mirror/staging/", "ipwhl-mirror/staging/foreign2", "photos"]
    for number, name in enumerate([*names, "ipwhl-mirror/staging/foreign"]):
        daemon.pin(list(THEIRS.blocks)[number], name)
    await node.sweep()
    left = [name for name in pins(daemon).values() if name]
    assert sorted(left) == sorted(names)


async def test_a_direct_pin_of_another_program_is_neither_replaced_nor_removed(
    node: KuboNode, daemon: KuboDaemon
) -> None:
    """A recursive pin would take its place, and removing ours would remove it."""
    daemon.call("pin/add", THEIRS.root, recursive=False, name="just this")
    with pytest.raises(NodeRefused, match="pinned directly") as caught:
        await node.pin(THEIRS.root, "ours")
    assert caught.value.hint is not None
    await node.unpin(THEIRS.root)
    assert pins(daemon, "direct") == {str(THEIRS.root): "just this"}
