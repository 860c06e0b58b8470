"""Fetch one small document over https, bounded in every direction, or read it from a file.

Promised: at most `limit` bytes, 5 redirects, 10 s to connect, 30 s without a byte and 120 s in all. A host
that is not named as private in the configuration never leads to an address of this machine or of a private
network, by its name, by a redirect, or by what its name resolves to at that moment; the address that was
checked is the one connected to. Nothing is decompressed. Credentials are not sent.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.nodes.embedded.addresses import is_inside, redirect_target
from ipwhl_mirror.nodes.embedded.transport import AiohttpTransport
from ipwhl_mirror.sources.errors import SourceMalformed, SourceUnreachable

if TYPE_CHECKING:
    import socket
    from collections.abc import Set
    from pathlib import Path

    from aiohttp.abc import ResolveResult

REDIRECTS = 5
CONNECT_S = 10.0
IDLE_S = 30.0
TOTAL_S = 120.0
_MOVED = (301, 302, 303, 307, 308)
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "ipwhl-mirror"}


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said to recognise a version of a document by (RFC 9110, 8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Of a request for the document if it is another one."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in asked.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Document:
    """What was fetched."""

    data: bytes
    validators: Validators


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much, how long, and where to.

    Attributes:
        limit: bytes of the body.
        idle_s, total_s: seconds without a byte, and in all.
        private_hosts: names that may be of a private network, as the configuration says.
    """

    limit: int
    idle_s: float = IDLE_S
    total_s: float = TOTAL_S
    private_hosts: Set[str] = frozenset()


class _PublicOnly(AbstractResolver):
    """Resolves names of the public network alone, and those that may be private."""

    def __init__(self, private_hosts: Set[str]) -> None:
        self._private = private_hosts
        self._resolver = ThreadedResolver()

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = 0,  # type: ignore[assignment]
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if host not in self._private:
            for result in found:
                if not ipaddress.ip_address(result["host"].partition("%")[0]).is_global:
                    raise OSError(None, f"{host} is of a private network")
        return found

    async def close(self) -> None:
        await self._resolver.close()


def read_file(path: Path, limit: int) -> bytes:
    """A document of this machine.

    Raises:
        SourceUnreachable: it cannot be read.
        SourceMalformed: it is too long.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise SourceUnreachable(f"{safe_text(str(path))}: {error.strerror}") from error
    return _bounded(data, limit)


async def fetch_document(url: str, bounds: Bounds, *, known: Validators | None = None) -> Document | None:
    """A document over http or https; None where the server says that it is the known one.

    Raises:
        SourceUnreachable: the server cannot be reached, is too slow, or answers with an error.
        SourceMalformed: it is too long, or leads where it must not.
    """
    try:
        async with asyncio.timeout(bounds.total_s):
            return await _follow(httpx.URL(url), bounds, known or Validators())
    except TimeoutError as error:
        raise SourceUnreachable(f"{_shown(url)} takes longer than {bounds.total_s:g} s") from error
    except httpx.InvalidURL as error:
        raise SourceMalformed(f"{_shown(url)} is no address") from error
    except httpx.TransportError as error:
        words = safe_text(str(error) or type(error).__name__, 200)
        raise SourceUnreachable(f"{_shown(url)} cannot be read: {words}") from error


async def _follow(start: httpx.URL, bounds: Bounds, known: Validators) -> Document | None:
    timeout = httpx.Timeout(bounds.idle_s, connect=CONNECT_S)
    transport = AiohttpTransport(_PublicOnly(bounds.private_hosts))
    async with httpx.AsyncClient(transport=transport, timeout=timeout, headers=_HEADERS) as client:
        url = _checked(start, start, bounds)
        for _ in range(REDIRECTS + 1):
            async with client.stream("GET", url, headers=known.headers, follow_redirects=False) as response:
                if response.status_code == httpx.codes.NOT_MODIFIED:
                    return None
                if response.status_code not in _MOVED:
                    return await _read(response, bounds)
                try:
                    target = redirect_target(start, url, response.headers.get("Location", ""))
                except ValueError as error:
                    raise SourceMalformed(f"{_shown(str(start))} {error}") from error
                url = _checked(start, target, bounds)
    raise SourceMalformed(f"{_shown(str(start))} redirects more than {REDIRECTS} times")


async def _read(response: httpx.Response, bounds: Bounds) -> Document:
    shown = _shown(str(response.request.url))
    if response.status_code != httpx.codes.OK:
        raise SourceUnreachable(f"{shown} answers {response.status_code}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise SourceMalformed(f"{shown} answers compressed, though that was not asked for")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > bounds.limit:
            break
    validators = Validators(response.headers.get("ETag"), response.headers.get("Last-Modified"))
    return Document(_bounded(bytes(body), bounds.limit), validators)


def _checked(start: httpx.URL, url: httpx.URL, bounds: Bounds) -> httpx.URL:
    """The address, if it is one to go to: a literal private one only if the configured address is it."""
    if url.scheme not in ("http", "https") or not url.host:
        raise SourceMalformed(f"{_shown(str(url))} is no https address")
    is_private = is_inside(url) or url.host in bounds.private_hosts
    if url.scheme == "http" and not is_private:
        raise SourceMalformed(
            f"{_shown(str(url))} is not https", hint="only a host of a private network may be asked by http"
        )
    if is_inside(url) and url.host != start.host and url.host not in bounds.private_hosts:
        raise SourceMalformed(f"{_shown(str(start))} redirects into a private network")
    return url.copy_with(username=None, password=None)


def _bounded(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise SourceMalformed(f"it is longer than {limit} bytes")
    return data


def _shown(url: str) -> str:
    """An address without credentials, safe to print."""
    try:
        return safe_text(str(httpx.URL(url).copy_with(username=None, password=None)), 200)
    except httpx.InvalidURL:
        return safe_text(url, 200)
