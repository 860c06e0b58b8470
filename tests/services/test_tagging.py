"""Tags that are written here are what git verifies and sources of git follow; nothing else changes."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.services.tagging import GitTag, tag_release
from ipwhl_mirror.sources.errors import KeyUnusable
from ipwhl_mirror.sources.git import GitSource
from ipwhl_mirror.sources.keys import read_keys
from ipwhl_mirror.sources.tags import read_tag
from ipwhl_mirror.sources.trust import SourceTrust, Standing, accept, judge
from tests.sources.git_world import Repository, make_key

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None or shutil.which("ssh-keygen") is None,
    reason="git and ssh-keygen are needed",
)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FIRST, SECOND = (Cid.of(text, DAG_PB).as_version(0) for text in (b"first", b"second"))


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("key") / "id")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """One with a commit, of a user who is known to git."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Lab\n\temail = lab@example.org\n")
    monkeypatch.setenv("HOME", str(home))
    made = Repository.make(tmp_path / "lab's repository")
    made.commit()
    return made


def everything(repository: Repository) -> dict[str, bytes]:
    """The files of a repository, but those of objects and of tags."""
    files = (path for path in repository.path.rglob("*") if path.is_file())
    return {
        str(path.relative_to(repository.path)): path.read_bytes()
        for path in files
        if "objects" not in path.parts and "tags" not in path.parts
    }


def wanted(repository: Repository, key: Path, label: str = "2026.11") -> GitTag:
    return GitTag(directory=repository.path, key=key, label=label)


async def test_git_verifies_the_tag_and_nothing_else_changes(
    repository: Repository, key: Path, tmp_path: Path
) -> None:
    """It is byte for byte what `git tag -s` makes, signature apart: same tagger, form and message."""
    before = everything(repository)
    said = await tag_release(wanted(repository, key), FIRST, NOW)
    assert everything(repository) == before
    assert said.commit == repository.git("rev-parse", "HEAD").strip()
    signers = tmp_path / "signers"
    signers.write_text(f"lab@example.org {key.with_suffix('.pub').read_text()}")
    repository.git("-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-tag", "2026.11")
    repository.git("fsck", "--strict")
    ours = read_tag(repository.git("cat-file", "tag", "2026.11").encode())
    repository.git("tag", "-d", "2026.11")
    repository.tag("2026.11", ours.message, key)
    theirs = read_tag(repository.git("cat-file", "tag", "2026.11").encode())
    date = f"{int(NOW.timestamp())} +0000"
    assert ours.payload.decode().replace(date, "DATE") == theirs.payload.decode().replace(
        "1732096800 +0000", "DATE"
    )


async def test_followers_accept_one_release_after_the_other(
    repository: Repository, key: Path, tmp_path: Path
) -> None:
    """The source of git takes each as new, by the key that signed it."""
    keys = read_keys(key.with_suffix(".pub").read_text())
    trust = SourceTrust(name="lab", url=repository.url, keys=keys)
    source = GitSource(f"git+file://{repository.path}", tmp_path / "followed.git")
    for label, cid in (("r1", FIRST), ("r2", SECOND)):
        said = await tag_release(wanted(repository, key, label), cid, NOW)
        answer = await source.ask(trust)
        newest = answer.announcements[-1]
        assert answer.problems == ()
        assert (newest.label, newest.cid, newest.published_at) == (label, cid, NOW)
        assert newest.signer == said.signer == keys[0].fingerprint
        assert judge(trust, newest, NOW).standing is Standing.NEW
        trust = accept(trust, newest, NOW)
        repository.commit("what comes next")


async def test_what_is_announced_already_is_not_announced_again(repository: Repository, key: Path) -> None:
    """The same label, after a kill; or another label for what the newest tag says. The repository stays
    as it is to the byte."""
    first = await tag_release(wanted(repository, key, "r1"), FIRST, NOW)
    refs = repository.git("for-each-ref")
    assert await tag_release(wanted(repository, key, "r1"), FIRST, NOW) == first
    assert await tag_release(wanted(repository, key, "r2"), FIRST.as_version(1), NOW) == first
    assert repository.git("for-each-ref") == refs


def same_commit(repository: Repository, key: Path) -> None:
    repository.release("r0", str(FIRST), key)


def another_history(repository: Repository, key: Path) -> None:
    repository.release("r0", str(FIRST), key)
    repository.git("checkout", "--quiet", "--orphan", "elsewhere")
    for _ in range(5):
        repository.commit()


def moved(repository: Repository, key: Path) -> None:
    repository.release("new", str(FIRST), key)


def unsigned(repository: Repository, key: Path) -> None:
    repository.release("new", str(SECOND), None)


