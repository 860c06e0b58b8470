"""`sync` and the mirrors in `status`, as a person and as a script use them, on a real signed feed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.exposition import figure
from tests.simulators.wheels import sample_wheels
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import RunCli

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
LATER = {"1.0": "2026.10", "1.1": "2026.11"}


@pytest.fixture
def feed(ipwhl: RunCli, tmp_path: Path) -> Path:
    """A feed of one release, accepted as a source; the releases are published on the same node."""
    key = make_key(tmp_path / "id")
    file = tmp_path / "feed.json"
    publish(ipwhl, tmp_path, "1.0")
    ipwhl("source", "add", "campus", file.as_uri(), "--key", str(key.with_suffix(".pub")))
    return file


def publish(ipwhl: RunCli, directory: Path, version: str) -> None:
    """Publish and announce."""
    folder = directory / version
    folder.mkdir()
    for (_, filename), data in sample_wheels(version).items():
        (folder / filename).write_bytes(data)
    options = ("--feed", str(directory / "feed.json"), "--key", str(directory / "id"))
    assert ipwhl("publish", str(folder), "--label", LATER[version], *options).code == 0


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "mirrors.toml"
    file.write_text(
        '[mirror.campus]\nsource = "campus"\nplatforms = ["linux-x86_64"]\nkeep = 1\nstale_after = 9\n'
    )
    return str(file)


def test_a_mirror_goes_from_release_to_release(
    ipwhl: RunCli, feed: Path, config: str, tmp_path: Path
) -> None:
    """Switched, nothing new, switched again; `status` says where it is."""
    first = ipwhl("--config", config, "sync")
    assert (first.code, first.stdout) == (0, "campus: 2026.10, 0 B fetched\n")
    assert ipwhl("--config", config, "sync", "campus").stdout == "campus: nothing new, at 2026.10\n"
    publish(ipwhl, tmp_path, "1.1")
    second = ipwhl("--config", config, "sync", "--json")
    (mirror,) = second.document["mirrors"]
    assert (mirror["label"], mirror["previous"]["label"], mirror["changed"]) == ("2026.11", "2026.10", True)
    assert [gone["label"] for gone in mirror["retired"]] == ["2026.10"]
    status = ipwhl("--config", config, "status", "--json", "--fail-stale")
    assert (status.code, status.document["stale"]) == (0, False)
    (found,) = status.document["mirrors"]
    assert (found["cid"], found["stale"], found["last"]["outcome"]) == (
        mirror["cid"],
        None,
        "switched to 2026.11",
    )
    assert found["address"].endswith("/simple/campus/")
    words = ipwhl("--config", config, "status").stdout
    assert "campus  campus  2026.11" in words


def test_what_is_refused_ends_with_4_and_leaves_what_is_served(
    ipwhl: RunCli, feed: Path, config: str, tmp_path: Path
) -> None:
    """A feed that went back; events on stderr say it too."""
    before = feed.read_bytes()
    publish(ipwhl, tmp_path, "1.1")
    assert ipwhl("--config", config, "sync").code == 0
    feed.write_bytes(before)
    refused = ipwhl("--config", config, "sync", "--progress", "--json")
    assert refused.code == 4
    (mirror,) = refused.document["mirrors"]
    assert (mirror["label"], mirror["error"]["exit_code"]) == ("2026.11", 4)
    assert '"kind": "release-refused"' in refused.stderr
    text = ipwhl("--config", config, "sync").stdout
    assert "a rollback" in text and "it stays at 2026.11" in text


def test_back_by_hand(ipwhl: RunCli, feed: Path, config: str, tmp_path: Path) -> None:
    """A label that the source announced before is enough."""
    ipwhl("--config", config, "sync")
    publish(ipwhl, tmp_path, "1.1")
    ipwhl("--config", config, "sync")
    back = ipwhl("--config", config, "sync", "campus", "--to", "2026.10")
    assert (back.code, back.stdout.splitlines()[0]) == (0, "campus: 2026.11 -> 2026.10, 0 B fetched")
    words = "campus stays there, as sync --to said, until its source announces a newer one"
    assert words in ipwhl("--config", config, "status").stdout.splitlines()
    (mirror,) = ipwhl("--config", config, "status", "--json").document["mirrors"]
    assert (mirror["label"], mirror["held"]) == ("2026.10", True)
    again = ipwhl("--config", config, "sync").stdout
    assert again == "campus: nothing new, at 2026.10, where sync --to sent it\n"
    ipwhl("--config", config, "sync", "campus", "--to", "2026.11")
    assert words not in ipwhl("--config", config, "status").stdout


def test_status_says_why_a_run_failed(ipwhl: RunCli, feed: Path, config: str) -> None:
    """On a line of its own, so that the table fits a terminal; a mirror that has not run says so."""
    (before,) = [line for line in ipwhl("--config", config, "status").stdout.splitlines() if "campus" in line]
    assert before.split() == ["campus", "campus", "-", "-", "never", "-", "-"]
    feed.unlink()
    assert ipwhl("--config", config, "sync").code == 1
    row, reason = [
        line for line in ipwhl("--config", config, "status").stdout.splitlines() if line[:6] == "campus"
    ]
    assert row.split() == ["campus", "campus", "-", "-", "now", "failed", "-"]
    assert reason == f"campus: its last run failed: {feed}: No such file or directory"


def test_untrack_says_which_mirror_is_at_it(ipwhl: RunCli, feed: Path, config: str) -> None:
    """Whether or not its pins are gone by then."""
    ipwhl("--config", config, "sync")
    refused = ipwhl("--config", config, "untrack", "2026.10")
    words = "mirror campus is at 2026.10: its next sync needs it again"
    assert (refused.code, words in refused.stderr) == (2, True)
    ipwhl("--config", config, "unpin", "2026.10", "--yes")
    forgotten = ipwhl("--config", config, "untrack", "2026.10")
    assert (forgotten.code, words in forgotten.stderr) == (0, True)
    assert ipwhl("--config", config, "sync").code == 0


def test_pip_config_of_a_mirror(ipwhl: RunCli, feed: Path, config: str) -> None:
    """One address for good; what it leads to now is said beside it."""
    unsynced = ipwhl("--config", config, "pip-config", "campus")
    assert unsynced.stdout.splitlines()[0] == (
        "# mirror campus, it has no release yet; run: ipwhl-mirror sync campus (not answering)"
    )
    ipwhl("--config", config, "sync")
    lines = ipwhl("--config", config, "pip-config", "campus").stdout.splitlines()
    assert lines[0] == "# mirror campus, at 2026.10 now (not answering; run: ipwhl-mirror serve)"
    assert [line.split(" --index-url ") for line in lines[1:]] == [
        ["pip install", "http://127.0.0.1:8085/simple/campus/ PROJECT"],
        ["uv pip install", "http://127.0.0.1:8085/simple/campus/ PROJECT"],
    ]
    document = ipwhl("--config", config, "pip-config", "campus", "--json").document
    assert (document["mirror"], document["release"]["label"]) == ("campus", "2026.10")
    assert ipwhl("pip-config", "campus").stdout.splitlines()[1].startswith("# the configuration names it no")
    other = ipwhl("--config", config, "pip-config", "2026.10", "--json").document
    assert other["release"]["label"] == "2026.10"


def test_pip_config_where_serve_listens_elsewhere(ipwhl: RunCli, feed: Path, tmp_path: Path) -> None:
    """The address is the configured one; behind a proxy, clients use the proxy's name."""
    file = tmp_path / "mirrors.toml"
    serve = '[serve]\nlisten = "127.0.0.1:1"\nbehind_proxy = true\nhosts = ["wheels.example.org"]\n'
    file.write_text(f'{serve}[mirror.campus]\nsource = "campus"\n')
    lines = ipwhl("--config", str(file), "pip-config", "campus").stdout.splitlines()
    assert lines[1] == "pip install --index-url http://127.0.0.1:1/simple/campus/ PROJECT"
    assert lines[-1] == "# behind the proxy: https://wheels.example.org/simple/campus/ (not tried)"


