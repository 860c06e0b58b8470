"""Where the daemon's own HTTP gateway is, from its config."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ipwhl_mirror.nodes.base import NodeGateway
from ipwhl_mirror.nodes.kubo.address import InvalidAddress, RpcAddress
from ipwhl_mirror.nodes.kubo.disk import disk_of
from ipwhl_mirror.nodes.kubo.settings import read_config

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.nodes.kubo.rpc import Rpc
    from ipwhl_mirror.nodes.kubo.settings import KuboConfig

_ANY_PORT = "/tcp/0"
_ALL_INTERFACES = ("0.0.0.0", "::")


async def own_gateway(rpc: Rpc, address: RpcAddress) -> NodeGateway | None:
    """The daemon's gateway; None where it has none, or none that can be reached from here.

    Raises:
        NodeRefused, NodeUnreachable: the daemon does not answer.
    """
    config = await read_config(rpc)
    directory = None
    if any(text.endswith(_ANY_PORT) for text in config.Addresses.gateway):
        directory = (await disk_of(rpc, address)).directory
    return gateway_in(config, address, directory)


def gateway_in(config: KuboConfig, address: RpcAddress, directory: Path | None) -> NodeGateway | None:
    """The first gateway of a config that can be reached from here.

    Args:
        address: of the daemon's RPC.
        directory: of its repository, where that is on this machine: what port it took is written there.
    """
    for text in config.Addresses.gateway:
        url = _running_url(directory) if text.endswith(_ANY_PORT) else _url(text, address)
        if url is not None:
            return NodeGateway(url=url, fetches=not config.Gateway.NoFetch)
    return None


def _url(text: str, address: RpcAddress) -> str | None:
    """The address to use for one that the daemon listens on; never `localhost`, which it redirects."""
    try:
        listening = RpcAddress.parse(text)
    except InvalidAddress:
        return None
    host = listening.host
    if host in _ALL_INTERFACES:
        host = "127.0.0.1" if address.is_loopback else address.host
    elif listening.is_loopback and not address.is_loopback:
        return None
    elif host == "localhost":
        host = "127.0.0.1"
    return RpcAddress(listening.scheme, host, listening.port).url


def _running_url(directory: Path | None) -> str | None:
    """What the daemon wrote down when it began to listen."""
    if directory is None:
        return None
    try:
        said = urlsplit((directory / "gateway").read_text(encoding="ascii").strip())
        port = said.port
    except (OSError, ValueError):
        return None
    if said.scheme not in ("http", "https") or said.hostname is None or port is None:
        return None
    host = "127.0.0.1" if said.hostname == "localhost" else said.hostname
    return RpcAddress(said.scheme, host, port).url
