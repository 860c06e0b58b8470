"""Pinning parts of a release: what is fetched, pinned, verified, refused, and left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.nodes.errors import PinFailed
from ipwhl_mirror.services import overview, pinning, planning, releases, storage, verifying
from ipwhl_mirror.services.errors import (
    GuardRefused,
    NothingSelected,
    NotPinned,
    ReadOnlyRefused,
    StillPinned,
    UsageProblem,
)
from ipwhl_mirror.services.events import Phase, Progress

if TYPE_CHECKING:
    from ipwhl_mirror.services.session import Session
    from tests.conftest import OpenSession
    from tests.simulators.gateway import SimulatedGateway
    from tests.simulators.wheels import SampleRelease

LINUX = Selection.parse(platforms=["linux-x86_64"])
MAC = Selection.parse(platforms=["macos-arm64"])
EVERYTHING = Selection.parse()


async def states(session: Session, rel: str = "one") -> dict[str, str]:
    """Pin state by platform."""
    report = await overview.show(session, rel, EVERYTHING)
    return {row.platform: row.state.value for row in report.rows}


async def test_tracking_reads_no_wheel(
    session: Session, sample: SampleRelease, source: SimulatedGateway
) -> None:
    """Tracking fetches the directory blocks and nothing else."""
    loaded = await releases.track(session, sample.root, label="one")
    assert (loaded.tracked.projects, loaded.tracked.wheels) == (3, 6)
    assert len(source.requests) == 4
    assert {pin.name for pin in await session.node.pins()} == {"ipwhl-mirror/index one"}


async def test_one_platform_is_fetched_pinned_and_verified(
    session: Session, sample: SampleRelease, source: SimulatedGateway
) -> None:
    """After `pin` its platform is pinned, others as far as they share wheels; nothing else came."""
    await releases.track(session, sample.root, label="one")
    seen: list[Progress] = []
    report = await pinning.pin(session, "one", LINUX, sink=seen.append)
    assert report.forecast.plan.amount.wheels == 3
    assert report.read_back.broken == []
    assert await states(session) == {
        "any": "pinned",
        "linux-x86_64": "pinned",
        "macos-arm64": "absent",
        "windows-amd64": "absent",
    }
    assert [pin.name for pin in await session.node.pins() if "index" not in pin.name] == [
        "ipwhl-mirror/-p linux-x86_64"
    ]
    for (project, filename), _ in sample.files.items():
        whole = await session.node.whole([sample.file_cid(project, filename)])
        assert bool(whole) == ("macosx" not in filename and "win" not in filename)
    assert {progress.phase for progress in seen} == {Phase.FETCH, Phase.VERIFY}
    fetched = [progress.done_bytes for progress in seen if progress.phase is Phase.FETCH]
    assert fetched == sorted(fetched)


async def test_a_part_pinned_twice_is_fetched_once(
    session: Session, sample: SampleRelease, source: SimulatedGateway
) -> None:
    """The second pin of the same part asks for nothing and keeps one pin."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", LINUX)
    asked = len(source.requests)
    before = await session.node.pins()
    report = await pinning.pin(session, "one", LINUX)
    assert report.fetched_bytes == 0
    assert len(source.requests) == asked
    assert await session.node.pins() == before


async def test_parts_share_wheels(session: Session, sample: SampleRelease) -> None:
    """Two platforms are two pins; the second fetches only what the first has not."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", LINUX)
    forecast = await planning.forecast_pin(session, "one", MAC)
    assert (forecast.plan.fetch.wheels, forecast.plan.shared.wheels) == (2, 1)
    report = await pinning.pin(session, "one", Selection.parse(platforms=["linux-x86_64", "macos-arm64"]))
    assert len(report.forecast.plan.parts) == 2
    assert len([pin for pin in await session.node.pins() if "index" not in pin.name]) == 2
    assert (await states(session))["macos-arm64"] == "pinned"


async def test_what_was_verified_is_not_read_again(session: Session, sample: SampleRelease) -> None:
    """A wheel verified under a pin of ours that never lapsed is not hashed by the next pin (guarantee 1)."""
    await releases.track(session, sample.root, label="one")
    first = await pinning.pin(session, "one", LINUX)
    second = await pinning.pin(session, "one", MAC)
    assert first.read_back.wheels == 3
    assert second.read_back.wheels == 2


async def test_after_a_killed_run_all_is_read_again(session: Session, sample: SampleRelease) -> None:
    """An unclean stop takes the trust from what was verified before."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", LINUX)
    session.state.begin_run("pin", session.clock())
    second = await pinning.pin(session, "one", MAC)
    assert second.read_back.wheels == 3


