"""The gateway's addresses, and how each request is answered.

    /ipfs/<CID>/...       what a CID names: listings, files; blocks and CARs with `format` or Accept
    /simple/              the mirrors
    /simple/<mirror>/...  the same for the release a mirror is at, asked anew for every request
    /healthz  /metrics    for monitoring

GET and HEAD only, local blocks only. The answers are made in `listing`, `files` and `trustless`; the checks
are in `guards`, `paths` and `formats`. Errors are plain text of one line.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING

from aiohttp import web

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.gateway import headers as common
from ipwhl_mirror.gateway.answering import ANSWERING, METRICS, TARGET, add_safe_headers, answering_middleware
from ipwhl_mirror.gateway.errors import BadRequest, NotFound
from ipwhl_mirror.gateway.files import not_modified, serve_file
from ipwhl_mirror.gateway.formats import CAR_CONTENT_TYPE, RAW_TYPE, Format, Wanted, negotiate
from ipwhl_mirror.gateway.guards import Guard
from ipwhl_mirror.gateway.listing import LISTING_FORMAT, Entry, project_entries, release_entries, render
from ipwhl_mirror.gateway.metrics import CONTENT_TYPE, Metrics
from ipwhl_mirror.gateway.paths import Target, encode_path, encode_segment
from ipwhl_mirror.gateway.resolve import ProjectNames, Resolved, read_directory, resolve
from ipwhl_mirror.gateway.sending import EXCHANGE, Kind
from ipwhl_mirror.gateway.trustless import (
    PROBE,
    PROBE_CAR,
    block_tag,
    car_tag,
    send_block,
    send_car,
    send_whole,
)
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import InvalidCid
from ipwhl_mirror.nodes.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipwhl_mirror.gateway.settings import GatewaySettings
    from ipwhl_mirror.nodes.base import Node, NodeStatus

_PROBE_ANSWERS = {
    Format.FILES: (Kind.FILE, "application/octet-stream", "bin"),
    Format.RAW: (Kind.BLOCK, RAW_TYPE, "bin"),
    Format.CAR: (Kind.CAR, CAR_CONTENT_TYPE, "car"),
}
NO_MIRRORS: Mapping[str, Cid] = MappingProxyType({})


def make_app(
    node: Node, settings: GatewaySettings, *, mirrors: Mapping[str, Cid] = NO_MIRRORS
) -> web.Application:
    """The gateway as an application; `server.start_gateway` runs it with its limits.

    Args:
        node: where the blocks are; it is not closed.
        settings: for whom to answer.
        mirrors: name of a mirror -> the CID of its current release; looked into for every request.

    Raises:
        GatewayError: `settings.listen` is not host:port.
    """
    app = web.Application(middlewares=[answering_middleware(Guard(settings), settings.limits.idle_s)])
    app.on_response_prepare.append(add_safe_headers)
    app[ANSWERING] = {}
    app[METRICS] = Metrics()
    app.router.add_route("*", "/{path:.*}", _Site(node, mirrors).answer)
    return app


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A content path under one of the gateway's addresses.

    Attributes:
        prefix: the names of the address above the content: `ipfs` and the CID, or `simple` and the mirror.
        root: the CID they stand for.
        names: the rest of the path.
        slash: whether it ends in one.
    """

    prefix: tuple[str, str]
    root: Cid
    names: tuple[str, ...]
    slash: bool

    @property
    def is_fixed(self) -> bool:
        """Whether the address always leads to the same content."""
        return self.prefix[0] == "ipfs"

    def path(self, names: tuple[str, ...], *, slash: bool) -> str:
        """Another address under the same prefix."""
        return encode_path((*self.prefix, *names), slash=slash)

    def headers(self, cache_control: str) -> dict[str, str]:
        """What every answer about this content has."""
        headers = {
            "Cache-Control": cache_control if self.is_fixed else common.REVALIDATE,
            "Vary": "Accept",
            "X-Ipfs-Path": encode_path(("ipfs", str(self.root), *self.names), slash=self.slash),
        }
        return headers if self.is_fixed else headers | {"X-Ipwhl-Release": str(self.root)}


