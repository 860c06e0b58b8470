"""Releases as signed tags of a real repository: good ones, and every way in which one is not."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.sources import git, git_program
from ipwhl_mirror.sources.errors import SourceMalformed, SourceUnreachable
from ipwhl_mirror.sources.git import GitSource, repository_address
from ipwhl_mirror.sources.keys import read_keys
from ipwhl_mirror.sources.tags import announced_cid, read_tag
from ipwhl_mirror.sources.trust import SourceTrust, Standing, accept, judge
from tests.sources.git_world import Repository, make_key
from tests.sources.test_documents import served

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ipwhl_mirror.sources.announcements import Announcement
    from ipwhl_mirror.sources.base import Answer

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None or shutil.which("ssh-keygen") is None,
    reason="git and ssh-keygen are needed",
)
NOW = datetime(2026, 11, 23, tzinfo=UTC)
FIRST, SECOND, THIRD = (Cid.of(text, DAG_PB) for text in (b"first", b"second", b"third"))


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("key") / "id")


@pytest.fixture(scope="module")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("other") / "id")


@pytest.fixture
def repository(tmp_path: Path, key: Path) -> Repository:
    made = Repository.make(tmp_path / "upstream")
    made.release("2026.10", str(FIRST), key)
    made.release("2026.11", str(SECOND), key)
    return made


@pytest.fixture
def trust(repository: Repository, key: Path) -> SourceTrust:
    public = key.with_suffix(".pub").read_text()
    return SourceTrust(name="upstream", url=repository.url, keys=read_keys(public))


@pytest.fixture
def source(repository: Repository, tmp_path: Path) -> GitSource:
    return GitSource(repository.url, tmp_path / "ours.git")


def newest(answer: Answer) -> Announcement:
    return answer.announcements[-1]


async def accepted(source: GitSource, trust: SourceTrust) -> SourceTrust:
    """What is believed after the newest release was accepted."""
    return accept(trust, newest(await source.ask(trust)), NOW)


async def test_signed_tags_are_announcements(source: GitSource, trust: SourceTrust) -> None:
    """In the order of their commits, each with its CID, its signer and its date."""
    answer = await source.ask(trust)
    assert answer.problems == ()
    assert [(said.label, said.cid) for said in answer.announcements] == [
        ("2026.10", FIRST),
        ("2026.11", SECOND),
    ]
    for said in answer.announcements:
        assert said.signer == trust.keys[0].fingerprint
        assert said.published_at == datetime(2024, 11, 20, 10, tzinfo=UTC)
        assert judge(trust, said, NOW).standing is Standing.NEW


async def test_nothing_new_is_told_by_the_list_alone(
    source: GitSource, trust: SourceTrust, repository: Repository, key: Path
) -> None:
    """The same refs: unchanged. Another tag: it and the others again."""
    memory = (await source.ask(trust)).memory
    assert (await source.ask(trust, memory)).unchanged
    repository.release("2026.12", str(THIRD), key)
    answer = await source.ask(trust, memory)
    assert not answer.unchanged
    assert newest(answer).cid == THIRD


async def test_a_release_follows_the_accepted_one(
    source: GitSource, trust: SourceTrust, repository: Repository, key: Path
) -> None:
    """The next is new, the accepted one current, the one before older."""
    trust = await accepted(source, trust)
    repository.release("2026.12", str(THIRD), key)
    standings = [judge(trust, said, NOW).standing for said in (await source.ask(trust)).announcements]
    assert standings == [Standing.OLDER, Standing.CURRENT, Standing.NEW]


def moved(repository: Repository, key: Path, other: Path) -> None:
    repository.release("2026.11", str(THIRD), key)


def forked(repository: Repository, key: Path, other: Path) -> None:
    repository.git("checkout", "--quiet", "--orphan", "elsewhere")
    for number in range(5):
        repository.commit(f"another history {number}")
    repository.release("2026.12", str(THIRD), key)


def rolled_back(repository: Repository, key: Path, other: Path) -> None:
    repository.git("checkout", "--quiet", "2026.10")
    repository.tag("2026.12", f"IPFS: {THIRD}", key)


def unsigned(repository: Repository, key: Path, other: Path) -> None:
    repository.release("2026.12", str(THIRD), None)


def signed_by_another(repository: Repository, key: Path, other: Path) -> None:
    repository.release("2026.12", str(THIRD), other)


def changed_after_signing(repository: Repository, key: Path, other: Path) -> None:
    repository.release("2026.12", str(SECOND), key)
    raw = repository.git("cat-file", "tag", "2026.12")
    repository.store_tag("2026.12", raw.replace(str(SECOND), str(THIRD)))


def signed_for_another_purpose(repository: Repository, key: Path, other: Path) -> None:
    repository.release_for("file", "2026.12", str(THIRD), key)


def renamed(repository: Repository, key: Path, other: Path) -> None:
    repository.git("update-ref", "refs/tags/2026.12", repository.git("rev-parse", "2026.10").strip())


def second_on_a_commit(repository: Repository, key: Path, other: Path) -> None:
    repository.tag("2026.12", f"IPFS: {THIRD}", key)


@pytest.mark.parametrize(
    ("change", "label", "standing", "words"),
    [
        (moved, "2026.11", Standing.REFUSED, "moved"),
        (forked, "2026.12", Standing.REFUSED, "history"),
        (rolled_back, "2026.12", Standing.OLDER, "rollback"),
        (unsigned, "2026.12", Standing.UNSIGNED, "no accepted key"),
        (signed_by_another, "2026.12", Standing.UNSIGNED, "no accepted key"),
        (changed_after_signing, "2026.12", Standing.UNSIGNED, "no accepted key"),
        (signed_for_another_purpose, "2026.12", Standing.UNSIGNED, "no accepted key"),
        (second_on_a_commit, "2026.12", Standing.REFUSED, "two things"),
        (renamed, "2026.12", Standing.REFUSED, "'2026.10': it was renamed"),
    ],
)
async def test_what_must_not_be_believed(
    source: GitSource,
    trust: SourceTrust,
    repository: Repository,
    key: Path,
    other_key: Path,
    change: Callable[[Repository, Path, Path], None],
    label: str,
    standing: Standing,
    words: str,
) -> None:
    """After 2026.11 was accepted, the repository changes; none of it is taken for a new release."""
    trust = await accepted(source, trust)
    change(repository, key, other_key)
    answer = await source.ask(trust)
    said = next(said for said in answer.announcements if said.label == label)
    judgement = judge(trust, said, NOW)
    assert judgement.standing is standing
    assert words in judgement.reason


async def test_a_signature_made_for_another_purpose_is_told(
    source: GitSource, trust: SourceTrust, repository: Repository, key: Path
) -> None:
    """By the purpose; the same bytes signed as a tag are a release."""
    repository.release_for("file", "2026.12", str(THIRD), key)
    (problem,) = (await source.ask(trust)).problems
    assert "'file', not for 'git'" in problem.words
    repository.release_for("git", "2026.12", str(THIRD), key)
    answer = await source.ask(trust)
    assert (answer.problems, newest(answer).signer) == ((), trust.keys[0].fingerprint)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("alice {key}", None),
        ('alice valid-before="20200101" {key}', "not valid now"),
        ('alice valid-after="20990101" {key}', "not valid now"),
        ('alice namespaces="ipwhl-release" {key}', "not valid now|not of this statement"),
        ("alice {other}", "not accepted"),
    ],
    ids=["good", "expired", "not valid yet", "for feeds only", "revoked"],
)
async def test_keys_count_as_they_are_accepted_now(
    source: GitSource, trust: SourceTrust, key: Path, other_key: Path, line: str, words: str | None
) -> None:
    """A key that expired, or was taken back and replaced, signs nothing: not what it signed before either."""
    publics = {"key": key.with_suffix(".pub").read_text(), "other": other_key.with_suffix(".pub").read_text()}
    answer = await source.ask(replace(trust, keys=read_keys(line.format(**publics))))
    signers = [said.signer is not None for said in answer.announcements]
    assert signers == [words is None] * 2
    assert [bool(re.search(words or "", problem.words)) for problem in answer.problems] == [
        True for _ in signers if words is not None
    ]


async def test_a_renamed_tag_that_nobody_signed_is_left_aside(
    source: GitSource, trust: SourceTrust, repository: Repository
) -> None:
    """It is not even a hint."""
    repository.release("2026.12", str(THIRD), None)
    repository.git("update-ref", "refs/tags/2026.13", repository.git("rev-parse", "2026.12").strip())
    repository.git("update-ref", "-d", "refs/tags/2026.12")
    answer = await source.ask(trust)
    assert [said.label for said in answer.announcements] == ["2026.10", "2026.11"]
    assert [(problem.label, "renamed" in problem.words) for problem in answer.problems] == [("2026.13", True)]


async def test_a_deleted_tag_takes_nothing_away(
    source: GitSource, trust: SourceTrust, repository: Repository
) -> None:
    """What was accepted stays accepted, and the one before it does not come back."""
    trust = await accepted(source, trust)
    repository.git("tag", "--delete", "2026.11")
    (said,) = (await source.ask(trust)).announcements
    assert judge(trust, said, NOW).standing is not Standing.NEW


@pytest.mark.parametrize(
    "message",
    ["no CID here", f"{FIRST} or {SECOND}", "Qm" + "1" * 44, "bafy" + "a" * 55],
    ids=["none", "two", "no digest", "no CID"],
)
async def test_a_message_must_name_one_cid(
    source: GitSource, trust: SourceTrust, repository: Repository, key: Path, message: str
) -> None:
    """Anything else is a problem with a name, and keeps nothing else from being read."""
    repository.commit()
    repository.tag("odd", message, key)
    answer = await source.ask(trust)
    assert [problem.label for problem in answer.problems] == ["odd"]
    assert len(answer.announcements) == 2


async def test_other_tags_are_no_releases(
    source: GitSource, trust: SourceTrust, repository: Repository
) -> None:
    """Lightweight ones, nested ones, ones of a tree, and names that are no label."""
    repository.git("tag", "lightweight")
    repository.git("tag", "--annotate", "nested", "2026.11", "-m", str(FIRST))
    repository.git("tag", "--annotate", "tree", "HEAD^{tree}", "-m", str(FIRST))
    repository.git("tag", "--annotate", "a/b", "-m", str(FIRST))
    answer = await source.ask(trust)
    assert [said.label for said in answer.announcements] == ["2026.10", "2026.11"]
    assert sorted(problem.label for problem in answer.problems) == ["nested", "tree"]


async def test_no_hook_of_the_user_runs(
    source: GitSource, trust: SourceTrust, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is the user's configuration read, nor a template used."""
    home, hooks = tmp_path / "home", tmp_path / "hooks"
    hooks.mkdir(parents=True)
    home.mkdir()
    ran = tmp_path / "ran"
    for name in ("reference-transaction", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (hooks / name).chmod(0o755)
    (home / ".gitconfig").write_text(f"[core]\nhooksPath = {hooks}\n[init]\ntemplateDir = {hooks}\n")
    monkeypatch.setenv("HOME", str(home))
    assert (await source.ask(trust)).announcements
    assert not ran.exists()
    assert not (source.directory / "hooks").exists()


@pytest.mark.parametrize("url", ["git+file:///nowhere/at/all", "git+https://127.0.0.1:1/x.git"])
async def test_a_repository_that_is_not_there_is_told(tmp_path: Path, trust: SourceTrust, url: str) -> None:
    """In git's words, its first line, safe to print."""
    with pytest.raises(SourceUnreachable, match="git ls-remote: ") as told:
        await GitSource(url, tmp_path / "x.git").ask(trust)
    assert "nowhere" in str(told.value) or "127.0.0.1" in str(told.value)
    assert str(told.value).isprintable()


ENDLESS = f"exec yes '003a{1:040x} refs/tags/v1'"
DRIBBLING = "while printf 0; do sleep 1; done"


@pytest.fixture
def answer_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], GitSource]:
    """`answer_by(program)` gives a source at a server over ssh that answers by that program."""

    def make(program: str) -> GitSource:
        ssh = tmp_path / "bin" / "ssh"
        ssh.parent.mkdir()
        ssh.write_text(f"#!/bin/sh\n{program}\n")
        ssh.chmod(0o755)
        monkeypatch.setenv("PATH", str(ssh.parent), prepend=os.pathsep)
        return GitSource("git+ssh://example.org/x.git", tmp_path / "far.git", total_s=0.5)

    return make


