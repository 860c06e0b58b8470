"""A real Kubo's gateway as a resolver of names for the embedded node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.directories import build_directory
from ipwhl_mirror.nodes.embedded.node import EmbeddedNode
from ipwhl_mirror.nodes.errors import NameUnresolved
from tests.nodes.kubo_world import running_pair, world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.nodes.kubo_world import KuboPair, KuboWorld

__all__ = ["world"]

pytestmark = pytest.mark.kubo


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboPair]:
    """One whose gateway asks others: without that it resolves no key."""
    with running_pair(tmp_path_factory.mktemp("kubo"), {"Gateway.NoFetch": False}) as pair:
        yield pair


async def test_both_nodes_say_where_a_name_leads(world: KuboWorld, tmp_path: Path) -> None:
    """A record that Kubo signed, and a domain, by its RPC and through its gateway."""
    tree = build_directory([])
    await world.node.put_blocks(tree.blocks)
    name = await world.publish(f"/ipfs/{tree.cid}")
    await world.link("mirror.example.org", f"/ipfs/{tree.cid}")
    node = EmbeddedNode(tmp_path, [world.pair.daemon.gateway_url])
    for asked in (name, "mirror.example.org"):
        found = await node.resolve_name(asked)
        assert found == await world.node.resolve_name(asked)
        assert found.cid == tree.cid
    with pytest.raises(NameUnresolved):
        await node.resolve_name("nobody.example.org")
    await node.aclose()
