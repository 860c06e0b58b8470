"""Sources as a use case: accepted, asked, judged; what is new is tracked, and only then believed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.nodes.errors import NodeError
from ipwhl_mirror.services import sources
from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.services.events import ignore
from ipwhl_mirror.services.releases import resolve
from ipwhl_mirror.services.source_updates import SourceUpdate
from ipwhl_mirror.sources.announcements import Announcement, SignedStatement, feed_bytes, statement_text
from ipwhl_mirror.sources.errors import NotTrusted, SourceUnreachable
from ipwhl_mirror.sources.keys import AcceptedKey, read_keys
from ipwhl_mirror.sources.signing import sign
from ipwhl_mirror.sources.trust import Standing
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid as AnyCid
    from ipwhl_mirror.services.session import Session
    from tests.conftest import OpenSession
    from tests.simulators.gateway import SimulatedGateway
    from tests.simulators.wheels import SampleRelease

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
NOW = datetime.now(UTC)
NOWHERE = Cid.of(b"a release that nobody has", DAG_PB)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("key") / "id")


@pytest.fixture(scope="module")
def keys(key: Path) -> tuple[AcceptedKey, ...]:
    return read_keys(key.with_suffix(".pub").read_text())


class Feed:
    """A feed in a file, and the key that signs it."""

    def __init__(self, path: Path, key: Path) -> None:
        self.path, self.key = path, key
        self.url = f"file://{path}"

    async def say(self, *releases: Announcement) -> None:
        """Write the feed anew."""
        texts = [statement_text(said) for said in releases]
        entries = [SignedStatement(text, await sign(text.encode(), self.key)) for text in texts]
        self.path.write_bytes(feed_bytes(entries))


@pytest.fixture
def feed(tmp_path: Path, key: Path) -> Feed:
    return Feed(tmp_path / "feed.json", key)


def release(sequence: int, cid: AnyCid, expires_at: datetime | None = None) -> Announcement:
    return Announcement(
        repository="campus",
        sequence=sequence,
        label=f"r{sequence}",
        cid=cid,
        published_at=NOW - timedelta(days=1),
        expires_at=expires_at,
    )


def told(updates: Sequence[SourceUpdate]) -> list[tuple[str, Standing]]:
    """The label and standing of everything that one source says."""
    (update,) = updates
    assert update.error is None
    return [(item.announcement.label, item.judgement.standing) for item in update.found]


async def test_a_new_release_is_tracked_and_then_nothing_is_new(
    session: Session, sample: SampleRelease, feed: Feed, keys: tuple[AcceptedKey, ...]
) -> None:
    """Looking changes nothing; updating reads the index and no wheel, and tells where it is from."""
    await feed.say(release(1, sample.root))
    await sources.add_source(session, "campus", feed.url, keys)
    assert told(await sources.look(session)) == [("r1", Standing.NEW)]
    assert session.state.releases() == ()
    assert told(await sources.update(session)) == [("r1", Standing.NEW)]
    tracked = resolve(session, "campus/r1")
    assert (tracked.cid, tracked.source) == (sample.root, "campus")
    assert resolve(session, "r1") == tracked
    (status,) = sources.sources(session)
    assert (status.label, status.trust.sequence, status.outcome) == ("r1", 1, "new: r1")
    assert told(await sources.update(session)) == []
    assert sources.sources(session)[0].outcome == "nothing new"


async def test_only_the_newest_of_many_is_taken_at_first(
    session: Session, sample: SampleRelease, feed: Feed, keys: tuple[AcceptedKey, ...]
) -> None:
    """Nobody asked for the history of a source."""
    await feed.say(*(release(number, NOWHERE) for number in range(1, 5)), release(5, sample.root))
    await sources.add_source(session, "campus", feed.url, keys)
    assert told(await sources.update(session)) == [("r5", Standing.NEW)]
    assert len(session.state.releases()) == 1


async def test_a_rollback_is_refused_again_and_again(
    session: Session, sample: SampleRelease, feed: Feed, keys: tuple[AcceptedKey, ...]
) -> None:
    """A source that has only older things to say; and it is over when it says the newest again."""
    await feed.say(release(7, sample.root))
    await sources.add_source(session, "campus", feed.url, keys)
    await sources.update(session)
    await feed.say(release(6, NOWHERE))
    for _ in range(2):
        (update,) = await sources.update(session)
        assert [item.judgement.reason for item in update.refused] == ["sequence 6 is before 7: a rollback"]
    assert sources.sources(session)[0].trust.sequence == 7
    await feed.say(release(6, NOWHERE), release(7, sample.root))
    assert told(await sources.update(session)) == []


async def test_a_source_that_says_nothing_newer_in_time_is_frozen(
    session: Session, sample: SampleRelease, feed: Feed, keys: tuple[AcceptedKey, ...]
) -> None:
    """Whether it answers the same, says nothing at all, or does not answer; until its newest release is
    signed again or a newer one is there. Looking tells the same."""
    hour = timedelta(hours=1)
    await feed.say(release(1, sample.root, NOW + hour))
    await sources.add_source(session, "campus", feed.url, keys)
    await sources.update(session)
    assert told(await sources.update(session)) == []
    assert sources.sources(session)[0].frozen is None
    later = replace(session, clock=lambda: NOW + 2 * hour)
    data = feed.path.read_bytes()
    for nothing_newer in (data, data, feed_bytes([]), None):
        feed.path.unlink()
        if nothing_newer is not None:
            feed.path.write_bytes(nothing_newer)
        for ask in (sources.look, sources.update):
            (update,) = await ask(later)
            (frozen,) = update.refused
            assert (frozen.announcement.label, frozen.announcement.cid.digest) == ("r1", sample.root.digest)
            assert "r1, expired on" in frozen.judgement.reason
            assert (update.error is None) is (nothing_newer is not None)
        (status,) = sources.sources(later)
        assert status.frozen == frozen.judgement.reason
        assert status.outcome == (
            f"refused: {frozen.judgement.reason}" if update.error is None else str(update.error)
        )
        feed.path.touch()
    await feed.say(release(1, sample.root, NOW + 9 * hour))
    assert told(await sources.look(later)) == []
    assert told(await sources.update(later)) == []
    assert sources.sources(later)[0].frozen is None
    much_later = replace(session, clock=lambda: NOW + 12 * hour)
    (update,) = await sources.update(much_later)
    assert len(update.refused) == 1
    await feed.say(release(2, sample.root))
    assert told(await sources.update(much_later)) == [("r2", Standing.NEW)]
    assert sources.sources(much_later)[0].frozen is None


async def test_what_a_label_stood_for_is_known(
    session: Session, sample: SampleRelease, feed: Feed, keys: tuple[AcceptedKey, ...]
) -> None:
    """Of what was accepted, and of nothing else."""
    await feed.say(release(1, sample.root))
    await sources.add_source(session, "campus", feed.url, keys)
    assert sources.announced_cid(session, "campus", "r1") is None
    await sources.update(session)
    assert sources.announced_cid(session, "campus", "r1") == sample.root.as_version(1)
    assert sources.announced_cid(session, "campus", "r2") is None
    assert sources.announced_cid(session, "another", "r1") is None


async def test_answers_are_judged_when_the_lock_is_held(
    session: Session, sample: SampleRelease, feed: Feed, keys: tuple[AcceptedKey, ...]
) -> None:
    """By what is believed then; a source that was removed meanwhile has said nothing."""
    await feed.say(release(1, sample.root))
    for name in ("campus", "other"):
        await sources.add_source(session, name, feed.url, keys)
    answers = await sources.ask(session)
    await sources.update(session, ["campus"])
    await sources.remove_source(session, "other")
    async with session.exclusive("sync"):
        assert told(await sources.update_held(session, ["campus"], answers, ignore)) == []
        gone = await sources.update_held(session, ["other"], answers, ignore)
    assert gone == (SourceUpdate(name="other"),)


async def test_a_moved_label_is_refused_beside_a_new_release(
    session: Session, sample: SampleRelease, feed: Feed, keys: tuple[AcceptedKey, ...]
) -> None:
    """A source that says two things of one label is told, whatever else it says."""
    await feed.say(release(1, sample.root))
    await sources.add_source(session, "campus", feed.url, keys)
    await sources.update(session)
    await feed.say(release(1, NOWHERE), release(2, NOWHERE))
    assert told(await sources.look(session)) == [("r2", Standing.NEW), ("r1", Standing.REFUSED)]


async def test_what_is_not_signed_by_an_accepted_key_is_not_tracked(
    session: Session, sample: SampleRelease, feed: Feed, keys: tuple[AcceptedKey, ...], tmp_path: Path
) -> None:
    """Without keys, and after they were replaced: a hint, until the key is accepted."""
    await feed.say(release(1, sample.root))
    other = read_keys(make_key(tmp_path / "other").with_suffix(".pub").read_text())
    for accepted in ((), other):
        await sources.add_source(session, "campus", feed.url, accepted)
        assert told(await sources.update(session)) == [("r1", Standing.UNSIGNED)]
        assert session.state.releases() == ()
    await sources.add_source(session, "campus", feed.url, keys)
    assert told(await sources.update(session)) == [("r1", Standing.NEW)]


async def test_a_release_that_cannot_be_had_is_not_believed(
    session: Session, sample: SampleRelease, feed: Feed, keys: tuple[AcceptedKey, ...]
) -> None:
    """Its index is not there: the next run tries again."""
    await feed.say(release(1, NOWHERE))
    await sources.add_source(session, "campus", feed.url, keys)
    for _ in range(2):
        with pytest.raises(NodeError):
            await sources.update(session)
        assert sources.sources(session)[0].trust.sequence == 0
    await feed.say(release(2, sample.root))
    assert told(await sources.update(session)) == [("r2", Standing.NEW)]


async def test_what_is_believed_survives_the_database(
    open_session: OpenSession,
    source: SimulatedGateway,
    sample: SampleRelease,
    feed: Feed,
    keys: tuple[AcceptedKey, ...],
) -> None:
    """The database is deleted: the accepted sequence holds. The trust file is deleted: there is no source."""
    await feed.say(release(7, sample.root))
    async with open_session(source.url) as session:
        await sources.add_source(session, "campus", feed.url, keys)
        await sources.update(session)
        data = session.settings.data_dir
    (data / "state.sqlite").unlink()
    await feed.say(release(6, NOWHERE))
    async with open_session(source.url) as session:
        (update,) = await sources.update(session)
        assert len(update.refused) == 1
    (data / "trust.json").unlink()
    async with open_session(source.url) as session:
        assert sources.sources(session) == ()
        with pytest.raises(UsageProblem, match="campus"):
            await sources.update(session, ["campus"])


async def test_sources_do_not_stand_in_each_others_way(
    session: Session, sample: SampleRelease, feed: Feed, keys: tuple[AcceptedKey, ...]
) -> None:
    """One is gone, one is refused, one has a new release: each is told."""
    await feed.say(release(1, sample.root))
    await sources.add_source(session, "a-gone", "file:///nowhere/feed.json", keys)
    await sources.add_source(session, "campus", feed.url, keys)
    gone, campus = await sources.update(session)
    assert isinstance(gone.error, SourceUnreachable)
    assert told([campus]) == [("r1", Standing.NEW)]
    assert [status.outcome[:20] for status in sources.sources(session)] == [
        "/nowhere/feed.json: ",
        "new: r1",
    ]


async def test_accepting_again_keeps_what_was_believed(
    session: Session, sample: SampleRelease, feed: Feed, keys: tuple[AcceptedKey, ...]
) -> None:
    """New keys, the same sequence; another address needs another name, or removing first."""
    await feed.say(release(3, sample.root))
    await sources.add_source(session, "campus", feed.url, keys)
    await sources.update(session)
    assert (await sources.add_source(session, "campus", feed.url, ())).sequence == 3
    with pytest.raises(UsageProblem, match="already"):
        await sources.add_source(session, "campus", "file:///elsewhere.json", keys)
    await sources.remove_source(session, "campus")
    assert sources.sources(session) == ()
    assert resolve(session, "r3").cid == sample.root
    with pytest.raises(UsageProblem, match="no source"):
        await sources.remove_source(session, "campus")


async def test_one_label_of_two_sources(
    session: Session, sample: SampleRelease, feed: Feed, keys: tuple[AcceptedKey, ...]
) -> None:
    """The same release from both is one release; it is of the one that announced it first."""
    await feed.say(release(1, sample.root))
    for name in ("campus", "upstream"):
        await sources.add_source(session, name, feed.url, keys)
    await sources.update(session)
    assert [(item.label, item.source) for item in session.state.releases()] == [("r1", "campus")]


async def test_a_clock_that_went_back_makes_nothing_new(
    session: Session, sample: SampleRelease, feed: Feed, keys: tuple[AcceptedKey, ...]
) -> None:
    """The latest moment that was seen survives a restart with an earlier clock."""
    await feed.say(release(1, sample.root))
    await sources.add_source(session, "campus", feed.url, keys)
    await sources.update(session)
    await feed.say(release(1, sample.root), release(2, sample.root))
    earlier = replace(session, clock=lambda: NOW - timedelta(days=300))
    (update,) = await sources.update(earlier)
    assert "clock" in update.refused[0].judgement.reason


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("campus", "http//x"),
        ("campus", "ftp://example.org/feed.json"),
        ("campus", "file://relative"),
        ("campus", "git+ext://sh"),
        ("", "https://example.org/feed.json"),
        ("../x", "https://example.org/feed.json"),
        ("a" * 65, "https://example.org/feed.json"),
    ],
)
async def test_what_is_no_source_is_refused_before_anything_is_written(
    session: Session, name: str, url: str
) -> None:
    """Names that could be paths, and addresses of nothing."""
    with pytest.raises(UsageProblem):
        await sources.add_source(session, name, url, ())
    assert not (session.settings.data_dir / "trust.json").exists()


async def test_a_damaged_trust_file_stops_everything(
    session: Session, feed: Feed, keys: tuple[AcceptedKey, ...]
) -> None:
    """Nothing is taken for new because a file was damaged."""
    await sources.add_source(session, "campus", feed.url, keys)
    (session.settings.data_dir / "trust.json").write_bytes(b"{")
    with pytest.raises(NotTrusted):
        await sources.update(session)
    with pytest.raises(NotTrusted):
        await sources.add_source(session, "campus", feed.url, keys)
