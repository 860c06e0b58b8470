"""A run of a mirror: only what a key signed, only what changed, and the address is whole at every moment."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.nodes.errors import PinFailed
from ipwhl_mirror.services import overview, pinning, releases, sources, verifying
from ipwhl_mirror.services.errors import GuardRefused, NothingSelected, UnknownRelease, UsageProblem
from ipwhl_mirror.services.mirror_events import EventKind
from ipwhl_mirror.services.mirrors import CurrentMirrors
from ipwhl_mirror.services.retiring import LISTING_PIN
from ipwhl_mirror.sources.errors import NotTrusted, SourceMalformed
from ipwhl_mirror.state.errors import LockHeld
from ipwhl_mirror.state.lock import data_dir_lock
from ipwhl_mirror.state.mirrors import MirrorTable
from tests.mirror_world import ARM, DAY, LINUX, WINDOWS, Campus, release, with_storage, without
from tests.simulators.gateway import SimulatedGateway
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ipwhl_mirror.services.session import Session
    from tests.simulators.wheels import SampleRelease

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
OLD = release("1.0")
NEW = release("1.0", other="1.1")
NEWER = release("1.0", other="1.1", pure="1.2")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("key") / "id")


@pytest.fixture
async def campus(tmp_path: Path, key: Path) -> AsyncIterator[Campus]:
    """It follows a feed that has announced one release."""
    async with SimulatedGateway({}) as origin:
        found = Campus(directory=tmp_path, origin=origin, key=key)
        await found.announce("r1", OLD)
        await found.follow()
        yield found


async def listed(session: Session, mirror: str = "campus") -> set[str]:
    """The wheels that the address of a mirror lists, each whole on this node."""
    root = CurrentMirrors(session)[mirror]
    tree = await releases.read_tree(session.node, root, Reach.LOCAL)
    wheels = tree.release.wheels if tree.wheels is None else tree.wheels
    for wheel in wheels:
        found = [block async for block in session.node.walk(wheel.cid)]
        assert all(block.fault is None for block in found), wheel.filename
    return {wheel.filename for wheel in wheels}


async def labels(campus: Campus, mirror: str = "campus") -> list[str | None]:
    """What a mirror keeps, the current one first."""
    async with campus.session() as session:
        return [kept.label for kept in MirrorTable(session.state).kept(mirror)]


async def names_of_pins(campus: Campus) -> list[str]:
    """Of the node, sorted; without the indexes of tracked releases."""
    async with campus.session() as session:
        names = [pin.name for pin in await session.node.pins()]
    return sorted(name for name in names if not name.startswith("ipwhl-mirror/index"))


def wheels_of(made: SampleRelease, *parts: str) -> set[str]:
    """The file names of a release that have one of these parts."""
    return {name for _, name in made.files if any(part in name for part in parts)}


async def test_first_run_then_nothing_new(campus: Campus) -> None:
    """It fetches, reads back and switches; the next run fetches nothing and changes nothing."""
    report = await campus.sync()
    assert report.error is None and report.changed and report.fetched_bytes > 300_000
    async with campus.session() as session:
        assert await listed(session) == wheels_of(OLD, "manylinux", "-any")
        assert not (await verifying.verify(session)).broken
    requests = len(campus.origin.requests)
    again = await campus.sync()
    assert (again.error, again.changed, again.fetched_bytes) == (None, False, 0)
    assert len(campus.origin.requests) == requests
    assert [event.kind for event in campus.events] == [
        EventKind.SYNC_STARTED,
        EventKind.RELEASE_NEW,
        EventKind.PLANNED,
        EventKind.SWITCHED,
        EventKind.SYNC_DONE,
        EventKind.SYNC_STARTED,
        EventKind.SYNC_DONE,
    ]


async def test_a_successor_costs_what_changed_and_the_old_one_goes_by_retention(campus: Campus) -> None:
    """Two are kept; the third lets the first go, its pins and then the release."""
    await campus.sync()
    await campus.announce("r2", NEW)
    second = await campus.sync()
    assert 0 < second.fetched_bytes < 20_000
    assert (await labels(campus), second.retired) == (["r2", "r1"], ())
    await campus.announce("r3", NEWER)
    third = await campus.sync()
    assert [gone.label for gone in third.retired] == ["r1"]
    assert await labels(campus) == ["r3", "r2"]
    async with campus.session() as session:
        assert {tracked.label for tracked in session.state.releases()} == {"r2", "r3"}
        assert len(await session.node.pins()) == 4


async def test_an_address_of_several_parts_survives_a_collection(campus: Campus) -> None:
    """The parts are pinned, and a small listing keeps the directories above them."""
    campus.configure(platforms=(LINUX, ARM), keep=1)
    with_storage(campus, gc="after-sync")
    await campus.sync()
    await campus.announce("r2", NEW)
    report = await campus.sync()
    assert report.collected is not None and report.collected.blocks > 0
    async with campus.session() as session:
        await session.node.collect_garbage()
        assert await listed(session) == wheels_of(NEW, "manylinux", "arm64", "-any")
    assert await names_of_pins(campus) == [
        f"ipwhl-mirror/-p {LINUX}",
        f"ipwhl-mirror/-p {ARM}",
        f"{LISTING_PIN} campus",
    ]


async def test_everything_is_the_official_root(campus: Campus) -> None:
    """Whoever has all of a release hands out its own CID."""
    campus.configure(platforms=())
    report = await campus.sync()
    assert report.current is not None and report.current.cid == OLD.root


@pytest.mark.parametrize(
    ("days", "left"), [(0, ["r3", "r2"]), (5, ["r3", "r2", "r1"])], ids=["by number", "by days too"]
)
async def test_retention(days: int, left: list[str], campus: Campus) -> None:
    """A release that was replaced stays for so many days, and goes in a later run without news."""
    campus.configure(keep_days=days)
    await campus.sync()
    for label, made in (("r2", NEW), ("r3", NEWER)):
        campus.now += DAY
        await campus.announce(label, made)
        await campus.sync()
    assert await labels(campus) == left
    campus.now += 5 * DAY
    await campus.sync()
    assert await labels(campus) == ["r3", "r2"]


async def test_another_selection_of_the_same_release(campus: Campus) -> None:
    """The address follows the configuration, and parts that are not taken any more go."""
    await campus.sync()
    campus.configure(platforms=(WINDOWS,))
    report = await campus.sync()
    assert report.changed
    async with campus.session() as session:
        assert await listed(session) == wheels_of(OLD, "win_amd64", "-any")
    assert await names_of_pins(campus) == [f"ipwhl-mirror/-p {WINDOWS}"]


async def test_what_a_person_pinned_stays(campus: Campus) -> None:
    """A mirror uses it, and never lets it go."""
    await campus.announce("r2", NEW)
    async with campus.session() as session:
        await sources.update(session)
        await pinning.pin(session, "r2", Selection.parse(platforms=[LINUX]))
    campus.configure(keep=1)
    await campus.sync()
    await campus.announce("r3", NEWER)
    assert [gone.label for gone in (await campus.sync()).retired] == ["r2"]
    async with campus.session() as session:
        assert {tracked.label for tracked in session.state.releases()} == {"r2", "r3"}
        held = (await overview.status(session)).releases
        assert [len(found.holdings) for found in held] == [1, 1]


async def test_two_mirrors_share_parts(campus: Campus) -> None:
    """What one retires stays for the other."""
    campus.configure(keep=1)
    campus.others["slow"] = campus.mirror
    await campus.sync()
    await campus.announce("r2", NEW)
    await campus.sync("campus")
    assert (await labels(campus), await labels(campus, "slow")) == (["r2"], ["r1"])
    async with campus.session() as session:
        assert await listed(session, "slow") == wheels_of(OLD, "manylinux", "-any")
    await campus.sync("slow")
    assert await names_of_pins(campus) == [f"ipwhl-mirror/-p {LINUX}"]


@pytest.mark.parametrize("what", ["moved", "rollback"])
async def test_what_is_refused_leaves_what_was_current(what: str, campus: Campus) -> None:
    """A run ends with what the source says wrong; what is served stays whole."""
    await campus.announce("r2", NEW)
    await campus.sync()
    if what == "moved":
        await campus.announce("r2", NEWER)
    else:
        campus.said = campus.said[:1]
        campus.write_feed()
    report = await campus.sync()
    assert isinstance(report.error, NotTrusted) and not report.changed
    assert report.current is not None and report.current.label == "r2"
    assert campus.events[-2].kind is EventKind.RELEASE_REFUSED
    assert campus.events[-1].kind is EventKind.SYNC_FAILED


async def test_without_the_trust_file_nothing_is_mirrored(campus: Campus) -> None:
    """Until a person accepts the source again."""
    await campus.sync()
    (campus.settings.data_dir / "trust.json").unlink()
    await campus.announce("r2", NEW)
    report = await campus.sync()
    assert isinstance(report.error, NotTrusted)
    assert await labels(campus) == ["r1"]
    await campus.follow()
    assert (await campus.sync()).changed


async def test_without_a_key_nothing_is_mirrored(campus: Campus) -> None:
    """What nobody signed is for a person to track."""
    async with campus.session() as session:
        await sources.add_source(session, "campus", campus.feed.as_uri(), [])
    report = await campus.sync()
    assert isinstance(report.error, NotTrusted) and report.current is None
    async with campus.session() as session:
        assert session.state.releases() == ()


async def test_a_source_that_fails_leaves_what_is_there(campus: Campus) -> None:
    """And what was accepted before is completed all the same."""
    campus.origin.blocks.clear()
    campus.origin.blocks.update(index_only(OLD.blocks))
    assert isinstance((await campus.sync()).error, PinFailed)
    campus.origin.blocks.update(OLD.blocks)
    campus.feed.write_text("no feed")
    report = await campus.sync()
    assert isinstance(report.error, SourceMalformed)
    assert report.current is not None and report.current.label == "r1"


async def test_a_release_that_lacks_a_platform_is_refused_until_a_person_says_so(campus: Campus) -> None:
    """Its pure wheels are all there, and that is no comfort."""
    await campus.sync()
    await campus.announce("r2", without(NEW, "native-1.0", "other"))
    report = await campus.sync()
    assert isinstance(report.error, GuardRefused) and "lacks 2 of 2 projects" in str(report.error)
    assert await labels(campus) == ["r1"]
    assert (await campus.sync(to="r2")).error is None
    assert await labels(campus) == ["r2", "r1"]


async def test_a_release_with_nothing_of_the_selection(campus: Campus) -> None:
    """The first run of a mirror has nothing to compare with, and says what is wrong."""
    campus.configure(platforms=("ios-arm64_iphoneos",), projects=("native",))
    assert isinstance((await campus.sync()).error, NothingSelected)


async def test_budget(campus: Campus) -> None:
    """What would be kept is counted once; what goes anyway goes first where that makes room."""
    campus.configure(keep=1, budget=400_000)
    await campus.sync()
    await campus.announce("r2", release("1.0", native="2.0"))
    report = await campus.sync()
    assert isinstance(report.error, GuardRefused) and "more than its budget of 400.0 kB" in str(report.error)
    assert await labels(campus) == ["r1"]
    campus.configure(keep=2, budget=1_200_000)
    assert (await campus.sync()).error is None
    campus.configure(budget=800_000)
    await campus.announce("r3", release("1.0", native="3.0"))
    report = await campus.sync()
    assert [gone.label for gone in report.retired] == ["r1"]
    assert (report.error, await labels(campus)) == (None, ["r3", "r2"])


async def test_room_that_is_to_stay_free(campus: Campus) -> None:
    """A mirror has a limit of its own."""
    campus.configure(reserve_free=1 << 60)
    report = await campus.sync()
    assert isinstance(report.error, GuardRefused)
    assert await labels(campus) == []


async def test_back_to_an_older_release_until_there_is_news(campus: Campus) -> None:
    """A person's choice holds over runs; what the source announced before is no reason to leave it."""
    campus.configure(keep=1)
    await campus.sync()
    await campus.announce("r2", NEW)
    await campus.sync()
    async with campus.session() as session:
        assert {tracked.label for tracked in session.state.releases()} == {"r2"}
    assert (await campus.sync(to="r1")).error is None
    assert (await labels(campus), (await campus.sync()).changed) == (["r1"], False)
    await campus.announce("r3", NEWER)
    await campus.sync()
    assert await labels(campus) == ["r3"]


