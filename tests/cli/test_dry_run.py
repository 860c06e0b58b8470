"""`publish --dry-run` refuses what `publish` would, in the same words, and changes nothing."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.services.publishing_world import lay, wheel
from tests.sources.git_world import Repository, make_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import RunCli

    Spoil = Callable[["Lab"], str]

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None or shutil.which("ssh-keygen") is None,
    reason="git and ssh-keygen are needed",
)
ELSEWHERE = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("key") / "id")


class Lab:
    """A directory of wheels, and where it is announced."""

    def __init__(self, directory: Path, run: RunCli, key: Path) -> None:
        self.directory, self.run, self.key = directory, run, key
        self.feed = directory / "lab.json"
        self.repository = Repository.make(directory / "repository")
        self.repository.commit()
        self.wheels = str(lay(directory / "wheels", wheel("app", requires=["pure"]), wheel("pure")))
        self.others = str(lay(directory / "others", wheel("other")))

    def options(self, label: str) -> tuple[str, ...]:
        """Where, and under which label."""
        return (
            *("--label", label, "--key", str(self.key)),
            *("--feed", str(self.feed), "--git-tag", str(self.repository.path)),
        )

    def state(self) -> dict[str, str]:
        """A digest of every file but the logs and locks of the program."""
        return {
            str(path.relative_to(self.directory)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.directory.rglob("*"))
            if path.is_file() and not path.name.endswith((".log", ".lock", "-shm", "-wal"))
        }


@pytest.fixture
def lab(ipwhl: RunCli, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Lab")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "lab@example.org")
    return Lab(tmp_path, ipwhl, key)


def label_of_another_release_here(lab: Lab) -> str:
    assert lab.run("publish", lab.others, "--label", "r1").code == 0
    return "label 'r1' is Qm"


def label_of_another_release_in_the_feed(lab: Lab) -> str:
    options = ("--label", "r1", "--feed", str(lab.feed), "--key", str(lab.key))
    assert lab.run("publish", lab.others, *options).code == 0
    forget(lab, "r1")
    return "lab.json: label r1 is Qm"


def label_that_comes_again(lab: Lab) -> str:
    for wheels, label in ((lab.wheels, "r1"), (lab.others, "r2")):
        options = ("--label", label, "--feed", str(lab.feed), "--key", str(lab.key))
        assert lab.run("publish", wheels, *options).code == 0
    return "lab.json: label r1 was announced before, and others after it"


def tag_of_another_release(lab: Lab) -> str:
    lab.repository.release("r1", ELSEWHERE, lab.key)
    return f"tag r1 is {ELSEWHERE} already"


def tag_that_is_not_signed(lab: Lab) -> str:
    lab.repository.release("r1", ELSEWHERE, None)
    return "tag r1 is there and not signed by an SSH key"


def tag_of_something_else(lab: Lab) -> str:
    lab.repository.git("tag", "r1")
    return "the tag r1 is there and announces no release"


def commit_of_the_release_before(lab: Lab) -> str:
    lab.repository.release("r0", ELSEWHERE, lab.key)
    return "does not come after"


def key_that_does_not_sign(lab: Lab) -> str:
    lab.key = lab.directory / "bad"
    lab.key.write_text("no key")
    lab.key.chmod(0o600)
    return "bad does not sign"


def feed_whose_name_names_no_repository(lab: Lab) -> str:
    lab.feed = lab.directory / "our lab.json"
    return "'our lab', after which a new feed is named"


def forget(lab: Lab, label: str) -> None:
    """As on another machine: the feed says it, and the release is not here."""
    assert lab.run("--yes", "unpin", label).code == 0
    assert lab.run("untrack", label).code == 0


@pytest.mark.parametrize(
    "spoil",
    [
        label_of_another_release_here,
        label_of_another_release_in_the_feed,
        label_that_comes_again,
        tag_of_another_release,
        tag_that_is_not_signed,
        tag_of_something_else,
        commit_of_the_release_before,
        key_that_does_not_sign,
        feed_whose_name_names_no_repository,
    ],
)
def test_it_refuses_what_publish_refuses(lab: Lab, spoil: Spoil) -> None:
    """The same error, hint and exit code; its document and its text have them too."""
    words = spoil(lab)
    command = ("publish", lab.wheels, *lab.options("r1"))
    before = lab.state()
    dry = lab.run(*command, "--dry-run")
    told = lab.run(*command, "--dry-run", "--json").document
    assert lab.state() == before
    refused = lab.run(*command)
    assert refused.code == dry.code == 2
    assert words in refused.stderr
    assert dry.stderr == refused.stderr
    assert [f"error: {each['reason']}" for each in told["refused"]] == refused.stderr.splitlines()[:1]
    assert f"publish would refuse: {told['refused'][0]['reason']}" in dry.stdout


def test_what_is_fine_is_told_without_a_refusal(lab: Lab) -> None:
    """Before it is published, and when it says no more than is announced already."""
    command = ("publish", lab.wheels, *lab.options("r1"))
    for cid in (None, lab.run(*command, "--json").document["cid"]):
        before = lab.state()
        dry = lab.run(*command, "--dry-run", "--json")
        assert lab.state() == before
        assert (dry.code, dry.document["refused"], dry.document["doubts"]) == (0, [], [])
        assert dry.document["cid"] == cid or cid is None
        assert lab.run(*command).code == 0


def test_all_refusals_are_told(lab: Lab) -> None:
    """Not only the first: a person mends them in one go."""
    lab.feed.write_text("no feed")
    shutil.rmtree(lab.repository.path / ".git")
    command = ("publish", lab.wheels, *lab.options("r1"), "--ipns", "campus", "--dry-run", "--json")
    ran = lab.run(*command)
    reasons = [each["reason"] for each in ran.document["refused"]]
    assert (ran.code, len(reasons)) == (2, 3)
    assert "this is no feed" in reasons[0]
    assert "is not the top of a git repository" in reasons[1]
    assert "this node publishes no names" in reasons[2]


def test_they_are_told_where_the_inputs_are_refused_too(lab: Lab) -> None:
    """The error is that of the input."""
    lab.feed.write_text("no feed")
    ran = lab.run("publish", "nothing", *lab.options("r1"), "--dry-run")
    assert ran.code == 2
    assert "publish would refuse:" in ran.stderr
    assert "this is no feed" in ran.stderr
    assert "error: " in ran.stderr
    assert "'nothing'" in ran.stderr


def test_another_key_than_before_is_told(lab: Lab) -> None:
    """It is no mistake, but who follows has to accept it first."""
    assert lab.run("publish", lab.wheels, *lab.options("r1")).code == 0
    lab.repository.commit()
    lab.key = make_key(lab.directory / "another")
    dry = lab.run("publish", lab.others, *lab.options("r2"), "--dry-run", "--json")
    (doubt,) = dry.document["doubts"]
    assert dry.code == 0
    assert "who follows takes it only after accepting that key" in doubt
