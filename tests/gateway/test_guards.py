"""Who is answered: methods, hosts, bodies and sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.gateway.settings import GatewaySettings
from tests.gateway.conftest import SIX, serving
from tests.gateway.local_node import Shelf

if TYPE_CHECKING:
    from tests.gateway.conftest import Site

OWN = (
    "127.0.0.1",
    "127.0.0.1:8085",
    "localhost",
    "localhost:9",
    "LOCALHOST",
    "localhost.",
    "[::1]:8085",
    "[::1]",
)
FOREIGN = (
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evil.example:8085",
    "192.0.2.1",
    "[::2]",
    "0.0.0.0",
    "[::]",
)
UNREADABLE = (
    "127.0.0.1/x",
    "user@127.0.0.1",
    "127.0.0.1, evil.example",
    "127.0.0.1:port",
    "a b",
    "\u0456.example",
)


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"]
)
async def test_other_methods_are_405(site: Site, method: str) -> None:
    """Reading is all there is; a preflight gets no leave."""
    answer = await site.client.get(f"/ipfs/{site.root}/", method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *((host, 200) for host in OWN),
        *((host, 421) for host in FOREIGN),
        *((host, 400) for host in UNREADABLE),
    ],
)
async def test_host_must_be_this_machine(site: Site, host: str, status: int) -> None:
    """A name that was pointed at this machine (DNS rebinding) is not this machine's."""
    assert (await site.client.get(f"/ipfs/{site.root}/", Host=host)).status == status


async def test_request_without_a_host_is_refused(site: Site) -> None:
    """HTTP/1.1 demands it, and HTTP/1.0 must say it too."""
    assert (await site.client.get("/healthz", Host="")).status == 400
    assert (await site.client.send(b"GET /healthz HTTP/1.0\r\n\r\n")).status == 400


async def test_two_hosts_are_refused(site: Site) -> None:
    """A proxy in between and the gateway could take different ones."""
    data = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert (await site.client.send(data)).status == 400


async def test_every_request_of_a_connection_is_checked(site: Site) -> None:
    """A good first request opens no door."""
    data = (
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    )
    answer = await site.client.send(data)
    assert answer.status == 200 and b"HTTP/1.1 421" in answer.body


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://127.0.0.1:8085/healthz", 200),
        ("http://localhost/healthz", 200),
        ("http://evil.example/healthz", 421),
        ("https://evil.example:8085/healthz", 421),
        ("http://user@127.0.0.1/healthz", 400),
        ("http:///healthz", 400),
    ],
)
async def test_host_of_an_absolute_target_counts(site: Site, target: str, status: int) -> None:
    """It would stand above the Host header."""
    assert (await site.client.get(target, Host="127.0.0.1")).status == status


@pytest.mark.parametrize(
    ("listen", "hosts", "host", "status"),
    [
        pytest.param("127.0.0.1:0", ("mirror.example",), "mirror.example", 200, id="configured"),
        pytest.param(
            "127.0.0.1:0", ("Mirror.Example:443",), "mirror.example:80", 200, id="port-is-no-matter"
        ),
        pytest.param("127.0.0.1:0", ("mirror.example",), "other.example", 421, id="not-configured"),
        pytest.param("0.0.0.0:0", (), "127.0.0.1", 200, id="address-of-the-connection"),
        pytest.param("0.0.0.0:0", (), "0.0.0.0", 421, id="wildcard-is-no-host"),
        pytest.param("127.0.0.2:0", (), "127.0.0.2", 200, id="listen-address"),
        pytest.param("127.0.0.1:0", (), "127.0.0.2", 421, id="not-the-listen-address"),
    ],
)
async def test_configured_hosts_are_answered(
    listen: str, hosts: tuple[str, ...], host: str, status: int
) -> None:
    """The configuration adds names, the listen address is one of them."""
    async with serving(Shelf(), GatewaySettings(listen, hosts)) as (gateway, client):
        if listen.startswith("127.0.0.2"):
            client = type(client)(gateway.port, "127.0.0.2")
        assert (await client.get("/healthz", Host=host)).status == status


@pytest.mark.parametrize(
    ("behind_proxy", "host", "forwarded", "status"),
    [
        (False, "127.0.0.1", "evil.example", 200),
        (False, "evil.example", "127.0.0.1", 421),
        (True, "127.0.0.1", "mirror.example", 200),
        (True, "127.0.0.1", "evil.example", 421),
        (True, "127.0.0.1", "evil.example, mirror.example", 200),
        (True, "127.0.0.1", "mirror.example, evil.example", 421),
        (True, "mirror.example", "", 200),
    ],
)
async def test_forwarded_host_counts_only_behind_a_proxy(
    behind_proxy: bool, host: str, forwarded: str, status: int
) -> None:
    """Anyone can send X-Forwarded-Host; only a proxy's own is believed, the last one."""
    settings = GatewaySettings("127.0.0.1:0", ("mirror.example",), behind_proxy)
    async with serving(Shelf(), settings) as (_, client):
        assert (await client.get("/healthz", Host=host, X_Forwarded_Host=forwarded)).status == status


@pytest.mark.parametrize("headers", [{"Content_Length": "5"}, {"Transfer_Encoding": "chunked"}])
async def test_request_with_a_body_is_refused(site: Site, headers: dict[str, str]) -> None:
    """Nothing here reads one."""
    assert (await site.client.get("/healthz", **headers)).status == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"X_Long": "a" * 7000}, 200, id="one-long-header"),
        pytest.param({"X_A": "a" * 7000, "X_B": "b" * 7000, "X_C": "c" * 7000}, 431, id="16-KiB-in-all"),
        pytest.param({"X_Long": "a" * 20000}, 400, id="one-header-too-long"),
        pytest.param({f"X_{n}": "a" for n in range(100)}, 400, id="too-many-headers"),
    ],
)
async def test_headers_are_limited(site: Site, headers: dict[str, str], status: int) -> None:
    """One, all together, and how many."""
    assert (await site.client.get("/healthz", **headers)).status == status


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 tls\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
        b"BREW /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET  /healthz\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nbad header\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    ],
    ids=["long-line", "tls", "version", "method", "no-version", "no-colon", "no-utf-8"],
)
async def test_what_is_no_http_is_a_400(site: Site, data: bytes) -> None:
    """And the next client is answered."""
    assert (await site.client.send(data)).status == 400
    assert (await site.client.get(f"/ipfs/{site.root}/six/{SIX}")).body == b"six wheel"


async def test_service_worker_of_the_whole_gateway_cannot_be(site: Site) -> None:
    """No answer is a script: a browser refuses what is not sniffed and is no JavaScript type."""
    answer = await site.client.get(f"/ipfs/{site.six}", Service_Worker="script")
    assert answer.headers["content-type"] == "application/octet-stream"
