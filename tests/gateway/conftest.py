"""A gateway on a free loopback port over a release of two small wheels and one of two megabytes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.gateway.server import start_gateway
from ipwhl_mirror.gateway.settings import GatewaySettings
from tests.gateway.client import Client
from tests.gateway.local_node import Shelf
from tests.simulators.vectors import content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ipwhl_mirror.gateway.server import RunningGateway
    from ipwhl_mirror.ipld.cid import Cid

SIX = "six-1.16.0-py2.py3-none-any.whl"
BIG = "big-2.0+local-cp311-cp311-manylinux_2_17_x86_64.whl"
BIG_SIZE = 2_000_000


@dataclass(frozen=True, slots=True, repr=False)
class Site:
    """A gateway and what it serves.

    Attributes:
        root: a release with `six`, `big` and `Odd_Name`.
        six: the CID of the only wheel of `six`.
        big: the CID of the wheel of `big`, of several blocks.
    """

    shelf: Shelf
    gateway: RunningGateway
    client: Client
    root: Cid
    six: Cid
    big: Cid


@asynccontextmanager
async def serving(
    shelf: Shelf, settings: GatewaySettings | None = None, mirrors: Mapping[str, Cid] | None = None
) -> AsyncIterator[tuple[RunningGateway, Client]]:
    """A gateway over this shelf."""
    gateway = await start_gateway(
        shelf.node(), settings or GatewaySettings("127.0.0.1:0"), mirrors={} if mirrors is None else mirrors
    )
    try:
        yield gateway, Client(gateway.port)
    finally:
        await gateway.aclose()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """The gateway most tests ask."""
    shelf = Shelf()
    six, big = shelf.add_file(SIX, b"six wheel"), shelf.add_file(BIG, content(BIG_SIZE))
    odd = shelf.add_file("odd_name-1.0-py3-none-any.whl", b"odd wheel")
    root = shelf.add_directory(
        "",
        [
            shelf.add_directory("six", [six]),
            shelf.add_directory("big", [big]),
            shelf.add_directory("Odd_Name", [odd]),
            shelf.add_file("README.md", b"hello", version=1),
        ],
    )
    async with serving(shelf) as (gateway, client):
        yield Site(shelf, gateway, client, root.cid, six.cid, big.cid)