def test_pip_config_of_a_name_with_two_meanings(
    ipwhl: RunCli, feed: Path, config: str, tmp_path: Path
) -> None:
    """Neither is taken for the other."""
    file = tmp_path / "mirrors.toml"
    file.write_text('[mirror."2026.10"]\nsource = "campus"\n')
    result = ipwhl("--config", config, "pip-config", "2026.10")
    assert (result.code, "a mirror, and the label of a release too" in result.stderr) == (2, True)


def test_prune_by_retention(ipwhl: RunCli, feed: Path, config: str, tmp_path: Path) -> None:
    """Bytes first; a mirror that is configured no longer goes with its address."""
    ipwhl("--config", config, "sync")
    assert ipwhl("--config", config, "prune").stdout == "nothing to prune\n"
    asked = ipwhl("prune")
    assert asked.code == 2
    assert "mirror campus is not configured any more: its address goes" in asked.stderr
    assert "leave the pin set" in asked.stderr
    gone = ipwhl("prune", "--yes", "--json").document
    assert (gone["forgotten"], len(gone["pins"])) == (["campus"], 1)
    without = ipwhl("prune")
    assert (without.code, "--keep N" in without.stderr) == (2, True)


def test_unpin_says_which_mirror_needs_it(ipwhl: RunCli, feed: Path, config: str) -> None:
    """Before it asks; a person may do it."""
    ipwhl("--config", config, "sync")
    words = "mirror campus leads to it: its next sync fetches it again"
    assert words in ipwhl("--config", config, "plan", "--unpin", "2026.10").stdout
    asked = ipwhl("--config", config, "unpin", "2026.10", "-p", "linux-x86_64")
    assert (asked.code, words in asked.stderr) == (2, True)
    done = ipwhl("--config", config, "unpin", "2026.10", "-p", "linux-x86_64", "--yes", "--json")
    assert done.document["mirrors"] == ["campus"]


