"""A `serve` as its service manager runs it: a process of its own, its log read as it comes, its notifications
received, ended by signals.

    async with Serving.start(tmp_path, "--config", str(config)) as serving:
        done = await serving.event("sync-done")      # the next event of this kind
        await serving.notified("READY")              # the value of the next notification of this name
        assert await serving.end(signal.SIGTERM) == 0
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.gateway.client import Client

if TYPE_CHECKING:
    import signal
    from collections.abc import AsyncIterator

_ROOT = Path(__file__).parents[2]
_PATIENCE_S = 60.0


@dataclass(slots=True)
class Serving:
    """A running `serve`.

    Attributes:
        url: the address that it printed.
        events: what it has logged so far.
        output: all of stdout, once it has ended.
    """

    process: asyncio.subprocess.Process
    manager: socket.socket
    url: str
    events: list[dict[str, Any]] = field(default_factory=list)
    output: str = ""
    _read: int = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, directory: Path, *arguments: str, watchdog_s: float = 0) -> AsyncIterator[Serving]:
        """Start it on a free port; its log is JSON.

        Args:
            watchdog_s: how often the manager wants to hear that it is alive; 0: it does not.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            address = str(directory / "notify")
            Path(address).unlink(missing_ok=True)
            manager.bind(address)
            manager.setblocking(False)
            environment = {
                **os.environ,
                "NOTIFY_SOCKET": address,
                "WATCHDOG_USEC": str(int(watchdog_s * 1e6)),
                "PYTHONPATH": str(_ROOT),
            }
            command = [sys.executable, "-m", "ipwhl_mirror", "--json", *arguments, "serve"]
            process = await asyncio.create_subprocess_exec(
                *command,
                "--listen",
                "127.0.0.1:0",
                cwd=directory,
                env=environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            serving = cls(process, manager, "")
            try:
                started = await serving.event("serve-started")
                serving.url = started["url"]
                yield serving
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.communicate()

    @property
    def client(self) -> Client:
        """Asks it."""
        return Client(int(self.url.rpartition(":")[2]))

    async def event(self, kind: str) -> dict[str, Any]:
        """The next event of a kind; those before it count as read."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                while self._read < len(self.events):
                    self._read += 1
                    if self.events[self._read - 1]["kind"] == kind:
                        return self.events[self._read - 1]
                assert self.process.stderr is not None
                line = await self.process.stderr.readline()
                assert line, f"it ended before {kind}: {self.events}"
                try:
                    self.events.append(json.loads(line))
                except ValueError:
                    raise AssertionError(f"no event: {line!r}") from None

    async def notified(self, name: str) -> str:
        """The value of the next notification of this name; others are passed over."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                message = (await loop.sock_recv(self.manager, 4096)).decode()
                values = dict(line.split("=", 1) for line in message.splitlines())
                if name in values:
                    return values[name]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def end(self, number: signal.Signals, *, within_s: float = _PATIENCE_S) -> int:
        """Send it a signal; gives its exit code, minus the signal that ended it.

        Raises:
            TimeoutError: it is still there after so many seconds.
        """
        self.send(number)
        async with asyncio.timeout(within_s):
            code = await self.process.wait()
        assert self.process.stdout is not None and self.process.stderr is not None
        self.output = (await self.process.stdout.read()).decode()
        rest = (await self.process.stderr.read()).decode().splitlines()
        self.events += [json.loads(line) for line in rest]
        return code
