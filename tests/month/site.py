"""The campus of the month: a data directory, a configuration, runs of the program and a `serve` beside them.

Every run of the program is a process of its own, which has the site's clock and can be killed. `serve` runs
no mirror itself: a timer's `sync` does, as a service manager would start it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ipwhl_mirror.config import Config, MirrorConfig, NodeConfig, StorageConfig
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from tests.simulators.serving import Serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.simulators.forked_program import ProgramServer, Running

DAY = timedelta(days=1)
START = datetime(2030, 3, 1, 6, 0, tzinfo=UTC)
MIRROR = "campus"
CONCURRENCY = 2
PATIENT_S, SHORT_S = 60.0, 1.0
"""How long a run waits for a source that sends nothing: where a test lets it, and where it is a fault."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended.

    Attributes:
        code: its exit code, minus the signal that ended it.
        document: what it printed; {} where that is no JSON document.
        said: all that it wrote.
    """

    code: int
    document: Mapping[str, Any]
    said: str

    @property
    def mirror(self) -> Mapping[str, Any]:
        """What `sync` says of the mirror."""
        found = self.document["mirrors"][0]
        assert isinstance(found, dict)
        return found


@dataclass
class Site:
    """A campus.

    Attributes:
        node: as `--node` says it.
        gateways: of the embedded node.
        now: the time, by the clock of the machine that runs the program.
        platforms: what the mirror takes.
        budget: bytes of wheels that it may keep.
    """

    directory: Path
    program: ProgramServer
    node: str
    gateways: tuple[str, ...] = ()
    now: datetime = START
    platforms: tuple[str, ...] = ("linux-x86_64", "macos-arm64")
    keep: int = 2
    keep_days: int = 3
    budget: int = 0
    stall_s: float = SHORT_S
    serving: Serving | None = None
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.directory / "data"

    @property
    def _file(self) -> Path:
        return self.directory / "config.toml"

    def _configure(self) -> None:
        """Write down what the attributes say."""
        self._file.write_text(
            "[serve]\nsync_every = 0\n"
            f"[node]\ngateways = {json.dumps(self.gateways)}\n"
            f"stall_timeout = {self.stall_s}\nconcurrency = {CONCURRENCY}\n"
            '[storage]\nreserve_free = 0\ngc = "after-sync"\n'
            f'[mirror.{MIRROR}]\nsource = "campus"\nplatforms = {json.dumps(self.platforms)}\n'
            f"keep = {self.keep}\nkeep_days = {self.keep_days}\nbudget = {self.budget}\n"
            "max_removed_ratio = 0.3\n"
            '[sources]\nprivate_hosts = ["127.0.0.1"]\n'
        )

    def begin(self, *arguments: str) -> Running:
        """Begin a run of the program at the site's time."""
        self._configure()
        where = ("--data-dir", str(self.data), "--config", str(self._file), "--node", self.node)
        return self.program.run(*where, "--json", "--quiet", *arguments, now=self.now)

    async def end_of(self, running: Running) -> Ran:
        """Wait for the end of a run."""
        code = await asyncio.to_thread(running.wait)
        said = running.output
        assert "Traceback" not in said, said
        try:
            document = json.loads(said)
        except ValueError:
            document = {}
        return Ran(code, document, said)

    async def run(self, *arguments: str) -> Ran:
        """A run of the program, from beginning to end."""
        return await self.end_of(self.begin(*arguments))

    async def do(self, *arguments: str) -> Ran:
        """The same, and it must be done."""
        ran = await self.run(*arguments)
        assert ran.code == 0, f"{arguments} ended with {ran.code}: {ran.said}"
        return ran

    async def start_serving(self) -> int:
        """Start `serve`; gives its port."""
        self._configure()
        where = ("--data-dir", str(self.data), "--config", str(self._file), "--node", self.node)
        self.serving = await self._stack.enter_async_context(Serving.start(self.directory, *where))
        return self.serving.client.port

    async def kill_serving(self) -> None:
        """SIGKILL of it."""
        assert self.serving is not None
        await self._stack.aclose()
        self.serving = None

    async def aclose(self) -> None:
        """End what runs."""
        await self._stack.aclose()

    async def pip(self, requirement: str, name: str) -> None:
        """A real pip installs from the mirror's address, dependencies too."""
        assert self.serving is not None
        target = self.directory / "installed" / name
        arguments = [
            *(sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-input"),
            *("install", "--no-cache-dir", "--no-compile", "--target", str(target)),
            *("--index-url", f"{self.serving.url}/simple/{MIRROR}/", requirement),
        ]
        hidden = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        environment = {key: value for key, value in os.environ.items() if not key.upper().startswith(hidden)}
        ran = await asyncio.to_thread(
            subprocess.run,
            arguments,
            env=environment | {"NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert (target / f"{requirement.replace('-', '_')}.py").exists()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A session of this process on the data directory, for looking and for what other programs do."""
        config = Config(
            node=NodeConfig(spec=self.node, gateways=self.gateways),
            storage=StorageConfig(reserve_free=0),
            mirror={MIRROR: MirrorConfig(source="campus", platforms=self.platforms)},
        )
        async with Session.open(Settings(data_dir=self.data, config=config)) as session:
            session.clock = lambda: self.now
            yield session
