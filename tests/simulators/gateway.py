"""A small trustless gateway on loopback over a dict of blocks, that can be told to misbehave.

    async with SimulatedGateway(blocks) as gateway:
        gateway.script += [Status(503, retry_after="3"), Cut(after=1000)]   # the next two requests
        gateway.always = Dribble()                                          # and all after them
        ... fetch from gateway.url ...
        assert gateway.requests[0].format == "car"

    gateway.records[name] = record                                      # of an IPNS key, as it is served
    gateway.links["example.org"] = cid                                  # a DNSLink, as it resolves it

It serves `?format=raw` and `?format=car` with `dag-scope` and `entity-bytes`, depth first, each block once,
and 404 for what it does not have; a CAR whose DAG has a hole ends before it. Faults are those of `faults.py`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.errors import InvalidCid, IpldError
from ipwhl_mirror.ipld.files import parse_file_node
from ipwhl_mirror.ipld.unixfs import Kind, parse_unixfs
from tests.simulators.faults import (
    CleanEnd,
    Compressed,
    Cut,
    Endless,
    Fault,
    Foreign,
    Html,
    Lie,
    NoCar,
    Redirect,
    Stall,
    Status,
    Unordered,
    WholeFile,
    flip_bit,
    shaped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

CAR_TYPE = "application/vnd.ipld.car"
RAW_TYPE = "application/vnd.ipld.raw"
RECORD_TYPE = "application/vnd.ipfs.ipns-record"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came."""

    path: str
    format: str
    accept: str
    scope: str
    entity_bytes: str
    headers: Mapping[str, str] = field(repr=False)