async def test_whole_release_is_the_official_root(session: Session, sample: SampleRelease) -> None:
    """Without a selection the official root itself is pinned."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", EVERYTHING)
    assert sample.root in {pin.cid for pin in await session.node.pins()}
    assert set((await states(session)).values()) == {"pinned"}


async def test_missing_wheels_are_named_and_the_rest_stays(
    session: Session, sample: SampleRelease, source: SimulatedGateway
) -> None:
    """Where one wheel cannot be had the pin fails with its name; the next run fetches only that one."""
    lost = sample.file_cid("native", "native-1.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    block = source.blocks.pop(lost.digest)
    await releases.track(session, sample.root, label="one")
    with pytest.raises(PinFailed) as caught:
        await pinning.pin(session, "one", LINUX)
    assert [cid.digest for cid, _ in caught.value.failed] == [lost.digest]
    (line,) = caught.value.details
    assert line.startswith("native/native-1.0-cp311-cp311-manylinux_2_17_x86_64.whl: ")
    assert (await states(session))["linux-x86_64"] == "absent"
    source.blocks[lost.digest] = block
    forecast = await planning.forecast_pin(session, "one", LINUX)
    assert forecast.plan.fetch.wheels == 1
    await pinning.pin(session, "one", LINUX)
    assert (await states(session))["linux-x86_64"] == "pinned"


async def test_guard_refuses_with_the_numbers(
    open_session: OpenSession, sample: SampleRelease, source: SimulatedGateway
) -> None:
    """What would eat into the reserve is refused before anything is fetched."""
    async with open_session(source.url, reserve_free=1 << 60) as session:
        await releases.track(session, sample.root, label="one")
        asked = len(source.requests)
        with pytest.raises(GuardRefused, match=r"to fetch, .* free: .* would be left"):
            await pinning.pin(session, "one", LINUX)
        assert len(source.requests) == asked


async def test_nothing_selected_is_refused(session: Session, sample: SampleRelease) -> None:
    """`plan` says so, `pin` refuses."""
    await releases.track(session, sample.root, label="one")
    nothing = Selection.parse(projects=["no-such-project"])
    assert (await planning.forecast_pin(session, "one", nothing)).plan.subset_cid is None
    with pytest.raises(NothingSelected):
        await pinning.pin(session, "one", nothing)


async def test_unpin_removes_exactly_the_part(session: Session, sample: SampleRelease) -> None:
    """Only the named part goes; shared bytes are told apart from reclaimable ones; nothing is deleted."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", Selection.parse(platforms=["linux-x86_64", "macos-arm64"]))
    forecast = await planning.forecast_unpin(session, "one", MAC)
    plan = forecast.removal.plan
    assert (plan.leaving.wheels, plan.staying.wheels, plan.reclaimable.wheels) == (3, 1, 2)
    await pinning.unpin(session, forecast.removal.roots)
    assert await states(session) == {
        "any": "pinned",
        "linux-x86_64": "pinned",
        "macos-arm64": "absent",
        "windows-amd64": "absent",
    }
    preview = await storage.preview_gc(session)
    mac = [data for (_, filename), data in sample.files.items() if "macosx" in filename]
    assert preview.bytes >= sum(map(len, mac))
    assert await session.node.whole([sample.file_cid("other", "other-1.0-cp311-cp311-macosx_11_0_arm64.whl")])


async def test_gc_leaves_what_is_pinned(session: Session, sample: SampleRelease) -> None:
    """After unpin and gc the other part is whole and verified by a new reading; what went is gone."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", Selection.parse(platforms=["linux-x86_64", "macos-arm64"]))
    forecast = await planning.forecast_unpin(session, "one", MAC)
    await pinning.unpin(session, forecast.removal.roots)
    preview = await storage.preview_gc(session)
    removed = await storage.collect_garbage(session)
    assert (removed.blocks, removed.bytes) == (preview.blocks, preview.bytes)
    report = await verifying.verify(session)
    assert (report.broken, report.pins, report.wheels) == ((), 1, 3)
    assert not await session.node.whole(
        [sample.file_cid("other", "other-1.0-cp311-cp311-macosx_11_0_arm64.whl")]
    )


async def test_unpin_of_what_is_not_pinned_lists_what_is(session: Session, sample: SampleRelease) -> None:
    """A part that is no pin of ours is refused with the parts that are."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", LINUX)
    with pytest.raises(NotPinned, match="macos-arm64") as caught:
        await planning.forecast_unpin(session, "one", MAC)
    assert "-p linux-x86_64" in (caught.value.hint or "")


