"""The command line as a script uses it: output, exit codes, confirmation, global options anywhere."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.state.lock import data_dir_lock
from tests.conftest import VECTORS
from tests.simulators.wheels import sample_release, sample_wheels

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Ran, RunCli


@pytest.fixture
def published(ipwhl: RunCli, tmp_path: Path) -> RunCli:
    """A data directory with the sample release, published and whole, as `mine`."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for (_, filename), data in sample_wheels().items():
        (folder / filename).write_bytes(data)
    ran = ipwhl("publish", str(folder), "--label", "mine")
    assert (ran.code, ran.stdout) == (0, f"{sample_release(sample_wheels()).root}\n")
    return ipwhl


def test_status_show_and_plan_say_the_same(published: RunCli) -> None:
    """The numbers of a release that is whole, in three documents."""
    status = published("status", "--json").document
    assert status["schema"] == "ipwhl-mirror/status/1"
    assert status["selection_rules"] == 1
    (release,) = status["releases"]
    assert (release["label"], release["state"], release["wheels"]) == ("mine", "pinned", 6)
    assert [pin["selection"] for pin in release["pins"]] == [""]
    assert all(pin["verified_at"].endswith("Z") for pin in release["pins"])
    shown = published("show", "mine", "--wheels", "--json").document
    assert shown["platforms"] == release["platforms"]
    assert sum(len(project["wheels"]) for project in shown["contents"]) == 6
    assert all(wheel["pinned"] for project in shown["contents"] for wheel in project["wheels"])
    plan = published("plan", "mine", "-p", "linux-x86_64", "--json").document
    assert plan["fetch"] == {"wheels": 0, "bytes": 0}
    assert plan["shared"]["wheels"] == plan["wheels"] == 3
    assert [part["pinned"] for part in plan["pins"]] == [False]


def test_a_selection_narrows_what_is_shown(published: RunCli) -> None:
    """`show` with a selection lists the selected wheels only; totals stay those of the release."""
    shown = published("show", "mine", "-p", "linux-x86_64", "--no-any", "--wheels", "--json").document
    assert [project["project"] for project in shown["contents"]] == ["native", "other"]
    assert [row["platform"] for row in shown["platforms"]] == ["linux-x86_64"]
    assert shown["wheels"] == 6


def test_pin_a_part_of_what_is_here(published: RunCli) -> None:
    """A part of a release that is whole costs nothing; then unpin and gc need a yes."""
    pinned = published("pin", "mine", "-p", "linux-64", "--json").document
    assert pinned["fetched_bytes"] == 0
    assert [part["selection"] for part in pinned["pins"]] == ["-p linux-x86_64"]
    refused = published("unpin", "mine")
    assert refused.code == 2
    assert "2 pin(s) to remove" in refused.stderr
    assert "--yes" in refused.stderr
    assert len(published("status", "--json").document["releases"][0]["pins"]) == 2
    removed = published("unpin", "mine", "--yes", "--json")
    assert len(removed.document["pins"]) == 2
    refused = published("gc")
    assert refused.code == 2
    assert "under no pin" in refused.stderr
    collected = published("gc", "--yes", "--json").document
    assert collected["bytes"] > 0
    assert published("untrack", "mine").code == 0


def test_prune_keeps_the_newest(published: RunCli, tmp_path: Path) -> None:
    """`prune --keep 1` lets the older release's pins go, and says what that frees."""
    folder = tmp_path / "next"
    folder.mkdir()
    for (_, filename), data in sample_wheels("2.0").items():
        (folder / filename).write_bytes(data)
    published("publish", str(folder), "--label", "next")
    assert published("prune", "--keep", "0").code == 2
    assert published("prune", "--keep", "1").code == 2
    pruned = published("prune", "--keep", "1", "--yes", "--json").document
    assert [release["label"] for release in pruned["kept"]] == ["next"]
    assert pruned["reclaimable"]["wheels"] == 6
    states = {r["label"]: r["state"] for r in published("status", "--json").document["releases"]}
    assert states == {"next": "pinned", "mine": "absent"}


