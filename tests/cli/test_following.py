"""`source` and `update` as a person and as a script use them, on a real signed feed and a real repository."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from tests.simulators.wheels import sample_wheels
from tests.sources.git_world import Repository, make_key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import RunCli

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None or shutil.which("ssh-keygen") is None,
    reason="git and ssh-keygen are needed",
)


@pytest.fixture
def root(ipwhl: RunCli, tmp_path: Path) -> str:
    """The CID of a release whose blocks are on the node, though it is not tracked."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for (_, filename), data in sample_wheels().items():
        (folder / filename).write_bytes(data)
    cid = ipwhl("publish", str(folder), "--label", "x").stdout.strip()
    assert ipwhl("unpin", "x", "--yes").code == 0
    assert ipwhl("untrack", "x").code == 0
    return cid


def test_follow_a_repository(ipwhl: RunCli, root: str, tmp_path: Path) -> None:
    """Add, look (100), update, nothing new (0); then a moved tag (4); then remove, with a yes."""
    key = make_key(tmp_path / "id")
    upstream = Repository.make(tmp_path / "upstream")
    upstream.release("2026.11", root, key)
    public = str(key.with_suffix(".pub"))
    added = ipwhl("source", "add", "upstream", upstream.url, "--key", public)
    assert (added.code, "accepted: SHA256:" in added.stdout) == (0, True)
    looked = ipwhl("update", "--check")
    assert (looked.code, "upstream: new: 2026.11" in looked.stdout) == (100, True)
    assert ipwhl("status", "--json").document["releases"] == []
    taken = ipwhl("update", "--json")
    assert taken.code == 0
    (source,) = taken.document["sources"]
    assert [(item["label"], item["cid"], item["tracked"]) for item in source["new"]] == [
        ("2026.11", root, True)
    ]
    assert ipwhl("show", "upstream/2026.11").code == 0
    again = ipwhl("update")
    assert (again.code, again.stdout) == (0, "upstream: nothing new\n")
    listed = ipwhl("source", "list", "--json").document["sources"]
    assert [(item["name"], item["label"], len(item["keys"])) for item in listed] == [
        ("upstream", "2026.11", 1)
    ]
    upstream.release("2026.11", str(Cid.of(b"another", DAG_PB)), key)
    for _ in range(2):
        moved = ipwhl("update")
        assert (moved.code, "it was moved" in moved.stdout) == (4, True)
    assert ipwhl("source", "remove", "upstream").code == 2
    assert ipwhl("source", "remove", "upstream", "--yes").code == 0
    assert ipwhl("source", "list", "--json").document["sources"] == []


def test_what_is_wrong_is_told(ipwhl: RunCli, tmp_path: Path) -> None:
    """A key that is none, an address that is none, a source that is not there, and one that is away."""
    nothing = tmp_path / "nothing.pub"
    nothing.write_text("nothing")
    url = "file:///nowhere/feed.json"
    for arguments, words in (
        (("add", "a", url, "--key", str(nothing)), "line 1"),
        (("add", "a", url, "--key", str(tmp_path / "missing")), "missing"),
        (("add", "a", "gopher://x"), "no address"),
        (("remove", "a", "--yes"), "no source"),
    ):
        ran = ipwhl("source", *arguments)
        assert (ran.code, words in ran.stderr) == (2, True), ran.stderr
    assert ipwhl("update").stdout.startswith("no source")
    assert ipwhl("source", "add", "a", url).code == 0
    away = ipwhl("update")
    assert away.code == 1
    assert "No such file" in away.stdout
    assert ipwhl("--read-only", "source", "add", "b", url).code == 2
