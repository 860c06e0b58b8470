"""Where the wheels of the month come from: a gateway for the embedded node, a peer for a Kubo.

Both can do the same wrongs, each in its own way: keep still after so many bytes, lack a block, hand out a
damaged one, send without end or not at all, break off, and be away. What was sent is counted.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from tests.month.publisher import LARGEST
from tests.month.site import CONCURRENCY
from tests.nodes.running_kubo import wait_until
from tests.simulators.faults import Cut, Endless, Status
from tests.simulators.tcp_relay import TcpRelay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.nodes.kubo_daemon import KuboRepo
    from tests.nodes.running_kubo import KuboDaemon
    from tests.simulators.faults import Fault
    from tests.simulators.gateway import SimulatedGateway
    from tests.simulators.wheels import SampleRelease


class Upstream(Protocol):
    """Has releases, for one node."""

    async def offer(self, made: SampleRelease) -> None:
        """Have all of it."""

    async def lack(self, cid: Cid) -> None:
        """Have this block no more; `offer` gives it back."""

    def damaged(self, cid: Cid) -> AbstractAsyncContextManager[None]:
        """Hand out something else for this block."""

    def senseless(self) -> AbstractAsyncContextManager[None]:
        """Answer nothing that is of use, without end."""

    def breaking_off(self) -> AbstractAsyncContextManager[None]:
        """End connections in the midst of it."""

    def away(self) -> AbstractAsyncContextManager[None]:
        """Do not answer."""

    in_flight: int
    """Bytes that may be sent in vain when a run is stopped."""

    def sent(self) -> int:
        """Bytes of blocks that were sent since the beginning, and few others."""

    async def pause_after(self, count: int) -> None:
        """Send nothing more after about so many bytes from now; returns when that is so."""

    def go_on(self) -> None:
        """Send what waits, and all that is asked for."""


class GatewayUpstream:
    """A trustless gateway."""

    in_flight = CONCURRENCY * (LARGEST + 2_000)

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway

    async def offer(self, made: SampleRelease) -> None:
        self._gateway.blocks.update(made.blocks)

    async def lack(self, cid: Cid) -> None:
        del self._gateway.blocks[cid.digest]

    @asynccontextmanager
    async def damaged(self, cid: Cid) -> AsyncIterator[None]:
        good = self._gateway.blocks[cid.digest]
        self._gateway.blocks[cid.digest] = good[:-1] + bytes([good[-1] ^ 1])
        yield
        self._gateway.blocks[cid.digest] = good

    def senseless(self) -> AbstractAsyncContextManager[None]:
        return self._always(Endless())

    def breaking_off(self) -> AbstractAsyncContextManager[None]:
        return self._cutting(times=3)

    def away(self) -> AbstractAsyncContextManager[None]:
        return self._always(Status(404))

    @asynccontextmanager
    async def _cutting(self, *, times: int) -> AsyncIterator[None]:
        self._gateway.script = [Cut(10_000)] * times
        yield
        self._gateway.script = []

    @asynccontextmanager
    async def _always(self, fault: Fault) -> AsyncIterator[None]:
        self._gateway.always = fault
        yield
        self._gateway.always = None

    def sent(self) -> int:
        return self._gateway.bytes_served

    async def pause_after(self, count: int) -> None:
        limit = self._gateway.bytes_served + count
        self._gateway.pause_at(limit)
        await asyncio.to_thread(wait_until, lambda: self._gateway.bytes_served >= limit)

    def go_on(self) -> None:
        self._gateway.pause_at(None)


class PeerUpstream:
    """A Kubo that is the only peer of the mirror's, through a relay."""

    in_flight = 1 << 20
    """As much as it sends to a peer before that one has read."""

    def __init__(self, publisher: KuboDaemon, repo: KuboRepo, mirror: KuboDaemon, relay: TcpRelay) -> None:
        self._publisher = publisher
        self._repo = repo
        self._mirror = mirror
        self._relay = relay

    @classmethod
    @asynccontextmanager
    async def between(
        cls, publisher: KuboDaemon, repo: KuboRepo, mirror: KuboDaemon
    ) -> AsyncIterator[PeerUpstream]:
        """Connect them; `repo` is the publisher's."""
        addresses = json.loads(publisher.call("swarm/addrs/listen"))["Strings"]
        swarm = next(address for address in addresses if address.startswith("/ip4/127.0.0.1/tcp/"))
        async with TcpRelay(int(swarm.split("/")[4])) as relay:
            upstream = cls(publisher, repo, mirror, relay)
            await upstream.connect()
            yield upstream

    async def connect(self) -> None:
        """Let the mirror's daemon reach it; again after that one was restarted."""
        peer_id = json.loads(await self._call("id"))["ID"]
        address = f"/ip4/127.0.0.1/tcp/{self._relay.port}/p2p/{peer_id}"
        await asyncio.to_thread(self._mirror.call, "swarm/connect", address)
        await asyncio.to_thread(wait_until, lambda: bool(self._publisher.peers()))

    async def _call(self, path: str, *arguments: object) -> bytes:
        return await asyncio.to_thread(self._publisher.call, path, *arguments)

    async def offer(self, made: SampleRelease) -> None:
        blocks = [(Cid(0, DAG_PB, digest), block) for digest, block in made.blocks.items()]
        await asyncio.to_thread(self._publisher.put, blocks)

    async def lack(self, cid: Cid) -> None:
        await asyncio.to_thread(self._publisher.remove, cid)

    @asynccontextmanager
    async def damaged(self, cid: Cid) -> AsyncIterator[None]:
        good = self._repo.block_path(cid).read_bytes()
        self._repo.damage(cid)
        yield
        self._repo.overwrite(cid, good)

    @asynccontextmanager
    async def senseless(self) -> AsyncIterator[None]:
        self._publisher.freeze()
        yield
        self._publisher.thaw()

    @asynccontextmanager
    async def breaking_off(self) -> AsyncIterator[None]:
        breaking = asyncio.create_task(self._break_off_after(20_000))
        yield
        breaking.cancel()
        await self.connect()

    async def _break_off_after(self, count: int) -> None:
        await self.pause_after(count)
        await asyncio.to_thread(self._mirror.disconnect, self._publisher)
        self.go_on()

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        await asyncio.to_thread(self._mirror.disconnect, self._publisher)
        yield
        await self.connect()

    def sent(self) -> int:
        """Without what was asked for twice because it was slow to come."""
        twice = json.loads(self._mirror.call("stats/bitswap"))["DupDataReceived"]
        return int(json.loads(self._publisher.call("stats/bitswap"))["DataSent"]) - int(twice)

    async def pause_after(self, count: int) -> None:
        self._relay.pause_at(self._relay.received + count)
        await self._relay.paused.wait()

    def go_on(self) -> None:
        self._relay.go_on()
