"""Hooks: real programs, JSON on stdin, bounded; refused where others may write what is run."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.config import Config, ConfigError, MirrorConfig
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.services.hooks import check_hooks, run_hook
from ipwhl_mirror.services.mirror_events import Event, EventKind
from ipwhl_mirror.services.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

EVENT = Event(
    kind=EventKind.SYNC_DONE,
    at=datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
    mirror="campus",
    fields={"label": "2026.11", "changed": True},
)


def settings(directory: Path, *command: str) -> Settings:
    """Of a mirror with one hook, from a configuration in the directory."""
    file = directory / "config.toml"
    file.touch(mode=0o600)
    file.write_text("[node]\n\n[mirror.campus]\n")
    mirror = MirrorConfig(source="campus", on_success=command)
    return Settings(data_dir=directory, config=Config(mirror={"campus": mirror}), config_file=file)


async def test_a_hook_gets_the_event_and_runs_in_the_data_directory(tmp_path: Path) -> None:
    """No shell comes between: what looks like one is an argument."""
    script = (
        "import json, sys; print('hi\\x1b[2J');"
        "json.dump([json.load(sys.stdin), sys.argv[1:]], open('out', 'w'))"
    )
    result = await run_hook(
        settings(tmp_path), "on_success", [sys.executable, "-c", script, "$HOME; true"], EVENT
    )
    assert (result.reason, result.output) == (None, (safe_text("hi\x1b[2J", 80),))
    document, arguments = json.loads((tmp_path / "out").read_text())
    assert document == {
        "schema": "ipwhl-mirror/event/1",
        "at": "2026-11-23T10:00:00Z",
        "kind": "sync-done",
        "mirror": "campus",
        "label": "2026.11",
        "changed": True,
    }
    assert arguments == ["$HOME; true"]


@pytest.mark.parametrize(
    ("script", "limit_s", "reason"),
    [
        ("import sys; sys.exit(3)", 60.0, "ended with 3"),
        ("import os; os.kill(os.getpid(), 15)", 60.0, "was ended by signal 15"),
        ("import time; time.sleep(60)", 0.3, "not done after 0.3 s"),
        ("import os, time; os.fork(); time.sleep(60)", 0.3, "not done after 0.3 s"),
    ],
    ids=["fails", "killed", "hangs", "hangs with a child"],
)
async def test_what_a_hook_does_wrong_is_told(
    script: str, limit_s: float, reason: str, tmp_path: Path
) -> None:
    """In words, and nothing is raised; what it started is ended with it."""
    result = await run_hook(
        settings(tmp_path), "on_new", [sys.executable, "-c", script], EVENT, limit_s=limit_s
    )
    assert result.reason == reason


async def test_output_is_bounded(tmp_path: Path) -> None:
    """A hook that prints without end ends all the same."""
    script = "print('x' * 100 + '\\n', end='') or [print('y' * 1000) for _ in range(1000)]"
    result = await run_hook(settings(tmp_path), "on_new", [sys.executable, "-c", script], EVENT)
    assert result.reason is None
    assert 0 < sum(map(len, result.output)) <= 1 << 16


async def test_a_hook_that_is_not_there(tmp_path: Path) -> None:
    """It may have gone since it was looked at."""
    result = await run_hook(settings(tmp_path), "on_new", [str(tmp_path / "nothing")], EVENT)
    assert result.reason is not None and "No such file" in result.reason


def test_hooks_of_a_file_of_one_s_own(tmp_path: Path) -> None:
    """The program is found on the PATH too; without a hook nothing is looked at."""
    check_hooks(settings(tmp_path, "true"))
    (tmp_path / "config.toml").chmod(0o666)
    check_hooks(settings(tmp_path))


@pytest.mark.parametrize(("name", "mode"), [("config.toml", 0o620), ("config.toml", 0o602), (".", 0o770)])
def test_hooks_that_others_may_write(name: str, mode: int, tmp_path: Path) -> None:
    """The file and its directory; told with the line and what to do."""
    directory = tmp_path / "etc"
    directory.mkdir()
    found = settings(directory, "true")
    (directory / name).chmod(mode)
    with pytest.raises(ConfigError, match=r"config\.toml:3: on_success: hooks are refused") as caught:
        check_hooks(found)
    assert caught.value.hint is not None and caught.value.hint.startswith("chmod go-w")


def test_a_link_is_followed(tmp_path: Path) -> None:
    """What counts is the file that is read."""
    real = tmp_path / "real"
    real.mkdir()
    found = settings(tmp_path, "true")
    assert found.config_file is not None
    found.config_file.rename(real / "config.toml")
    found.config_file.symlink_to(real / "config.toml")
    real.chmod(0o777)
    with pytest.raises(ConfigError, match="hooks are refused"):
        check_hooks(found)


def test_a_program_that_cannot_be_run(tmp_path: Path) -> None:
    """Found out before anything is fetched."""
    with pytest.raises(ConfigError, match="no program that can be run"):
        check_hooks(settings(tmp_path, str(tmp_path / "config.toml")))
