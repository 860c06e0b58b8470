"""Slow, silent and many clients do not keep the others out."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.gateway.sending import Exchange
from ipwhl_mirror.gateway.settings import GatewaySettings, Limits
from tests.gateway.conftest import BIG, SIX, serving
from tests.gateway.local_node import Shelf

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Reach
    from tests.gateway.client import Client

HALF = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
BIGGER = 20_000_000
"""Bytes that no socket buffers hold."""

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(client: Client, count: int, data: bytes) -> AsyncIterator[list[Connection]]:
    """So many connections, each with this sent; nothing is read."""
    connections: list[Connection] = []
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection(client.address, client.port)
            writer.write(data)
            connections.append((reader, writer))
        yield connections
    finally:
        for _, writer in connections:
            writer.close()


async def served(client: Client, target: str) -> bytes:
    """The body of an address, asked for until it is not 503: as pip does."""
    async with asyncio.timeout(20):
        while (answer := await client.get(target)).status in (0, 503):
            pass
    assert answer.status == 200
    return answer.body


async def metrics_with(client: Client, text: bytes) -> None:
    """Ask for the metrics until they have this."""
    async with asyncio.timeout(10):
        while text not in (await client.get("/metrics")).body:
            pass


def limited(**limits: float) -> GatewaySettings:
    """Settings with other limits than usual."""
    return GatewaySettings("127.0.0.1:0", limits=Limits(**limits))  # type: ignore[arg-type]


def shelf_with_big(tmp_path: Path | None = None) -> tuple[Shelf, str]:
    """A wheel that no socket buffer holds, as blocks or on disk, and its address."""
    shelf = Shelf()
    content = Random(0).randbytes(BIGGER)
    cid = shelf.add_file(BIG, content).cid
    if tmp_path is not None:
        shelf.files[cid.digest] = tmp_path / "wheel"
        shelf.files[cid.digest].write_bytes(content)
    return shelf, f"/ipfs/{cid}"


async def test_five_hundred_slow_clients_are_in_nobody_s_way() -> None:
    """Each sends half a request and waits; the next whole one is answered at once, memory stays small."""
    shelf = Shelf()
    root = shelf.release({"six": {SIX: b"six wheel"}})
    async with serving(shelf) as (_, client):
        before = resident_bytes()
        async with connected(client, 500, HALF):
            answer = await client.get(f"/ipfs/{root}/six/{SIX}")
            assert (answer.status, answer.body) == (200, b"six wheel")
            assert resident_bytes() - before < 64 << 20


def resident_bytes() -> int:
    """Of this process; 0 where the system does not tell."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * 4096 if statm.exists() else 0


@pytest.mark.parametrize("kept", ["stream", "sendfile", "car"])
async def test_clients_that_read_nothing_give_way(tmp_path: Path, kept: str) -> None:
    """With every connection taken by an answer that does not move, a new client gets a place."""
    shelf, target = shelf_with_big(tmp_path if kept == "sendfile" else None)
    six = shelf.add_file(SIX, b"six wheel").cid
    request = f"GET {target}{'?format=car' if kept == 'car' else ''} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    async with serving(shelf, limited(connections=4, stalled_s=0.05)) as (_, client):
        async with connected(client, 4, request.encode()) as connections:
            for reader, _ in connections:
                await reader.readuntil(b"\r\n\r\n")
            assert await served(client, f"/ipfs/{six}") == b"six wheel"
            await metrics_with(client, b"ipwhl_mirror_http_broken_off_total{")
        assert await served(client, "/healthz") == b"ok\n"


@pytest.mark.parametrize("kept", ["stream", "sendfile", "car"])
async def test_answer_that_nobody_takes_is_broken_off(tmp_path: Path, kept: str) -> None:
    """After the idle time, and it does not look whole."""
    shelf, target = shelf_with_big(tmp_path if kept == "sendfile" else None)
    request = f"GET {target}{'?format=car' if kept == 'car' else ''} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    async with (
        serving(shelf, limited(idle_s=1.0)) as (_, client),
        connected(client, 1, request.encode()) as ((reader, _),),
    ):
        await reader.readuntil(b"\r\n\r\n")
        await metrics_with(client, b"ipwhl_mirror_http_broken_off_total{")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(BIGGER)