class SimulatedGateway:
    """A gateway that has `blocks`, by digest; an async context manager.

    Attributes:
        blocks: what it has; change it at will.
        records: IPNS records by name, `k51...`.
        links: where the DNSLinks of domains lead.
        script: faults of the next requests, one each; None is none.
        always: the fault of every request after the script.
        requests: all that came.
        bytes_served: body bytes handed to the socket.
        busiest: the most requests that were being answered at one time.
        connections: the client's end of every connection there was.
    """

    def __init__(self, blocks: Mapping[bytes, bytes]) -> None:
        self.blocks = dict(blocks)
        self.records: dict[str, bytes] = {}
        self.links: dict[str, Cid] = {}
        self.script: list[Fault | None] = []
        self.always: Fault | None = None
        self.requests: list[Request] = []
        self.bytes_served = 0
        self.busiest = 0
        self.connections: set[object] = set()
        self._running = 0
        self._leave = asyncio.Event()
        self._go = asyncio.Event()
        self._go.set()
        self._arrived = asyncio.Condition()
        self._pause_at: int | None = None
        self._resumed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    def hold(self) -> None:
        """Let requests wait until `release`."""
        self._go.clear()

    def release(self) -> None:
        """Answer what waits, and all that comes."""
        self._go.set()

    async def wait_for_requests(self, count: int) -> None:
        """Return when so many requests came since the beginning."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)

    def pause_at(self, count: int | None) -> None:
        """Send nothing more when so many body bytes were served since the beginning; None: go on."""
        self._pause_at = count
        self._resumed.set()
        self._resumed = asyncio.Event()

    async def _unpaused(self, served: int) -> None:
        while self._pause_at is not None and served >= self._pause_at:
            await self._resumed.wait()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/ipfs/{cid}", self._answer)
        app.router.add_get("/ipns/{name}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave.set()
        self.pause_at(None)
        self._go.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        asked = Request(
            request.path,
            query.get("format", ""),
            request.headers.get("Accept", ""),
            query.get("dag-scope", "all"),
            query.get("entity-bytes", ""),
            dict(request.headers),
        )
        self.requests.append(asked)
        if request.transport is not None:
            self.connections.add(request.transport.get_extra_info("peername"))
        fault = self.script.pop(0) if self.script else self.always
        self._running += 1
        self.busiest = max(self.busiest, self._running)
        try:
            async with self._arrived:
                self._arrived.notify_all()
            await self._go.wait()
            return await self._serve(request, asked, fault)
        finally:
            self._running -= 1

    async def _serve(self, request: web.Request, asked: Request, fault: Fault | None) -> web.StreamResponse:
        match fault:
            case Status(code, retry_after):
                return web.Response(status=code, headers={"Retry-After": retry_after} if retry_after else {})
            case Html():
                return web.Response(text="<h1>welcome</h1>", content_type="text/html")
            case Redirect(to):
                return web.Response(status=302, headers={"Location": to or request.path_qs})
            case NoCar(code) if asked.format == "car":
                return web.Response(status=code)
            case Stall(-1):
                await self._leave.wait()
        if (name := request.match_info.get("name")) is not None:
            return await self._resolved(request, name, fault)
        try:
            cid = Cid.parse(request.match_info["cid"])
        except InvalidCid:
            return web.Response(status=400)
        if cid.digest not in self.blocks:
            return web.Response(status=404)
        if asked.format == "car":
            order = "unk" if isinstance(fault, Unordered) else "dfs"
            media_type = f"{CAR_TYPE}; version=1; order={order}; dups=n"
            return await self._send(request, media_type, self._car(cid, asked, fault), fault)
        block = self.blocks[cid.digest]
        body = flip_bit(block) if isinstance(fault, Lie) else block
        return await self._send(request, RAW_TYPE, iter([body]), fault, length=len(body))

    async def _resolved(self, request: web.Request, name: str, fault: Fault | None) -> web.StreamResponse:
        record, link = self.records.get(name), self.links.get(name)
        if record is not None and request.headers.get("Accept") == RECORD_TYPE:
            body = flip_bit(record) if isinstance(fault, Lie) else record
            return await self._send(request, RECORD_TYPE, iter([body]), fault, length=len(body))
        if link is None:
            return web.Response(status=404)
        headers = {"Content-Type": RAW_TYPE, "X-Ipfs-Roots": str(link), "Etag": f'"{link}.raw"'}
        return web.Response(body=self.blocks.get(link.digest, b""), headers=headers)

    def _car(self, root: Cid, asked: Request, fault: Fault | None) -> Iterator[bytes]:
        yield car_header([root])
        if isinstance(fault, Foreign):
            yield car_section(fault.cid, fault.data)
        start = 0 if isinstance(fault, WholeFile) else int(asked.entity_bytes.partition(":")[0] or 0)
        cids = self._walk(root, asked.scope, start)
        if isinstance(fault, Unordered):
            cids = reversed(list(cids))
        for number, cid in enumerate(cids):
            block = self.blocks[cid.digest]
            if isinstance(fault, Lie) and number == fault.block:
                block = flip_bit(block)
            yield car_section(cid, block)

    def _walk(self, root: Cid, scope: str, start: int) -> Iterator[Cid]:
        """The blocks of a request, depth first, until one is missing."""
        seen: set[bytes] = set()
        stack: list[tuple[Cid, int]] = [(root, start)]
        while stack:
            cid, skip = stack.pop()
            if cid.digest not in self.blocks:
                return
            if cid.digest not in seen:
                seen.add(cid.digest)
                yield cid
            if scope != "block":
                stack.extend(reversed(self._below(cid, scope, skip)))

    def _below(self, cid: Cid, scope: str, skip: int) -> list[tuple[Cid, int]]:
        block = self.blocks[cid.digest]
        if cid.codec == RAW:
            return []
        try:
            below = []
            for child, length in parse_file_node(cid, block).children:
                if skip < length:
                    below.append((child, skip))
                skip = max(0, skip - length)
        except IpldError:
            node = parse_unixfs(block)
            shards = node.kind is Kind.HAMT_SHARD
            return [
                (link.cid, 0) for link in node.links if scope == "all" or (shards and len(link.name) == 2)
            ]
        return below

    async def _send(
        self,
        request: web.Request,
        media_type: str,
        body: Iterator[bytes],
        fault: Fault | None,
        *,
        length: int | None = None,
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": media_type})
        if isinstance(fault, Compressed):
            response.headers["Content-Encoding"] = "gzip"
        if not isinstance(fault, Endless | CleanEnd):
            response.content_length = length
        await response.prepare(request)
        try:
            async for piece in shaped(body, fault):
                await response.write(piece)
                self.bytes_served += len(piece)
                await self._unpaused(self.bytes_served)
            if isinstance(fault, Stall):
                await self._leave.wait()
            if isinstance(fault, Cut) and request.transport is not None:
                request.transport.close()
                return response
            await response.write_eof()
        except ConnectionError:
            pass
        return response
