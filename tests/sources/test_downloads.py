"""Downloads of known files from servers that end early, lie, are slow, or lead elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from ipwhl_mirror.sources.download_files import Wanted, is_complete
from ipwhl_mirror.sources.downloads import MOST_TRIES, TRIES, Downloader, Piece, Watcher
from ipwhl_mirror.sources.errors import SourceMalformed, SourceUnreachable
from ipwhl_mirror.sources.web import Reachable
from tests.sources.test_documents import served

if TYPE_CHECKING:
    from pathlib import Path

DATA = bytes(range(256)) * 1000
LOOPBACK = Reachable(private_hosts=frozenset({"127.0.0.1"}))


def wanted(url: str, directory: Path, *, size: int | None = len(DATA), data: bytes = DATA) -> Wanted:
    return Wanted(url=url, path=directory / "it.whl", sha256=hashlib.sha256(data).digest(), size=size)


@dataclass(slots=True)
class Recorder(Watcher):
    """What a download told, and how long it waited."""

    counts: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def has(self, count: int) -> None:
        self.counts.append(count)
        self.arrived.set()

    async def has_come(self, count: int) -> None:
        """Wait until so many bytes are here."""
        while count not in self.counts:
            self.arrived.clear()
            await self.arrived.wait()

    def sized(self, size: int) -> None:
        self.sizes.append(size)

    def noted(self, note: str) -> None:
        self.notes.append(note)

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)


async def fetch(
    what: Wanted, *, reachable: Reachable = LOOPBACK, recorder: Recorder | None = None, **options: float
) -> Recorder:
    """Download it without waiting between tries."""
    recorder = recorder or Recorder()
    async with Downloader(reachable, pause=recorder.pause, **options) as downloader:
        await downloader.download(what, recorder)
    return recorder


@dataclass(slots=True)
class Server:
    """Serves DATA with ranges.

    Attributes:
        cuts: after how many bytes each of the first answers is cut, when they have come to `client`.
    """

    cuts: list[int] = field(default_factory=list)
    client: Recorder = field(default_factory=Recorder)
    ranges: list[str | None] = field(default_factory=list)
    data: bytes = DATA
    knows_ranges: bool = True

    async def answer(self, request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        found = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", asked or "")
        start, status, headers = 0, 200, {}
        body = self.data
        if found and self.knows_ranges:
            start = int(found[1])
            end = int(found[2]) + 1 if found[2] else len(self.data)
            if start >= len(self.data):
                return web.Response(status=416)
            body = self.data[start:end]
            status = 206
            headers["Content-Range"] = f"bytes {start}-{start + len(body) - 1}/{len(self.data)}"
        response = web.StreamResponse(status=status, headers={**headers, "Content-Length": str(len(body))})
        await response.prepare(request)
        if not self.cuts:
            await response.write(body)
            return response
        cut = self.cuts.pop(0)
        await response.write(body[:cut])
        await self.client.has_come(start + cut)
        assert request.transport is not None
        request.transport.close()
        return response


async def test_a_file_comes_whole(tmp_path: Path) -> None:
    """In one request, and is told as it comes; what was incomplete is gone."""
    server = Server()
    async with served(server.answer) as url:
        told = await fetch(wanted(url, tmp_path))
    assert (tmp_path / "it.whl").read_bytes() == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["it.whl"]
    assert (server.ranges, told.counts[-1], told.sizes, told.notes) == ([None], len(DATA), [len(DATA)], [])


async def test_a_cut_answer_is_continued(tmp_path: Path) -> None:
    """From the byte where it ended, without a pause that grows as long as bytes come."""
    server = Server(cuts=[1000, 500])
    async with served(server.answer) as url:
        told = await fetch(wanted(url, tmp_path), recorder=server.client)
    assert (tmp_path / "it.whl").read_bytes() == DATA
    assert server.ranges == [None, "bytes=1000-", "bytes=1500-"]
    assert len(set(told.waits)) == 1
    assert len(told.notes) == 2


async def test_a_later_run_goes_on(tmp_path: Path) -> None:
    """With what an earlier one left."""
    what = wanted("", tmp_path)
    what.part.write_bytes(DATA[:7])
    server = Server()
    async with served(server.answer) as url:
        told = await fetch(wanted(url, tmp_path))
    assert (server.ranges, told.counts[0]) == (["bytes=7-"], 7)
    assert is_complete(what)


@pytest.mark.parametrize("size", [len(DATA), None])
async def test_what_is_whole_but_was_not_named_so_is_not_asked_for(size: int | None, tmp_path: Path) -> None:
    """A kill can come between the last byte and the name."""
    what = wanted("http://127.0.0.1:1/", tmp_path, size=size)
    what.part.write_bytes(DATA)
    await fetch(what)
    assert is_complete(what)


@pytest.mark.parametrize(
    ("left", "ranges"),
    [
        pytest.param(b"x" * 1000, ["bytes=1000-", None], id="of another file"),
        pytest.param(DATA + b"x", [None], id="longer than the file"),
        pytest.param(b"x" * len(DATA), [None], id="as long, and another"),
    ],
)
async def test_what_was_left_of_another_file_is_thrown_away(
    left: bytes, ranges: list[str | None], tmp_path: Path
) -> None:
    """The file is fetched anew, once."""
    wanted("", tmp_path).part.write_bytes(left)
    server = Server()
    async with served(server.answer) as url:
        await fetch(wanted(url, tmp_path))
    assert (tmp_path / "it.whl").read_bytes() == DATA
    assert server.ranges == ranges


async def test_a_server_without_ranges_sends_all_again(tmp_path: Path) -> None:
    """And what was here is written over, not added to."""
    wanted("", tmp_path).part.write_bytes(DATA[:1000])
    server = Server(knows_ranges=False)
    async with served(server.answer) as url:
        told = await fetch(wanted(url, tmp_path))
    assert (tmp_path / "it.whl").read_bytes() == DATA
    assert told.counts[:2] == [1000, 0]


async def test_a_beginning_longer_than_the_servers_file(tmp_path: Path) -> None:
    """Of unknown length: the server knows no such range, so it begins anew."""
    wanted("", tmp_path).part.write_bytes(DATA + DATA)
    server = Server()
    async with served(server.answer) as url:
        await fetch(wanted(url, tmp_path, size=None))
    assert server.ranges == [f"bytes={2 * len(DATA)}-", None]
    assert (tmp_path / "it.whl").read_bytes() == DATA


async def test_other_bytes_are_never_kept(tmp_path: Path) -> None:
    """The server has another file: asked once, told with both hashes."""
    server = Server(data=b"y" * len(DATA))
    async with served(server.answer) as url:
        with pytest.raises(SourceMalformed, match="is another file: its SHA-256 is") as refused:
            await fetch(wanted(url, tmp_path))
    assert "lock again" in (refused.value.hint or "")
    assert (len(server.ranges), list(tmp_path.iterdir())) == (1, [])


async def test_a_file_put_together_of_two_versions_is_fetched_again(tmp_path: Path) -> None:
    """The server changed it between two answers, and has the wanted one now."""
    server = Server(cuts=[1000], data=b"y" * len(DATA))

    async def answer(request: web.Request) -> web.StreamResponse:
        if len(server.ranges) == 2:
            server.data = DATA
        return await server.answer(request)

    async with served(answer) as url:
        await fetch(wanted(url, tmp_path), recorder=server.client)
    assert server.ranges == [None, "bytes=1000-", None]
    assert (tmp_path / "it.whl").read_bytes() == DATA


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1])
async def test_another_length_is_told_before_a_byte_is_read(size: int, tmp_path: Path) -> None:
    """By the length that the server says."""
    server = Server()
    async with served(server.answer) as url:
        with pytest.raises(SourceMalformed, match=f"has {len(DATA)} bytes, not {size}"):
            await fetch(wanted(url, tmp_path, size=size))
    assert len(server.ranges) == 1


@pytest.mark.parametrize("size", [1000, None])
async def test_an_endless_body_ends(
    size: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the length of the lock, or at the most that a wheel may have; no more is on disk."""
    monkeypatch.setattr("ipwhl_mirror.sources.download_answers.LARGEST", 3000)

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 700)
            await asyncio.sleep(0)

    async with served(answer) as url:
        with pytest.raises(SourceMalformed, match=f"sends more than {size or 3000} bytes"):
            await fetch(wanted(url, tmp_path, size=size))
    assert wanted(url, tmp_path).part.stat().st_size <= (size or 3000)


