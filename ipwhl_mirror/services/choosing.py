"""Which node a run works with: `--node auto|embedded|ADDRESS`, and what an earlier run chose.

`auto` is what this data directory used first; else a Kubo whose RPC answers on this machine; else the
embedded node, unless an IPFS repository is here, which somebody may expect to be used.
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
    from ipwhl_mirror.services.settings import Settings

EMBEDDED = "embedded"
KUBO = "kubo"
"""What is remembered of a Kubo that was found on this machine: its port may be another next time."""

_KNOCK_S = 2.0


async def choose_node(settings: Settings, remembered: str | None) -> tuple[Node, str]:
    """The node to use, not asked anything yet, and what to remember of the choice.

    Args:
        remembered: what an earlier run of this data directory chose; None for the first.

    Raises:
        ConfigError: the specification is no node, or it cannot be told which is meant.
    """
    spec = settings.config.node.spec
    if spec == "auto":
        spec = remembered or await _detect(settings)
    if spec == EMBEDDED:
        return EmbeddedNode(settings.data_dir / "node", gateways=settings.config.node.gateways), EMBEDDED
    address = _local_address() if spec == KUBO else RpcAddress.parse(spec)
    return _kubo(settings, address), spec


def _kubo(settings: Settings, address: RpcAddress) -> Node:
    from ipwhl_mirror.nodes.kubo.node import KuboNode  # half a second of imports

    node = settings.config.node
    return KuboNode(
        address,
        credentials=credentials_from(Path(node.auth_file) if node.auth_file else None, os.environ),
        gateways=node.gateways,
        stall_timeout_s=node.stall_timeout,
    )


def _local_address() -> RpcAddress:
    return repo_rpc_address(repo_directory()) or RpcAddress("http", "127.0.0.1", DEFAULT_PORT)


async def _detect(settings: Settings) -> str:
    """What is on this machine.

    Raises:
        ConfigError: an IPFS repository, and no daemon that answers.
        NodeTooOld: a daemon that is too old.
    """
    repo = repo_directory()
    address = _local_address()
    if await _answers(settings, address):
        return KUBO
    if (repo / "config").is_file():
        raise ConfigError(
            f"{repo} holds an IPFS repository, and no daemon of it answers at {address.url}",
            hint="start it with `ipfs daemon`, name another with --node ADDRESS, or choose the embedded "
            "node, which keeps its own: --node embedded",
        )
    return EMBEDDED


async def _answers(settings: Settings, address: RpcAddress) -> bool:
    try:
        async with asyncio.timeout(_KNOCK_S):
            _, writer = await asyncio.open_connection(address.host, address.port)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    node = _kubo(settings, address)
    try:
        async with asyncio.timeout(_KNOCK_S):
            await node.status()
    except (NodeRefused, NodeUnreachable, TimeoutError):
        return False
    finally:
        await node.aclose()
    return True
