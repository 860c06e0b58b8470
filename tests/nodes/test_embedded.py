"""The embedded node keeps the contract of nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from ipwhl_mirror.nodes.embedded.node import EmbeddedNode
from tests.nodes.contract import NodeContract, dag
from tests.nodes.embedded_disk import damage_block, lose_block
from tests.simulators.gateway import SimulatedGateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid

__all__ = ["dag"]


class EmbeddedWorld:
    """An embedded node and a gateway on loopback."""

    def __init__(self, directory: Path, gateway: SimulatedGateway) -> None:
        self.directory = directory
        self.gateway = gateway
        # Certificates take 40 ms to load, and a gateway on loopback has none.
        self.client = httpx.AsyncClient(verify=False, trust_env=False)
        self.node = EmbeddedNode(directory, [gateway.url], client=self.client)
        self._closed = [self.node]
        self._seen = 0

    def offer(self, blocks: Mapping[bytes, bytes]) -> None:
        self.gateway.blocks.update(blocks)

    def withdraw(self, cid: Cid) -> None:
        del self.gateway.blocks[cid.digest]

    def hold(self) -> None:
        self._seen = len(self.gateway.requests)
        self.gateway.hold()

    def release(self) -> None:
        self.gateway.release()

    async def held(self) -> None:
        await self.gateway.wait_for_requests(self._seen + 1)

    def cut_off(self) -> None:
        self.node = EmbeddedNode(self.directory)
        self._closed.append(self.node)

    async def aclose(self) -> None:
        """Close every node there was."""
        for node in self._closed:
            await node.aclose()
        await self.client.aclose()

    async def damage(self, cid: Cid) -> None:
        damage_block(self.directory, cid)

    async def lose(self, cid: Cid) -> None:
        lose_block(self.directory, cid)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[EmbeddedWorld]:
    """A fresh one."""
    async with SimulatedGateway({}) as gateway:
        world = EmbeddedWorld(tmp_path / "node", gateway)
        yield world
        await world.aclose()


class TestEmbeddedNode(NodeContract):
    """The contract."""
