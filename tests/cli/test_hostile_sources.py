"""What a source can do to those who follow it, and how a run of `update` ends: on a real repository and a
real feed, after 2026.11 of each was accepted, with real keys and signatures."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from ipwhl_mirror.cli.app import cli
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.sources.announcements import (
    FEED_LIMIT,
    Announcement,
    SignedStatement,
    feed_bytes,
    statement_text,
)
from ipwhl_mirror.sources.keys import NAMESPACE
from ipwhl_mirror.sources.trust import MOST_AHEAD
from ipwhl_mirror.sources.trust_file import TrustFile
from tests.simulators.wheels import sample_wheels
from tests.sources.git_world import Repository, make_key, signature

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None or shutil.which("ssh-keygen") is None,
    reason="git and ssh-keygen are needed",
)
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
OTHER = Cid.of(b"another release", DAG_PB)
NEW, HINT, REFUSED, FAILED = 100, 0, 4, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Two sources, what follows them, and who may write to them."""

    directory: Path
    key: Path
    stranger: Path

    @property
    def repository(self) -> Repository:
        return Repository(self.directory / "upstream")

    @property
    def feed(self) -> Path:
        return self.directory / "feed.json"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--data-dir", str(self.data), "--node", "embedded", *arguments])

    def accept(self, source: str, line: str) -> None:
        """Accept a source with other keys; `line` is one of an allowed_signers file."""
        publics = {
            name: path.with_suffix(".pub").read_text()
            for name, path in (("key", self.key), ("stranger", self.stranger))
        }
        allowed = self.directory / "allowed"
        allowed.write_text(line.format(**publics))
        url = TrustFile(self.data).read()[source].url
        ran = self.run("source", "add", source, url, "--key", str(allowed))
        assert ran.exit_code == 0, ran.output

    def say(self, *entries: SignedStatement) -> None:
        """Write the feed anew."""
        self.feed.write_bytes(feed_bytes(entries))

    def signed(self, said: Announcement, key: Path | None = None) -> SignedStatement:
        text = statement_text(said)
        return SignedStatement(text, signature(text, key or self.key, NAMESPACE))


def release(sequence: int, label: str, cid: Cid = OTHER) -> Announcement:
    return Announcement(repository="lab", sequence=sequence, label=label, cid=cid, published_at=NOW - DAY)


OLD, NEXT = release(1, "2026.10"), release(3, "2026.12")


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> World:
    """2026.11 of both sources was accepted."""
    outside = tmp_path_factory.mktemp("keys")
    directory = tmp_path_factory.mktemp("world")
    world = World(directory=directory, key=make_key(outside / "key"), stranger=make_key(outside / "stranger"))
    wheels = outside / "wheels"
    wheels.mkdir()
    for (_, filename), data in sample_wheels().items():
        (wheels / filename).write_bytes(data)
    root = world.run("publish", str(wheels), "--label", "ours").stdout.strip()
    repository = Repository.make(directory / "upstream")
    repository.release("2026.10", str(OTHER), world.key)
    repository.release("2026.11", root, world.key)
    world.say(world.signed(release(2, "2026.11", Cid.parse(root))))
    public = str(world.key.with_suffix(".pub"))
    for name, url in (("git", repository.url), ("feed", f"file://{world.feed}")):
        assert world.run("source", "add", name, url, "--key", public).exit_code == 0
    assert world.run("update").exit_code == 0
    return world


@pytest.fixture
def world(accepted: World, tmp_path: Path) -> World:
    """The same again, for one test."""
    pristine = accepted.directory.with_name("pristine")
    if not pristine.exists():
        shutil.copytree(accepted.directory, pristine)
    shutil.rmtree(accepted.directory)
    shutil.copytree(pristine, accepted.directory)
    return accepted


def good_tag(world: World) -> None:
    world.repository.release("2026.12", str(OTHER), world.key)


def tag_of_a_stranger(world: World) -> None:
    world.repository.release("2026.12", str(OTHER), world.stranger)


def tag_of_nobody(world: World) -> None:
    world.repository.release("2026.12", str(OTHER), None)


def tag_for_another_purpose(world: World) -> None:
    world.repository.release_for("file", "2026.12", str(OTHER), world.key)


def tag_by_an_expired_key(world: World) -> None:
    world.accept("git", 'alice valid-before="20200101" {key}')
    good_tag(world)


def tag_by_a_revoked_key(world: World) -> None:
    world.accept("git", "alice {stranger}")
    good_tag(world)


def renamed_tag(world: World) -> None:
    world.repository.git("update-ref", "refs/tags/2026.12", "refs/tags/2026.10")


def moved_tag(world: World) -> None:
    world.repository.release("2026.11", str(OTHER), world.key)


def tags_rolled_back(world: World) -> None:
    world.repository.git("tag", "--delete", "2026.11")


def second_tag_of_a_commit(world: World) -> None:
    world.repository.tag("2026.12", f"IPFS: {OTHER}", world.key)


def rewritten_history(world: World) -> None:
    world.repository.git("checkout", "--quiet", "--orphan", "elsewhere")
    for number in range(5):
        world.repository.commit(f"another history {number}")
    good_tag(world)


def good_statement(world: World) -> None:
    world.say(world.signed(NEXT))


def statement_of_a_stranger(world: World) -> None:
    world.say(world.signed(NEXT, world.stranger))


