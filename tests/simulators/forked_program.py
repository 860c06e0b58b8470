"""The program as processes that can be killed, each without the second that its imports take.

    with ProgramServer(tmp_path) as server:
        running = server.run("--data-dir", "d", "status")
        running.kill()                   # or let it end
        assert running.wait() == 0       # its exit code, or minus the signal; running.output has what it said

A process of its own imports everything once and forks for each run; the fork calls `__main__.main` with that
command line, and ends as `python -m ipwhl_mirror` would.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self

_ROOT = Path(__file__).parents[2]
_SERVER = """
import importlib, json, os, sys, traceback
import ipwhl_mirror.cli.app, ipwhl_mirror.nodes.kubo.node, ipwhl_mirror.services.recovery
from ipwhl_mirror.cli.app import _COMMANDS
from ipwhl_mirror.__main__ import main
for name in {module for module, _ in _COMMANDS.values()}:
    importlib.import_module(f"ipwhl_mirror.cli.commands.{name}")
for name in ("overview", "pinning", "planning", "releases", "sources", "syncing", "verifying"):
    importlib.import_module(f"ipwhl_mirror.services.{name}")

def set_clock(now):
    from datetime import datetime
    from ipwhl_mirror.services import session
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromisoformat(now)
    session.datetime = Clock

def run(arguments, output):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (1, 2):
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.argv = ["ipwhl-mirror", *arguments]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

print("ready", flush=True)
for line in sys.stdin:
    task = json.loads(line)
    pid = os.fork()
    if pid == 0:
        if task["now"] is not None:
            set_clock(task["now"])
        run(task["arguments"], task["output"])
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Running:
    """One run."""

    pid: int
    output_path: Path
    _server: subprocess.Popen[str]

    def kill(self) -> None:
        """SIGKILL; `wait` afterwards."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Its exit code, minus the signal that ended it. Blocks; to be called once."""
        assert self._server.stdout is not None
        return int(self._server.stdout.readline())

    @property
    def output(self) -> str:
        """What it wrote to stdout and stderr."""
        return self.output_path.read_text()


class ProgramServer:
    """A context manager; one run at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._runs = 0

    def __enter__(self) -> Self:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("IPWHL_MIRROR_")}
        self._server = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env={**kept, "HOME": str(self._directory), "XDG_CONFIG_HOME": str(self._directory)},
        )
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()

    def run(self, *arguments: str, output: Path | None = None, now: datetime | None = None) -> Running:
        """Begin a run. What it says goes to a new file, or to the one given: a FIFO that someone opens.

        Args:
            now: the time in that run, from its beginning to its end; None: that of this machine.
        """
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._runs += 1
        output = output or self._directory / f"run-{self._runs}.txt"
        task = {
            "arguments": arguments,
            "output": str(output),
            "now": None if now is None else now.isoformat(),
        }
        self._server.stdin.write(json.dumps(task) + "\n")
        self._server.stdin.flush()
        return Running(int(self._server.stdout.readline()), output, self._server)