async def test_to_needs_one_mirror_and_a_release(campus: Campus) -> None:
    """What is meant must be told."""
    campus.others["slow"] = campus.mirror
    with pytest.raises(UsageProblem, match="is for one mirror, and these are 2"):
        await campus.sync(to="r1")
    assert isinstance((await campus.sync("campus", to="r9")).error, UnknownRelease)
    with pytest.raises(UsageProblem, match="there is no mirror"):
        await campus.sync("nobody")


async def test_a_lost_database_is_no_lost_mirror(campus: Campus) -> None:
    """The next run finds wheels and pins where they are, and fetches none of them."""
    campus.configure(platforms=(LINUX, ARM))
    await campus.sync()
    (campus.settings.data_dir / "state.sqlite").unlink()
    served = campus.origin.bytes_served
    report = await campus.sync()
    assert report.error is None and report.fetched_bytes == 0
    assert campus.origin.bytes_served == served
    assert (await names_of_pins(campus)).count(f"{LISTING_PIN} campus") == 1


async def test_what_was_begun_for_a_release_that_was_overtaken_goes(campus: Campus) -> None:
    """A part was pinned, the other could not be had, and then there was a newer release."""
    campus.configure(platforms=(LINUX, ARM), keep=1)
    await campus.sync()
    overtaken = release("1.0", native="2.0")
    await campus.announce("r2", overtaken)
    (filename,) = wheels_of(overtaken, "native-2.0-cp311-cp311-macosx")
    missing = overtaken.file_cid("native", filename)
    del campus.origin.blocks[missing.digest]
    assert isinstance((await campus.sync()).error, PinFailed)
    await campus.announce("r3", NEW)
    assert (await campus.sync()).error is None
    assert len(await names_of_pins(campus)) == 3
    async with campus.session() as session:
        assert {tracked.label for tracked in session.state.releases()} == {"r3"}


async def test_another_run_holds_the_lock(campus: Campus) -> None:
    """That is no failure of the mirror: nothing was tried."""
    async with data_dir_lock(campus.settings.data_dir, "pin", wait_s=0):
        with pytest.raises(LockHeld):
            await campus.sync()


def index_only(blocks: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The directories among these blocks."""
    return {digest: block for digest, block in blocks.items() if block.endswith(b"\x0a\x02\x08\x01")}
