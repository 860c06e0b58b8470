"""Other processes of a benchmark: our command line, programs beside it, and the gateway it fetches from.

Peak memory is what the kernel counted (`ru_maxrss`) of a process of its own. A child inherits the peak of the
process that it was forked from, so a small one stands between.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CURL = ("curl", "--silent", "--fail", "--noproxy", "*")
"""curl without a word, and without a proxy; it fails where the answer does."""

_PEAK = """
import json, os, signal, subprocess, sys
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, frame: child.send_signal(number))
_, status, usage = os.wait4(child.pid, 0)
with open(sys.argv[1], "w") as file:
    json.dump([os.waitstatus_to_exitcode(status), usage.ru_maxrss], file)
"""
_KIB = 1 if sys.platform == "darwin" else 1024


def command(data_dir: Path, *arguments: str, gateway: str | None = None, node: str = "embedded") -> list[str]:
    """Our command line on a data directory, with the embedded node or another."""
    source = [] if gateway is None else ["--gateway", gateway]
    return [
        sys.executable, "-m", "ipwhl_mirror", "--data-dir", str(data_dir), "--node", node, *source,
        "--yes", *arguments,
    ]  # fmt: skip


def run(words: Sequence[str]) -> str:
    """Run a program; what it says.

    Raises:
        WrongResult: it failed.
    """
    ran = subprocess.run(words, capture_output=True, text=True, env=_environment())
    require(
        ran.returncode == 0, f"{' '.join(words[:8])} ... ended with {ran.returncode}: {ran.stderr[-500:]}"
    )
    return ran.stdout


def peak_bytes(words: Sequence[str], scratch: Path) -> int:
    """Run a program to its end; the most memory that it had at a time.

    Raises:
        WrongResult: it failed.
    """
    run([sys.executable, "-S", "-c", _PEAK, str(scratch), *words])
    return _read_peak(scratch)


def _read_peak(scratch: Path) -> int:
    code, peak = json.loads(scratch.read_text())
    require(code == 0, f"it ended with {code}")
    return int(peak) * _KIB


@contextlib.contextmanager
def gateway(data_dir: Path, scratch: Path | None = None) -> Iterator[str]:
    """Our gateway in a process of its own; its address.

    Args:
        scratch: where its peak memory is noted at the end, for `served_peak`.
    """
    words = command(data_dir, "serve", "--listen", "127.0.0.1:0")
    if scratch is not None:
        words = [sys.executable, "-S", "-c", _PEAK, str(scratch), *words]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, env=_environment())
    assert process.stdout is not None
    try:
        first = process.stdout.readline().decode().split()
        require(first[:1] == ["serving"], f"the gateway said {first}")
        yield first[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        process.stdout.close()


def served_peak(scratch: Path) -> int:
    """The most memory that a closed gateway had."""
    return _read_peak(scratch)


def _environment() -> dict[str, str]:
    """This process's, without a proxy."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
