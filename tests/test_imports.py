"""What the command line loads: help needs no terminal UI and no node library."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