async def test_each_piece_taken_moves_the_deadline() -> None:
    """An answer may last as long as it moves; one given up is not saved by a late piece."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(1) as deadline:
        exchange = Exchange(deadline, idle_limit_s=50)
        await asyncio.sleep(0)
        exchange.progress(10)
        assert (deadline.when() or 0) >= loop.time() + 49
        assert exchange.idle_s() < 1 and exchange.sent == 10
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(50) as deadline:
            exchange = Exchange(deadline, idle_limit_s=50)
            exchange.give_up()
            exchange.progress(10)
            await asyncio.Event().wait()


@pytest.mark.parametrize("data", [b"", HALF, WHOLE], ids=["nothing", "half-a-request", "between-requests"])
async def test_silent_connection_is_closed(data: bytes) -> None:
    """After the idle time without a whole request."""
    async with (
        serving(Shelf(), limited(idle_s=1.0)) as (_, client),
        connected(client, 1, data) as ((reader, _),),
        asyncio.timeout(10),
    ):
        received = await reader.read(-1)
        assert received.startswith(b"HTTP/1.1 200") is (data == WHOLE)


async def test_longest_waiting_connection_makes_room() -> None:
    """The oldest idle one is closed for a new client; the others stay."""
    async with (
        serving(Shelf(), limited(connections=3)) as (_, client),
        connected(client, 3, WHOLE) as connections,
    ):
        for reader, _ in connections:
            await reader.readuntil(b"ok\n")
        assert (await client.get("/healthz")).status == 200
        oldest, *others = connections
        assert await oldest[0].read() == b""
        for reader, writer in others:
            writer.write(WHOLE)
            assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")


class Stuck(Shelf):
    """A node that takes its time; `asked` is released with each request for blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Semaphore(0)

    async def get_blocks(self, cids: Iterable[Cid], reach: Reach) -> AsyncIterator[tuple[Cid, bytes]]:
        """Never gives one."""
        self.asked.release()
        await asyncio.Event().wait()
        for cid in cids:
            yield cid, b""


async def test_client_too_many_is_told_to_come_again() -> None:
    """When all connections are being answered; and it is counted."""
    shelf = Stuck()
    six = shelf.add_file(SIX, b"").cid
    request = f"GET /ipfs/{six} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    async with serving(shelf, limited(connections=2, stalled_s=60, grace_s=0.05)) as (_, client):
        async with connected(client, 2, request):
            await shelf.asked.acquire()
            await shelf.asked.acquire()
            answer = await client.get("/healthz")
            assert answer.status == 503
            assert (answer.headers["retry-after"], answer.is_whole) == ("1", True)
        assert b"http_refused_connections_total" in await served(client, "/metrics")


async def test_node_that_never_answers_is_a_503() -> None:
    """A client is not kept waiting longer than the idle time."""
    shelf = Stuck()
    six = shelf.add_file(SIX, b"").cid
    async with serving(shelf, limited(idle_s=1.0)) as (_, client):
        answer = await client.get(f"/ipfs/{six}")
        assert answer.status == 503 and "did not answer in time" in answer.text


async def test_client_that_leaves_in_the_middle_harms_nobody(tmp_path: Path) -> None:
    """From blocks and from disk; the next request is answered and nothing is left open."""
    for kept in (None, tmp_path):
        shelf, target = shelf_with_big(kept)
        request = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        async with serving(shelf) as (_, client):
            async with connected(client, 8, request) as connections:
                for reader, writer in connections:
                    await reader.readuntil(b"\r\n\r\n")
                    writer.transport.abort()
            await metrics_with(client, b"http_answering 1\n")


async def test_closing_cuts_off_answers_that_do_not_end(tmp_path: Path) -> None:
    """After the grace; and the sockets are free for the next gateway."""
    shelf, target = shelf_with_big(tmp_path)
    request = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    settings = limited(grace_s=0.05)
    for _ in range(2):
        async with (
            serving(shelf, settings) as (gateway, client),
            connected(client, 4, request) as connections,
        ):
            for reader, _ in connections:
                await reader.readuntil(b"\r\n\r\n")
            assert (await client.get("/healthz")).status == 200
            await gateway.aclose()
            for reader, _ in connections:
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await reader.readexactly(BIGGER)
