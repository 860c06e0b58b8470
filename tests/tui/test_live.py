"""The UI's backend on real services: the values the screens show, and the same work as the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.services.errors import DamageFound, UnknownRelease
from ipwhl_mirror.services.events import Phase, Progress
from ipwhl_mirror.tui.app import MirrorApp
from ipwhl_mirror.tui.desk import Access
from ipwhl_mirror.tui.live import LiveBackend

if TYPE_CHECKING:
    from ipwhl_mirror.services.session import Session
    from tests.simulators.wheels import SampleRelease

LINUX = Selection.parse(platforms=["linux-x86_64"])


def ignore(progress: Progress) -> None:
    """Nobody looks."""


async def test_an_operators_day(session: Session, sample: SampleRelease) -> None:
    """Track, plan, pin, look, verify, unpin, forget: each call gives what the next screen needs."""
    backend = LiveBackend(session)
    assert (await backend.overview()).releases == ()
    assert "6 wheels" in await backend.track(sample.root, "one", ignore)
    (summary,) = (await backend.overview()).releases
    assert (summary.name, summary.wheels, summary.pinned_wheels) == ("one", 6, 0)

    forecast = await backend.forecast_pin(summary.cid, LINUX)
    assert forecast.plan.fetch.wheels == 3
    seen: list[Progress] = []
    assert "3 wheels" in await backend.pin(forecast, seen.append)
    assert {progress.phase for progress in seen} == {Phase.FETCH, Phase.VERIFY}
    view = await backend.load(summary.cid)
    assert len(view.pinned) == 3
    assert view.pinned <= view.here

    assert "3 wheels" in await backend.verify(summary.cid, ignore)
    going = await backend.forecast_unpin(summary.cid, None)
    assert [(line.selection, line.wheels) for line in going.going] == [("-p linux-x86_64", 3)]
    assert "1 pin removed; " in await backend.unpin(going, ignore)
    await backend.untrack(summary.cid)
    assert (await backend.overview()).releases == ()
    with pytest.raises(UnknownRelease):
        await backend.load(summary.cid)


async def test_damage_is_an_error_with_names(session: Session, sample: SampleRelease) -> None:
    """A verification that finds damage fails with the wheel's name."""
    backend = LiveBackend(session)
    await backend.track(sample.root, "one", ignore)
    await backend.pin(await backend.forecast_pin(sample.root, LINUX), ignore)
    wheels = (path for path in (session.settings.data_dir / "node" / "wheels").rglob("*") if path.is_file())
    largest = max(wheels, key=lambda path: path.stat().st_size)
    largest.chmod(0o644)
    largest.write_bytes(bytes(largest.stat().st_size))
    with pytest.raises(DamageFound) as caught:
        await backend.verify(sample.root, ignore)
    assert any("native-1.0-cp311-cp311-manylinux" in line for line in caught.value.details)


async def test_the_application_opens_on_it(session: Session, sample: SampleRelease) -> None:
    """The real application over the real services shows the tracked release and opens it."""
    backend = LiveBackend(session)
    await backend.track(sample.root, "one", ignore)
    app = MirrorApp(backend, access=Access.FULL)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete()
        assert app.overview is not None
        assert [release.name for release in app.overview.releases] == ["one"]
        await pilot.press("enter")
        await app.workers.wait_for_complete()
        assert app.opened is not None
        assert app.opened.release.root == sample.root
