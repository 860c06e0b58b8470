"""Fetch a file of known SHA-256 over https, resumed where an earlier run ended, or read a range of it.

Promised: a complete file has the wanted length and SHA-256, whatever the server does; an incomplete one is
kept under another name, and the next run asks for the rest. No more is written than the wanted length, where
that is known, else than the server said, and never more than LARGEST. A server that fails or is slow is asked
TRIES times in a row without a new byte, and MOST_TRIES in all. What `web` promises of addresses holds.

A file that comes out with another SHA-256 is fetched again from its beginning once if it was put together of
several answers, because these may have been of two versions.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from ipwhl_mirror.sources.download_answers import (
    LOCK_AGAIN,
    LONGEST_WAIT_S,
    check_status,
    continues,
    limit_of,
    retry_after,
    span_of,
    told_size,
)
from ipwhl_mirror.sources.download_files import Beginning, Wanted, discard, keep, opened
from ipwhl_mirror.sources.errors import SourceMalformed, SourceUnreachable
from ipwhl_mirror.sources.web import IDLE_S, Reachable, answer, client, shown, told_apart

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType
    from typing import BinaryIO, Self

TRIES = 4
MOST_TRIES = 20
SLOWEST = 1024
"""Bytes a second; a server that sends less for SLOW_S seconds is asked again."""
SLOW_S = 60.0
_BACKOFF_S = 0.5


class Watcher:
    """Is told how a download goes; does nothing by itself."""

    def has(self, count: int) -> None:
        """So many bytes are here; fewer than before where it begins anew."""

    def sized(self, size: int) -> None:
        """The server says how long the file is."""

    def noted(self, note: str) -> None:
        """It is tried again, and why: safe to show."""


@dataclass(slots=True)
class Downloader:
    """Connections for downloads; an async context manager.

    Attributes:
        pause: waits so many seconds between tries.
        idle_s, slow_s: seconds without a byte, and of little, after which a server is asked again.
    """

    reachable: Reachable
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    idle_s: float = IDLE_S
    slow_s: float = SLOW_S
    _client: httpx.AsyncClient | None = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        self._client = client(self.reachable, idle_s=self.idle_s)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def download(self, wanted: Wanted, watcher: Watcher) -> None:
        """Make a file complete.

        Raises:
            SourceUnreachable: the server does not give it now; what came is kept, a later run goes on.
            SourceMalformed: it cannot be had at this address, or is another file than the wanted one.
            OSError: it cannot be written.

        On cancel: what came is kept.
        """
        state = await asyncio.to_thread(Beginning.resume, wanted)
        watcher.has(state.length)
        await self._complete(wanted, state, watcher)
        if state.digest.digest() != wanted.sha256 and state.is_joined:
            watcher.noted(f"{shown(wanted.url)}: what was here is of another file, it is fetched anew")
            await asyncio.to_thread(discard, wanted)
            state.begin_anew()
            await self._complete(wanted, state, watcher)
        if state.digest.digest() != wanted.sha256:
            await asyncio.to_thread(discard, wanted)
            found = state.digest.hexdigest()
            raise SourceMalformed(
                f"{shown(wanted.url)} is another file: its SHA-256 is {found}, not {wanted.sha256.hex()}",
                hint=LOCK_AGAIN,
            )
        await asyncio.to_thread(keep, wanted)

    async def read(self, url: str, start: int, end: int) -> Piece | None:
        """The bytes [start, end) of a file; None where the server gives no ranges.

        Raises:
            SourceUnreachable, SourceMalformed: see `download`.
        """
        for failed in range(1, TRIES + 1):
            try:
                with told_apart(url):
                    return await self._read(url, start, end)
            except SourceUnreachable as error:
                if error.hint is not None or failed == TRIES:
                    raise
                await self.pause(_wait_s(failed))
        raise AssertionError("the last try returns or raises")

    async def _read(self, url: str, start: int, end: int) -> Piece | None:
        async with self._ask(url, {"Range": f"bytes={start}-{end - 1}"}) as response:
            if response.status_code == httpx.codes.OK:
                return None
            span = span_of(response)
            check_status(response, httpx.codes.PARTIAL_CONTENT)
            if span is None or span[0] != start:
                return None
            data = bytearray()
            async for piece in response.aiter_raw():
                data += piece
                if len(data) > end - start:
                    break
            if len(data) != min(end, span[1]) - start:
                raise SourceUnreachable(f"{shown(url)} sent {len(data)} bytes of {end - start} asked for")
            return Piece(bytes(data), span[1])

    def _ask(self, url: str, headers: dict[str, str]) -> AbstractAsyncContextManager[httpx.Response]:
        assert self._client is not None, "it is used as a context manager"
        return answer(self._client, httpx.URL(url), self.reachable, headers)

    async def _complete(self, wanted: Wanted, state: Beginning, watcher: Watcher) -> None:
        """Bring all bytes, in as many tries as it takes."""
        failed = 0
        for number in range(1, MOST_TRIES + 1):
            if state.length == wanted.size or state.digest.digest() == wanted.sha256:
                return
            before = state.length
            try:
                with told_apart(wanted.url):
                    await self._try(wanted, state, watcher)
                return
            except SourceUnreachable as error:
                failed = 1 if state.length > before else failed + 1
                # with a hint it is something that a person has to change
                if error.hint is not None or failed == TRIES or number == MOST_TRIES:
                    raise
                watcher.noted(f"{error}; it is asked again")
            await self.pause(max(state.wait_s, _wait_s(failed)))

    async def _try(self, wanted: Wanted, state: Beginning, watcher: Watcher) -> None:
        headers = {"Range": f"bytes={state.length}-"} if state.length else {}
        async with self._ask(wanted.url, headers) as response:
            state.wait_s = retry_after(response)
            if state.length and not continues(response, state.length):
                if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT, 416):
                    check_status(response, httpx.codes.OK)
                state.begin_anew()
                watcher.has(0)
                if response.status_code != httpx.codes.OK:
                    raise SourceUnreachable(f"{shown(wanted.url)} does not continue a file")
            elif state.length:
                state.is_joined = True
            else:
                check_status(response, httpx.codes.OK)
            size = told_size(response)
            limit = limit_of(wanted, size)
            if size is not None:
                watcher.sized(size)
            with await asyncio.to_thread(opened, wanted, state.length) as file:
                await self._receive(response, file, limit, state, watcher)
        if state.length < (size if size is not None else wanted.size or 0):
            raise SourceUnreachable(f"{shown(wanted.url)} ended after {state.length} of {limit} bytes")

    async def _receive(
        self, response: httpx.Response, file: BinaryIO, limit: int, state: Beginning, watcher: Watcher
    ) -> None:
        since, received = time.monotonic(), 0
        async for piece in response.aiter_raw():
            if state.length + len(piece) > limit:
                raise SourceMalformed(
                    f"{shown(response.request.url)} sends more than {limit} bytes", hint=LOCK_AGAIN
                )
            # a piece is at most 64 KiB: writing and hashing it here costs less than a thread
            file.write(piece)
            state.digest.update(piece)
            state.length += len(piece)
            received += len(piece)
            watcher.has(state.length)
            if (elapsed := time.monotonic() - since) >= self.slow_s:
                if received < SLOWEST * elapsed:
                    raise SourceUnreachable(
                        f"{shown(response.request.url)} sends less than {SLOWEST} bytes a second"
                    )
                since, received = time.monotonic(), 0


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of a file, and how long the server says that the file is."""

    data: bytes
    size: int


def _wait_s(failed: int) -> float:
    return float(min(_BACKOFF_S * 2**failed, LONGEST_WAIT_S))