def test_diff(ipwhl: RunCli) -> None:
    """Two real releases: one project new, some changed; bytes are those of wheels that are not in the old."""
    for name in ("small-v0", "small-v0-next"):
        ipwhl("import", str(VECTORS / f"{name}.car"), "--label", name)
    diff = ipwhl("diff", "small-v0", "small-v0-next", "--json").document
    assert len(diff["added"]) - len(diff["removed"]) == 1
    assert 0 < diff["fetch_bytes"] < 390_030_443
    back = ipwhl("diff", "small-v0-next", "small-v0", "--json").document
    assert [entry["project"] for entry in back["removed"]] == [entry["project"] for entry in diff["added"]]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        pytest.param(["show", "nothing"], 2, "no tracked release is 'nothing'", id="unknown release"),
        pytest.param(["track", "hello"], 2, "not a CID: 'hello'", id="no CID"),
        pytest.param(["plan", "vector", "-p", "linx-x86_64"], 2, "no such platform", id="unknown platform"),
        pytest.param(["plan", "vector", "-e", "cp311"], 2, "-e 'cp311'", id="no environment"),
        pytest.param(["plan", "vector", "--python", "three"], 2, "--python 'three'", id="no Python"),
        pytest.param(["plan", "vector", "--no-any", "-p", "any"], 2, "together", id="any and no any"),
        pytest.param(["pin", "vector", "--project", "nothing"], 2, "no wheel of vector", id="nothing to pin"),
        pytest.param(
            ["export", "vector", "x.car", "--project", "nothing"], 2, "selected", id="nothing to export"
        ),
        pytest.param(["unpin", "vector"], 2, "nothing to unpin", id="nothing to unpin"),
        pytest.param(["pin", "vector"], 1, "gateway", id="no gateway to fetch from"),
        pytest.param(["--read-only", "gc", "--yes"], 0, "", id="nothing to collect"),
        pytest.param(["untrack", "vector", "--read-only"], 2, "read-only", id="read-only"),
        pytest.param(
            ["--node", "http://127.0.0.1:5001", "status"], 2, "was begun with the node embedded", id="Kubo"
        ),
        pytest.param(["serve", "--listen", "nowhere"], 1, "expected host:port", id="bad address"),
        pytest.param(["import", "no-such-file.car"], 2, "does not exist", id="no file"),
        pytest.param(["publish", "."], 2, "no wheel in it", id="no wheels"),
        pytest.param(["frobnicate"], 2, "No such command", id="no command"),
    ],
)
def test_what_cannot_be_is_told(
    args: list[str], code: int, words: str, ipwhl: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was given, what was expected, and a code; never a traceback."""
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "config.toml"
    config.write_text("[node]\ngateways = []\n")
    assert ipwhl("import", str(VECTORS / "small-v0.car"), "--label", "vector").code == 0
    ran = ipwhl("--config", str(config), *args)
    assert ran.code == code, ran.stderr
    assert words in ran.stderr
    assert ran.code == 0 or ran.stdout == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            "[node]\nspeck = 'auto'\n", "config.toml:2: Object contains unknown field `speck`", id="key"
        ),
        pytest.param("[node]\nconcurrency = 'many'\n", "config.toml:2: Expected `int`", id="kind"),
        pytest.param("[node]\nconcurrency = 0\n", "from 1 to 64", id="value"),
        pytest.param("[node\n", "not TOML", id="syntax"),
        pytest.param("[serve]\nlisten = 'nowhere'\n", "host:port", id="address"),
    ],
)
def test_bad_configuration_is_told_with_its_place(
    text: str, words: str, ipwhl: RunCli, tmp_path: Path
) -> None:
    """File, line, and what was expected; exit 2."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    ran = ipwhl("--config", str(path), "status")
    assert ran.code == 2
    assert words in ran.stderr


def test_a_locked_directory_exits_with_7_and_can_be_read(published: RunCli, tmp_path: Path) -> None:
    """Another run's lock stops changes, not `status` and `plan`."""

    async def locked() -> list[Ran]:
        async with data_dir_lock(tmp_path / "data", "sync", wait_s=0):
            return [
                await asyncio.to_thread(_in_new_process, tmp_path / "data", *args)
                for args in (
                    ("gc", "--yes", "--timeout", "0"),
                    ("verify", "--timeout", "0.1"),
                    ("status",),
                    ("plan", "mine"),
                )
            ]

    published("unpin", "mine", "--yes")
    gc, verify, status, plan = asyncio.run(locked())
    assert (gc.code, verify.code, status.code, plan.code) == (7, 7, 0, 0)
    assert "another run holds" in gc.stderr
    assert "sync, process" in gc.stderr


def _in_new_process(data_dir: Path, *args: str) -> Ran:
    import subprocess
    import sys

    from tests.cli.conftest import Ran

    ran = subprocess.run(
        [sys.executable, "-m", "ipwhl_mirror", "--data-dir", str(data_dir), "--node", "embedded", *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_without_a_terminal_and_a_command_there_is_help(tmp_path: Path) -> None:
    """The terminal UI needs a terminal."""
    ran = _in_new_process(tmp_path)
    assert ran.code == 2
    assert "Commands:" in ran.stdout


def test_verify_names_the_damage_and_exits_with_8(published: RunCli, tmp_path: Path) -> None:
    """A damaged wheel is named by release, project and file name."""
    wheels = [path for path in (tmp_path / "data" / "node" / "wheels").rglob("*") if path.is_file()]
    largest = max(wheels, key=lambda path: path.stat().st_size)
    largest.chmod(0o644)
    with largest.open("r+b") as file:
        file.seek(largest.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    ran = published("verify", "--json")
    assert ran.code == 8
    (broken,) = ran.document["broken"]
    assert (broken["release"], broken["project"], broken["reason"]) == ("mine", "native", "corrupt")
    assert published("verify").stdout.count("corrupt: mine native/native-1.0-") == 1


def test_progress_events_are_one_json_object_a_line(ipwhl: RunCli, tmp_path: Path) -> None:
    """`--progress --json` writes events to stderr and one document to stdout."""
    ran = ipwhl("import", str(VECTORS / "small-v0.car"), "--progress", "--json")
    events = [json.loads(line) for line in ran.stderr.splitlines()]
    assert {event["phase"] for event in events} == {"import"}
    assert ran.document["schema"] == "ipwhl-mirror/import/1"


def test_a_cid_in_any_version_names_the_release(published: RunCli) -> None:
    """REL is a label, a CID in any version, or a prefix of one."""
    root = sample_release(sample_wheels()).root
    for rel in ("mine", str(root), str(root.as_version(1)), str(root)[:8], str(root.as_version(1))[:20]):
        assert published("show", rel, "--json").document["cid"] == str(root)
