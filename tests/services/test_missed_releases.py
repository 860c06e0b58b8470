"""A release that a mirror never reached is tracked while it is the newest, and not for ever."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.services import pinning, releases, sources, storage
from ipwhl_mirror.services.errors import GuardRefused
from ipwhl_mirror.state.mirrors import MirrorTable
from tests.mirror_world import LINUX, Campus, release, without
from tests.simulators.gateway import SimulatedGateway
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
FIRST = release("1.0")
POOR = without(release("1.0", other="1.1"), "native-1.0", "other")
POORER = without(release("1.0", pure="1.2"), "native-1.0", "other")
GOOD = release("1.0", other="1.3")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("key") / "id")


@pytest.fixture
async def campus(tmp_path: Path, key: Path) -> AsyncIterator[Campus]:
    """Its mirror is at r1, and refused r2: too much is gone from it."""
    async with SimulatedGateway({}) as origin:
        found = Campus(directory=tmp_path, origin=origin, key=key)
        await found.announce("r1", FIRST)
        await found.follow()
        assert (await found.sync()).error is None
        await found.announce("r2", POOR)
        assert isinstance((await found.sync()).error, GuardRefused)
        yield found


async def tracked(campus: Campus) -> list[str | None]:
    """The labels, the oldest first; each has its index pinned, and no other is."""
    async with campus.session() as session:
        known = session.state.releases()
        on_node = [pin.cid for pin in await session.node.pins() if "/index" in pin.name]
        assert sorted(on_node) == sorted(each.index_cid for each in known)
        return [each.label for each in reversed(known)]


async def missed(campus: Campus) -> int:
    async with campus.session() as session:
        return len(MirrorTable(session.state).missed("campus"))


async def test_it_goes_when_the_mirror_goes_elsewhere(campus: Campus) -> None:
    """While it is the newest it stays, however often it is refused; a person may still go to it by name."""
    assert isinstance((await campus.sync()).error, GuardRefused)
    assert (await tracked(campus), await missed(campus)) == (["r1", "r2"], 1)
    await campus.announce("r3", GOOD)
    assert (await campus.sync()).error is None
    assert (await tracked(campus), await missed(campus)) == (["r1", "r3"], 0)
    assert (await campus.sync(to="r2")).error is None
    assert await tracked(campus) == ["r3", "r2"]


async def test_it_goes_though_the_next_is_refused_too(campus: Campus) -> None:
    """So of a source whose every release is refused one is tracked, and not all."""
    await campus.announce("r3", POORER)
    assert isinstance((await campus.sync()).error, GuardRefused)
    assert (await tracked(campus), await missed(campus)) == (["r1", "r3"], 1)


async def test_what_is_reached_in_the_end_was_not_missed(campus: Campus) -> None:
    """Because a person said so, or the configuration does."""
    campus.configure(max_removed_ratio=1.0)
    assert (await campus.sync()).error is None
    assert (await tracked(campus), await missed(campus)) == (["r1", "r2"], 0)


async def test_what_a_person_tracked_stays(campus: Campus) -> None:
    """Whether the source announced it before or after."""
    async with campus.session() as session:
        await releases.track(session, POOR.root, label="mine")
    await campus.announce("r3", GOOD)
    assert (await campus.sync()).error is None
    assert (await tracked(campus), await missed(campus)) == (["r1", "mine", "r3"], 0)


async def test_what_a_person_pinned_stays(campus: Campus) -> None:
    """Tracked and pinned."""
    async with campus.session() as session:
        await pinning.pin(session, "r2", Selection.parse(platforms=[LINUX]))
    await campus.announce("r3", GOOD)
    assert (await campus.sync()).error is None
    assert await tracked(campus) == ["r1", "r2", "r3"]
    async with campus.session() as session:
        assert {pin.release for pin in session.state.known_pins()} >= {POOR.root.digest}


async def test_what_another_mirror_keeps_stays(campus: Campus) -> None:
    """Until that one lets it go."""
    campus.others["lab"] = campus.mirror
    assert (await campus.sync("lab")).error is None
    await campus.announce("r3", GOOD)
    assert (await campus.sync("campus")).error is None
    assert await tracked(campus) == ["r1", "r2", "r3"]
    for label, made in (("r4", FIRST), ("r5", GOOD)):
        await campus.announce(label, made)
        await campus.sync("lab")
    assert "r2" not in await tracked(campus)


async def test_it_goes_with_a_mirror_that_is_not_configured_any_more(campus: Campus) -> None:
    """Where the source has gone on."""
    await campus.announce("r3", GOOD)
    async with campus.session() as session:
        await sources.update(session)
        session.settings.config.mirror.clear()
        forecast = await storage.forecast_retention(session)
        await storage.prune(
            session, forecast.removal.roots, retired=forecast.retired, forgotten=forecast.forgotten
        )
    assert await tracked(campus) == ["r3"]
