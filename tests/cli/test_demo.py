"""`ipwhl-mirror demo` as a process: how it ends, and what it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import select
import signal
import subprocess
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


@pytest.mark.usefixtures("signals_count")
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


@pytest.mark.usefixtures("signals_count")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_a_signal_ends_the_application_and_its_demo_leaves_nothing(
    number: signal.Signals, tmp_path: Path
) -> None:
    """The demo that was begun with a key is removed too."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    terminal, its_end = pty.openpty()
    application = subprocess.Popen(
        [sys.executable, "-m", "ipwhl_mirror", "--data-dir", str(tmp_path / "data"), "--node", "embedded"],
        env={**os.environ, "TERM": "xterm-256color", "TMPDIR": str(temporary), "PIP_NO_INDEX": "1"},
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
    )
    os.close(its_end)
    try:
        seen = b""
        while b" quit" not in seen:
            seen += os.read(terminal, 1 << 16)
        while not list(temporary.iterdir()):
            os.write(terminal, b"D")  # pressed again where it came before the application listened
            if select.select([terminal], [], [], 0.5)[0]:
                os.read(terminal, 1 << 16)
        application.send_signal(number)
        with contextlib.suppress(OSError):  # the other end is closed
            while os.read(terminal, 1 << 16):
                pass
        application.wait()
    finally:
        application.kill()
        application.wait()
        os.close(terminal)
    assert list(temporary.iterdir()) == []
