"""Over the embedded node: wheels by sendfile, CARs of rebuilt blocks, and one mirror fed by another."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.gateway.server import start_gateway
from ipwhl_mirror.gateway.settings import GatewaySettings
from ipwhl_mirror.ipld.car import CarParser
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.directories import build_directory
from ipwhl_mirror.nodes.embedded.node import EmbeddedNode
from tests.gateway.client import Client
from tests.gateway.conftest import BIG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ipwhl_mirror.nodes.base import AddedFile

WHEEL = Random(1).randbytes(700_000)
PATH = f"big/{BIG.replace('+', '%2B')}"


@dataclass(frozen=True, slots=True)
class Mirror:
    """A gateway over an embedded node with a release of one wheel."""

    url: str
    client: Client
    node: EmbeddedNode
    root: Cid
    wheel: AddedFile


@asynccontextmanager
async def mirror(directory: Path, version: int) -> AsyncIterator[Mirror]:
    """A mirror whose wheel was added as `ipfs add` of this CID version would."""
    node = EmbeddedNode(directory / "node")
    source = directory / "wheel"
    source.write_bytes(WHEEL)
    wheel = await node.add_file(source, cid_version=version)
    project = build_directory([Link(wheel.cid, BIG, wheel.tsize)])
    release = build_directory([project.link("big")])
    await node.put_blocks([*project.blocks, *release.blocks])
    gateway = await start_gateway(node, GatewaySettings("127.0.0.1:0"))
    try:
        yield Mirror(gateway.url, Client(gateway.port), node, release.cid, wheel)
    finally:
        await gateway.aclose()
        await node.aclose()


@pytest.mark.parametrize("version", [0, 1])
async def test_wheel_is_served_from_its_file(tmp_path: Path, version: int) -> None:
    """Whole and in part, with its CID as the tag."""
    async with mirror(tmp_path, version) as here:
        assert here.node.local_path(here.wheel.cid) is not None
        answer = await here.client.get(f"/ipfs/{here.root}/{PATH}")
        assert (answer.status, answer.body) == (200, WHEEL)
        assert answer.headers["etag"] == f'"{here.wheel.cid}"'
        part = await here.client.get(f"/ipfs/{here.root}/{PATH}", Range="bytes=262100-262200")
        assert (part.status, part.body) == (206, WHEEL[262100:262201])


@pytest.mark.parametrize("version", [0, 1])
async def test_blocks_are_rebuilt_for_a_car_and_one_by_one(tmp_path: Path, version: int) -> None:
    """Each block of the release, hashed by the reader."""
    async with mirror(tmp_path, version) as here:
        parser = CarParser()
        blocks = parser.feed((await here.client.get(f"/ipfs/{here.root}?format=car")).body)
        parser.finish()
        assert len(blocks) == 2 + 1 + 3
        for block in blocks:
            assert (await here.client.get(f"/ipfs/{block.cid}?format=raw")).body == block.data


@pytest.mark.parametrize("version", [0, 1])
async def test_mirror_feeds_another_mirror(tmp_path: Path, version: int) -> None:
    """A second embedded node pins a release with the first one's gateway as its only source."""
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    async with mirror(tmp_path / "there", version) as there:
        node = EmbeddedNode(tmp_path / "here", [there.url])
        await node.pin(there.root, "ipwhl-mirror/")
        faults = [block async for block in node.walk(there.root) if block.fault is not None]
        path = node.local_path(there.wheel.cid)
        await node.aclose()
    assert faults == []
    assert path is not None and path.read_bytes() == WHEEL


async def test_damage_on_disk_is_not_passed_on_as_a_block(tmp_path: Path) -> None:
    """A block that is rebuilt from an edited file is hashed: 500, not wrong bytes."""
    async with mirror(tmp_path, 1) as here:
        path = here.node.local_path(here.wheel.cid)
        assert path is not None
        path.chmod(0o600)
        path.write_bytes(bytes(len(WHEEL)))
        leaf = Cid.of(WHEEL[:262144], 0x55)
        assert (await here.client.get(f"/ipfs/{leaf}?format=raw")).status == 500
        car = await here.client.get(f"/ipfs/{here.wheel.cid}?format=car")
        assert (car.status, car.is_whole) == (200, False)