async def test_a_server_that_lists_tags_without_end_fills_no_memory(
    answer_by: Callable[[str], GitSource], trust: SourceTrust, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git keeps every one of them, and is stopped at its share."""
    monkeypatch.setattr(git, "_MEMORY_LIMIT", 48 << 20)
    source = replace(answer_by(ENDLESS), total_s=30.0)
    with pytest.raises(SourceUnreachable, match=r"git ls-remote: .*[Oo]ut of memory"):
        await source.ask(trust)


async def test_a_server_that_sends_a_byte_a_second_keeps_no_one(
    answer_by: Callable[[str], GitSource], trust: SourceTrust
) -> None:
    """The time of a call is limited whatever comes, and nothing that it started is left."""
    with pytest.raises(SourceUnreachable, match=r"git ls-remote takes longer than 0\.5 s"):
        await answer_by(DRIBBLING).ask(trust)


async def test_git_follows_no_redirect(trust: SourceTrust, tmp_path: Path) -> None:
    """A server that sends it elsewhere, to loopback for instance, is not obeyed."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": f"/inside{request.path_qs}"})

    async with served(answer) as url:
        settings = [word for setting in git_program.SETTINGS for word in ("-c", setting)]
        called = await asyncio.create_subprocess_exec(
            "git", *settings, "-c", "protocol.http.allow=always", "ls-remote", f"{url}/x.git",
            env={**git_program.environment(os.environ), "GIT_ALLOW_PROTOCOL": "http"},
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, complaint = await called.communicate()
    assert called.returncode == 128
    assert b"302" in complaint
    assert asked == ["/x.git/info/refs"]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "git+ext://sh -c id",
        "git+http://example.org/x",
        "git+file://",
        "git+ssh://-oProxy",
    ],
)
def test_what_is_no_address_of_a_repository(url: str) -> None:
    """Protocols that run something, no protocol, and what looks like an option."""
    with pytest.raises(SourceMalformed, match="no address"):
        repository_address(url)