def light(repository: Repository, key: Path) -> None:
    repository.git("tag", "new")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (same_commit, r"does not come after [0-9a-f]{12} of release r0"),
        (another_history, r"does not come after [0-9a-f]{12} of release r0"),
        (moved, "tag new is Qm.* already"),
        (unsigned, "tag new is there and not signed"),
        (light, "tag new is there and announces no release"),
    ],
)
async def test_what_followers_would_refuse_is_refused_here(
    repository: Repository, key: Path, spoil: Callable[[Repository, Path], None], words: str
) -> None:
    """With a way out; no ref is changed."""
    spoil(repository, key)
    refs = repository.git("for-each-ref")
    with pytest.raises(UsageProblem, match=words) as told:
        await tag_release(wanted(repository, key, "new"), SECOND, NOW)
    assert told.value.hint
    assert repository.git("for-each-ref") == refs


async def test_the_hint_for_a_commit_can_be_pasted(repository: Repository, key: Path) -> None:
    """Run in a shell, it is what lets the next release be announced."""
    await tag_release(wanted(repository, key, "r1"), FIRST, NOW)
    with pytest.raises(UsageProblem, match="does not come after") as told:
        await tag_release(wanted(repository, key, "r2"), SECOND, NOW)
    command = str(told.value.hint).removeprefix("commit first: ")
    await asyncio.to_thread(subprocess.run, command, shell=True, check=True, capture_output=True)
    assert (await tag_release(wanted(repository, key, "r2"), SECOND, NOW)).cid == SECOND


@pytest.mark.parametrize("label", ["a..b", ".a", "a.", "a.lock", "a/b", "", "x" * 65])
async def test_a_label_that_git_takes_for_no_name_is_refused(
    repository: Repository, key: Path, label: str
) -> None:
    """As any that followers take for no label."""
    with pytest.raises(UsageProblem, match="cannot be the name of a git tag"):
        await tag_release(wanted(repository, key, label), FIRST, NOW)


async def test_a_label_that_reads_as_a_cid_is_refused(repository: Repository, key: Path) -> None:
    """Followers could not tell which of two is meant."""
    with pytest.raises(UsageProblem, match="reads as a CID"):
        await tag_release(wanted(repository, key, str(SECOND)), FIRST, NOW)


async def test_only_the_top_of_a_repository_is_taken(
    repository: Repository, key: Path, tmp_path: Path
) -> None:
    """A directory inside it, an empty one and a file are refused; a bare repository is one; one without a
    commit has nothing to tag."""
    inside, empty, file = repository.path / "inside", tmp_path / "empty", tmp_path / "file"
    inside.mkdir()
    empty.mkdir()
    file.touch()
    for path in (inside, empty, file, tmp_path / "nowhere", repository.path / ".git" / "objects"):
        with pytest.raises(UsageProblem, match="is not the top of a git repository"):
            await tag_release(GitTag(directory=path, key=key, label="r1"), FIRST, NOW)
    bare = tmp_path / "bare.git"
    repository.git("clone", "--quiet", "--bare", str(repository.path), str(bare))
    assert (await tag_release(GitTag(directory=bare, key=key, label="r1"), FIRST, NOW)).cid == FIRST
    young = Repository.make(tmp_path / "young")
    with pytest.raises(UsageProblem, match="has no commit to tag"):
        await tag_release(wanted(young, key), FIRST, NOW)


async def test_a_program_that_the_repository_names_is_not_run(repository: Repository, key: Path) -> None:
    """Neither hooks nor what its configuration has for signing, editing, watching or filtering."""
    ran = repository.path.parent / "ran"
    program = repository.path.parent / "program"
    program.write_text(f"#!/bin/sh\ntouch '{ran}'\n")
    program.chmod(0o755)
    for name in ("reference-transaction", "post-commit", "pre-push"):
        hook = repository.path / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        shutil.copy(program, hook)
    for setting in ("core.fsmonitor", "core.editor", "core.pager", "gpg.ssh.program", "gpg.program",
                    "gpg.ssh.defaultKeyCommand", "core.sshCommand", "core.askPass"):  # fmt: skip
        repository.git("config", setting, str(program))
    await tag_release(wanted(repository, key), FIRST, NOW)
    assert not ran.exists()


async def test_a_key_that_does_not_sign_leaves_no_tag(repository: Repository, tmp_path: Path) -> None:
    """What is signed comes first."""
    broken = tmp_path / "broken"
    broken.write_text("no key\n")
    broken.chmod(0o600)
    with pytest.raises(KeyUnusable, match="does not sign"):
        await tag_release(wanted(repository, broken), FIRST, NOW)
    assert repository.git("for-each-ref", "refs/tags") == ""


async def test_nobody_tags_without_a_name(
    repository: Repository, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git is told whose tag it is before anything is signed."""
    (Path.home() / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    with pytest.raises(UsageProblem, match="does not know who tags") as told:
        await tag_release(wanted(repository, key), FIRST, NOW)
    assert "user.name" in str(told.value.hint)
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Lab")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "lab@example.org")
    assert (await tag_release(wanted(repository, key), FIRST, NOW)).cid == FIRST
