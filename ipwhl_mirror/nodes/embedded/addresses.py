"""Addresses of gateways: what is one, how it is shown, and where a redirect may lead.

Promised: an address is shown without its credentials. A redirect never leads from https to http, to another
scheme, to an address with credentials, or from a public gateway to this machine or a private network.

Left out: a public name that resolves to a private address. Nothing that such a request answers is shown or
kept unless it is the block that was asked for.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field

import httpx

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.nodes.errors import NodeRefused

_HINT = "give it like https://trustless-gateway.link"


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """Where a gateway is. Its text form is safe to show.

    Attributes:
        url: without credentials, query, or the `/ipfs` at its end.
        username: sent to this gateway only.
        password: likewise.
    """

    url: httpx.URL
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> GatewayAddress:
        """Read an address a person gave: http or https, a host, and at most a path.

        Raises:
            NodeRefused: it is no such address.
        """
        try:
            url = httpx.URL(text.strip())
        except (httpx.InvalidURL, ValueError) as error:
            raise NodeRefused("a gateway address cannot be read", hint=_HINT) from error
        bare = url.copy_with(username=None, password=None, query=None, fragment=None)
        if url.scheme not in ("http", "https") or not url.host:
            raise NodeRefused(
                f"not an http or https address of a gateway: {safe_text(str(bare))}", hint=_HINT
            )
        if url.query or url.fragment:
            raise NodeRefused(f"a gateway address has no query and no fragment: {bare}", hint=_HINT)
        path = bare.path.rstrip("/").removesuffix("/ipfs").rstrip("/")
        return cls(bare.copy_with(path=path or "/"), url.username, url.password)

    @property
    def auth(self) -> httpx.BasicAuth | None:
        """The credentials, if the address had some."""
        return httpx.BasicAuth(self.username, self.password) if self.username or self.password else None

    def __str__(self) -> str:
        return str(self.url).rstrip("/")


def is_loopback(url: httpx.URL) -> bool:
    """Whether the host is this machine, as far as its name shows."""
    address = _ip_address(url.host)
    return _is_localhost(url.host) if address is None else address.is_loopback


def is_inside(url: httpx.URL) -> bool:
    """Whether the host is this machine or on a private network, as far as its name shows."""
    address = _ip_address(url.host)
    return _is_localhost(url.host) if address is None else not address.is_global


def _is_localhost(host: str) -> bool:
    return f".{host.rstrip('.').lower()}".endswith(".localhost")


def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            # What the C library reads as an address, as 127.1 and 0x7f000001.
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, ValueError):
            return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def redirect_target(gateway: httpx.URL, current: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads.

    Raises:
        ValueError: nowhere this program goes; the message says why.
    """
    try:
        target = current.join(location)
    except (httpx.InvalidURL, ValueError) as error:
        raise ValueError("redirects to what is no address") from error
    if target.scheme not in ("http", "https") or not target.host:
        raise ValueError("redirects to what is no http or https address")
    if current.scheme == "https" and target.scheme == "http":
        raise ValueError("redirects from https to http")
    if target.userinfo:
        raise ValueError("redirects to an address with credentials")
    if is_inside(target) and not is_inside(gateway):
        raise ValueError("redirects into a private network")
    return target
