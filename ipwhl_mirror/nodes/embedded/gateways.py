"""The gateways of one run, and asking one after another.

Promised: whatever one gateway does, the others are used meanwhile, the least busy first. One that fails is
tried again later; one that lies is banned for the run, with the reason, and that is told once in `notes`.
Asking ends: with the thing asked for, or with an error that names every gateway and its reason. Credentials
in an address are sent to that gateway only and shown nowhere.

Left out: what a request looks like (`trustless.py`) and what is asked for (`fetch.py`).
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, TypeVar

import httpx

from ipwhl_mirror import __version__
from ipwhl_mirror.nodes.embedded.addresses import GatewayAddress
from ipwhl_mirror.nodes.embedded.health import AttemptFailed, Gateway, Verdict
from ipwhl_mirror.nodes.embedded.transport import AiohttpTransport
from ipwhl_mirror.nodes.errors import NodeRefused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from types import TracebackType
    from typing import Self

    from ipwhl_mirror.nodes.base import Transfer
    from ipwhl_mirror.nodes.embedded.health import Errand

CONNECT_TIMEOUT_S = 10.0

_T = TypeVar("_T")


class GatewayPool:
    """The gateways of one run, as an async context manager.

    Args:
        urls: gateway addresses, the preferred first; repeated ones count once.
        transfer: stall time-out and byte budget.
        clock: seconds, monotonic.
        sleep: waits for that many seconds of `clock`.
        client: used instead of one of its own, and left open.

    Raises:
        NodeRefused: an address is not one of a gateway.
    """

    def __init__(
        self,
        urls: Sequence[str],
        transfer: Transfer,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        addresses = dict.fromkeys(GatewayAddress.parse(url) for url in urls)
        self.gateways = tuple(Gateway(address) for address in addresses)
        self.transfer = transfer
        self.clock = clock
        self.bytes_received = 0
        self._sleep = sleep
        self._given_client = client
        self._client: httpx.AsyncClient | None = None
        self._payload = 0
        self._last_byte = clock()
        self._waiting: set[asyncio.Future[None]] = set()
        self._notes: dict[str, None] = {}

    async def __aenter__(self) -> Self:
        self._client = self._given_client or _make_client()
        self._last_byte = self.clock()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None and self._client is not self._given_client:
            await self._client.aclose()
        self._client = None

    @property
    def client(self) -> httpx.AsyncClient:
        """The open HTTP client."""
        if self._client is None:
            raise RuntimeError("the gateway pool is not open: use it in `async with`")
        return self._client

    @property
    def notes(self) -> tuple[str, ...]:
        """What an operator should know, each told once, in the order it happened."""
        return tuple(self._notes)

    @property
    def stalled_s(self) -> float:
        """Seconds since a byte last came from any gateway."""
        return max(0.0, self.clock() - self._last_byte)

    @property
    def is_usable(self) -> bool:
        """Whether there is a gateway that is neither banned nor failed too often in a row."""
        return not all(gateway.is_given_up for gateway in self.gateways)

    def count_received(self, size: int) -> None:
        """Count bytes that came from a gateway, of any worth."""
        self.bytes_received += size
        self._last_byte = self.clock()

    def count_payload(self, size: int) -> None:
        """Count payload bytes of files.

        Raises:
            NodeRefused: they are more than the transfer's byte budget.
        """
        self._payload += size
        budget = self.transfer.byte_budget
        if budget is not None and self._payload > budget:
            raise NodeRefused(f"more than the budget of {budget} bytes would be fetched")

    async def run(self, errand: Errand, ask: Callable[[Gateway], Awaitable[_T]]) -> _T:
        """Ask one gateway after another until one gives it.

        `ask` fails with AttemptFailed; every other error passes through.

        Raises:
            BlockNotFound: every gateway said that it does not have it.
            NoSource: nobody gave it for other reasons.
        """
        while True:
            async with self._lease(errand) as gateway:
                try:
                    result = await ask(gateway)
                except AttemptFailed as failure:
                    self._note_failure(gateway, errand, failure)
                else:
                    gateway.thrives()
                    return result

    def tell(self, note: str) -> None:
        """Add to the notes, once."""
        self._notes[note] = None

    def _note_failure(self, gateway: Gateway, errand: Errand, failure: AttemptFailed) -> None:
        errand.record(gateway, failure)
        if failure.verdict is Verdict.LIED:
            gateway.banned = gateway.banned or failure.reason
            self.tell(f"gateway {gateway.address} is not used any more in this run: {gateway.banned}")
        elif failure.verdict is not Verdict.ABSENT:
            gateway.rest(failure, self.clock())
            self.tell(f"gateway {gateway.address} is left alone for a while: {failure.reason}")

    @asynccontextmanager
    async def _lease(self, errand: Errand) -> AsyncIterator[Gateway]:
        gateway = await self._choose(errand)
        gateway.in_flight += 1
        try:
            yield gateway
        finally:
            gateway.in_flight -= 1
            for waiter in self._waiting:
                if not waiter.done():
                    waiter.set_result(None)

    async def _choose(self, errand: Errand) -> Gateway:
        while True:
            open_ones = [g for g in self.gateways if g.banned is None and g not in errand.closed]
            now = self.clock()
            awake = [g for g in open_ones if g.rests_until <= now]
            free = [g for g in awake if g.in_flight < g.limit]
            if free:
                return min(free, key=lambda g: (g.unwell > 0, errand.tries(g), g.in_flight))
            if not awake and all(g.is_given_up for g in open_ones):
                raise errand.give_up(self.gateways)
            rests = [g.rests_until - now for g in open_ones if g.rests_until > now]
            await self._something_changes(min(rests, default=None))

    async def _something_changes(self, within_s: float | None) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        events: set[asyncio.Future[None]] = {waiter}
        if within_s is not None:
            events.add(asyncio.ensure_future(self._sleep(within_s)))
        try:
            await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.discard(waiter)
            for event in events:
                event.cancel()


def _make_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=AiohttpTransport(),
        headers={"User-Agent": f"ipwhl-mirror/{__version__}", "Accept-Encoding": "identity"},
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
    )
