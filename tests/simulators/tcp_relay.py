"""A loopback relay of TCP connections that can fall silent after so many bytes.

async with TcpRelay(port_of_a_daemon) as relay:
    relay.pause_at(100_000)          # of what flows from the daemon to whoever connected
    ... connect to relay.port ...
    await relay.paused.wait()
    relay.go_on()
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

_PIECE = 16 * 1024


class TcpRelay:
    """An async context manager.

    Attributes:
        port: where it listens on 127.0.0.1.
        received: bytes that came from the far end, over all connections.
        paused: set while it is silent.
    """

    def __init__(self, far_port: int) -> None:
        self.far_port = far_port
        self.port = 0
        self.received = 0
        self.paused = asyncio.Event()
        self._limit: int | None = None
        self._going = asyncio.Event()
        self._going.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def pause_at(self, received: int) -> None:
        """Hand on no byte beyond these, counted like `received`."""
        self._limit = received

    def go_on(self) -> None:
        """Hand on what waits and all that comes."""
        self._limit = None
        self.paused.clear()
        self._going.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.far_port)
        except ConnectionError:
            writer.close()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hand_on(reader, far_writer))
                group.create_task(self._hand_back(far_reader, writer))
        except* ConnectionError:
            pass
        finally:
            far_writer.close()
            writer.close()

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def _hand_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE):
            if self._limit is not None and self.received + len(piece) > self._limit:
                self._going.clear()
                self.paused.set()
            await self._going.wait()
            self.received += len(piece)
            writer.write(piece)
            await writer.drain()
        writer.close()