def test_a_run_leaves_its_figures(ipwhl: RunCli, feed: Path, tmp_path: Path) -> None:
    """In the file that is configured; where it cannot be, that is said, and the run is good."""
    file = tmp_path / "mirrors.toml"
    table = '[mirror.campus]\nsource = "campus"\n'
    file.write_text(f'[serve]\nmetrics_file = "{tmp_path}/ipwhl.prom"\n{table}')
    assert ipwhl("--config", str(file), "sync").code == 0
    assert figure((tmp_path / "ipwhl.prom").read_text(), "last_run_ok", mirror="campus") == 1
    file.write_text(f'[serve]\nmetrics_file = "{tmp_path}/no/ipwhl.prom"\n{table}')
    again = ipwhl("--config", str(file), "sync")
    assert (again.code, again.stdout) == (0, "campus: nothing new, at 2026.10\n")
    assert "no/ipwhl.prom cannot be written: No such file" in again.stderr


@pytest.mark.parametrize(
    ("text", "arguments", "code", "words"),
    [
        ("", ("sync",), 2, "no mirror is configured"),
        ('[mirror.a]\nsource = "a"\n', ("sync", "b"), 2, "there is no mirror 'b'"),
        ('[mirror.a]\nsource = "a"\n', ("sync",), 4, "source a is not accepted here"),
        ('[mirror.a]\nsource = "a"\npython = ["3"]\n', ("sync",), 2, "mirrors.toml:1"),
        ('[mirror.a]\nsource = "a"\nlock = ["no.toml"]\n', ("sync",), 2, "no.toml: No such file"),
        ('[mirror.a]\nsource = "a"\n', ("--read-only", "sync"), 2, "read-only"),
    ],
    ids=["none", "another", "source", "selection", "lock", "read-only"],
)
def test_what_cannot_be(
    text: str, arguments: tuple[str, ...], code: int, words: str, ipwhl: RunCli, tmp_path: Path
) -> None:
    """In words, with the exit code of its kind."""
    file = tmp_path / "mirrors.toml"
    file.write_text(text)
    result = ipwhl("--config", str(file), *arguments)
    assert (result.code, words in result.stdout + result.stderr) == (code, True)
