"""Who may ask, and how: checks made before a request is looked at any closer.

A page in a browser must not be able to use the gateway of the machine it is shown on: a Host header that is
not this machine's own or a configured name is refused (DNS rebinding), also in an absolute-form target, and
no answer allows another origin to read it. `X-Forwarded-Host` counts only behind a proxy, in place of Host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.gateway.errors import BadRequest, HeadersTooLarge, MethodNotAllowed, Misdirected

if TYPE_CHECKING:
    from aiohttp import web

    from ipwhl_mirror.gateway.paths import Target
    from ipwhl_mirror.gateway.settings import GatewaySettings

_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE)
_OWN = frozenset(("127.0.0.1", "[::1]", "localhost"))
_WILDCARDS = frozenset(("0.0.0.0", "[::]"))


class Guard:
    """Refuses requests that this gateway does not answer, whatever they ask for."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Read whom to answer from the settings.

        Raises:
            GatewayError: `listen` is not host:port.
        """
        self.use(settings)

    def use(self, settings: GatewaySettings) -> None:
        """Read it from other settings, for every request from now on.

        Raises:
            GatewayError: `listen` is not host:port; nothing changes.
        """
        host, _ = settings.address()
        named = {parsed for name in settings.hosts if (parsed := _host_of(name)) is not None}
        self._hosts = _OWN | named | ({_bracketed(host)} - _WILDCARDS)
        self._header_bytes = settings.limits.header_bytes
        self._behind_proxy = settings.behind_proxy

    def check(self, request: web.Request) -> None:
        """Check method, size, body and Host.

        Raises:
            MethodNotAllowed: neither GET nor HEAD.
            HeadersTooLarge: target and headers together are too long.
            BadRequest: it has a body, or no single Host that can be read.
            Misdirected: it is for another host.
        """
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed
        size = len(request.raw_path) + sum(len(name) + len(value) + 4 for name, value in request.raw_headers)
        if size > self._header_bytes:
            raise HeadersTooLarge(f"the request has {size} bytes of headers, of at most {self._header_bytes}")
        if request.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in request.headers:
            raise BadRequest("a request here has no body")
        hosts = request.headers.getall("Host", ())
        if len(hosts) != 1:
            raise BadRequest(f"the request has {len(hosts)} Host headers, expected one")
        forwarded = request.headers.getall("X-Forwarded-Host", ()) if self._behind_proxy else ()
        # A proxy that appends puts its own, the one to believe, last.
        self._check_host(request, forwarded[-1].rpartition(",")[2] if forwarded else hosts[0])

    def check_authority(self, request: web.Request, target: Target) -> None:
        """Check the host of an absolute-form target, which counts more than the Host header.

        Raises:
            BadRequest, Misdirected: as `check`.
        """
        if target.authority is not None:
            self._check_host(request, target.authority)

    def _check_host(self, request: web.Request, authority: str) -> None:
        host = _host_of(authority)
        if host is None:
            raise BadRequest(f"cannot read the host {safe_text(authority, 80)}")
        if host not in self._hosts and host != _own_address(request):
            raise Misdirected(
                f"this gateway does not answer for {safe_text(host, 80)}: add it to hosts under [serve]"
            )


def _host_of(authority: str) -> str | None:
    """The host of host[:port], as it is compared; None when it is none."""
    match = _AUTHORITY.fullmatch(authority.strip())
    return match[1].lower().removesuffix(".") if match is not None else None


def _bracketed(host: str) -> str:
    return f"[{host.lower()}]" if ":" in host else host.lower()


def _own_address(request: web.Request) -> str | None:
    """The address of this machine that the client connected to: no page can have it by rebinding a name."""
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return _bracketed(name[0]) if isinstance(name, tuple) and name else None
