"""`--lock`: a lock's projects chosen, and what of it a release does not have told beside the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.locks import LOCK_LIMIT
from tests.domain.test_locks import lock, package
from tests.simulators.wheels import LINUX, WINDOWS, wheel_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import RunCli

MANY = 40
"""Projects; the text of a selection of them is far longer than a pin's name may be."""


@pytest.fixture
def published(ipwhl: RunCli, tmp_path: Path) -> RunCli:
    """A data directory with a release of three projects, as `mine`."""
    publish(ipwhl, tmp_path, ["flask", "numpy", "uvloop"])
    return ipwhl


def publish(ipwhl: RunCli, directory: Path, names: list[str]) -> None:
    """With a wheel for Linux each, and for Windows of the first."""
    folder = directory / "wheels"
    folder.mkdir()
    for name in names:
        for tag in (LINUX, WINDOWS) if name == names[0] else (LINUX,):
            filename = f"{name.replace('-', '_')}-1.0-{tag}.whl"
            (folder / filename).write_bytes(wheel_bytes(name, "1.0", tag))
    assert ipwhl("publish", str(folder), "--label", "mine").code == 0


def write(directory: Path, *packages: str) -> str:
    path = directory / "pylock.toml"
    path.write_bytes(lock(*packages))
    return str(path)


NEEDED = (package("flask"), package("uvloop", "marker = \"sys_platform != 'win32'\""))


def test_a_lock_chooses_its_projects(published: RunCli, tmp_path: Path) -> None:
    """As if they were named one by one, beside those that are; all of them are there, so nothing is told."""
    path = write(tmp_path, *NEEDED)
    for options, projects in (
        ([], ["flask", "uvloop"]),
        (["-p", "linux-64", "--python", "3.11"], ["flask", "uvloop"]),
        (["-p", "windows-amd64"], ["flask"]),
        (["--project", "num*"], ["flask", "num*", "uvloop"]),
    ):
        ran = published("plan", "mine", "--lock", path, *options, "--json")
        named = [word for name in projects for word in ("--project", name)]
        by_name = published("plan", "mine", *named, *options, "--json").document
        assert ran.document["subset_cid"] is not None
        assert ran.document["pins"] == by_name["pins"]
        assert "pylock" not in ran.stderr


@pytest.mark.parametrize("command", ["plan", "pin", "show"])
def test_what_a_release_does_not_have_is_told(published: RunCli, tmp_path: Path, command: str) -> None:
    """Missing projects, and other versions: how many, and the first names; on stderr, and no error."""
    gone = [package(f"gone-{number}") for number in range(7)]
    path = write(tmp_path, *NEEDED, package("numpy", version="2.0"), *gone)
    ran = published(command, "mine", "--lock", path, "--json")
    assert ran.code == 0
    assert [line for line in ran.stderr.splitlines() if "pylock" in line] == [
        "pylock.toml: 7 of 10 projects not in the release: gone-0, gone-1, gone-2, gone-3, gone-4, ...",
        "pylock.toml: 1 of 10 projects in another version than locked: numpy",
    ]
    assert ran.document["schema"] == f"ipwhl-mirror/{command}/1"
    assert published("--quiet", command, "mine", "--lock", path).stderr == ""


def test_what_is_no_lock_is_a_usage_error(published: RunCli, tmp_path: Path) -> None:
    """Exit 2, with the file's name and the reason; a lock that needs nothing does not mean everything."""
    path = tmp_path / "pylock.toml"
    for data, words in (
        (b"{}", "it is no TOML"),
        (b"#" * (LOCK_LIMIT + 1), "longer than"),
        (lock(), "needs no project"),
    ):
        path.write_bytes(data)
        ran = published("pin", "mine", "--lock", str(path))
        assert ran.code == 2
        assert f"error: {path}: " in ran.stderr
        assert words in ran.stderr
    assert published("plan", "mine", "--lock", str(tmp_path / "none.toml")).code == 2


def test_a_lock_of_many_projects(ipwhl: RunCli, tmp_path: Path) -> None:
    """Planned, pinned, verified, shown and unpinned; found again when the database is gone."""
    names = [f"project-number-{number:03}" for number in range(MANY)]
    publish(ipwhl, tmp_path, [*names, "besides"])
    assert ipwhl("unpin", "mine", "--yes").code == 0
    path = write(tmp_path, *map(package, names))
    chosen = ["mine", "-p", "linux-64", "--lock", path]
    pinned = ipwhl("pin", *chosen, "--json").document
    assert (pinned["wheels"], pinned["fetch"]["wheels"]) == (MANY, 0)
    subset = pinned["subset_cid"]
    (state,) = (tmp_path / "data").glob("*.sqlite")
    selections = {"known": pinned["pins"][0]["selection"], "found again": "-p linux-x86_64 --exclude besides"}
    for how, selection in selections.items():
        (release,) = ipwhl("status", "--json").document["releases"]
        (pin,) = release["pins"]
        assert (pin["cid"], len(pin["name"].encode())) == (subset, 255), how
        assert pin["selection"] == selection, how
        assert ipwhl("verify", "--json").document["ok"], how
        (part,) = ipwhl("plan", *chosen, "--json").document["pins"]
        assert part["pinned"], how
        state.unlink()
    removed = ipwhl("unpin", *chosen, "--yes", "--json").document
    assert [part["cid"] for part in removed["pins"]] == [subset]
    assert ipwhl("status", "--json").document["releases"][0]["pins"] == []
