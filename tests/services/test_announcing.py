"""Feeds that are written here are believed by those who follow them, and grow by one statement a release."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.services import publishing, sources
from ipwhl_mirror.services.announcing import FeedFile, announce, open_feed
from ipwhl_mirror.services.errors import TransferFailed, UsageProblem
from ipwhl_mirror.services.planning import forecast_loaded
from ipwhl_mirror.sources.announcements import read_feed, read_statement
from ipwhl_mirror.sources.errors import KeyUnusable, NotTrusted
from ipwhl_mirror.sources.keys import read_keys
from tests.mirror_world import DAY, Campus
from tests.services.test_publishing import lay_out
from tests.simulators.gateway import SimulatedGateway
from tests.simulators.wheels import sample_release, sample_wheels
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session
    from tests.conftest import OpenSession

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("key") / "id")


async def made(session: Session, folder: Path, label: str, *, wheels: int) -> LoadedRelease:
    """A release of the first so many sample wheels."""
    files = dict(list(sample_wheels().items())[:wheels])
    return await publishing.publish(
        session, publishing.Recipe(inputs=[lay_out(files, folder, by_project=False)]), label=label
    )


async def test_a_feed_grows_and_is_followed(open_session: OpenSession, tmp_path: Path, key: Path) -> None:
    """One statement a release, each after the one before; saying the same again adds nothing; and who
    accepted the key takes what it says."""
    path = tmp_path / "campus.json"
    async with open_session() as session:
        first = await made(session, tmp_path / "1", "r1", wheels=5)
        second = await made(session, tmp_path / "2", "r2", wheels=6)
        await announce(session, FeedFile(path=path, key=key, label="r1"), first)
        before = path.read_bytes()
        await announce(session, FeedFile(path=path, key=key, label="r1"), first)
        assert path.read_bytes() == before
        said = await announce(session, FeedFile(path=path, key=key, label="r2", expires_days=30), second)
        (accepted,) = read_keys(key.with_suffix(".pub").read_text())
        await sources.add_source(session, "campus", path.as_uri(), [accepted])
        (update,) = await sources.update(session)
        (newest,) = update.new
        windows = await forecast_loaded(session, second, Selection.parse(platforms=["windows-amd64"]))
    assert said.signer == newest.announcement.signer == accepted.fingerprint
    assert path.stat().st_mode & 0o777 == 0o644
    statements = [read_statement(entry.text) for entry in read_feed(path.read_bytes())]
    assert [(one.repository, one.sequence, one.label, one.cid, one.previous) for one in statements] == [
        ("campus", 1, "r1", first.tracked.cid, None),
        ("campus", 2, "r2", second.tracked.cid, first.tracked.cid),
    ]
    assert statements[0].expires_at is None
    assert statements[1].published_at is not None and statements[1].expires_at is not None
    assert (statements[1].expires_at - statements[1].published_at).days == 30
    assert statements[1].subsets["-p windows-amd64"] == windows.plan.subset_cid


@pytest.mark.parametrize("first_days", [None, 30], ids=["held for ever", "held for a month"])
async def test_an_unchanged_release_holds_for_longer_when_it_is_announced_again(
    first_days: int | None, open_session: OpenSession, tmp_path: Path, key: Path
) -> None:
    """The newest statement is signed again with a later end, and nothing else of it changes. What would hold
    no longer than before, and what says nothing of an end, leaves the file as it is."""
    path = tmp_path / "campus.json"
    async with open_session() as session:
        session.clock = lambda: NOW
        first = await made(session, tmp_path / "1", "r1", wheels=5)
        second = await made(session, tmp_path / "2", "r2", wheels=6)
        await announce(session, FeedFile(path=path, key=key, label="r1"), first)
        newest = FeedFile(path=path, key=key, label="r2", expires_days=first_days)
        old = await announce(session, newest, second)
        for days, passed, is_renewal in ((30, 10, True), (7, 20, False), (None, 50, False), (30, 10, False)):
            session.clock = partial(NOW.__add__, passed * DAY)
            before = path.read_bytes()
            again = FeedFile(path=path, key=key, label="another", expires_days=days)
            assert await announce(session, again, second) == replace(old, expires_at=NOW + 40 * DAY)
            assert (path.read_bytes() != before) is is_renewal
    statements = [read_statement(entry.text) for entry in read_feed(path.read_bytes())]
    assert [(one.label, one.sequence) for one in statements] == [("r1", 1), ("r2", 2)]
    assert statements[1] == replace(old, expires_at=NOW + 40 * DAY, signer=None)


async def test_who_follows_goes_on_after_a_renewal(
    open_session: OpenSession, tmp_path: Path, key: Path
) -> None:
    """A mirror that ran into the end is at ease again, fetches nothing, and holds out until the new one."""
    files = dict(list(sample_wheels().items())[:6])
    async with SimulatedGateway(sample_release(files).blocks) as origin:
        campus = Campus(directory=tmp_path, origin=origin, key=key, now=NOW)
        target = FeedFile(path=campus.feed, key=key, label="r1", expires_days=30)
        async with open_session(directory="lab") as session:
            session.clock = lambda: campus.now
            loaded = await made(session, tmp_path / "1", "r1", wheels=6)
            await announce(session, target, loaded)
            await campus.follow()
            assert (await campus.sync()).changed
            campus.now = NOW + 31 * DAY
            assert isinstance((await campus.sync()).error, NotTrusted)
            await announce(session, target, loaded)
        report = await campus.sync()
        assert (report.error, report.changed, report.fetched_bytes) == (None, False, 0)
        campus.now += 29 * DAY
        assert (await campus.sync()).error is None
        campus.now += 2 * DAY
        assert isinstance((await campus.sync()).error, NotTrusted)


async def test_a_label_is_not_moved(open_session: OpenSession, tmp_path: Path, key: Path) -> None:
    """Who follows would refuse it, so it is refused here, and the feed stays as it is."""
    path = tmp_path / "campus.json"
    async with open_session() as session:
        first = await made(session, tmp_path / "1", "r1", wheels=5)
        second = await made(session, tmp_path / "2", "r2", wheels=6)
        await announce(session, FeedFile(path=path, key=key, label="r1"), first)
        before = path.read_bytes()
        with pytest.raises(UsageProblem, match=r"label r1 is .* already"):
            await announce(session, FeedFile(path=path, key=key, label="r1"), second)
    assert path.read_bytes() == before


async def test_a_key_that_does_not_sign_leaves_the_feed(
    open_session: OpenSession, tmp_path: Path, key: Path
) -> None:
    """The file is replaced last."""
    path, bad = tmp_path / "campus.json", tmp_path / "bad"
    bad.write_text("no key")
    bad.chmod(0o600)
    async with open_session() as session:
        first = await made(session, tmp_path / "1", "r1", wheels=5)
        with pytest.raises(KeyUnusable):
            await announce(session, FeedFile(path=path, key=bad, label="r1"), first)
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "content", "label", "error"),
    [
        ("feed.json", "[]", "r1", UsageProblem),
        ("feed.json", None, "no label", UsageProblem),
        ("missing/feed.json", None, "r1", TransferFailed),
        (".", None, "r1", TransferFailed),
    ],
    ids=["no feed", "no label", "no directory", "a directory"],
)
def test_what_cannot_be_added_to_is_told_before(
    name: str, content: str | None, label: str, error: type[Exception], tmp_path: Path
) -> None:
    """So that nothing is published that cannot be announced."""
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(error):
        open_feed(FeedFile(path=path, key=tmp_path / "key", label=label))
