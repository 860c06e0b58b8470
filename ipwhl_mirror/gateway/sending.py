"""Sending an answer, and giving it up when the client takes nothing.

Every request has a deadline that moves on with each piece the client takes, so an answer of any length may
last, and one that nobody takes is broken off. A broken-off answer never looks whole: the connection ends
before the length that was announced, before the last chunk, or (HTTP/1.0 without a length) with a reset.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, BinaryIO

from aiohttp import HttpVersion11, web

if TYPE_CHECKING:
    from ipwhl_mirror.gateway.ranges import ByteRange

_PIECE = 64 * 1024
_MIN_SLICE = 64 * 1024
_MAX_SLICE = 8 * 1024 * 1024
_QUICK_S = 0.5
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Kind(Enum):
    """What an answer is, for the metrics."""

    LISTING = "listing"
    FILE = "file"
    BLOCK = "block"
    CAR = "car"
    REDIRECT = "redirect"
    HEALTH = "health"
    METRICS = "metrics"
    OTHER = "other"


@dataclass(slots=True)
class Exchange:
    """A request that is being answered.

    Attributes:
        deadline: when it is broken off, unless something is sent before.
        idle_limit_s: how far each piece that is sent moves the deadline.
        kind: of the answer, as far as it is known.
        sent: bytes of the body that went out.
        given_up: whether its connection was taken for another client.
    """

    deadline: asyncio.Timeout
    idle_limit_s: float
    kind: Kind = Kind.OTHER
    sent: int = 0
    given_up: bool = False

    def progress(self, count: int) -> None:
        """Note that the client took so many bytes."""
        self.sent += count
        if not self.given_up:
            self.deadline.reschedule(asyncio.get_running_loop().time() + self.idle_limit_s)

    def idle_s(self) -> float:
        """Seconds since something was sent, or since the request came."""
        when = self.deadline.when()
        return 0.0 if when is None else asyncio.get_running_loop().time() - (when - self.idle_limit_s)

    def give_up(self) -> None:
        """Break it off as soon as the loop runs."""
        self.given_up = True
        self.deadline.reschedule(asyncio.get_running_loop().time())


EXCHANGE = web.RequestKey("exchange", Exchange)


async def send_bytes(request: web.Request, response: web.StreamResponse, data: bytes) -> None:
    """Send a piece of the body of a prepared response.

    Raises:
        ConnectionError: the client is gone.
    """
    view = memoryview(data)
    for start in range(0, len(view), _PIECE):
        piece = view[start : start + _PIECE]
        await response.write(piece)
        request[EXCHANGE].progress(len(piece))


async def send_file(request: web.Request, file: BinaryIO, part: ByteRange) -> None:
    """Send a part of a file as the body of a prepared response, in the kernel where it can.

    It goes in slices, as long as the client takes them quickly: so a slow client is told from a dead one.

    Raises:
        ConnectionError: the client is gone, or the file has become shorter.
    """
    loop = asyncio.get_running_loop()
    start, size = part.start, 4 * _MIN_SLICE
    while start < part.end:
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        began = loop.time()
        sent = await loop.sendfile(transport, file, start, min(size, part.end - start))
        if not sent:
            raise ConnectionAbortedError(f"the file ends at byte {start}, of {part.end}")
        start += sent
        request[EXCHANGE].progress(sent)
        quick = loop.time() - began < _QUICK_S
        size = min(size * 2, _MAX_SLICE) if quick else max(size // 2, _MIN_SLICE)


def has_begun(request: web.Request) -> bool:
    """Whether a part of the answer went out."""
    return request.writer.output_size > 0


def end_early(request: web.Request) -> None:
    """End an answer that cannot be completed: what was written still goes out, and it does not look whole."""
    if request.version < HttpVersion11:
        break_off(request)
    else:
        request.protocol.force_close()


def break_off(request: web.Request) -> None:
    """End the connection at once, with a reset where nothing else would tell that the answer is not whole."""
    transport = request.transport
    if transport is not None:
        if request.version < HttpVersion11:
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    request.protocol.force_close()
