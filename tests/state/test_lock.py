"""The data directory's lock: one holder, across processes, gone with its holder."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.state.errors import LockHeld
from ipwhl_mirror.state.lock import data_dir_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLD = """
import asyncio, sys
from pathlib import Path
from ipwhl_mirror.state.lock import data_dir_lock
async def main():
    async with data_dir_lock(Path(sys.argv[1]), "pin", wait_s=0):
        print("held", flush=True)
        sys.stdin.read()
asyncio.run(main())
"""


async def test_a_second_holder_is_refused_with_the_first_ones_name(tmp_path: Path) -> None:
    """Who waits in vain is told what the other run does."""
    async with data_dir_lock(tmp_path, "pin", wait_s=0):
        with pytest.raises(LockHeld, match="pin, process"):
            async with data_dir_lock(tmp_path, "gc", wait_s=0):
                pass
    async with data_dir_lock(tmp_path, "gc", wait_s=0):
        pass


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock of `tmp_path`."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


async def test_the_lock_ends_with_a_killed_process(holder: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """kill -9 of the holder frees it."""
    with pytest.raises(LockHeld):
        async with data_dir_lock(tmp_path, "gc", wait_s=0):
            pass
    holder.kill()
    holder.wait()
    async with data_dir_lock(tmp_path, "gc", wait_s=0):
        pass