def test_addresses_of_repositories() -> None:
    """The three protocols."""
    for url in ("https://example.org/x.git", "ssh://git@example.org/x.git", "file:///srv/x.git"):
        assert repository_address(f"git+{url}") == url


@given(st.binary())
def test_any_bytes_are_a_tag_or_refused(raw: bytes) -> None:
    """With or without the head of a tag."""
    for data in (raw, b"object " + b"0" * 40 + b"\ntype commit\ntag x\ntagger a <b> " + raw + b"\n\n" + raw):
        try:
            tag = read_tag(data)
        except SourceMalformed as error:
            assert str(error).isprintable()
        else:
            assert data.startswith(tag.payload)


@given(st.text())
def test_any_message_names_a_cid_or_is_refused(message: str) -> None:
    """Around a CID too."""
    for text in (message, f"{message} {FIRST} {message}"):
        try:
            announced_cid(text)
        except SourceMalformed as error:
            assert str(error).isprintable()


def test_the_same_cid_twice_is_one() -> None:
    """In both versions, and as an address."""
    assert announced_cid(f"{FIRST}\n/ipfs/{FIRST.as_version(1)}/").digest == FIRST.digest


async def test_trust_keeps_the_commit(source: GitSource, trust: SourceTrust, repository: Repository) -> None:
    """What was accepted last is where the next must come from."""
    trust = await accepted(source, trust)
    assert trust.checkpoint == repository.git("rev-parse", "2026.11^{commit}").strip()
    lost = replace(trust, checkpoint="0" * 40)
    assert [said.follows for said in (await source.ask(lost)).announcements] == [False, False]
