"""What the kill tests work with: states to begin from, the program behind a proxy, and points to kill at.

A state is a repository of a daemon and a data directory, made once and copied for each kill. The program
talks to the daemon through an RPC proxy, and the daemon to the only peer that has the wheels through a relay,
so that a point is a moment of a request, or a number of bytes that were fetched.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import shutil
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.car import UncheckedCarParser
from ipwhl_mirror.ipld.cid import RAW, Cid
from tests.kill_points import Fetched, Reached
from tests.nodes.kubo_daemon import KuboRepo
from tests.simulators.dags import BIG, small_release
from tests.simulators.rpc_proxy import RpcProxy
from tests.simulators.tcp_relay import TcpRelay
from tests.simulators.wheels import LINUX, sample_release, sample_wheels, wheel_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.kill_points import Point
    from tests.nodes.running_kubo import KuboDaemon
    from tests.simulators.forked_program import ProgramServer, Running
    from tests.simulators.rpc_proxy import Step

PLATFORM = ("-p", "linux-x86_64")
THEIRS = small_release()
ONE = sample_release(sample_wheels(padding=1_000_000))
TWO = sample_release(
    {
        **{key: data for key, data in ONE.files.items() if key[0] != "other"},
        ("other", f"other-1.1-{LINUX}.whl"): wheel_bytes("other", "1.1", LINUX, padding=600_000),
        ("new", "new-1.0-py3-none-any.whl"): wheel_bytes("new", "1.0", "py3-none-any", padding=200_000),
    }
)
_PATIENCE_S = 60.0


class Victim(Enum):
    """What is killed."""

    PROGRAM = "program"
    DAEMON = "daemon"


@dataclass(frozen=True, slots=True)
class Operation:
    """A command line, and the state it begins from."""

    start: str
    arguments: tuple[str, ...]


STATES: dict[str, tuple[tuple[str, ...], ...]] = {
    "tracked": (("track", str(ONE.root), "--label", "one"),),
    "pinned": (
        ("track", str(ONE.root), "--label", "one"),
        ("pin", "one", *PLATFORM),
        ("track", str(TWO.root), "--label", "two"),
    ),
}
"""The runs that make each."""

OPERATIONS = {
    "pin": Operation("tracked", ("pin", "one", *PLATFORM)),
    "successor": Operation("pinned", ("pin", "two", *PLATFORM)),
    "unpin": Operation("pinned", ("unpin", "one", "--yes")),
    "untrack": Operation("tracked", ("untrack", "one")),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is so when an operation is done; the same whether or not something was killed on the way.

    Attributes:
        shown: see `Stage.shown`.
        blocks: digests under each recursive pin, every block read and hashed.
    """

    shown: tuple[object, object]
    blocks: dict[str, frozenset[bytes]]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """An operation without a kill: its moments in order, the bytes it fetched, and how it ends."""

    moments: tuple[Reached, ...]
    fetched: int
    outcome: Outcome


