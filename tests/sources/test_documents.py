"""Documents over http from a hostile server: endless, slow, compressed, redirected, moved inside."""

from __future__ import annotations

import asyncio
import gzip
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from ipwhl_mirror.sources.documents import Bounds, Validators, fetch_document, read_file
from ipwhl_mirror.sources.errors import SourceMalformed, SourceUnreachable
from ipwhl_mirror.sources.web import REDIRECTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

BOUNDS = Bounds(limit=1000, idle_s=5.0, total_s=10.0)


@asynccontextmanager
async def served(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A server on loopback that answers every path by `handler`; gives its address."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def test_a_document_and_the_same_again() -> None:
    """The second time the server is asked with what it said, and says that nothing changed."""
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(dict(request.headers))
        if request.headers.get("If-None-Match") == '"1"':
            return web.Response(status=304)
        return web.Response(body=b"{}", headers={"ETag": '"1"', "Last-Modified": "Sun, 22 Nov 2026"})

    async with served(answer) as url:
        document = await fetch_document(f"{url}/feed.json", BOUNDS)
        assert document is not None
        assert document.data == b"{}"
        assert document.validators == Validators('"1"', "Sun, 22 Nov 2026")
        assert await fetch_document(f"{url}/feed.json", BOUNDS, known=document.validators) is None
    assert asked[1]["If-Modified-Since"] == "Sun, 22 Nov 2026"
    assert asked[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("length", [1000, 1001, 10_000_000])
async def test_a_body_is_read_no_further_than_the_limit(length: int) -> None:
    """One byte more is refused, however many more there would be."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * length)

    async with served(answer) as url:
        if length <= BOUNDS.limit:
            assert await fetch_document(url, BOUNDS) is not None
        else:
            with pytest.raises(SourceMalformed, match="longer than 1000 bytes"):
                await fetch_document(url, BOUNDS)


async def test_an_endless_slow_body_ends() -> None:
    """A byte now and then keeps no one for ever."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    async with served(answer) as url:
        with pytest.raises(SourceUnreachable, match=r"longer than 0\.3 s"):
            await fetch_document(url, Bounds(limit=1000, idle_s=5.0, total_s=0.3))


async def test_a_silent_server_ends() -> None:
    """Nor does one that says nothing at all."""
    silence = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        await silence.wait()
        return web.Response()

    async with served(answer) as url:
        with pytest.raises(SourceUnreachable, match="cannot be read"):
            await fetch_document(url, Bounds(limit=1000, idle_s=0.2, total_s=10.0))
        silence.set()


async def test_nothing_is_decompressed() -> None:
    """A server that compresses unasked is refused."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=gzip.compress(b"0" * 10**6), headers={"Content-Encoding": "gzip"})

    async with served(answer) as url:
        with pytest.raises(SourceMalformed, match="compressed"):
            await fetch_document(url, Bounds(limit=10**7))


@pytest.mark.parametrize("status", [204, 400, 403, 404, 500, 503])
async def test_an_error_is_told_by_its_number(status: int) -> None:
    """And its page is no document."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    async with served(answer) as url:
        with pytest.raises(SourceUnreachable, match=f"answers {status}"):
            await fetch_document(url, BOUNDS)


@pytest.mark.parametrize("hops", [5, 6])
async def test_redirects_are_counted(hops: int) -> None:
    """Five are followed, six are not."""

    async def answer(request: web.Request) -> web.StreamResponse:
        number = int(request.path.strip("/") or 0)
        if number < hops:
            return web.Response(status=302, headers={"Location": f"/{number + 1}"})
        return web.Response(body=b"there")

    async with served(answer) as url:
        if hops == REDIRECTS:
            document = await fetch_document(url, BOUNDS)
            assert document is not None
            assert document.data == b"there"
        else:
            with pytest.raises(SourceMalformed, match="more than 5 times"):
                await fetch_document(url, BOUNDS)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://10.0.0.1/", "private network"),
        ("http://localhost:5001/", "private network"),
        ("http://0x7f000001/", "private network"),
        ("http://[::ffff:127.0.0.2]/", "private network"),
        ("http://169.254.169.254/", "private network"),
        ("file:///etc/passwd", "no http or https"),
        ("http://example.org/", "not https"),
        ("http://user:secret@127.0.0.1/", "credentials"),
        ("https://", "no http or https"),
    ],
)
async def test_redirects_lead_nowhere_else(target: str, words: str) -> None:
    """Not to another private address than the configured one, nor to another scheme."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": target})

    async with served(answer) as url:
        with pytest.raises(SourceMalformed, match=words) as refused:
            await fetch_document(url, BOUNDS)
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.org/feed.json", "not https"),
        ("ftp://example.org/feed.json", "no https address"),
        ("feed.json", "no https address"),
        ("https://", "no https address"),
        ("https://example.org:port/", "no address"),
    ],
)
async def test_what_is_no_address_of_a_document_is_told(url: str, words: str) -> None:
    """Before anything is asked."""
    with pytest.raises(SourceMalformed, match=words):
        await fetch_document(url, BOUNDS)


async def test_a_name_that_resolves_to_a_private_address_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unless the configuration names it as private; the check is of the address that is connected to."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"inside")

    def resolve(host: str, port: int, *args: object, **options: object) -> list[object]:
        assert host == "feeds.example.org"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async with served(answer) as url:
        port = url.rpartition(":")[2]
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        with pytest.raises(SourceUnreachable, match="private network") as refused:
            await fetch_document(f"https://feeds.example.org:{port}/", BOUNDS)
        assert 'private_hosts = ["feeds.example.org"]' in (refused.value.hint or "")
        trusted = Bounds(limit=1000, private_hosts=frozenset({"feeds.example.org"}))
        document = await fetch_document(f"http://feeds.example.org:{port}/", trusted)
        assert document is not None
        assert document.data == b"inside"


async def test_a_refused_connection_is_told() -> None:
    """By the address, without what stood in it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SourceUnreachable, match=r"127\.0\.0\.1") as refused:
        await fetch_document(f"http://me:secret@127.0.0.1:{port}/", BOUNDS)
    assert "secret" not in str(refused.value)


def test_a_file_is_a_document_too(tmp_path: Path) -> None:
    """With the same limit."""
    path = tmp_path / "feed.json"
    with pytest.raises(SourceUnreachable, match=r"feed\.json"):
        read_file(path, 10)
    path.write_bytes(b"x" * 10)
    assert read_file(path, 10) == b"x" * 10
    with pytest.raises(SourceMalformed, match="longer"):
        read_file(path, 9)
