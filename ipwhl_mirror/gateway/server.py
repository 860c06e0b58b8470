"""Runs the gateway on its address, with its limits, until it is closed."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ipwhl_mirror.gateway.answering import GUARD
from ipwhl_mirror.gateway.app import NO_MIRRORS, make_app
from ipwhl_mirror.gateway.connections import ConnectionLimit
from ipwhl_mirror.gateway.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipwhl_mirror.gateway.metrics import Monitored
    from ipwhl_mirror.gateway.settings import GatewaySettings
    from ipwhl_mirror.gateway.wheel_facts import FactStore
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Node

_BACKLOG = 512
_MAX_HEADERS = 64
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class RunningGateway:
    """A gateway that answers.

    Attributes:
        url: its base address for clients on this machine, without a trailing slash.
        port: where it listens.
    """

    def __init__(self, runner: web.AppRunner, server: asyncio.Server, host: str) -> None:
        self._runner = runner
        self._server = server
        self.port: int = server.sockets[0].getsockname()[1]
        reachable = _EVERYWHERE.get(host, host)
        self.url = f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{self.port}"

    def answer_for(self, settings: GatewaySettings) -> None:
        """Answer for the hosts of other settings from now on; the address and the limits stay."""
        self._runner.app[GUARD].use(settings)

    async def aclose(self) -> None:
        """Stop listening, let answers finish for a moment, and cut the others off. Safe to call twice."""
        self._server.close()
        await self._runner.cleanup()


async def start_gateway(
    node: Node,
    settings: GatewaySettings,
    *,
    mirrors: Mapping[str, Cid] = NO_MIRRORS,
    facts: FactStore | None = None,
    monitored: Monitored | None = None,
) -> RunningGateway:
    """Listen and answer until `aclose`.

    Args:
        node: where the blocks are; it is not closed.
        settings: where to listen and for whom to answer.
        mirrors: name of a mirror -> the CID of its current release; looked into for every request.
        facts: where facts of wheels are kept for longer than this runs; None for in memory only.
        monitored: what monitoring is told besides; None for nothing.

    Raises:
        GatewayError: it cannot listen there; the hint says what to do.
    """
    host, port = settings.address()
    app = make_app(node, settings, mirrors=mirrors, facts=facts, monitored=monitored)
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_request_log(),
        keepalive_timeout=settings.limits.idle_s,
        lingering_time=0.0,
        max_headers=_MAX_HEADERS,
        shutdown_timeout=settings.limits.grace_s,
    )
    await runner.setup()
    assert runner.server is not None
    limit = ConnectionLimit(app, runner.server, settings.limits)
    try:
        server = await asyncio.get_running_loop().create_server(limit, host, port, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:
        await runner.cleanup()
        raise _cannot_listen(settings.listen, error) from error
    return RunningGateway(runner, server, host)


def _cannot_listen(listen: str, error: OSError | UnicodeError) -> GatewayError:
    code = error.errno if isinstance(error, OSError) else None
    other = "choose another address with --listen or `listen` under [serve]"
    if isinstance(error, socket.gaierror | UnicodeError):
        return GatewayError(f"cannot listen on {listen}: no such host", hint=other)
    if code == errno.EADDRINUSE:
        return GatewayError(
            f"cannot listen on {listen}: another program has this port", hint=f"stop it, or {other}"
        )
    if code == errno.EADDRNOTAVAIL:
        return GatewayError(f"cannot listen on {listen}: not an address of this machine", hint=other)
    if code in (errno.EACCES, errno.EPERM):
        return GatewayError(
            f"cannot listen on {listen}: not permitted", hint="choose a port from 1024 on with --listen"
        )
    return GatewayError(f"cannot listen on {listen}: {error.strerror or error}", hint=other)


def _request_log() -> logging.Logger:
    """aiohttp's log of requests that failed, without what only shows that a client sent nonsense."""
    log = logging.getLogger(f"{__name__}.requests")
    if not log.filters:
        log.addFilter(_is_our_fault)
    return log


def _is_our_fault(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