async def test_several_pins_are_unpinned_by_one_plan(session: Session, sample: SampleRelease) -> None:
    """What they share leaves with them, and counts once; pins by themselves, or all of a release."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", Selection.parse(platforms=["linux-x86_64", "macos-arm64"]))
    linux = (await planning.forecast_unpin(session, "one", LINUX)).removal
    mac = (await planning.forecast_unpin(session, "one", MAC)).removal
    both = {root.digest for root in (*linux.roots, *mac.roots)}
    for chosen in ({"pins": both, "releases": set()}, {"pins": set(), "releases": {sample.root.digest}}):
        removal = await planning.forecast_unpin_many(session, **chosen)
        assert {root.digest for root in removal.roots} == both
        assert removal.plan.staying.wheels == 0
        assert removal.plan.reclaimable == removal.plan.leaving
        assert removal.plan.leaving.wheels == linux.plan.leaving.wheels + mac.plan.reclaimable.wheels
    one = await planning.forecast_unpin_many(session, releases=set(), pins={mac.roots[0].digest})
    assert one.plan == mac.plan


async def test_pins_of_others_are_not_among_several(session: Session, sample: SampleRelease) -> None:
    """Asked for by itself one is refused; of a release only ours go, and without any that is said."""
    await releases.track(session, sample.root, label="one")
    await session.node.pin(sample.root, "photos")
    await pinning.pin(session, "one", LINUX)
    (ours,) = (await planning.forecast_unpin(session, "one", LINUX)).removal.roots
    with pytest.raises(NotPinned, match="1 of 2 pins are not this program's"):
        await planning.forecast_unpin_many(session, releases=set(), pins={ours.digest, sample.root.digest})
    removal = await planning.forecast_unpin_many(session, releases={sample.root.digest}, pins=set())
    assert removal.roots == (ours,)
    await pinning.unpin(session, removal.roots)
    with pytest.raises(NotPinned, match="no pin of these releases"):
        await planning.forecast_unpin_many(session, releases={sample.root.digest}, pins=set())


async def test_a_foreign_pin_is_adopted_and_never_removed(session: Session, sample: SampleRelease) -> None:
    """A pin that was there before keeps its name, and `unpin` does not touch it (guarantee 2)."""
    await releases.track(session, sample.root, label="one")
    await session.node.pin(sample.root, "photos")
    await pinning.pin(session, "one", EVERYTHING)
    assert {pin.name for pin in await session.node.pins() if pin.cid == sample.root} == {"photos"}
    assert set((await states(session)).values()) == {"pinned"}
    with pytest.raises(NotPinned):
        await planning.forecast_unpin(session, "one", None)


async def test_a_pinned_release_is_not_forgotten(session: Session, sample: SampleRelease) -> None:
    """`untrack` is refused while pins exist; afterwards it takes the index with it."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", LINUX)
    with pytest.raises(StillPinned):
        await releases.untrack(session, "one")
    forecast = await planning.forecast_unpin(session, "one", None)
    await pinning.unpin(session, forecast.removal.roots)
    await releases.untrack(session, "one")
    assert session.state.releases() == ()
    assert await session.node.pins() == []


async def test_read_only_refuses_changes_and_reads(
    open_session: OpenSession, sample: SampleRelease, source: SimulatedGateway
) -> None:
    """--read-only shows everything and changes nothing."""
    async with open_session(source.url) as session:
        await releases.track(session, sample.root, label="one")
    async with open_session(source.url, read_only=True) as session:
        assert len((await overview.status(session)).releases) == 1
        with pytest.raises(ReadOnlyRefused):
            await pinning.pin(session, "one", LINUX)


async def test_one_label_one_release(
    session: Session, sample: SampleRelease, source: SimulatedGateway
) -> None:
    """A label that another release has is refused, and that one keeps it."""
    await releases.track(session, sample.root, label="one")
    index = session.state.releases()[0].index_cid
    with pytest.raises(UsageProblem, match="no label"):
        await releases.track(session, sample.root, label="not a label")
    again = await releases.track(session, index)
    assert again.tracked.label == "one"
