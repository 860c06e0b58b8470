"""`publish` announces in a feed, by an IPNS name and by a signed git tag, once, and refuses first."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from ipwhl_mirror.cli.app import cli
from tests.cli.conftest import Ran
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.services.publishing_world import lay, wheel
from tests.sources.git_world import Repository, make_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import RunCli
    from tests.nodes.running_kubo import KuboDaemon

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None or shutil.which("ssh-keygen") is None,
    reason="git and ssh-keygen are needed",
)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboDaemon]:
    """With pubsub, which keeps a record where there is no DHT, and a key."""
    settings = {"Ipns.UsePubsub": True, "Pubsub.Enabled": True}
    with KuboRepo.make(ipfs_command(), tmp_path_factory.mktemp("kubo") / "repo", settings).start() as daemon:
        daemon.call("key/gen", "campus")
        yield daemon


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("key") / "id")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """One with a commit, of a user who is known to git."""
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Lab")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "lab@example.org")
    made = Repository.make(tmp_path / "repository")
    made.commit()
    return made


@pytest.fixture
def wheels(tmp_path: Path) -> str:
    """A directory of two wheels."""
    return str(lay(tmp_path / "wheels", wheel("app", requires=["pure"]), wheel("pure")))


@pytest.fixture
def kubo(daemon: KuboDaemon, tmp_path: Path) -> RunCli:
    """Runs `ipwhl-mirror --data-dir ... --node URL ARGS`."""
    daemon.clear()

    def run(*args: str) -> Ran:
        options = ["--data-dir", str(tmp_path / "data"), "--node", daemon.rpc_maddr]
        result = CliRunner().invoke(cli, [*options, *args])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.mark.kubo
def test_every_place_is_told_once(
    kubo: RunCli, daemon: KuboDaemon, repository: Repository, key: Path, wheels: str, tmp_path: Path
) -> None:
    """The document says what each says; the same wheels again, under another label too, change none."""
    feed = tmp_path / "lab.json"
    options = ("--feed", str(feed), "--key", str(key), "--ipns", "campus", "--git-tag", str(repository.path))
    first = kubo("publish", wheels, "--label", "r1", *options, "--json").document
    assert (first["feed"]["label"], first["feed"]["sequence"]) == ("r1", 1)
    assert first["git_tag"]["commit"] == repository.git("rev-parse", "HEAD").strip()
    assert first["git_tag"]["signer"] == first["feed"]["signer"]
    assert (first["feed"]["new"], first["git_tag"]["new"]) == (True, True)
    led = json.loads(daemon.call("name/resolve", first["ipns"]["name"], nocache=True))
    assert led["Path"] == f"/ipfs/{first['cid']}"
    before = feed.read_bytes(), repository.git("for-each-ref")
    for label in ("r1", "r2"):
        ran = kubo("publish", wheels, "--label", label, *options)
        assert (ran.code, ran.stdout) == (0, f"{first['cid']}\n")
        assert "nothing new: announced already as r1, sequence 1" in ran.stderr
        assert "tag r1 of commit" in ran.stderr
        assert "is there already" in ran.stderr
        assert (feed.read_bytes(), repository.git("for-each-ref")) == before


def test_said_again_it_holds_for_longer(ipwhl: RunCli, key: Path, wheels: str, tmp_path: Path) -> None:
    """Under the same sequence and label; the words and the document say until when."""
    feed = tmp_path / "lab.json"
    command = ("publish", wheels, "--label", "r1", "--feed", str(feed), "--key", str(key), "--expires")
    first = ipwhl(*command, "1", "--json").document["feed"]
    assert (first["new"], first["renewed"]) == (True, False)
    again = ipwhl(*command, "2", "--json").document["feed"]
    assert again["expires_at"] > first["expires_at"]
    assert again == {**first, "new": False, "renewed": True, "expires_at": again["expires_at"]}
    assert len(json.loads(feed.read_text())["releases"]) == 1
    told = ipwhl(*command, "3").stderr
    assert "signed again, to hold until" in told
    assert "as r1, sequence 1, signed by SHA256:" in told
    announced = feed.read_bytes()
    assert ipwhl(*command, "2", "--json").document["feed"]["renewed"] is False
    assert feed.read_bytes() == announced


@pytest.mark.kubo
def test_cut_off_between_two_places_it_is_finished_by_the_next_run(
    kubo: RunCli, repository: Repository, key: Path, wheels: str, tmp_path: Path
) -> None:
    """The feed says it already and stays; the tag comes to it."""
    feed = tmp_path / "lab.json"
    command = (
        *("publish", wheels, "--label", "r1", "--feed", str(feed), "--key", str(key)),
        *("--ipns", "campus", "--git-tag", str(repository.path)),
    )
    blocker = repository.path / ".git" / "refs" / "tags" / "r1.lock"
    blocker.touch()
    cut = kubo(*command)
    assert (cut.code, cut.stdout) == (1, "")
    assert "refs/tags/r1" in cut.stderr
    announced = feed.read_bytes()
    assert repository.git("tag") == ""
    blocker.unlink()
    assert kubo(*command).code == 0
    assert feed.read_bytes() == announced
    assert repository.git("tag") == "r1\n"


def no_repository(repository: Repository, feed: Path) -> tuple[list[str], str]:
    shutil.rmtree(repository.path / ".git")
    return ["--git-tag", str(repository.path)], "is not the top of a git repository"


def no_feed(repository: Repository, feed: Path) -> tuple[list[str], str]:
    feed.write_text("no feed")
    return [], str(feed)


def no_kubo(repository: Repository, feed: Path) -> tuple[list[str], str]:
    return ["--ipns", "campus"], "this node publishes no names: --ipns needs a Kubo"


@pytest.mark.parametrize("spoil", [no_repository, no_feed, no_kubo])
@pytest.mark.parametrize("how", [[], ["--dry-run"]], ids=["published", "dry run"])
def test_a_place_that_cannot_be_used_is_told_before_anything_is_made(
    ipwhl: RunCli,
    repository: Repository,
    key: Path,
    wheels: str,
    tmp_path: Path,
    how: list[str],
    spoil: Callable[[Repository, Path], tuple[list[str], str]],
) -> None:
    """Usage, with a way out; no release is tracked and no other place is changed."""
    feed = tmp_path / "lab.json"
    options, words = spoil(repository, feed)
    before = feed.read_bytes() if feed.exists() else None
    ran = ipwhl("publish", wheels, "--label", "r1", "--feed", str(feed), "--key", str(key), *options, *how)
    assert ran.code == 2
    assert words in ran.stderr
    assert "hint:" in ran.stderr
    assert (feed.read_bytes() if feed.exists() else None) == before
    assert ipwhl("status", "--json").document["releases"] == []


def test_a_label_that_a_tag_has_already_keeps_the_feed_as_it_was(
    ipwhl: RunCli, repository: Repository, key: Path, wheels: str, tmp_path: Path
) -> None:
    """What one place would refuse is announced in none."""
    repository.release("r1", "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn", key)
    feed = tmp_path / "lab.json"
    options = ("--feed", str(feed), "--key", str(key), "--git-tag", str(repository.path))
    ran = ipwhl("publish", wheels, "--label", "r1", *options)
    assert (ran.code, feed.exists()) == (2, False)
    assert "tag r1 is QmUNLL" in ran.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--feed", "lab.json"], "need a --key"),
        (["--git-tag", "."], "need a --key"),
        (["--key", "KEY"], "--key is for them"),
        (["--git-tag", ".", "--key", "KEY"], "need a --label"),
        (["--git-tag", ".", "--key", "KEY", "--label", "r1", "--expires", "3"], "--expires goes with --feed"),
        *(
            (["--feed", "lab.json", "--key", "KEY", "--label", "r1", "--expires", days], "at most 36500 days")
            for days in ("0", "-1", "nan", "inf", "1e9")
        ),
    ],
)
def test_options_that_do_not_go_together(
    ipwhl: RunCli, key: Path, wheels: str, options: list[str], words: str
) -> None:
    """Usage."""
    ran = ipwhl("publish", wheels, *(str(key) if option == "KEY" else option for option in options))
    assert (ran.code, words in ran.stderr) == (2, True), ran.stderr
