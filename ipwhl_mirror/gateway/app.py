"""The gateway's addresses, and how each request is answered.

    /ipfs/<CID>/...       what a CID names: listings, files; blocks and CARs with `format` or Accept
    /simple/              the mirrors
    /simple/<mirror>/...  the same for the release a mirror is at, asked anew for every request
    /healthz  /metrics    for monitoring: 200 where the node answers; figures

GET and HEAD only, local blocks only. Answers about content are made in `content`; the checks are
in `guards`, `paths` and `formats`. Errors are plain text of one line.
"""

from __future__ import annotations

from http import HTTPStatus
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING

from aiohttp import web

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.gateway import headers as common
from ipwhl_mirror.gateway.answering import (
    ANSWERING,
    GUARD,
    METRICS,
    TARGET,
    add_safe_headers,
    answering_middleware,
)
from ipwhl_mirror.gateway.content import ContentSite, Place
from ipwhl_mirror.gateway.errors import BadRequest, NotFound
from ipwhl_mirror.gateway.exposition import CONTENT_TYPE, exposition
from ipwhl_mirror.gateway.fact_reading import FactReader
from ipwhl_mirror.gateway.formats import CAR_CONTENT_TYPE, RAW_TYPE, Format, negotiate
from ipwhl_mirror.gateway.guards import Guard
from ipwhl_mirror.gateway.listing import Entry, render
from ipwhl_mirror.gateway.metrics import Metrics, NothingMore
from ipwhl_mirror.gateway.paths import encode_segment
from ipwhl_mirror.gateway.sending import EXCHANGE, Kind
from ipwhl_mirror.gateway.trustless import PROBE, PROBE_CAR, send_whole
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import InvalidCid
from ipwhl_mirror.nodes.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipwhl_mirror.gateway.metrics import Monitored
    from ipwhl_mirror.gateway.paths import Target
    from ipwhl_mirror.gateway.settings import GatewaySettings
    from ipwhl_mirror.gateway.wheel_facts import FactStore
    from ipwhl_mirror.nodes.base import Node, NodeStatus

_PROBE_ANSWERS = {
    Format.FILES: (Kind.FILE, "application/octet-stream", "bin"),
    Format.RAW: (Kind.BLOCK, RAW_TYPE, "bin"),
    Format.CAR: (Kind.CAR, CAR_CONTENT_TYPE, "car"),
}
NO_MIRRORS: Mapping[str, Cid] = MappingProxyType({})


def make_app(
    node: Node,
    settings: GatewaySettings,
    *,
    mirrors: Mapping[str, Cid] = NO_MIRRORS,
    facts: FactStore | None = None,
    monitored: Monitored | None = None,
) -> web.Application:
    """The gateway as an application; `server.start_gateway` runs it with its limits.

    Args:
        node: where the blocks are; it is not closed.
        settings: for whom to answer.
        mirrors: name of a mirror -> the CID of its current release; looked into for every request.
        facts: where facts of wheels are kept for longer than this runs; None for in memory only.
        monitored: what monitoring is told besides; None for nothing.

    Raises:
        GatewayError: `settings.listen` is not host:port.
    """
    guard = Guard(settings)
    app = web.Application(middlewares=[answering_middleware(guard, settings.limits.idle_s)])
    app.on_response_prepare.append(add_safe_headers)
    app[ANSWERING] = {}
    app[METRICS] = Metrics()
    app[GUARD] = guard
    site = _Site(node, mirrors, facts, monitored or NothingMore())
    app.router.add_route("*", "/{path:.*}", site.answer)
    app.on_cleanup.append(site.close)
    return app


