"""Releases that are shown are read once, and only as long as they are shown and there."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.nodes.errors import BlockNotFound
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.errors import UnknownRelease
from ipwhl_mirror.tui.live import LiveBackend
from ipwhl_mirror.tui.live_releases import ShownReleases
from tests.nodes.embedded_disk import lose_block

if TYPE_CHECKING:
    from ipwhl_mirror.services.session import Session
    from tests.simulators.wheels import SampleRelease


@pytest.fixture
async def tracked(session: Session, sample: SampleRelease) -> Session:
    """The sample is tracked."""
    await releases.track(session, sample.root, label="one")
    return session


async def test_a_release_that_is_shown_is_not_read_again(tracked: Session, sample: SampleRelease) -> None:
    """A plan, a refresh and a comparison use the one on screen."""
    backend = LiveBackend(tracked)
    shown = await backend.load(sample.root)
    assert (await backend.load(sample.root)).release is shown.release
    forecast = await backend.forecast_pin(sample.root, Selection.parse())
    assert forecast.plan.amount.wheels == len(shown.release.wheels)


async def test_nothing_is_kept_that_nobody_shows(tracked: Session, sample: SampleRelease) -> None:
    """When the last who shows it lets go, it is gone."""
    known = ShownReleases(tracked)
    loaded = await known.load(sample.root)
    assert len(known._known) == 1
    del loaded
    await asyncio.sleep(0)  # the loop lets go of the answer it has just given
    gc.collect()
    assert len(known._known) == 0


async def test_a_lost_index_is_told_though_the_release_is_shown(
    tracked: Session, sample: SampleRelease
) -> None:
    """What is on screen does not hide that the node has lost it."""
    known = ShownReleases(tracked)
    loaded = await known.load(sample.root)
    lose_block(tracked.settings.data_dir / "node", loaded.tracked.index_cid)
    with pytest.raises(BlockNotFound):
        await known.load(sample.root)


async def test_a_forgotten_release_cannot_be_had(tracked: Session, sample: SampleRelease) -> None:
    """Although somebody still shows it."""
    known = ShownReleases(tracked)
    loaded = await known.load(sample.root)
    await releases.untrack(tracked, "one")
    with pytest.raises(UnknownRelease):
        await known.load(loaded.tracked.cid)
