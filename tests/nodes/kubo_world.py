"""Two Kubo daemons on loopback, and a `World` of them: one behind the node under test, one its only peer.

The daemons run for a module and are emptied between tests. `hold` freezes the peer, so that a request to it
waits as it would for a far one; `cut_off` ends the connection for good.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.nodes.kubo.address import RpcAddress
from ipwhl_mirror.nodes.kubo.node import KuboNode
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.simulators.dns import SimulatedDns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from tests.nodes.running_kubo import KuboDaemon

STALL_S = 2.0
"""How long a node under test waits for an answer, and for a block that nobody may have."""

_OWNER = "contract"
_PATIENCE_S = 30.0
_POLL_S = 0.005


@dataclass(slots=True)
class KuboPair:
    """A daemon and its only peer.

    Attributes:
        repo: of the daemon under test.
        domains: the DNSLinks that it finds.
        lost: blocks taken from its disk, of which the daemon may still believe that it has them.
    """

    repo: KuboRepo
    daemon: KuboDaemon
    peer: KuboDaemon
    domains: SimulatedDns
    lost: list[Cid] = field(default_factory=list)

    def reset(self) -> None:
        """Empty and connected, as when they were new."""
        self.peer.thaw()
        for daemon in (self.daemon, self.peer):
            daemon.clear()
        if self.lost:
            self.daemon.remove(*self.lost)
            self.lost.clear()
        # a new connection: on the old one a late cancel of an earlier test takes back what the next one wants
        self.daemon.disconnect(self.peer)
        self.daemon.connect(self.peer)
        self._exchange()

    def _exchange(self) -> None:
        """Let a block travel: each side may hear of the end of the old connection after the new one works,
        and then forgets what it was asked for."""
        data = secrets.token_bytes(16)
        cid = Cid.of(data, RAW)
        self.peer.put([(cid, data)])
        self.daemon.call("block/get", cid, timeout=f"{_PATIENCE_S:g}s")
        for daemon in (self.daemon, self.peer):
            daemon.remove(cid)


class KuboWorld:
    """A `World` of a Kubo node."""

    remedy = "ipfs swarm"

    def __init__(self, pair: KuboPair) -> None:
        self.pair = pair
        self._opened: list[KuboNode] = []
        self._withdrawn: list[Cid] = []
        self._is_held = False
        self.node = self.open(pair.peer.gateway_url)

    def open(self, *gateways: str, owner: str = _OWNER, stall_timeout_s: float = STALL_S) -> KuboNode:
        """Another node on the same daemon, as another process would have."""
        node = KuboNode(
            RpcAddress.parse(self.pair.daemon.rpc_maddr),
            gateways=gateways,
            owner=owner,
            stall_timeout_s=stall_timeout_s,
        )
        self._opened.append(node)
        return node

    def offer(self, blocks: Mapping[bytes, bytes]) -> None:
        self.pair.peer.put((Cid(1, DAG_PB, digest), block) for digest, block in blocks.items())

    def withdraw(self, cid: Cid) -> None:
        self._withdrawn.append(cid)
        if not self._is_held:
            self._withdraw()

    def hold(self) -> None:
        self._is_held = True
        self.pair.peer.freeze()

    def release(self) -> None:
        self._is_held = False
        self.pair.peer.thaw()
        self._withdraw()

    async def held(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not self.pair.daemon.wants():
            assert time.monotonic() < deadline, "the node asks for nothing"
            await asyncio.sleep(_POLL_S)

    def cut_off(self) -> None:
        self.pair.daemon.disconnect(self.pair.peer)
        self.node = self.open()

    async def publish(self, path: str, name: str | None = None) -> str:
        daemon = self.pair.daemon
        if name is None:
            made = daemon.call("key/gen", secrets.token_hex(8), type="ed25519", ipns_base="base36")
            name = str(json.loads(made)["Id"])
        daemon.call("name/publish", path, key=name, allow_offline=True, resolve=False)
        return name

    async def link(self, domain: str, path: str) -> None:
        self.pair.domains.links[domain] = path

    async def damage(self, cid: Cid) -> None:
        self.pair.repo.damage(cid)

    async def lose(self, cid: Cid) -> None:
        self.pair.lost.append(cid)
        self.pair.repo.lose(cid)

    async def aclose(self) -> None:
        """Close every node there was, and leave the daemons as they were."""
        for node in self._opened:
            await node.aclose()
        self.pair.reset()

    def _withdraw(self) -> None:
        if self._withdrawn:
            self.pair.peer.remove(*self._withdrawn)
            self._withdrawn.clear()


@contextlib.contextmanager
def running_pair(directory: Path, settings: Mapping[str, object] | None = None) -> Iterator[KuboPair]:
    """Two daemons, empty and connected; these settings are those of the one under test."""
    with SimulatedDns() as domains:
        names = {
            "DNS.Resolvers": {".": domains.url, "eth.": domains.url},
            # without a DHT this is what keeps an IPNS record
            "Ipns.UsePubsub": True,
            "Pubsub.Enabled": True,
        }
        repos = [
            KuboRepo.make(ipfs_command(), directory / "node", {**names, **(settings or {})}),
            KuboRepo.make(ipfs_command(), directory / "peer"),
        ]
        with repos[0].start() as daemon, repos[1].start() as peer:
            pair = KuboPair(repos[0], daemon, peer, domains)
            pair.reset()
            yield pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboPair]:
    """Two daemons that run as long as the module, with the settings that `ipfs init` makes."""
    with running_pair(tmp_path_factory.mktemp("kubo")) as pair:
        yield pair


@pytest.fixture
async def world(pair: KuboPair) -> AsyncIterator[KuboWorld]:
    """A fresh one."""
    world = KuboWorld(pair)
    yield world
    await world.aclose()
