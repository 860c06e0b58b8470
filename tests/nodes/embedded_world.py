"""An embedded node, its store in memory where that is possible, and a gateway on loopback."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.nodes.embedded.layout import Layout
from ipwhl_mirror.nodes.embedded.node import EmbeddedNode
from tests.nodes.embedded_disk import damage_block, lose_block
from tests.simulators.gateway import SimulatedGateway
from tests.simulators.ipns import new_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from ipwhl_mirror.nodes.embedded.layout import Step
    from tests.simulators.ipns import SigningKey

_MEMORY_DISK = Path("/dev/shm")


class EmbeddedWorld:
    """A `World` of an embedded node."""

    remedy = "--gateway"

    def __init__(self, directory: Path, gateway: SimulatedGateway) -> None:
        self.directory = directory
        self.gateway = gateway
        # Certificates take 40 ms to load, and a gateway on loopback has none.
        self.client = httpx.AsyncClient(verify=False, trust_env=False)
        self._opened: list[EmbeddedNode] = []
        self._seen = 0
        self._keys: dict[str, SigningKey] = {}
        self._published = 0
        self.node = self.open()

    def open(self, *, on_step: Callable[[Step], None] = lambda step: None) -> EmbeddedNode:
        """Another node on the same store, as another process would have."""
        node = EmbeddedNode(self.directory, [self.gateway.url], client=self.client, on_step=on_step)
        self._opened.append(node)
        return node

    async def reopen(self, *, lose_database: bool = False) -> None:
        """Close the node and open it again."""
        await self.node.aclose()
        if lose_database:
            Layout(self.directory).database.unlink()
        self.node = self.open()

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
        self._opened.append(self.node)

    async def publish(self, path: str, name: str | None = None) -> str:
        key = self._keys[name] if name else new_key()
        name = str(key.name)
        self._keys[name] = key
        self._published += 1
        self.gateway.records[name] = key.record(path, sequence=self._published)
        return name

    async def link(self, domain: str, path: str) -> None:
        self.gateway.links[domain] = Cid.parse(path.removeprefix("/ipfs/"))

    async def damage(self, cid: Cid) -> None:
        damage_block(self.directory, cid)

    async def lose(self, cid: Cid) -> None:
        lose_block(self.directory, cid)

    async def aclose(self) -> None:
        """Close every node there was."""
        for node in self._opened:
            await node.aclose()
        await self.client.aclose()


@pytest.fixture
def store_directory() -> Iterator[Path]:
    """A directory for a store, in memory where there is such a disk: a sync costs milliseconds elsewhere."""
    place = _MEMORY_DISK if _MEMORY_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name) / "node"


@pytest.fixture
async def world(store_directory: Path) -> AsyncIterator[EmbeddedWorld]:
    """A fresh one."""
    async with SimulatedGateway({}) as gateway:
        world = EmbeddedWorld(store_directory, gateway)
        yield world
        await world.aclose()
