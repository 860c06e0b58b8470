"""So many connections and no more, without letting slow clients keep the others out.

When all are taken, a new client gets the place of the one that has waited longest without a whole
request; else of one whose answer has not moved for some seconds; else it is told to come again (503).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ipwhl_mirror.gateway.answering import ANSWERING, METRICS

if TYPE_CHECKING:
    from aiohttp import web

    from ipwhl_mirror.gateway.settings import Limits

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 1\r\n"
    b"Cache-Control: no-store\r\nConnection: close\r\nContent-Length: 34\r\n\r\n"
    b"all connections are taken, retry\r\n"
)
_TURNED_AWAY_S = 1.0


class ConnectionLimit:
    """Makes the protocol of each new connection.

    Args:
        app: whose requests are answered.
        server: made of it; has a protocol for each connection.
        limits: how many, and how long one may be in the way of others.
    """

    def __init__(self, app: web.Application, server: web.Server, limits: Limits) -> None:
        self._answering = app[ANSWERING]
        self._metrics = app[METRICS]
        self._server = server
        self._limits = limits
        self._turned_away = 0

    def __call__(self) -> asyncio.Protocol:
        """The protocol of a connection that was just accepted."""
        open_ones = [connection for connection in self._server.connections if self._counts(connection)]
        if len(open_ones) < self._limits.connections or self._make_room(open_ones):
            return self._server()
        self._metrics.refused_connections += 1
        return _TurnAway(self)

    def _counts(self, connection: web.RequestHandler) -> bool:
        exchange = self._answering.get(connection)
        return connection.transport is not None and (exchange is None or not exchange.given_up)

    def _make_room(self, connections: list[web.RequestHandler]) -> bool:
        """Give one of them up; they are in the order in which they came."""
        for connection in connections:
            if connection not in self._answering and connection.transport is not None:
                connection.transport.abort()
                connection.force_close()
                return True
        stalled = max(self._answering.values(), key=lambda exchange: exchange.idle_s(), default=None)
        if stalled is None or stalled.given_up or stalled.idle_s() < self._limits.stalled_s:
            return False
        stalled.give_up()
        return True

    def may_explain(self) -> bool:
        """Whether one more client may be told why it is turned away, and not only cut off."""
        return self._turned_away < self._limits.connections

    def count_turned_away(self, change: int) -> None:
        """Note that a client is being told, or was."""
        self._turned_away += change


class _TurnAway(asyncio.Protocol):
    """Says that all connections are taken, and waits a moment so that the client can read it."""

    def __init__(self, limit: ConnectionLimit) -> None:
        self._limit = limit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if not self._limit.may_explain():
            transport.abort()
        else:
            transport.write(_BUSY)
            transport.write_eof()
            asyncio.get_running_loop().call_later(_TURNED_AWAY_S, transport.abort)
        self._limit.count_turned_away(1)

    def connection_lost(self, exc: Exception | None) -> None:
        self._limit.count_turned_away(-1)
