"""Whether what answers is a Kubo daemon that this program can work with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.nodes.errors import NodeRefused, NodeTooOld
from ipwhl_mirror.nodes.kubo.answers import RepoSize, Version, read

if TYPE_CHECKING:
    from ipwhl_mirror.nodes.kubo.address import RpcAddress
    from ipwhl_mirror.nodes.kubo.rpc import Rpc

OLDEST = (0, 38)


async def check_daemon(rpc: Rpc, address: RpcAddress) -> str:
    """Make sure that a daemon is one, and new enough.

    Returns:
        its version.

    Raises:
        NodeTooOld: it is older than OLDEST.
        NodeRefused: it is IPFS Cluster's proxy, which confirms pins that are not there.
        NodeUnreachable: nothing answers.
    """
    said = read("version", await rpc.call("version"), Version).Version
    found = re.match(r"(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        raise NodeTooOld(
            f"the node at {address.url} is Kubo {safe_text(said, 40)}; "
            f"{OLDEST[0]}.{OLDEST[1]} or newer is needed",
            hint="upgrade it, or use the embedded node: --node embedded",
        )
    size = read("repo/stat", await rpc.call("repo/stat", size_only=True), RepoSize)
    if size.RepoPath is None or size.Version is None:
        raise NodeRefused(
            f"what answers at {address.url} is IPFS Cluster's proxy, which says that pins are done "
            "before they are",
            hint="give the RPC of the Kubo behind it: --node http://127.0.0.1:5001",
        )
    return said
