"""The RPC of a Kubo daemon, with every fault of it a typed error.

Calls go through aioipfs's session and endpoints; its typed calls turn dropped connections into `None` and
miss options that are needed here. Promised of every call: it ends when nothing moved for the deadline, in
either direction; an answer that is cut, too long, HTML or no JSON is an error and never an empty result;
cancelling it closes the connection, which makes the daemon stop.

Left out: what an answer means. A failure in the middle of a stream is told by Kubo in an HTTP trailer only,
which HTTP clients do not show, so whoever reads a stream must know how to tell that it is whole.

RPC: https://docs.ipfs.tech/reference/kubo/rpc/
"""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import aiohttp
import aioipfs
import msgspec

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.nodes.errors import NodeRefused, NodeUnreachable
from ipwhl_mirror.nodes.kubo.requests import clock_ahead, form_file, query, watched

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator, Sequence

    from ipwhl_mirror.nodes.kubo.address import Credentials, RpcAddress
    from ipwhl_mirror.nodes.kubo.requests import Option

ANSWER_LIMIT = 16 << 20
"""How long a whole answer or a line may be, in bytes, unless a call says otherwise."""

_ERROR_LIMIT = 64 << 10
_SHOWN = 300


class RpcFailed(NodeRefused):
    """Kubo answered that it failed.

    Attributes:
        reason: what it said, as it said it: unfit for people before `safe_text`.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"kubo {path}: {safe_text(reason, _SHOWN)}")


class _Said(msgspec.Struct):
    """An error as Kubo tells it."""

    Message: str
    Type: str = ""


class Rpc:
    """One daemon's RPC; to be used inside one event loop.

    Args:
        credentials: sent with every call; None for an RPC that asks for none.
        stall_s: seconds without a byte in either direction after which a call fails.

    Attributes:
        skew_s: seconds by which the daemon's clock was ahead of ours at its last answer; None before it.
    """

    def __init__(
        self, address: RpcAddress, credentials: Credentials | None = None, *, stall_s: float = 30.0
    ) -> None:
        self.address = address
        self.stall_s = stall_s
        self.skew_s: float | None = None
        self._credentials = credentials
        self._opened: aioipfs.AsyncIPFS | None = None

    @property
    def has_secret(self) -> bool:
        """Whether a secret is sent with every call."""
        return self._credentials is not None

    async def call(
        self,
        path: str,
        *arguments: str,
        limit: int = ANSWER_LIMIT,
        stall_s: float | None = None,
        **options: Option,
    ) -> bytes:
        """The whole answer of a command.

        Args:
            path: the command, for instance "pin/ls".
            limit: the longest answer that is taken, in bytes.

        Raises:
            RpcFailed: Kubo says that it failed.
            NodeRefused: it does not let us, or it is no Kubo.
            NodeUnreachable: no answer, not a whole one, or silence for longer than the deadline.
        """
        return await self._whole(path, arguments, options, None, limit, stall_s)

    async def send(
        self, path: str, pieces: AsyncIterable[bytes], *, stall_s: float | None = None, **options: Option
    ) -> bytes:
        """Send a file to a command; its whole answer.

        Args:
            pieces: the file's bytes.

        Raises:
            RpcFailed, NodeRefused, NodeUnreachable: see `call`.
        """
        return await self._whole(path, (), options, pieces, ANSWER_LIMIT, stall_s)

    async def lines(
        self,
        path: str,
        *arguments: str,
        limit: int = ANSWER_LIMIT,
        stall_s: float | None = None,
        **options: Option,
    ) -> AsyncGenerator[bytes, None]:
        """The lines of an answer as they come, without their ends.

        Args:
            limit: the longest line that is taken, in bytes.

        Raises:
            RpcFailed, NodeRefused, NodeUnreachable: see `call`.
        """
        rest = bytearray()
        async with aclosing(self.content(path, *arguments, stall_s=stall_s, **options)) as pieces:
            async for piece in pieces:
                rest += piece
                if b"\n" in piece:
                    *whole, tail = rest.split(b"\n")
                    rest = tail
                    for line in whole:
                        if line.strip():
                            yield bytes(line)
                if len(rest) > limit:
                    raise NodeRefused(f"kubo {path}: a line of more than {limit} bytes")
        if rest.strip():
            yield bytes(rest)

    async def content(
        self, path: str, *arguments: str, stall_s: float | None = None, **options: Option
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of an answer as they come.

        Raises:
            RpcFailed, NodeRefused, NodeUnreachable: see `call`.
        """
        stall_s = stall_s or self.stall_s
        async with self._answer(path, arguments, options, None, stall_s) as response:
            while piece := await self._next(path, response, stall_s):
                yield piece

    async def aclose(self) -> None:
        """Close every connection. Safe to call twice."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    async def _whole(
        self,
        path: str,
        arguments: tuple[str, ...],
        options: dict[str, Option],
        pieces: AsyncIterable[bytes] | None,
        limit: int,
        stall_s: float | None,
    ) -> bytes:
        stall_s = stall_s or self.stall_s
        answer = bytearray()
        async with self._answer(path, arguments, options, pieces, stall_s) as response:
            while piece := await self._next(path, response, stall_s):
                answer += piece
                if len(answer) > limit:
                    raise NodeRefused(f"kubo {path}: an answer of more than {limit} bytes")
        return bytes(answer)

    @asynccontextmanager
    async def _answer(
        self,
        path: str,
        arguments: tuple[str, ...],
        options: dict[str, Option],
        pieces: AsyncIterable[bytes] | None,
        stall_s: float,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        client = self._client()
        failed: list[Exception] = []
        with self._faults(path, stall_s, failed):
            async with asyncio.timeout(stall_s) as deadline:
                response = await client.session.post(
                    client.api_endpoint(path),
                    params=[("arg", argument) for argument in arguments] + query(options),
                    headers=self._credentials.header if self._credentials else {},
                    data=None if pieces is None else form_file(watched(pieces, deadline, stall_s, failed)),
                    timeout=aiohttp.ClientTimeout(total=None),
                    allow_redirects=False,
                )
        self.skew_s = clock_ahead(response.headers.get("Date"))
        try:
            await self._check(path, response, stall_s)
            yield response
        finally:
            # at its end the connection went back already; before it, closing is what stops the daemon
            response.close()

    async def _next(self, path: str, response: aiohttp.ClientResponse, stall_s: float) -> bytes:
        with self._faults(path, stall_s):
            async with asyncio.timeout(stall_s):
                return await response.content.readany()

    async def _check(self, path: str, response: aiohttp.ClientResponse, stall_s: float) -> None:
        if response.status == 200 and response.content_type != "text/html":
            return
        said = b""
        while len(said) < _ERROR_LIMIT and (piece := await self._next(path, response, stall_s)):
            said += piece
        try:
            error = msgspec.json.decode(said, type=_Said)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            error = None
        if error is not None and error.Type == "error":
            raise RpcFailed(path, error.Message)
        if response.status in (401, 403):
            raise NodeRefused(
                f"the RPC at {self.address.url} does not let us use {path}: HTTP {response.status}",
                hint="give its secret by IPWHL_MIRROR_NODE_AUTH or [node] auth_file, "
                "and look at API.Authorizations in the daemon's config",
            )
        raise NodeRefused(
            f"what answers at {self.address.url} is no Kubo RPC: HTTP {response.status}, "
            f"{safe_text(response.content_type, 60)} to {path}",
            hint="--node wants the address of Addresses.API, usually http://127.0.0.1:5001",
        )

    @contextmanager
    def _faults(self, path: str, stall_s: float, failed: Sequence[Exception] = ()) -> Iterator[None]:
        hint = "is the daemon running? `ipfs daemon` starts it"
        try:
            yield
        except TimeoutError as error:
            raise NodeUnreachable(
                f"the node at {self.address.url} was silent for {stall_s:g} s in {path}",
                hint="run again to go on; `ipfs diag cmds` lists what it is busy with",
            ) from error
        except aiohttp.ClientConnectorError as error:
            number = error.os_error.errno or 0
            # asyncio gives a text of its own for what connect says; a resolver's numbers are negative
            why = os.strerror(number) if number > 0 else error.os_error.strerror or "no connection"
            raise NodeUnreachable(
                f"no node answers at {self.address.url}: {safe_text(why, _SHOWN).lower()}", hint=hint
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if failed:  # what was to be sent could not be read: that is not the node's fault
                raise failed[0] from None
            what = safe_text(str(error) or type(error).__name__, _SHOWN)
            raise NodeUnreachable(
                f"the node at {self.address.url} broke off in {path}: {what}", hint=hint
            ) from error

    def _client(self) -> aioipfs.AsyncIPFS:
        if self._opened is None:
            at = self.address
            self._opened = aioipfs.AsyncIPFS(host=at.host, port=at.port, scheme=at.scheme)
        return self._opened
