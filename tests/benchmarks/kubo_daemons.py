"""Kubo daemons for the benchmarks: repositories of their own, what a daemon read and fetched, sessions on it.

Every benchmark of Kubo measures both ways on the same daemon, where it does not say otherwise.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.config import Config, NodeConfig, StorageConfig
from ipwhl_mirror.nodes.kubo.address import RpcAddress
from ipwhl_mirror.nodes.kubo.node import KuboNode
from ipwhl_mirror.services.settings import Settings
from tests.benchmarks.measuring import CannotMeasure, require
from tests.nodes.kubo_daemon import KuboRepo
from tests.simulators.slow_link import slow_link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from tests.nodes.running_kubo import KuboDaemon


def ipfs() -> str:
    """The command.

    Raises:
        CannotMeasure: there is none.
    """
    command = os.environ.get("IPWHL_MIRROR_TEST_IPFS") or shutil.which("ipfs")
    if command is None:
        raise CannotMeasure("no ipfs on the PATH, and IPWHL_MIRROR_TEST_IPFS is not set")
    return command


@contextlib.contextmanager
def kubo(directory: Path) -> Iterator[KuboDaemon]:
    """A daemon on a new repository; the repository is gone afterwards."""
    try:
        with KuboRepo.make(ipfs(), directory / "repo").start() as daemon:
            yield daemon
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def run_ipfs(daemon: KuboDaemon, *arguments: str, file: Path | None = None) -> str:
    """Run `ipfs` on a daemon; what it says. Its stdin is the file.

    Raises:
        WrongResult: it failed.
    """
    with (file or Path(os.devnull)).open("rb") as stdin:
        return _run(daemon, arguments, stdin.fileno(), subprocess.PIPE).stdout.decode()


def run_quietly(daemon: KuboDaemon, *arguments: str) -> None:
    """Run `ipfs` on a daemon, with nobody reading what it gives.

    Raises:
        WrongResult: it failed.
    """
    _run(daemon, arguments, subprocess.DEVNULL, subprocess.DEVNULL)


def _run(
    daemon: KuboDaemon, arguments: Sequence[str], stdin: int, stdout: int
) -> subprocess.CompletedProcess[bytes]:
    ran = subprocess.run(
        [ipfs(), *arguments],
        env={"PATH": os.environ["PATH"], "IPFS_PATH": str(daemon.repo_path)},
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )
    require(ran.returncode == 0, f"ipfs {arguments[0]} ended with {ran.returncode}: {ran.stderr[-300:]!r}")
    return ran


def import_car(daemon: KuboDaemon, car: Path) -> None:
    """Have the blocks of a CAR, unpinned."""
    run_ipfs(daemon, "dag", "import", "--pin-roots=false", "--stats", file=car)


@contextlib.contextmanager
def far_apart(daemon: KuboDaemon, other: KuboDaemon, *, round_trip_s: float) -> Iterator[None]:
    """Make them peers, with a slow connection between them."""
    identity = json.loads(other.call("id"))
    port = next(at for at in identity["Addresses"] if at.startswith("/ip4/127.0.0.1/tcp/")).split("/")[4]
    with slow_link(int(port), delay_s=round_trip_s / 2) as near:
        daemon.call("swarm/connect", f"/ip4/127.0.0.1/tcp/{near}/p2p/{identity['ID']}")
        yield


def received(daemon: KuboDaemon) -> int:
    """Bytes of blocks that it got from its peers since it started."""
    return int(json.loads(daemon.call("bitswap/stat"))["DataReceived"])


def bytes_read(daemon: KuboDaemon) -> int:
    """Bytes that it read since it started, from files and from sockets.

    Raises:
        CannotMeasure: this system does not count them.
    """
    try:
        counted = Path(f"/proc/{daemon.pid}/io").read_text().split()
    except OSError as error:
        raise CannotMeasure("no /proc/PID/io: what a daemon reads is not counted here") from error
    return int(counted[counted.index("rchar:") + 1])


@contextlib.asynccontextmanager
async def node_of(url: str) -> AsyncIterator[KuboNode]:
    """Our node on the daemon whose RPC is there."""
    node = KuboNode(RpcAddress.parse(url))
    try:
        yield node
    finally:
        await node.aclose()


def settings_of(data_dir: Path, daemon: KuboDaemon) -> Settings:
    """Of a session on a daemon."""
    node = NodeConfig(spec=daemon.rpc_url, gateways=())
    return Settings(data_dir=data_dir, config=Config(node=node, storage=StorageConfig(reserve_free=0)))
