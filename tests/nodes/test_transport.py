"""The HTTP transport: whatever a server sends has a meaning, and nothing is sent that was not asked for."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.nodes.base import Transfer
from ipwhl_mirror.nodes.embedded.fetch import fetch_block
from ipwhl_mirror.nodes.embedded.gateways import GatewayPool
from ipwhl_mirror.nodes.embedded.transport import AiohttpTransport
from ipwhl_mirror.nodes.errors import NoSource
from tests.simulators.gateway import SimulatedGateway
from tests.simulators.time import FakeTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BLOCK = b"a block"
CID = Cid.of(BLOCK, RAW)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.ipld.raw\r\n"


@asynccontextmanager
async def server(answer: bytes, asked: list[bytes] | None = None) -> AsyncIterator[str]:
    """Sends these bytes on every connection and closes it, and notes what was asked; its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read(65536)
        if asked is not None:
            asked.append(request)
        writer.write(answer)
        await writer.drain()
        writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with running:
        yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}"


async def fetched(url: str, times: int = 1) -> str:
    """What comes of asking this server for the block so often: its bytes as text, or why not."""
    time = FakeTime()
    transfer = Transfer(stall_timeout_s=10.0)
    async with GatewayPool([url], transfer, clock=time.clock, sleep=time.sleep) as pool:
        try:
            return [await fetch_block(pool, CID) for _ in range(times)][-1].decode()
        except NoSource as error:
            return str(error)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(OK + b"Content-Length: 7\r\n\r\na block", "a block", id="length"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\na b\r\n4\r\nlock\r\n0\r\n\r\n",
            "a block",
            id="chunked",
        ),
        pytest.param(OK + b"\r\na block", "a block", id="until-close"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK + b"\r\na block", "a block", id="early-hints"),
        pytest.param(
            OK + b"Content-Length: 99999999999999\r\n\r\na block", "broke off", id="length-too-large"
        ),
        pytest.param(OK + b"Content-Length: 3\r\n\r\na block", "broke off", id="length-too-small"),
        pytest.param(OK + b"Content-Length: x\r\n\r\na block", "broke off", id="length-no-number"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\nfff\r\na block", "broke off", id="chunk-too-short"
        ),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\na block", "broke off", id="chunk-no-number"
        ),
        pytest.param(OK + b"\r\na blo", "gave something else", id="cut-before-close"),
        pytest.param(OK + b"X: " + b"x" * 100_000 + b"\r\n\r\n", "broke off", id="long-header"),
        pytest.param(OK + b"X: y\r\n" * 10_000 + b"\r\n", "broke off", id="many-headers"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", "broke off", id="no-http"),
        pytest.param(b"\x1b]0;owned\x07\r\n\r\n", "broke off", id="escapes"),
        pytest.param(b"", "broke off", id="nothing"),
        pytest.param(b"HTTP/1.1 200 O", "broke off", id="cut-in-the-header"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "HTTP 101", id="upgrade"),
        pytest.param(
            OK.replace(b"vnd.ipld.raw", b"\x1b[2J\xff") + b"Content-Length: 7\r\n\r\na block",
            r"answered with application/\x1b[2j\xff instead of a block",
            id="escapes-in-a-header",
        ),
    ],
)
async def test_whatever_a_server_sends_is_a_block_or_a_reason(answer: bytes, expected: str) -> None:
    """Lengths are not believed, headers are bounded, and what is no HTTP has a printable reason."""
    async with server(answer) as url:
        result = await fetched(url)
    assert expected in result
    assert result.isprintable()


async def test_nothing_listens_is_a_connect_error() -> None:
    """A refused connection says so."""
    async with server(b"") as url:
        pass
    async with httpx.AsyncClient(transport=AiohttpTransport()) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


async def test_tls_to_what_speaks_none_is_a_connect_error() -> None:
    """A failed handshake is no crash."""
    async with (
        server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url,
        httpx.AsyncClient(transport=AiohttpTransport()) as client,
    ):
        with pytest.raises(httpx.ConnectError):
            await client.get(url.replace("http:", "https:"))


async def test_answer_is_neither_decoded_nor_followed() -> None:
    """The transport gives what came: compressed bytes as they are, a redirect as itself, no cookie kept."""
    head = b"HTTP/1.1 302 Found\r\nLocation: /x\r\nSet-Cookie: a=b\r\nContent-Encoding: gzip\r\n"
    async with (
        server(head + b"Content-Length: 3\r\n\r\nxyz") as url,
        httpx.AsyncClient(transport=AiohttpTransport()) as client,
        client.stream("GET", url) as response,
    ):
        assert response.status_code == 302
        assert b"".join([piece async for piece in response.aiter_raw()]) == b"xyz"


async def test_cookies_are_not_kept() -> None:
    """A gateway cannot recognise the next request by a cookie."""
    asked: list[bytes] = []
    answer = OK + b"Set-Cookie: id=1; Path=/\r\nContent-Length: 7\r\n\r\na block"
    async with server(answer, asked) as url:
        assert await fetched(url.replace("127.0.0.1", "localhost"), times=2) == "a block"
    assert len(asked) == 2
    assert not [request for request in asked if b"cookie" in request.lower()]


async def test_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not on this machine is asked of the proxy, and the name is not looked up here."""
    async with SimulatedGateway({CID.digest: BLOCK}) as proxy:
        set_proxies(monkeypatch, proxy.url)
        assert await fetched("http://gateway.invalid") == "a block"
        assert proxy.requests[0].headers["Host"] == "gateway.invalid"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_proxy_of_the_environment_does_not_serve_loopback(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This machine is reached directly."""
    set_proxies(monkeypatch, "http://127.0.0.1:9")
    async with SimulatedGateway({CID.digest: BLOCK}) as gateway:
        assert await fetched(gateway.url.replace("127.0.0.1", host)) == "a block"


async def test_proxy_that_cannot_be_used_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead proxy, or one of a kind that is not spoken, makes the gateway unreachable and nothing else."""
    set_proxies(monkeypatch, "http://me:secret@127.0.0.1:9")
    assert "the proxy does not serve" in await fetched("http://gateway.invalid")
    set_proxies(monkeypatch, "socks5://me:secret@127.0.0.1:9")
    result = await fetched("http://gateway.invalid")
    assert "the proxy does not serve" in result
    assert "secret" not in result


async def test_credentials_of_the_home_directory_are_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ~/.netrc that names the host changes nothing."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with SimulatedGateway({CID.digest: BLOCK}) as gateway:
        assert await fetched(gateway.url) == "a block"
        assert "Authorization" not in gateway.requests[0].headers


def set_proxies(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """The environment names this proxy and no exceptions."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", url)
