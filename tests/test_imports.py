"""What the command line loads: help needs no terminal UI and no node library."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HELP = """
import sys
from ipwhl_mirror.cli.app import cli
try:
    cli.main(args=sys.argv[1:], prog_name="ipwhl-mirror")
except SystemExit as end:
    assert end.code == 0, end.code
loaded = {name.partition(".")[0] for name in sys.modules}
print("LOADED", *sorted(loaded & {"textual", "aioipfs", "aiohttp", "httpx", "rich", "mmh3", "sqlite3"}))
"""


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["pin", "--help"], ["status", "--help"]])
def test_help_loads_little(args: list[str]) -> None:
    """Help and version load neither the terminal UI nor anything that talks to a network."""
    ran = subprocess.run([sys.executable, "-c", HELP, *args], capture_output=True, text=True, check=True)
    loaded = ran.stdout.splitlines()[-1].split()[1:]
    assert not {"textual", "aioipfs", "aiohttp", "httpx", "rich"} & set(loaded)


@pytest.mark.parametrize("command", ["status", "verify"])
def test_what_fetches_nothing_loads_no_http(command: str, tmp_path: Path) -> None:
    """A command that reads what is here loads no HTTP client and no server: they take half its time."""
    args = ["--data-dir", str(tmp_path), "--node", "embedded", command]
    ran = subprocess.run([sys.executable, "-c", HELP, *args], capture_output=True, text=True, check=True)
    loaded = ran.stdout.splitlines()[-1].split()[1:]
    assert "sqlite3" in loaded
    assert not {"textual", "aioipfs", "aiohttp", "httpx"} & set(loaded)