async def test_a_length_beyond_all_wheels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a byte is read."""
    monkeypatch.setattr("ipwhl_mirror.sources.download_answers.LARGEST", 3000)
    async with served(Server().answer) as url:
        with pytest.raises(SourceMalformed, match="of at most 3000"):
            await fetch(wanted(url, tmp_path, size=None))


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_a_server_that_fails_is_asked_again_and_then_left(status: int, tmp_path: Path) -> None:
    """So many times; then a later run may have more luck."""
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        return web.Response(status=status, headers={"Retry-After": "7"})

    async with served(answer) as url:
        with pytest.raises(SourceUnreachable, match=f"answers {status}") as refused:
            await fetch(wanted(url, tmp_path))
    assert (len(asked), refused.value.hint) == (TRIES, None)


async def test_a_server_is_left_alone_as_long_as_it_says(tmp_path: Path) -> None:
    """Within reason."""
    answers: list[str | None] = ["7", "100000", "soon", None]

    async def answer(request: web.Request) -> web.StreamResponse:
        later = answers.pop(0)
        if later is None:
            return web.Response(body=DATA)
        return web.Response(status=503, headers={"Retry-After": later})

    async with served(answer) as url:
        told = await fetch(wanted(url, tmp_path))
    assert told.waits == [7.0, 30.0, 4.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
async def test_what_is_not_to_be_had_is_asked_for_once(status: int, tmp_path: Path) -> None:
    """And the error says what to do."""
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        return web.Response(status=status)

    async with served(answer) as url:
        with pytest.raises(SourceMalformed, match=f"answers {status}") as refused:
            await fetch(wanted(url, tmp_path))
    assert (len(asked), bool(refused.value.hint)) == (1, True)


async def test_a_byte_a_try_does_not_go_on_for_ever(tmp_path: Path) -> None:
    """A server that cuts every answer after a byte."""
    server = Server(cuts=[1] * 1000)
    async with served(server.answer) as url:
        with pytest.raises(SourceUnreachable):
            await fetch(wanted(url, tmp_path), recorder=server.client)
    assert len(server.ranges) == MOST_TRIES
    assert wanted(url, tmp_path).part.read_bytes() == DATA[:MOST_TRIES]


async def test_silence_ends(tmp_path: Path) -> None:
    """After so many seconds without a byte; what came is kept."""
    silence = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(DATA))})
        await response.prepare(request)
        await response.write(DATA[:100])
        await silence.wait()
        return response

    async with served(answer) as url:
        with pytest.raises(SourceUnreachable, match="cannot be read"):
            await fetch(wanted(url, tmp_path), idle_s=0.5)
        silence.set()
    assert wanted(url, tmp_path).part.read_bytes()[:100] == DATA[:100]


async def test_a_trickle_ends(tmp_path: Path) -> None:
    """A byte now and then keeps no one for ever, though there is never a silence."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.01)

    async with served(answer) as url:
        with pytest.raises(SourceUnreachable, match="less than 1024 bytes a second"):
            await fetch(wanted(url, tmp_path), slow_s=0.05)


