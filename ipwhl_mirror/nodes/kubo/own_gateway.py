"""Where the daemon's own HTTP gateway is, from its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from ipwhl_mirror.nodes.base import NodeGateway
from ipwhl_mirror.nodes.kubo.address import InvalidAddress, RpcAddress, repo_directory
from ipwhl_mirror.nodes.kubo.answers import read

if TYPE_CHECKING:
    from ipwhl_mirror.nodes.kubo.rpc import Rpc


class _Addresses(msgspec.Struct):
    Gateway: str | list[str] | None = None


class _Gateway(msgspec.Struct):
    NoFetch: bool = False


class _Config(msgspec.Struct):
    Addresses: _Addresses = msgspec.field(default_factory=_Addresses)
    Gateway: _Gateway = msgspec.field(default_factory=_Gateway)


async def own_gateway(rpc: Rpc, address: RpcAddress) -> NodeGateway | None:
    """The daemon's gateway, its first TCP one; None where it has none, or none that can be reached from here.

    Raises:
        NodeRefused, NodeUnreachable: the daemon does not answer.
    """
    config = read("config/show", await rpc.call("config/show"), _Config)
    listed = config.Addresses.Gateway or []
    for text in [listed] if isinstance(listed, str) else listed:
        url = _url(text, address)
        if url is not None:
            return NodeGateway(url=url, fetches=not config.Gateway.NoFetch)
    return None


def _url(text: str, address: RpcAddress) -> str | None:
    """The address to use for one that the daemon listens on; never `localhost`, which it redirects."""
    if text.endswith("/tcp/0"):
        return _running_url() if address.is_loopback else None
    try:
        listening = RpcAddress.parse(text)
    except InvalidAddress:
        return None
    host = listening.host
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if address.is_loopback else address.host
    elif host == "localhost":
        host = "127.0.0.1"
    return RpcAddress(listening.scheme, host, listening.port).url


def _running_url() -> str | None:
    """What the daemon of this machine's repository wrote down when it began to listen."""
    try:
        said = (repo_directory() / "gateway").read_text().strip()
    except OSError:
        return None
    return said.rstrip("/") if urlsplit(said).scheme in ("http", "https") else None
