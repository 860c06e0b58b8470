"""Which node a run works with: `--node auto|embedded|ADDRESS`, and what an earlier run chose.

`auto` is what this data directory used first; else a Kubo whose RPC answers on this machine; else the
embedded node, unless an IPFS repository is here, which somebody may expect to be used. What a data directory
knows (its pins, what was verified) is of the kind of node it began with, so it is not used with the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.config import ConfigError
from ipwhl_mirror.nodes.embedded.node import EmbeddedNode
from ipwhl_mirror.nodes.errors import NodeRefused, NodeUnreachable
from ipwhl_mirror.nodes.kubo.address import (
    DEFAULT_PORT,
    RpcAddress,
    credentials_from,
    repo_directory,
    repo_rpc_address,
)

if TYPE_CHECKING:
    from ipwhl_mirror.nodes.base import Node
    from ipwhl_mirror.nodes.kubo.address import Credentials
    from ipwhl_mirror.services.settings import Settings

AUTO = "auto"
EMBEDDED = "embedded"
KUBO = "kubo"
"""What is remembered of the Kubo of this machine's repository: its port may be another next time."""

_KNOCK_S = 2.0
_USUAL = RpcAddress("http", "127.0.0.1", DEFAULT_PORT)


async def choose_node(settings: Settings, remembered: str | None) -> tuple[Node, str]:
    """The node to use, not asked anything yet, and what to remember of the choice.

    Args:
        remembered: what an earlier run of this data directory chose; None for the first.

    Raises:
        ConfigError: the specification is no node, or it cannot be told which is meant.
        NodeRefused: the daemon of this machine's repository does not let us in.
    """
    spec = settings.config.node.spec
    if spec == AUTO:
        spec = remembered or await _detect(settings)
    elif remembered is not None and (spec == EMBEDDED) != (remembered == EMBEDDED):
        raise ConfigError(
            f"{settings.data_dir} was begun with the node {remembered}, and --node is {spec}",
            hint="give each node a data directory of its own: --data-dir DIR",
        )
    if spec == EMBEDDED:
        return EmbeddedNode(settings.data_dir / "node", gateways=settings.config.node.gateways), EMBEDDED
    if spec == KUBO:
        return _kubo(settings, repo_rpc_address(repo_directory()) or _USUAL), KUBO
    address = RpcAddress.parse(spec)
    return _kubo(settings, address), address.url


def _kubo(settings: Settings, address: RpcAddress) -> Node:
    from ipwhl_mirror.nodes.kubo.node import KuboNode  # half a second of imports

    node = settings.config.node
    return KuboNode(
        address,
        credentials=_credentials(settings),
        gateways=node.gateways,
        stall_timeout_s=node.stall_timeout,
    )


def _credentials(settings: Settings) -> Credentials | None:
    file = settings.config.node.auth_file
    return credentials_from(Path(file).expanduser() if file else None, os.environ)


async def _detect(settings: Settings) -> str:
    """What is on this machine.

    Raises:
        ConfigError: an IPFS repository, and no daemon that answers.
        NodeRefused: its daemon answers, and wants a secret.
    """
    repo = repo_directory()
    secret = _credentials(settings)
    written = repo_rpc_address(repo)
    if written is not None and await _answers(written, secret):
        return KUBO
    try:
        if written != _USUAL and await _answers(_USUAL, secret):
            return _USUAL.url
    except NodeRefused:
        if secret is not None:
            raise
        # without a secret for it, what is on this port may as well be another program
    if (repo / "config").is_file():
        raise ConfigError(
            f"{repo} holds an IPFS repository, and no daemon of it answers at {(written or _USUAL).url}",
            hint="start it with `ipfs daemon`, name another with --node ADDRESS, or choose the embedded "
            "node, which keeps its own: --node embedded",
        )
    return EMBEDDED


async def _answers(address: RpcAddress, secret: Credentials | None) -> bool:
    """Whether a Kubo RPC is there.

    Raises:
        NodeRefused: it is something else, or does not let us in.
    """
    if not await _listens(address):
        return False
    from ipwhl_mirror.nodes.kubo.rpc import Rpc  # half a second of imports

    rpc = Rpc(address, secret, stall_s=_KNOCK_S)
    try:
        await rpc.call("version")
    except NodeUnreachable:
        return False
    finally:
        await rpc.aclose()
    return True


async def _listens(address: RpcAddress) -> bool:
    try:
        async with asyncio.timeout(_KNOCK_S):
            _, writer = await asyncio.open_connection(address.host, address.port)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return True