async def test_compressed_answers_are_refused(tmp_path: Path) -> None:
    """Nobody asked for them."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=DATA, headers={"Content-Encoding": "gzip"})

    async with served(answer) as url:
        with pytest.raises(SourceMalformed, match="compressed"):
            await fetch(wanted(url, tmp_path))


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://10.0.0.1/it.whl", "private network"),
        ("http://localhost:1/it.whl", "private network"),
        ("http://[::1]/it.whl", "private network"),
        ("http://169.254.169.254/latest", "private network"),
        ("file:///etc/passwd", "no http or https"),
        ("http://example.org/it.whl", "not https"),
    ],
)
async def test_redirects_lead_nowhere_else(target: str, words: str, tmp_path: Path) -> None:
    """Not from an allowed host to one that is not."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": target})

    async with served(answer) as url:
        with pytest.raises(SourceMalformed, match=words):
            await fetch(wanted(url, tmp_path))


async def test_a_private_address_needs_the_configuration(tmp_path: Path) -> None:
    """An address in a lock is nobody's word; the error says what to write."""
    server = Server()
    async with served(server.answer) as url:
        with pytest.raises(SourceMalformed, match="leads into a private network") as refused:
            await fetch(wanted(url, tmp_path), reachable=Reachable())
    assert server.ranges == []
    assert '[sources] private_hosts = ["127.0.0.1"]' in (refused.value.hint or "")