class _Site:
    """Answers requests whose target was read and checked."""

    def __init__(self, node: Node, mirrors: Mapping[str, Cid]) -> None:
        self._node = node
        self._mirrors = mirrors
        self._spellings = ProjectNames(node)

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
        place = _Place(prefix=("ipfs", text), root=root, names=names, slash=target.slash)
        return await self._content(request, target, place)

    async def _mirror(
        self, request: web.Request, target: Target, mirror: str, names: tuple[str, ...]
    ) -> web.StreamResponse:
        root = self._mirrors.get(mirror)
        if root is None:
            raise NotFound(f"there is no mirror named {safe_text(mirror, 80)} with a release")
        place = _Place(prefix=("simple", mirror), root=root, names=names, slash=target.slash)
        return await self._content(request, target, place)

    async def _content(self, request: web.Request, target: Target, place: _Place) -> web.StreamResponse:
        wanted = negotiate(target, request.headers.get("Accept"))
        if wanted.format is not Format.FILES:
            return await self._trustless(request, place, wanted)
        try:
            resolved = await resolve(self._node, place.root, place.names)
        except NotFound:
            spelling = await self._spelling(place)
            if spelling is None:
                raise
            return _redirect(request, place, (spelling,))
        if not resolved.is_directory:
            return await self._file(request, place, resolved)
        if not place.slash:
            return _redirect(request, place, place.names)
        return await self._listing(request, place, resolved)

    async def _spelling(self, place: _Place) -> str | None:
        """What the release calls the project that is asked for by another spelling of its name."""
        if len(place.names) != 1:
            return None
        spelling = await self._spellings.spelling(place.root, place.names[0])
        return None if spelling == place.names[0] else spelling

    async def _listing(self, request: web.Request, place: _Place, resolved: Resolved) -> web.StreamResponse:
        request[EXCHANGE].kind = Kind.LISTING
        headers = place.headers(common.LISTING_CACHE) | {
            "Content-Security-Policy": common.LISTING_SANDBOX,
            "Content-Type": "text/html; charset=utf-8",
            "ETag": _listing_tag(place, resolved),
            "X-Ipfs-Roots": _roots(resolved),
        }
        if (answer := not_modified(request, headers["ETag"], headers)) is not None:
            return answer
        links = await read_directory(self._node, resolved)
        if place.names:
            base = "" if place.is_fixed else _fixed_base(place)
            entries = project_entries(links, place.names[-1], base=base)
        else:
            entries = release_entries(links)
        title = " / ".join((*place.prefix, *place.names))
        return await send_whole(request, render(safe_text(title), entries), headers)

    async def _file(self, request: web.Request, place: _Place, resolved: Resolved) -> web.StreamResponse:
        if place.slash:
            raise NotFound("this is a file, and the address of a directory: leave the last slash away")
        name = place.names[-1] if place.names else str(resolved.cid)
        headers = place.headers(common.IMMUTABLE) | {
            "ETag": f'"{resolved.cid}"',
            "X-Ipfs-Roots": _roots(resolved),
        }
        if (answer := not_modified(request, headers["ETag"], headers)) is not None:
            request[EXCHANGE].kind = Kind.FILE
            return answer
        return await serve_file(request, self._node, resolved, name, headers)

    async def _trustless(self, request: web.Request, place: _Place, wanted: Wanted) -> web.StreamResponse:
        is_block = wanted.format is Format.RAW
        request[EXCHANGE].kind = Kind.BLOCK if is_block else Kind.CAR
        resolved = await resolve(self._node, place.root, place.names)
        path = place.path(place.names, slash=place.slash)
        headers = place.headers(common.IMMUTABLE) | {
            "ETag": block_tag(resolved.cid) if is_block else car_tag(place.root, path, wanted),
            "X-Ipfs-Roots": _roots(resolved),
        }
        if not wanted.named:
            headers["Content-Location"] = f"{path}?{wanted.query}"
        if (answer := not_modified(request, headers["ETag"], headers)) is not None:
            return answer
        if is_block:
            return await send_block(request, resolved, headers)
        return await send_car(request, self._node, resolved, wanted, headers)

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
        return web.Response(text="ok\n", headers={"Cache-Control": "no-store"})

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        request[EXCHANGE].kind = Kind.METRICS
        status: NodeStatus | None
        try:
            status = await self._node.status()
        except NodeError:
            status = None
        text = request.app[METRICS].render(status, len(request.app[ANSWERING]))
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


def _redirect(request: web.Request, place: _Place, names: tuple[str, ...]) -> web.Response:
    """To the address of a directory, as this place's release spells it."""
    request[EXCHANGE].kind = Kind.REDIRECT
    status = HTTPStatus.MOVED_PERMANENTLY if place.is_fixed else HTTPStatus.FOUND
    location = place.path(names, slash=True)
    return web.Response(status=status, headers=place.headers(common.LISTING_CACHE) | {"Location": location})


def _listing_tag(place: _Place, resolved: Resolved) -> str:
    """A mirror's pages name the release in their hrefs, so their tags do too."""
    release = "" if place.is_fixed else f"_{place.root}"
    return f'"DirIndex-{LISTING_FORMAT}_CID-{resolved.cid}{release}"'


def _fixed_base(place: _Place) -> str:
    """From a mirror's directory to the same one under the release's CID, relative.

    An installer that read a page just before the mirror moved on still gets the wheels it read of.
    """
    up = "../" * (len(place.prefix) + len(place.names))
    return up + encode_path(("ipfs", str(place.root), *place.names), slash=True)[1:]


def _roots(resolved: Resolved) -> str:
    return ",".join(map(str, resolved.roots))
