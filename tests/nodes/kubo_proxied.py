"""A real daemon behind a proxy: a fixture `daemon`, and nodes whose requests pass a proxy."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.nodes.kubo.address import RpcAddress
from ipwhl_mirror.nodes.kubo.node import KuboNode
from ipwhl_mirror.nodes.kubo.staging import staging_tree
from tests.nodes.kubo_calls import MANY, OWNER
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.simulators.dags import small_release
from tests.simulators.rpc_proxy import RpcProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.nodes.running_kubo import KuboDaemon

STALL_S = 0.2
THEIRS = small_release()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboDaemon]:
    """A daemon without peers, with a pin of another program and the blocks that many calls share."""
    repo = KuboRepo.make(ipfs_command(), tmp_path_factory.mktemp("kubo") / "repo")
    with repo.start() as daemon:
        tree = staging_tree(cid for cid, _ in MANY)
        daemon.put([*THEIRS.blocks.items(), *MANY, *tree.blocks])
        daemon.pin(tree.cid, "many")
        daemon.pin(THEIRS.root, "photos")
        yield daemon


@asynccontextmanager
async def node_behind_a_proxy(
    daemon: KuboDaemon, stall_s: float = STALL_S
) -> AsyncIterator[tuple[KuboNode, RpcProxy]]:
    """A node whose requests pass the proxy."""
    async with RpcProxy(daemon.rpc_url) as proxy:
        node = KuboNode(RpcAddress.parse(proxy.url), owner=OWNER, stall_timeout_s=stall_s)
        yield node, proxy
        await node.aclose()