class Stage:
    """A copy of a state with its daemon running, and the program at hand.

    Attributes:
        daemon: the one under test.
        steps: every step that the proxy saw.
        fetched: bytes that came from the peer in this stage.
    """

    def __init__(
        self, daemon: KuboDaemon, peer: KuboDaemon, server: ProgramServer, data_dir: Path, proxy: RpcProxy,
        relay: TcpRelay,
    ) -> None:  # fmt: skip
        self.daemon = daemon
        self._peer = peer
        self._server = server
        self._data_dir = data_dir
        self._proxy = proxy
        self._relay = relay
        self.steps: list[Reached] = []
        self._proxy.watch = self._note

    @property
    def fetched(self) -> int:
        """Bytes that came from the peer."""
        return self._relay.received

    async def connect(self) -> None:
        """Let the daemon reach its peer."""
        peer_id = json.loads(self._peer.call("id"))["ID"]
        address = f"/ip4/127.0.0.1/tcp/{self._relay.port}/p2p/{peer_id}"
        await asyncio.to_thread(self.daemon.call, "swarm/connect", address)

    def begin(self, *arguments: str) -> Running:
        """Begin a run of the program."""
        return self._server.run("--data-dir", str(self._data_dir), "--node", self._proxy.url, *arguments)

    async def run(self, *arguments: str) -> str:
        """A run that must end with 0; what it says."""
        running = self.begin(*arguments)
        code = await asyncio.to_thread(running.wait)
        assert code == 0, f"{arguments}: {code}: {running.output}"
        return running.output

    async def kill_at(self, point: Point, victim: Victim, *arguments: str) -> Running:
        """Begin a run, and kill the program or the daemon at the point; the run is left to end."""
        if isinstance(point, Fetched):
            self._relay.pause_at(self.fetched + point.bytes)
            running = self.begin(*arguments)
            await asyncio.wait_for(self._relay.paused.wait(), _PATIENCE_S)
            self._kill(victim, running)
            self._relay.go_on()
            return running
        before = Counter(request.path for request in self._proxy.requests)
        reached, released = asyncio.Event(), asyncio.Event()

        async def watch(step: Step) -> None:
            request = step.request
            at = Reached(request.path, request.number - before[request.path], step.moment)
            if at == point and not step.done and not reached.is_set():
                self._kill(victim, running)
                reached.set()
                # what a program that is killed had asked goes no further
                await released.wait()

        self._proxy.watch = watch
        running = self.begin(*arguments)
        await asyncio.wait_for(reached.wait(), _PATIENCE_S)
        self._proxy.watch = self._note
        if victim is Victim.DAEMON:
            released.set()
        return running

    def _kill(self, victim: Victim, running: Running) -> None:
        if victim is Victim.PROGRAM:
            running.kill()
        else:
            self.daemon.kill()

    async def shown(self) -> tuple[object, object]:
        """(CID, type, name) of every pin on the daemon, and what the program shows of its releases."""
        status = json.loads(await self.run("--json", "--quiet", "status"))
        for release in status["releases"]:
            for pin in release["pins"]:
                pin["verified_at"] = pin["verified_at"] is not None
        return self._pins(), status["releases"]

    async def outcome(self) -> Outcome:
        """What is so now."""
        roots = [cid for cid, kind, _ in self._pins() if kind == "recursive"]
        return Outcome(await self.shown(), {cid: self._whole(cid) for cid in roots})

    def _pins(self) -> set[tuple[str, str, str]]:
        pins: set[tuple[str, str, str]] = set()
        for kind in ("recursive", "direct"):
            listed = json.loads(self.daemon.call("pin/ls", type=kind, names=True)).get("Keys") or {}
            pins.update((cid, kind, pin.get("Name", "")) for cid, pin in listed.items())
        return pins

    def _whole(self, root: str) -> frozenset[bytes]:
        """Digests of the blocks under a root, each read from the disk and hashed here."""
        parser = UncheckedCarParser()
        blocks = list(parser.feed(self.daemon.call("dag/export", root, offline=True, progress=False)))
        for block in blocks:
            assert hashlib.sha256(block.data).digest() == block.cid.digest
        return frozenset(block.cid.digest for block in blocks)

    async def _note(self, step: Step) -> None:
        if not step.done:
            self.steps.append(Reached(step.request.path, step.request.number, step.moment))


@dataclass(slots=True)
class KillWorld:
    """The daemon of the peer, the program, and the states made so far."""

    command: str
    directory: Path
    peer: KuboDaemon
    server: ProgramServer
    _stages: int = 0

    @contextlib.asynccontextmanager
    async def stage(self, state: str) -> AsyncIterator[Stage]:
        """A copy of a state; the first time, it is made."""
        made = self.directory / state
        if not made.exists():
            await self._make(state, made)
        self._stages += 1
        at = self.directory / f"stage-{self._stages}"
        shutil.copytree(made, at)
        async with self._open(at) as stage:
            yield stage
        shutil.rmtree(at)

    async def rehearse(self, operation: Operation) -> Rehearsal:
        """Run an operation without a kill."""
        async with self.stage(operation.start) as stage:
            before = stage.fetched
            await stage.run(*operation.arguments)
            moments = tuple(dict.fromkeys(stage.steps))
            fetched = stage.fetched - before
            return Rehearsal(moments, fetched, await stage.outcome())

    async def _make(self, state: str, at: Path) -> None:
        repo = KuboRepo.make(self.command, at / "repo")
        with repo.start() as daemon:
            daemon.put(THEIRS.blocks.items())
            daemon.pin(THEIRS.root, "photos")
            daemon.pin(THEIRS.files[BIG][0])
            daemon.call("pin/add", next(iter(THEIRS.blocks)), recursive=False, name="just this")
        async with self._open(at) as stage:
            for arguments in STATES[state]:
                await stage.run(*arguments)

    @contextlib.asynccontextmanager
    async def _open(self, at: Path) -> AsyncIterator[Stage]:
        swarm = next(
            address for address in json.loads(self.peer.call("id"))["Addresses"]
            if address.startswith("/ip4/127.0.0.1/tcp/")
        )  # fmt: skip
        with KuboRepo(self.command, at / "repo").start() as daemon:
            async with RpcProxy(daemon.rpc_url) as proxy, TcpRelay(int(swarm.split("/")[4])) as relay:
                stage = Stage(daemon, self.peer, self.server, at / "data", proxy, relay)
                await stage.connect()
                yield stage


def offer_everything(peer: KuboDaemon) -> None:
    """Let the peer have both releases."""
    for sample in (ONE, TWO):
        peer.put((Cid(1, RAW, digest), block) for digest, block in sample.blocks.items())
