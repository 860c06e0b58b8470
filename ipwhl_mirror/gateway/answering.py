"""Around every request: the checks, the deadline, the errors as answers, and the count of them.

Nothing that a client can send makes a 5xx here: those are for a node that is away or damaged.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.gateway.errors import Damaged, NodeAway, NotFound, PreconditionFailed, Refused
from ipwhl_mirror.gateway.guards import Guard
from ipwhl_mirror.gateway.headers import SAFE, SERVER
from ipwhl_mirror.gateway.metrics import Metrics
from ipwhl_mirror.gateway.paths import Target, parse_target
from ipwhl_mirror.gateway.sending import EXCHANGE, Exchange, break_off, end_early, has_begun
from ipwhl_mirror.ipld.errors import IpldError
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound, NodeError

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

TARGET = web.RequestKey("target", Target)
METRICS = web.AppKey("metrics", Metrics)
GUARD = web.AppKey("guard", Guard)
ANSWERING: web.AppKey[dict[web.RequestHandler, Exchange]] = web.AppKey("answering", dict)
"""The connections with a request that is being answered."""

_SHOWN = 400


def answering_middleware(guard: Guard, idle_limit_s: float) -> Middleware:
    """The one middleware of the gateway.

    Args:
        guard: refuses what is not answered whatever it asks for.
        idle_limit_s: an answer of which the client takes nothing for so long is broken off.
    """

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        answering = request.app[ANSWERING]
        try:
            async with asyncio.timeout(idle_limit_s) as deadline:
                exchange = Exchange(deadline, idle_limit_s)
                request[EXCHANGE] = answering[request.protocol] = exchange
                response = await _checked(guard, request, handler)
                await _finish(request, response)
        except (TimeoutError, ConnectionError) as error:
            response = _unfinished(request, exchange, error)
        finally:
            answering.pop(request.protocol, None)
        _count(request, exchange, response)
        return response

    return answer


async def _checked(guard: Guard, request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's response, or the one that says why there is none."""
    try:
        guard.check(request)
        request[TARGET] = parse_target(request.raw_path)
        guard.check_authority(request, request[TARGET])
        return await handler(request)
    except (Refused, NodeError, IpldError) as error:
        if has_begun(request):
            end_early(request)
            return _gone()
        return _error_response(_refusal(request, error))


async def _finish(request: web.Request, response: web.StreamResponse) -> None:
    """Send what is left of the response while the deadline still holds."""
    if request.protocol.transport is not None:
        await response.prepare(request)
        await response.write_eof()


async def add_safe_headers(_request: web.BaseRequest, response: web.StreamResponse) -> None:
    """For the application's `on_response_prepare`."""
    for name, value in SAFE.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = SERVER


def _refusal(request: web.Request, error: Refused | NodeError | IpldError) -> Refused:
    """What a client is told about an error."""
    if isinstance(error, Refused):
        return error
    text = safe_text(str(error), _SHOWN)
    if isinstance(error, BlockNotFound):
        if "only-if-cached" in request.headers.get("Cache-Control", ""):
            return PreconditionFailed(text)
        return NotFound(text)
    if isinstance(error, BlockCorrupt):
        return Damaged(text)
    return NotFound(text) if isinstance(error, IpldError) else NodeAway(text)


def _error_response(refusal: Refused) -> web.Response:
    response = web.Response(text=f"{refusal}\n", status=refusal.status)
    response.headers["Cache-Control"] = "no-store"
    for name, value in refusal.headers:
        response.headers[name] = value
    return response


def _unfinished(request: web.Request, exchange: Exchange, error: Exception) -> web.Response:
    """The client took nothing for too long, or is gone; or the node took too long to begin with."""
    if isinstance(error, TimeoutError) and not exchange.given_up and not has_begun(request):
        return _error_response(NodeAway("the node did not answer in time"))
    break_off(request)
    return _gone()


def _gone() -> web.Response:
    """Stands for an answer that was broken off; its connection is closed, so it is never sent."""
    return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)


def _count(request: web.Request, exchange: Exchange, response: web.StreamResponse) -> None:
    metrics = request.app[METRICS]
    if request.protocol.transport is None:
        metrics.count_broken(exchange.kind, exchange.sent)
    else:
        metrics.count_answer(exchange.kind, response.status, exchange.sent)