def statement_of_nobody(world: World) -> None:
    world.say(SignedStatement(statement_text(NEXT), ""))


def statement_for_another_purpose(world: World) -> None:
    text = statement_text(NEXT)
    world.say(SignedStatement(text, signature(text, world.key, "git")))


def statement_by_an_expired_key(world: World) -> None:
    world.accept("feed", 'alice valid-before="20200101" {key}')
    good_statement(world)


def statement_by_a_revoked_key(world: World) -> None:
    world.accept("feed", "alice {stranger}")
    good_statement(world)


def renamed_statement(world: World) -> None:
    signed = world.signed(OLD)
    world.say(SignedStatement(signed.text.replace("2026.10", "2026.12"), signed.signature))


def expired_statement(world: World) -> None:
    world.say(world.signed(replace(NEXT, expires_at=NOW - DAY)))


def moved_label(world: World) -> None:
    world.say(world.signed(release(3, "2026.11")))


def feed_rolled_back(world: World) -> None:
    world.say(world.signed(OLD))


def second_of_a_sequence(world: World) -> None:
    world.say(world.signed(release(2, "2026.12")))


def far_ahead(world: World) -> None:
    world.say(world.signed(release(3 + MOST_AHEAD, "2026.12")))


def from_the_future(world: World) -> None:
    world.say(world.signed(replace(NEXT, published_at=NOW + DAY)))


def another_repository(world: World) -> None:
    world.say(world.signed(replace(NEXT, repository="elsewhere")))


def time_went_by(world: World) -> None:
    file = TrustFile(world.data)
    known = file.read()
    file.write({**known, "feed": replace(known["feed"], expires_at=NOW - DAY)}.values())


def time_went_by_and_it_is_away(world: World) -> None:
    time_went_by(world)
    world.feed.unlink()


def long_feed(world: World) -> None:
    world.feed.write_bytes(b" " * (FEED_LIMIT + 1))


@pytest.mark.parametrize(
    ("source", "change", "code", "words"),
    [
        ("git", good_tag, NEW, "new: 2026.12"),
        ("git", tag_of_a_stranger, HINT, "which is not accepted for this source"),
        ("git", tag_of_nobody, HINT, "it is not signed with an SSH key"),
        ("git", tag_for_another_purpose, HINT, "it is signed for 'file', not for 'git'"),
        ("git", tag_by_an_expired_key, HINT, "is not valid now: expired"),
        ("git", tag_by_a_revoked_key, HINT, "which is not accepted for this source"),
        ("git", renamed_tag, REFUSED, "what was signed is '2026.10': it was renamed"),
        ("git", moved_tag, REFUSED, "it was moved"),
        ("git", tags_rolled_back, REFUSED, "sequence 1 is before 2"),
        ("git", second_tag_of_a_commit, REFUSED, "the source says two things"),
        ("git", rewritten_history, REFUSED, "the history was rewritten"),
        ("feed", good_statement, NEW, "new: 2026.12"),
        ("feed", statement_of_a_stranger, HINT, "which is not accepted for this source"),
        ("feed", statement_of_nobody, HINT, "no armored SSH signature"),
        ("feed", statement_for_another_purpose, HINT, "it is signed for 'git', not for 'ipwhl-release'"),
        ("feed", statement_by_an_expired_key, HINT, "is not valid now: expired"),
        ("feed", statement_by_a_revoked_key, HINT, "which is not accepted for this source"),
        ("feed", renamed_statement, HINT, "is not of this statement"),
        ("feed", expired_statement, REFUSED, "it expired at"),
        ("feed", moved_label, REFUSED, "it was moved"),
        ("feed", feed_rolled_back, REFUSED, "a rollback"),
        ("feed", second_of_a_sequence, REFUSED, "the source says two things"),
        ("feed", far_ahead, REFUSED, "it would lock out others"),
        ("feed", from_the_future, REFUSED, "which is yet to come"),
        ("feed", another_repository, REFUSED, "it is of elsewhere, and this source is of lab"),
        ("feed", time_went_by, REFUSED, "2026.11, expired on"),
        ("feed", time_went_by_and_it_is_away, REFUSED, "2026.11, expired on"),
        ("feed", long_feed, FAILED, f"longer than {FEED_LIMIT} bytes"),
    ],
)
def test_what_a_source_does_is_told(
    world: World, source: str, change: Callable[[World], None], code: int, words: str
) -> None:
    """New is new, unsigned is a hint with a reason, and what contradicts is refused, with the reason, whether
    it is only looked at or taken, and each time; nothing of it is tracked or believed but what is new."""
    change(world)
    looked = world.run("update", "--check", source)
    assert (looked.exit_code, words in looked.output) == (code, True), looked.output
    if code == HINT:
        assert "unsigned: 2026.12" in looked.stdout
    if code != NEW:
        before = TrustFile(world.data).read()[source].cids
        for _ in range(2 if code == REFUSED else 1):
            taken = world.run("update", source)
            assert (taken.exit_code, words in taken.output) == (code, True), taken.output
        assert TrustFile(world.data).read()[source].cids == before
        assert world.run("--json", "status").stdout.count('"label": "2026.1') == 1


def test_a_frozen_source_is_listed_as_one(world: World) -> None:
    """Without being asked."""
    time_went_by(world)
    listed = world.run("source", "list")
    assert "refused: what was accepted last, 2026.11, expired on" in listed.stdout
