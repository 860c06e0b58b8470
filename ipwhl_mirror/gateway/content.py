"""Answers about content: listings, files, blocks and CARs, under a CID or a mirror's name.

What a CID names never changes, so it may be kept for ever; what a mirror's address leads to is asked about
anew, and its pages link to the same wheels under the release's CID.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.gateway import headers as common
from ipwhl_mirror.gateway.errors import NotFound
from ipwhl_mirror.gateway.files import not_modified, serve_file
from ipwhl_mirror.gateway.formats import Format, Wanted, negotiate
from ipwhl_mirror.gateway.listing import LISTING_FORMAT, project_entries, release_entries, render
from ipwhl_mirror.gateway.paths import encode_path
from ipwhl_mirror.gateway.resolve import ProjectNames, Resolved, read_directory, resolve
from ipwhl_mirror.gateway.sending import EXCHANGE, Kind
from ipwhl_mirror.gateway.trustless import block_tag, car_tag, send_block, send_car, send_whole

if TYPE_CHECKING:
    from ipwhl_mirror.gateway.paths import Target
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
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


class ContentSite:
    """Answers requests for what is on one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._spellings = ProjectNames(node)

    async def answer(self, request: web.Request, target: Target, place: Place) -> web.StreamResponse:
        """What is at a place, in the form that is asked for.

        Raises:
            Refused: it is not there, or not in that form.
            NodeError, IpldError: of reading it; once the answer has begun, the caller breaks it off.
            ConnectionError: the client is gone.
        """
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

    async def _spelling(self, place: Place) -> str | None:
        """What the release calls the project that is asked for by another spelling of its name."""
        if len(place.names) != 1:
            return None
        spelling = await self._spellings.spelling(place.root, place.names[0])
        return None if spelling == place.names[0] else spelling

    async def _listing(self, request: web.Request, place: Place, resolved: Resolved) -> web.StreamResponse:
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

    async def _file(self, request: web.Request, place: Place, resolved: Resolved) -> web.StreamResponse:
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

    async def _trustless(self, request: web.Request, place: Place, wanted: Wanted) -> web.StreamResponse:
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


def _redirect(request: web.Request, place: Place, names: tuple[str, ...]) -> web.Response:
    """To the address of a directory, as this place's release spells it."""
    request[EXCHANGE].kind = Kind.REDIRECT
    status = HTTPStatus.MOVED_PERMANENTLY if place.is_fixed else HTTPStatus.FOUND
    location = place.path(names, slash=True)
    return web.Response(status=status, headers=place.headers(common.LISTING_CACHE) | {"Location": location})


def _listing_tag(place: Place, resolved: Resolved) -> str:
    """A mirror's pages name the release in their hrefs, so their tags do too."""
    release = "" if place.is_fixed else f"_{place.root}"
    return f'"DirIndex-{LISTING_FORMAT}_CID-{resolved.cid}{release}"'


def _fixed_base(place: Place) -> str:
    """From a mirror's directory to the same one under the release's CID, relative.

    An installer that read a page just before the mirror moved on still gets the wheels it read of.
    """
    up = "../" * (len(place.prefix) + len(place.names))
    return up + encode_path(("ipfs", str(place.root), *place.names), slash=True)[1:]


def _roots(resolved: Resolved) -> str:
    return ",".join(map(str, resolved.roots))
