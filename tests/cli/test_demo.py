"""`ipwhl-mirror demo` as a process: how it ends, and what it leaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


async def start(temporary: Path, *args: str) -> asyncio.subprocess.Process:
    """`ipwhl-mirror demo --offline`, with its temporary files in a directory of the test's."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ipwhl_mirror", "demo", "--offline", *args),
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
@pytest.mark.parametrize("after", ["wheels", "track"])
async def test_a_signal_ends_the_demo_and_leaves_nothing(
    number: signal.Signals, after: str, tmp_path: Path
) -> None:
    """Exit code 130, no traceback, no file."""
    process = await start(tmp_path)
    assert process.stdout is not None
    async for line in process.stdout:
        if line.startswith(after.encode()):
            break
    assert list(tmp_path.iterdir())
    process.send_signal(number)
    _, errors = await process.communicate()
    assert process.returncode == ExitCode.INTERRUPTED
    assert errors.decode() == "interrupted; the demo's files are removed\n"
    assert list(tmp_path.iterdir()) == []


async def test_json_is_one_document_and_the_exit_code_0(tmp_path: Path) -> None:
    """stdout is the document and nothing else; without a terminal no UI is started."""
    process = await start(tmp_path, "--json")
    output, errors = await process.communicate()
    assert process.returncode == ExitCode.DONE
    assert errors == b""
    told = json.loads(output)
    assert told["schema"] == "ipwhl-mirror/demo/1"
    assert told["install"]["imported"] or told["install"]["skipped"]
    assert told["pins"][1]["fetched_bytes"] < told["pins"][0]["fetched_bytes"]
    assert list(tmp_path.iterdir()) == []
