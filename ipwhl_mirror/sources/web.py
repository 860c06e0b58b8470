"""Requests over http and https that lead nowhere they must not.

Promised: at most REDIRECTS redirects and CONNECT_S seconds to connect. A host that the configuration does not
name as private never leads to an address of this machine or of a private network, by its name, by a redirect,
or by what its name resolves to at that moment; the address that was checked is the one connected to. Only
https is asked, but of private hosts. Nothing is decompressed, and credentials are not sent.
"""

from __future__ import annotations

import ipaddress
from contextlib import asynccontextmanager, contextmanager
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
    from collections.abc import AsyncIterator, Iterator, Mapping, Set

    from aiohttp.abc import ResolveResult

REDIRECTS = 5
CONNECT_S = 10.0
IDLE_S = 30.0
_MOVED = (301, 302, 303, 307, 308)
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "ipwhl-mirror"}
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """Which hosts of private networks may be asked.

    Attributes:
        private_hosts: as the configuration names them.
        configured: one that a person named by its address; "" for none.
    """

    private_hosts: Set[str] = frozenset()
    configured: str = ""

    def check(self, url: httpx.URL) -> httpx.URL:
        """The address without credentials.

        Raises:
            SourceMalformed: it is none to go to.
        """
        if url.scheme not in ("http", "https") or not url.host:
            raise SourceMalformed(f"{shown(url)} is no https address")
        is_named = url.host in self.private_hosts
        if is_inside(url) and not is_named and url.host != self.configured:
            raise SourceMalformed(f"{shown(url)} leads into a private network", hint=_permission(url.host))
        if url.scheme == "http" and not is_inside(url) and not is_named:
            raise SourceMalformed(
                f"{shown(url)} is not https", hint="only a host of a private network may be asked by http"
            )
        return url.copy_with(username=None, password=None)


class PrivateAddress(OSError):
    """A name that is not known as private resolves to an address of a private network."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(None, f"{safe_text(host, _SHOWN)} is of a private network")


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
                    raise PrivateAddress(host)
        return found

    async def close(self) -> None:
        await self._resolver.close()


def client(reachable: Reachable, *, idle_s: float = IDLE_S) -> httpx.AsyncClient:
    """A client for `answer`; to be made inside a running event loop, and closed.

    Args:
        idle_s: seconds without a byte.
    """
    return httpx.AsyncClient(
        transport=AiohttpTransport(_PublicOnly(reachable.private_hosts)),
        timeout=httpx.Timeout(idle_s, connect=CONNECT_S),
        headers=_HEADERS,
    )


@asynccontextmanager
async def answer(
    asking: httpx.AsyncClient, start: httpx.URL, reachable: Reachable, headers: Mapping[str, str]
) -> AsyncIterator[httpx.Response]:
    """The answer to a GET, its body not yet read; the last of those that redirects lead to.

    Raises:
        SourceMalformed: it leads where it must not, or answers compressed.
        httpx.TransportError: see `told_apart`.
    """
    url = reachable.check(start)
    for _ in range(REDIRECTS + 1):
        async with asking.stream("GET", url, headers=dict(headers), follow_redirects=False) as response:
            if response.status_code not in _MOVED:
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise SourceMalformed(f"{shown(url)} answers compressed, though that was not asked for")
                yield response
                return
            try:
                target = redirect_target(start, url, response.headers.get("Location", ""))
            except ValueError as error:
                raise SourceMalformed(f"{shown(start)} {error}") from error
            url = reachable.check(target)
    raise SourceMalformed(f"{shown(start)} redirects more than {REDIRECTS} times")


@contextmanager
def told_apart(url: httpx.URL | str) -> Iterator[None]:
    """Turns what the HTTP client raises into errors of this layer.

    Raises:
        SourceUnreachable: the server cannot be reached, or is too slow.
        SourceMalformed: it is no address.
    """
    try:
        yield
    except httpx.InvalidURL as error:
        raise SourceMalformed(f"{shown(url)} is no address") from error
    except httpx.TransportError as error:
        words = safe_text(str(error) or type(error).__name__, _SHOWN)
        reason = getattr(error.__cause__, "os_error", None)
        hint = _permission(reason.host) if isinstance(reason, PrivateAddress) else None
        raise SourceUnreachable(f"{shown(url)} cannot be read: {words}", hint=hint) from error


def shown(url: httpx.URL | str) -> str:
    """An address without credentials, safe to print."""
    try:
        return safe_text(str(httpx.URL(url).copy_with(username=None, password=None)), _SHOWN)
    except httpx.InvalidURL:
        return safe_text(str(url), _SHOWN)


def _permission(host: str) -> str:
    wanted = f'[sources] private_hosts = ["{safe_text(host, _SHOWN)}"]'
    return f"if that is meant, the configuration has to name it: {wanted}"
