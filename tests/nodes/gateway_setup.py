"""Gateways and a pool of them for the tests of fetching; what waits, waits no real time."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import httpx

from ipwhl_mirror.nodes.base import Transfer
from ipwhl_mirror.nodes.embedded.fetch import fetch_file
from ipwhl_mirror.nodes.embedded.gateways import GatewayPool
from tests.simulators.faults import Stall
from tests.simulators.gateway import RAW_TYPE, SimulatedGateway
from tests.simulators.time import FakeTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from tests.simulators.faults import Fault
    from tests.simulators.files import MemoryAssembly

HASTY = Transfer(stall_timeout_s=1.0)
"""For tests in which a gateway stalls; a slow machine does not matter to the others."""


class Setup:
    """Some gateways, and a pool of them whose waits take no time."""

    def __init__(self, gateways: list[SimulatedGateway], pool: GatewayPool, time: FakeTime) -> None:
        self.gateways = gateways
        self.pool = pool
        self.time = time

    async def file(self, assembly: MemoryAssembly) -> int:
        """Fetch a file; the payload bytes told."""
        told: list[int] = []
        await fetch_file(self.pool, assembly, told.append)
        return sum(told)


@asynccontextmanager
async def setup(*having: Mapping[bytes, bytes], transfer: Transfer | None = None) -> AsyncIterator[Setup]:
    """One gateway for each set of blocks."""
    time = FakeTime()
    async with AsyncExitStack() as stack:
        gateways = [await stack.enter_async_context(SimulatedGateway(blocks)) for blocks in having]
        pool = GatewayPool(
            [gateway.url for gateway in gateways],
            transfer or Transfer(),
            clock=time.clock,
            sleep=time.sleep,
        )
        await stack.enter_async_context(pool)
        yield Setup(gateways, pool, time)


@asynccontextmanager
async def scripted(
    handler: Callable[[httpx.Request], httpx.Response], *urls: str, time: FakeTime | None = None
) -> AsyncIterator[GatewayPool]:
    """A pool over gateways that are a function."""
    time = time or FakeTime()
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client,
        GatewayPool(urls, Transfer(), clock=time.clock, sleep=time.sleep, client=client) as pool,
    ):
        yield pool


def patience(fault: Fault) -> Transfer:
    """Settings under which this fault shows soon."""
    return HASTY if isinstance(fault, Stall) else Transfer()


class Body(httpx.AsyncByteStream):
    """A body that comes in one piece, and then its end.

    Attributes:
        was_read: whether somebody read until the end.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.was_read = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
        self.was_read = True


def raw_answer(block: bytes) -> httpx.Response:
    """A good answer to a request for a block."""
    headers = {"content-type": RAW_TYPE, "content-length": str(len(block))}
    return httpx.Response(200, headers=headers, stream=Body(block))
