"""Listening, closing, and what is counted."""

from __future__ import annotations

import pytest

from ipwhl_mirror.gateway.errors import GatewayError
from ipwhl_mirror.gateway.server import start_gateway
from ipwhl_mirror.gateway.settings import GatewaySettings
from tests.gateway.conftest import SIX, Site, serving
from tests.gateway.local_node import Shelf


async def test_url_is_where_it_answers() -> None:
    """A free port is told, and a wildcard is reached on loopback."""
    async with serving(Shelf()) as (gateway, _):
        assert gateway.url == f"http://127.0.0.1:{gateway.port}"
    async with serving(Shelf(), GatewaySettings("0.0.0.0:0")) as (gateway, _):
        assert gateway.url == f"http://127.0.0.1:{gateway.port}"


async def test_port_in_use_is_said_with_what_to_do() -> None:
    """Two gateways cannot have one port."""
    async with serving(Shelf()) as (gateway, _):
        with pytest.raises(GatewayError, match="another program has this port") as caught:
            await start_gateway(Shelf().node(), GatewaySettings(f"127.0.0.1:{gateway.port}"))
        assert caught.value.hint is not None and "--listen" in caught.value.hint


@pytest.mark.parametrize(
    ("listen", "words"),
    [
        ("nonsense", "expected host:port"),
        ("127.0.0.1:99999", "expected host:port"),
        ("::1:8085", "expected host:port"),
        ("192.0.2.1:0", "not an address of this machine"),
        ("." * 70 + ":0", "no such host"),
    ],
)
async def test_address_that_cannot_be_listened_on(listen: str, words: str) -> None:
    """Each reason has its words and a hint."""
    with pytest.raises(GatewayError, match=words) as caught:
        await start_gateway(Shelf().node(), GatewaySettings(listen))
    assert caught.value.hint


async def test_closed_gateway_answers_no_more() -> None:
    """And its port is free again; closing twice is no error."""
    shelf = Shelf()
    async with serving(shelf) as (gateway, client):
        assert (await client.get("/healthz")).status == 200
        await gateway.aclose()
        with pytest.raises(OSError):
            await client.get("/healthz")
        again = await start_gateway(shelf.node(), GatewaySettings(f"127.0.0.1:{gateway.port}"))
        await again.aclose()


async def test_metrics_count_by_kind_and_status(site: Site) -> None:
    """In the Prometheus text format, with the node's own figures."""
    await site.client.get(f"/ipfs/{site.root}/")
    await site.client.get(f"/ipfs/{site.root}/six/{SIX}")
    await site.client.get(f"/ipfs/{site.root}/six/{SIX}", Range="bytes=0-1")
    await site.client.get(f"/ipfs/{site.six}?format=raw")
    await site.client.get("/nope")
    answer = await site.client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    size = sum(map(len, site.shelf.blocks.values()))
    for line in (
        'ipwhl_mirror_http_requests_total{kind="file",status="200"} 1',
        'ipwhl_mirror_http_requests_total{kind="file",status="206"} 1',
        'ipwhl_mirror_http_requests_total{kind="block",status="200"} 1',
        'ipwhl_mirror_http_requests_total{kind="other",status="404"} 1',
        'ipwhl_mirror_http_sent_bytes_total{kind="file"} 11',
        "ipwhl_mirror_http_answering 1",
        "ipwhl_mirror_node_up 1",
        f"ipwhl_mirror_node_repo_bytes {size}",
    ):
        assert line in lines
    assert [line for line in lines if line.startswith("ipwhl_mirror_info{version=")]
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert all(line.startswith(("#", *names)) for line in lines)
