"""A loopback proxy before a Kubo RPC that can be told to misbehave, by command.

    async with RpcProxy("http://127.0.0.1:5001") as proxy:
        proxy.faults["pin/ls"] = Cut(after=10)          # every `pin/ls`
        proxy.script["dag/export"] = [None, Stall(0)]   # the second `dag/export`
        ... talk to proxy.url ...
        assert proxy.requests[0].path == "pin/ls"

Without a daemon behind it, it answers from `answers`, so that what speaks to a Kubo is tested where there is
none. Bodies are streamed in both directions and never kept. A client that leaves takes its request to the
daemon with it, and a daemon that leaves the connection of the client.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from yarl import URL

from tests.simulators.faults import CleanEnd, Cut, Fault, Stall
from tests.simulators.rpc_faults import Answer, CutRequest, Hangup, Rewrite, StallRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from typing import Self

_PIECE = 64 * 1024
_API = "/api/v0/"
_NOT_PASSED = {"host", "connection", "transfer-encoding", "content-length", "expect", "trailer", "date"}
_UNKNOWN = Answer(b"404 page not found\n", 404, "text/plain; charset=utf-8")


class Moment(Enum):
    """Where in a request the proxy is."""

    ASKED = "the request came, and the daemon knows nothing of it"
    SENDING = "a piece of its body came, and is not with the daemon"
    ANSWERING = "a piece of the answer came, and is not with the client"
    ANSWERED = "the client has all of the answer, and not that it ends there"


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcRequest:
    """One request as it came.

    Attributes:
        path: the command, as `pin/ls`.
        args: its query, in order.
        headers: as sent.
        number: how many of this command came before it.
    """

    path: str
    args: tuple[tuple[str, str], ...]
    headers: Mapping[str, str] = field(repr=False)
    number: int

    def arg(self, name: str) -> str | None:
        """The first value of an option."""
        return next((value for key, value in self.args if key == name), None)


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of one request.

    Attributes:
        done: bytes of that direction that were handed on before.
        piece: what would be handed on now.
    """

    request: RpcRequest
    moment: Moment
    done: int = 0
    piece: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    content_type: str
    pieces: AsyncIterator[bytes]


class RpcProxy:
    """An async context manager.

    Attributes:
        faults: what to do with every request of a command; `"*"`: of those not named.
        script: what to do with the next ones of a command, before `faults`; None is nothing.
        answers: what is answered where there is no daemon.
        watch: awaited at every step of every request; it may hold the request there.
        requests: all that came.
        open: how many are being answered.
    """

    def __init__(self, upstream: str | None = None) -> None:
        self.upstream = upstream
        self.faults: dict[str, Fault] = {}
        self.script: dict[str, list[Fault | None]] = {}
        self.answers: dict[str, Answer] = {}
        self.watch: Callable[[Step], Awaitable[None]] = _look_on
        self.requests: list[RpcRequest] = []
        self.open = 0
        self._leave = asyncio.Event()
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    def asked(self, path: str) -> list[RpcRequest]:
        """The requests of one command."""
        return [request for request in self.requests if request.path == path]

    async def wait_until(self, holds: Callable[[], bool], *, within_s: float = 20.0) -> None:
        """Return when it holds; looked at whenever a request comes or goes."""
        async with asyncio.timeout(within_s):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", _API + "{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        # a connection for each request: one that is cancelled is closed, and the daemon sees it
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(), auto_decompress=False
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave.set()
        await self.stop_listening()
        if self._session is not None:
            await self._session.close()

    async def stop_listening(self) -> None:
        """Cut the connections there are, and refuse new ones."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve(self, http: web.Request) -> web.StreamResponse:
        path = http.match_info["path"]
        query = tuple(http.query.items())
        request = RpcRequest(path=path, args=query, headers=dict(http.headers), number=len(self.asked(path)))
        self.requests.append(request)
        script = self.script.get(path)
        fault = script.pop(0) if script else self.faults.get(path, self.faults.get("*"))
        self.open += 1
        self._changed.set()
        try:
            await self.watch(Step(request, Moment.ASKED))
            return await self._answer(http, request, fault)
        except (aiohttp.ClientError, ConnectionError):
            return _cut(http)
        finally:
            self.open -= 1
            self._changed.set()

    async def _answer(
        self, http: web.Request, request: RpcRequest, fault: Fault | None
    ) -> web.StreamResponse:
        if isinstance(fault, Hangup):
            return _cut(http)
        if fault == Stall(-1):
            await self._leave.wait()
            return _cut(http)
        async with self._reply(http, request, fault) as reply:
            response = web.StreamResponse(status=reply.status, headers={"Content-Type": reply.content_type})
            response.enable_chunked_encoding()
            await response.prepare(http)
            limit = fault.after if isinstance(fault, Cut | CleanEnd | Stall) else None
            done = 0
            async for piece in reply.pieces:
                part = piece if limit is None else piece[: limit - done]
                await self.watch(Step(request, Moment.ANSWERING, done, part))
                if part:
                    await response.write(part)
                done += len(part)
                if done == limit:
                    break
            await self.watch(Step(request, Moment.ANSWERED, done))
            if isinstance(fault, Stall):
                await self._leave.wait()
            if isinstance(fault, Cut | Stall):
                return _cut(http, response)
            await response.write_eof()
            return response

    @contextlib.asynccontextmanager
    async def _reply(
        self, http: web.Request, request: RpcRequest, fault: Fault | None
    ) -> AsyncIterator[_Reply]:
        if isinstance(fault, Answer):
            yield _Reply(fault.status, fault.content_type, fault.pieces())
            return
        if self.upstream is None:
            async for _ in self._body(http, request, fault):
                pass
            answer = self.answers.get(request.path, _UNKNOWN)
            yield _Reply(answer.status, answer.content_type, answer.pieces())
            return
        assert self._session is not None
        headers = {key: value for key, value in http.headers.items() if key.lower() not in _NOT_PASSED}
        body = self._body(http, request, fault) if http.body_exists else None
        async with self._session.request(
            http.method, URL(self.upstream + http.raw_path, encoded=True), headers=headers, data=body
        ) as upstream:
            pieces: AsyncIterator[bytes] = upstream.content.iter_any()
            if isinstance(fault, Rewrite):
                pieces = Answer(fault.change(await upstream.read())).pieces()
            content_type = upstream.headers.get("Content-Type", "application/octet-stream")
            yield _Reply(upstream.status, content_type, pieces)

    async def _body(
        self, http: web.Request, request: RpcRequest, fault: Fault | None
    ) -> AsyncIterator[bytes]:
        limit = fault.after if isinstance(fault, CutRequest | StallRequest) else None
        done = 0
        async for piece in http.content.iter_chunked(_PIECE):
            part = piece if limit is None else piece[: limit - done]
            await self.watch(Step(request, Moment.SENDING, done, part))
            yield part
            done += len(part)
            if done == limit and isinstance(fault, StallRequest):
                await self._leave.wait()
            if done == limit:
                raise ConnectionResetError("the request is cut here")


async def _look_on(step: Step) -> None:
    """Let it pass."""


def _cut(http: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    if http.transport is not None:
        http.transport.abort()
    return response or web.Response()
