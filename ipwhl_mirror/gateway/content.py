"""Answers about content: listings, files, blocks and CARs, under a CID or a mirror's name.

What a CID names never changes, so it may be kept for ever; what a mirror's address leads to is asked about
anew, and its pages link to the same wheels under the release's CID. A project's page says of its wheels what
is known of them (`fact_reading`), so it is asked about anew as long as more may be known later.

`<wheel>.metadata` beside a wheel leads to METADATA in it, unless the directory has an entry of that name: no
tree is changed for it, and what a CID names is served as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.errors import InvalidWheel
from ipwhl_mirror.gateway import headers as common
from ipwhl_mirror.gateway.errors import NotFound
from ipwhl_mirror.gateway.files import not_modified, serve_file
from ipwhl_mirror.gateway.formats import Format, Wanted, negotiate
from ipwhl_mirror.gateway.index_formats import IndexForm, index_form
from ipwhl_mirror.gateway.listing import (
    LISTING_FORMAT,
    METADATA_SUFFIX,
    facts_tag,
    is_wheel_name,
    project_entries,
    project_wheels,
    release_entries,
    render,
    render_project,
    render_projects,
)
from ipwhl_mirror.gateway.paths import encode_path
from ipwhl_mirror.gateway.resolve import ProjectNames, Resolved, read_directory, resolve
from ipwhl_mirror.gateway.sending import EXCHANGE, Kind
from ipwhl_mirror.gateway.trustless import block_tag, car_tag, send_block, send_car, send_whole
from ipwhl_mirror.ipld.dagpb import Link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.gateway.fact_reading import FactReader
    from ipwhl_mirror.gateway.listing import Entry
    from ipwhl_mirror.gateway.paths import Target
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Node

_FORM_TAGS = {IndexForm.HTML: "", IndexForm.V1_HTML: "-html", IndexForm.JSON: "-json"}


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

    def __init__(self, node: Node, facts: FactReader) -> None:
        self._node = node
        self._facts = facts
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
            if (answer := await self._metadata(request, place)) is not None:
                return answer
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
        form = index_form(request.headers.get("Accept"))
        links = await read_directory(self._node, resolved)
        cache_control = common.LISTING_CACHE
        if place.names:
            known = await self._facts.known(project_wheels(links, place.names[-1]))
            base = "" if place.is_fixed else _fixed_base(place)
            entries = project_entries(links, place.names[-1], base=base, facts=known.facts)
            cache_control = common.LISTING_CACHE if known.is_final else common.REVALIDATE
        else:
            entries = release_entries(links)
            if not all(entry.is_project for entry in entries):
                form = IndexForm.HTML if form is IndexForm.JSON else form  # JSON has no page of both
        headers = place.headers(cache_control) | {
            "Content-Security-Policy": common.LISTING_SANDBOX,
            "Content-Type": form.content_type,
            "ETag": _listing_tag(place, resolved, form, facts_tag(entries)),
            "X-Ipfs-Roots": _roots(resolved),
        }
        if (answer := not_modified(request, headers["ETag"], headers)) is not None:
            return answer
        return await send_whole(request, _page(place, entries, form), headers)

    async def _metadata(self, request: web.Request, place: Place) -> web.StreamResponse | None:
        """METADATA of the wheel beside which it is asked for; None where the address is not of that form."""
        *before, last = place.names or ("",)
        name = last.removesuffix(METADATA_SUFFIX)
        if place.slash or name == last or not is_wheel_name(name, before[-1] if before else None):
            return None
        request[EXCHANGE].kind = Kind.FILE
        wheel = await resolve(self._node, place.root, (*before, name))
        headers = place.headers(common.IMMUTABLE) | {
            "Content-Disposition": common.attachment(last),
            "Content-Type": "application/octet-stream",
            "ETag": f'"{wheel.cid}{METADATA_SUFFIX}"',
        }
        del headers["X-Ipfs-Path"]  # no tree has it
        if (answer := not_modified(request, headers["ETag"], headers)) is not None:
            return answer
        try:
            metadata = await self._facts.metadata(Link(wheel.cid, name, None))
        except InvalidWheel as error:
            raise NotFound(f"no METADATA of {error}") from error
        return await send_whole(request, metadata, headers)

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


def _listing_tag(place: Place, resolved: Resolved, form: IndexForm, facts: str) -> str:
    """A mirror's pages name the release in their hrefs, so their tags do too."""
    release = "" if place.is_fixed else f"_{place.root}"
    told = f"_{facts}" if facts else ""
    return f'"DirIndex-{LISTING_FORMAT}{_FORM_TAGS[form]}_CID-{resolved.cid}{release}{told}"'


def _page(place: Place, entries: Sequence[Entry], form: IndexForm) -> bytes:
    if form is not IndexForm.JSON:
        return render(safe_text(" / ".join((*place.prefix, *place.names))), entries)
    return render_project(place.names[-1], entries) if place.names else render_projects(entries)


def _fixed_base(place: Place) -> str:
    """From a mirror's directory to the same one under the release's CID, relative.

    An installer that read a page just before the mirror moved on still gets the wheels it read of.
    """
    up = "../" * (len(place.prefix) + len(place.names))
    return up + encode_path(("ipfs", str(place.root), *place.names), slash=True)[1:]


def _roots(resolved: Resolved) -> str:
    return ",".join(map(str, resolved.roots))
