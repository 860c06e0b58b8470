"""`prune` where mirrors keep releases: their retention, those that are gone, and what an address needs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.releases import PlatformState
from ipwhl_mirror.services import planning, recovery, storage
from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.services.mirror_needs import mirror_states
from ipwhl_mirror.services.releases import INDEX_PIN
from ipwhl_mirror.state.mirrors import MirrorTable
from tests.mirror_world import Campus, release
from tests.simulators.gateway import SimulatedGateway
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.storage import PruneForecast

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
LINUX, ARM = "linux-x86_64", "macos-arm64"
RELEASES = {
    "r1": release("1.0"),
    "r2": release("1.0", native="1.1"),
    "r3": release("1.0", native="1.2"),
}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("key") / "id")


@pytest.fixture
async def campus(tmp_path: Path, key: Path) -> AsyncIterator[Campus]:
    """Two platforms, and all of three releases kept."""
    async with SimulatedGateway({}) as origin:
        campus = Campus(directory=tmp_path, origin=origin, key=key)
        campus.configure(platforms=(LINUX, ARM), keep=3)
        for number, (label, made) in enumerate(RELEASES.items()):
            await campus.announce(label, made)
            if not number:
                await campus.follow()
            assert (await campus.sync()).error is None
        yield campus


async def prune(session: Session, forecast: PruneForecast) -> int:
    """What the command does when a person says yes."""
    return await storage.prune(
        session, forecast.removal.roots, retired=forecast.retired, forgotten=forecast.forgotten
    )


async def pins_of_parts(session: Session) -> int:
    """Pins of ours on the node that are no index."""
    return len([pin for pin in await session.node.pins() if not pin.name.startswith(INDEX_PIN)])


async def test_retention(campus: Campus) -> None:
    """Asked for by hand, it is what the next run would do: here after `keep` was lowered."""
    campus.configure(platforms=(LINUX, ARM), keep=1)
    async with campus.session() as session:
        assert await pins_of_parts(session) == 9
        before = MirrorTable(session.state).kept("campus")
        forecast = await storage.forecast_retention(session)
        assert [gone.label for gone in forecast.retired] == ["r2", "r1"]
        assert (len(forecast.removal.going), len(forecast.listings), forecast.forgotten) == (4, 2, ())
        assert [kept.label for kept in forecast.kept] == ["r3"]
        garbage = await storage.preview_gc(session)
        assert await prune(session, forecast) == 6
        freed = (await storage.preview_gc(session)).bytes - garbage.bytes
        wheels = forecast.removal.plan.reclaimable.bytes
        assert wheels <= freed <= wheels + 20_000
        assert await pins_of_parts(session) == 3
        assert MirrorTable(session.state).kept("campus") == before[:1]
        assert mirror_states(session, await session.node.pinned()) == {"campus": PlatformState.PINNED}
        again = await storage.forecast_retention(session)
        assert again.is_empty
    report = await campus.sync()
    assert (report.error, report.changed, report.fetched_bytes) == (None, False, 0)


async def test_a_mirror_that_is_configured_no_longer(campus: Campus) -> None:
    """All of it goes, its address too, and nothing of the others."""
    campus.others = {"lab": campus.mirror}
    assert (await campus.sync("lab")).error is None
    campus.mirror, campus.others = campus.others.pop("lab"), {}
    async with campus.session() as session:
        parts = await pins_of_parts(session)
        forecast = await storage.forecast_retention(session)
        assert (forecast.forgotten, len(forecast.retired)) == (("lab",), 1)
        assert forecast.removal.going == ()
        await prune(session, forecast)
        assert MirrorTable(session.state).names() == ("campus",)
        assert await pins_of_parts(session) == parts


async def test_an_address_keeps_an_older_release(campus: Campus) -> None:
    """A person went back to it: `--keep 1` takes neither that nor the newest."""
    assert (await campus.sync(to="r1")).error is None
    async with campus.session() as session:
        forecast = await storage.forecast_prune(session, 1)
        assert forecast.spared == ("campus",)
        assert {going.holding.tracked.label for going in forecast.removal.going} == {"r2"}
        await prune(session, forecast)
        assert mirror_states(session, await session.node.pinned()) == {"campus": PlatformState.PINNED}
        assert [kept.label for kept in MirrorTable(session.state).kept("campus")] == ["r1", "r3"]


async def test_what_is_needed_since_the_forecast_stays(campus: Campus) -> None:
    """Another run went back to a release that was to go."""
    async with campus.session() as session:
        forecast = await storage.forecast_prune(session, 1)
        assert {gone.label for gone in forecast.retired} == {"r1", "r2"}
    assert (await campus.sync(to="r1")).error is None
    async with campus.session() as session:
        await prune(session, forecast)
        assert mirror_states(session, await session.node.pinned()) == {"campus": PlatformState.PINNED}
        assert [kept.label for kept in MirrorTable(session.state).kept("campus")] == ["r1", "r3"]


async def test_pins_of_a_lost_database(campus: Campus) -> None:
    """Found again they count as a person's, whom no retention takes them from; `--keep` does."""
    for file in (campus.directory / "data").glob("state.sqlite*"):
        file.unlink()
    async with campus.session() as session:
        await recovery.recover(session)
    campus.configure(platforms=(LINUX, ARM), keep=1)
    assert (await campus.sync()).error is None
    async with campus.session() as session:
        assert (await storage.forecast_retention(session)).removal.going == ()
        forecast = await storage.forecast_prune(session, 1)
        going = {each.holding.tracked.label for each in forecast.removal.going}
        assert going and going <= {"r1", "r2"}
        await prune(session, forecast)
        assert mirror_states(session, await session.node.pinned()) == {"campus": PlatformState.PINNED}


async def test_unpinning_names_the_mirror_that_needs_it(campus: Campus) -> None:
    """Of the current release; a part of an older one harms nobody."""
    async with campus.session() as session:
        assert (await planning.forecast_unpin(session, "r3", None)).mirrors == ("campus",)
        assert (await planning.forecast_unpin(session, "r1", None)).mirrors == ()


async def test_without_mirrors_there_is_no_retention(campus: Campus) -> None:
    """Which is said, with what to do instead."""
    fresh = Campus(directory=campus.directory / "fresh", origin=campus.origin, key=campus.key)
    fresh.directory.mkdir()
    async with fresh.session() as session:
        session.settings.config.mirror.clear()
        with pytest.raises(UsageProblem, match="no mirror whose retention") as caught:
            await storage.forecast_retention(session)
    assert "--keep N" in str(caught.value.hint)