class _Site:
    """Answers requests whose target was read and checked."""

    def __init__(
        self, node: Node, mirrors: Mapping[str, Cid], facts: FactStore | None, monitored: Monitored
    ) -> None:
        self._node = node
        self._mirrors = mirrors
        self._monitored = monitored
        self._facts = FactReader(node, facts)
        self._content = ContentSite(node, self._facts)

    async def close(self, _app: web.Application) -> None:
        """For the application's `on_cleanup`."""
        await self._facts.aclose()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Find what the address is of."""
        target = request[TARGET]
        match target.segments:
            case ("ipfs", cid, *names):
                return await self._ipfs(request, target, cid, tuple(names))
            case ("simple", mirror, *names):
                return await self._mirror(request, target, mirror, tuple(names))
            case ("simple",):
                return await self._mirror_list(request, target)
            case ("healthz",) if not target.slash:
                return await self._health(request)
            case ("metrics",) if not target.slash:
                return await self._metrics(request)
        raise NotFound(
            "no such address: this gateway has /ipfs/<CID>/, /simple/<mirror>/, /healthz, /metrics"
        )

    async def _ipfs(
        self, request: web.Request, target: Target, text: str, names: tuple[str, ...]
    ) -> web.StreamResponse:
        if text == PROBE:
            return await _probe(request, target, names)
        try:
            root = Cid.parse(text)
        except InvalidCid:
            raise BadRequest(
                f"{safe_text(text, 128)} is no CID this gateway knows: sha2-256, dag-pb or raw"
            ) from None
        place = Place(prefix=("ipfs", text), root=root, names=names, slash=target.slash)
        return await self._content.answer(request, target, place)

    async def _mirror(
        self, request: web.Request, target: Target, mirror: str, names: tuple[str, ...]
    ) -> web.StreamResponse:
        root = self._mirrors.get(mirror)
        if root is None:
            raise NotFound(f"there is no mirror named {safe_text(mirror, 80)} with a release")
        place = Place(prefix=("simple", mirror), root=root, names=names, slash=target.slash)
        return await self._content.answer(request, target, place)

    async def _mirror_list(self, request: web.Request, target: Target) -> web.StreamResponse:
        if not target.slash:
            return web.Response(status=HTTPStatus.MOVED_PERMANENTLY, headers={"Location": "/simple/"})
        request[EXCHANGE].kind = Kind.LISTING
        entries = [Entry(name, encode_segment(name) + "/") for name in sorted(self._mirrors)]
        headers = {
            "Content-Security-Policy": common.LISTING_SANDBOX,
            "Content-Type": "text/html; charset=utf-8",
            "Cache-Control": common.REVALIDATE,
        }
        return await send_whole(request, render("mirrors", entries), headers)

    async def _health(self, request: web.Request) -> web.StreamResponse:
        request[EXCHANGE].kind = Kind.HEALTH
        await self._node.status()
        lines = ("ok", *self._monitored.health())
        return web.Response(
            text="".join(f"{line}\n" for line in lines), headers={"Cache-Control": "no-store"}
        )

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        request[EXCHANGE].kind = Kind.METRICS
        status: NodeStatus | None
        try:
            status = await self._node.status()
        except NodeError:
            status = None
        own = request.app[METRICS].families(status, len(request.app[ANSWERING]))
        text = exposition(chain(own, self._monitored.families()))
        return web.Response(
            body=text.encode(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
        )


async def _probe(request: web.Request, target: Target, names: tuple[str, ...]) -> web.StreamResponse:
    """The identity CID of no bytes: what a client asks for to learn which formats there are."""
    if names:
        raise NotFound(f"{PROBE} is no directory")
    wanted = negotiate(target, request.headers.get("Accept"))
    is_car = wanted.format is Format.CAR
    kind, content_type, suffix = _PROBE_ANSWERS[wanted.format]
    request[EXCHANGE].kind = kind
    headers = {
        "Cache-Control": common.IMMUTABLE,
        "Content-Disposition": common.attachment(f"{PROBE}.{suffix}"),
        "Content-Type": content_type,
        "ETag": f'"{PROBE}.{wanted.format.value}"',
        "Vary": "Accept",
    }
    return await send_whole(request, PROBE_CAR if is_car else b"", headers)
