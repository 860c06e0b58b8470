"""The node in memory keeps the contract of nodes, so that what is tested with it holds with a real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.nodes.errors import NodeUnreachable
from tests.nodes.contract import NodeContract, dag
from tests.simulators.ipns import new_key
from tests.simulators.memory_node import MemoryNode

if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["dag"]


class MemoryWorld:
    """A node in memory is its own network."""

    remedy = "--gateway"

    def __init__(self) -> None:
        self.node = MemoryNode(network={})

    def offer(self, blocks: Mapping[bytes, bytes]) -> None:
        self.node.offer(blocks)

    def withdraw(self, cid: Cid) -> None:
        assert self.node.network is not None
        del self.node.network[cid.digest]

    def hold(self) -> None:
        self.node.stall()

    def release(self) -> None:
        self.node.resume()

    async def held(self) -> None:
        await self.node.stalled.wait()

    def cut_off(self) -> None:
        self.node.network = None

    async def publish(self, path: str, name: str | None = None) -> str:
        name = name or str(new_key().name)
        _, sequence = self.node.names.get(name, ("", -1))
        assert sequence is not None
        self.node.names[name] = (path, sequence + 1)
        return name

    async def link(self, domain: str, path: str) -> None:
        self.node.names[domain] = (path, None)

    async def damage(self, cid: Cid) -> None:
        self.node.damage_block(cid)

    async def lose(self, cid: Cid) -> None:
        self.node.lose_block(cid)


class TestMemoryNode(NodeContract):
    """The contract."""

    @pytest.fixture
    def world(self) -> MemoryWorld:
        """A fresh one."""
        return MemoryWorld()


async def test_a_method_fails_once_when_told_to() -> None:
    """The error is the one given; the next call works."""
    node = MemoryNode()
    node.fail("pins", NodeUnreachable("gone"))
    with pytest.raises(NodeUnreachable, match="gone"):
        await node.pins()
    assert await node.pins() == []
    assert node.calls["pins"] == 2


async def test_a_name_that_is_published_twice_keeps_its_sequence() -> None:
    """As on a Kubo; with another CID it grows."""
    node = MemoryNode()
    node.offer({})
    name = "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8"
    node.keys["campus"] = name
    found = []
    for text in (b"first", b"first", b"second"):
        await node.publish_name("campus", Cid.of(text, DAG_PB))
        found.append((await node.resolve_name(name)).sequence)
    assert found == [0, 0, 1]
