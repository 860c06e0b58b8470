"""What `publish` would refuse is told before; what depends on wheels that are not here is told as a doubt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.services import publishing
from ipwhl_mirror.services.errors import GuardRefused
from ipwhl_mirror.services.foreseeing import Outlook, foresee
from ipwhl_mirror.services.places import Places, Survey
from ipwhl_mirror.services.publishing import Recipe
from tests.services.publishing_world import Index, lay, session_at, wheel
from tests.services.test_publish_inputs import entry, write_lock

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.domain.input_wheels import Gathered
    from ipwhl_mirror.services.session import Session

APP, PURE = wheel("app", requires=["pure"]), wheel("pure")


async def expect(session: Session, gathered: Gathered, label: str = "r1", cid_version: int = 0) -> Outlook:
    """Of a release that is announced nowhere."""
    return await foresee(session, Places(), Survey(), gathered, label=label, cid_version=cid_version)


@pytest.mark.parametrize("cid_version", [0, 1])
async def test_a_label_is_fine_for_the_release_that_has_it(tmp_path: Path, cid_version: int) -> None:
    """The CID is that of publishing, of files, of wheels of releases, and of both."""
    async with session_at(tmp_path / "data") as session:
        first = Recipe(inputs=[lay(tmp_path / "1", PURE)], cid_version=cid_version)
        await publishing.publish(session, first, label="r0")
        both = Recipe(inputs=["r0", lay(tmp_path / "2", APP)], cid_version=cid_version)
        gathered = (await publishing.propose(session, both)).gathered
        assert await expect(session, gathered) == Outlook(refusals=(), doubts=(), cid=None)
        loaded = await publishing.publish(session, both, label="r1")
        outlook = await expect(session, gathered, cid_version=cid_version)
        assert outlook == Outlook(refusals=(), doubts=(), cid=loaded.tracked.cid)
        (taken,) = (await expect(session, gathered, "r0", cid_version)).refusals
        assert str(taken).startswith("label 'r0' is ")


async def test_where_wheels_are_elsewhere_it_is_a_doubt(tmp_path: Path) -> None:
    """Nothing is fetched to find out."""
    async with Index.start() as index, session_at(tmp_path / "data") as session:
        index.offer(APP, PURE)
        await publishing.publish(session, Recipe(inputs=[lay(tmp_path / "1", PURE)]), label="r1")
        lock = write_lock(tmp_path / "pylock.toml", entry(APP), entry(PURE), base=index.url)
        gathered = (await publishing.propose(session, Recipe(inputs=[lock]))).gathered
        index.asked.clear()
        outlook = await expect(session, gathered)
        assert (outlook.refusals, outlook.cid, index.asked) == ((), None, [])
        (doubt,) = outlook.doubts
        assert doubt.startswith("label 'r1' is ")
        assert doubt.endswith("that is refused unless it is the same release")


async def test_wheels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """Of those that have to travel, before the first does, and where there is no data directory yet."""
    async with Index.start() as index, session_at(tmp_path / "data") as session:
        index.offer(APP, PURE)
        lock = write_lock(tmp_path / "pylock.toml", entry(APP), entry(PURE), base=index.url)
        gathered = (await publishing.propose(session, Recipe(inputs=[lock]))).gathered
        assert (await expect(session, gathered)).refusals == ()
        huge = tuple(replace(each, size=1 << 60) for each in gathered.wheels)
        (refusal,) = (await expect(session, replace(gathered, wheels=huge))).refusals
    assert isinstance(refusal, GuardRefused)
    assert "to fetch into" in str(refusal)