@pytest.mark.parametrize("url", ["ftp://h/x", "it.whl", "https://h:port/", "", "http://example.org/it.whl"])
async def test_what_is_no_https_address_is_told(url: str, tmp_path: Path) -> None:
    """Before anything is asked."""
    with pytest.raises(SourceMalformed, match=r"no https address|no address|not https"):
        await fetch(wanted(url, tmp_path))


async def test_credentials_of_an_address_are_not_shown(tmp_path: Path) -> None:
    """Nor sent."""
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers.get("Authorization"))
        return web.Response(status=404)

    async with served(answer) as url:
        with pytest.raises(SourceMalformed) as refused:
            await fetch(wanted(url.replace("//", "//me:secret@"), tmp_path))
    assert "secret" not in str(refused.value)
    assert asked == [None]


async def test_a_cancelled_download_goes_on_later(tmp_path: Path) -> None:
    """What came is on disk."""
    half, go_on = len(DATA) // 2, asyncio.Event()
    server = Server()

    async def answer(request: web.Request) -> web.StreamResponse:
        if go_on.is_set():
            return await server.answer(request)
        response = web.StreamResponse(headers={"Content-Length": str(len(DATA))})
        await response.prepare(request)
        await response.write(DATA[:half])
        await asyncio.Event().wait()
        return response

    class Waiting(Watcher):
        def has(self, count: int) -> None:
            if count >= half:
                go_on.set()

    async with served(answer) as url:
        what = wanted(url, tmp_path)
        async with Downloader(LOOPBACK) as downloader:
            running = asyncio.create_task(downloader.download(what, Waiting()))
            await go_on.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        assert what.part.read_bytes() == DATA[:half]
        await fetch(what)
    assert server.ranges == [f"bytes={half}-"]


def test_a_complete_file_that_was_damaged_is_fetched_again(tmp_path: Path) -> None:
    """It is read before it is believed."""
    what = wanted("", tmp_path)
    assert not is_complete(what)
    what.path.write_bytes(DATA)
    assert is_complete(what)
    what.path.write_bytes(DATA[:-1] + b"x")
    assert not is_complete(what)
    assert not what.path.exists()


async def test_a_range_of_a_file() -> None:
    """With the length of the whole; a server without ranges gives none."""
    async with served(Server().answer) as url, Downloader(LOOPBACK) as downloader:
        assert await downloader.read(url, 5, 9) == Piece(DATA[5:9], len(DATA))
        assert await downloader.read(url, len(DATA) - 3, len(DATA)) == Piece(DATA[-3:], len(DATA))
    async with served(Server(knows_ranges=False).answer) as url, Downloader(LOOPBACK) as downloader:
        assert await downloader.read(url, 5, 9) is None


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Range": "bytes 0-3/100"}, b"abcd"),
        ({"Content-Range": "bytes x/y"}, b"abcd"),
        ({}, b"abcd"),
    ],
)
async def test_a_range_that_is_not_the_asked_one_is_none(headers: dict[str, str], body: bytes) -> None:
    """The file is then read whole, and hashed."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=206, body=body, headers=headers)

    async with served(answer) as url, Downloader(LOOPBACK) as downloader:
        assert await downloader.read(url, 5, 9) is None


async def test_a_range_is_read_no_further_than_asked() -> None:
    """However much the server sends, and however often it is asked."""
    recorder = Recorder()

    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Range": "bytes 5-8/1000000000"}
        return web.Response(status=206, body=b"x" * 10_000_000, headers=headers)

    async with served(answer) as url, Downloader(LOOPBACK, pause=recorder.pause) as downloader:
        with pytest.raises(SourceUnreachable, match="bytes of 4 asked for") as refused:
            await downloader.read(url, 5, 9)
    came = re.search(r"sent ([0-9]+) bytes", str(refused.value))
    assert came is not None and int(came[1]) < 1_000_000
    assert len(recorder.waits) == TRIES - 1
