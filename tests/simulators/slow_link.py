"""A TCP connection as over a distance: a loopback relay, in a process of its own, that holds every byte back.

    with slow_link(swarm_port, delay_s=0.01) as port:
        ... connect to 127.0.0.1:port: each round trip takes 20 ms more ...

Bytes wait, and do not keep those behind them waiting: the bandwidth is that of the loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 1 << 18
_ON_THE_WAY = 4096


@contextlib.contextmanager
def slow_link(far_port: int, *, delay_s: float) -> Iterator[int]:
    """Relay a loopback port.

    Args:
        delay_s: how long every byte is on its way, in either direction, in seconds.

    Yields:
        the port to connect to.
    """
    words = [sys.executable, __file__, str(far_port), str(delay_s)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def _relay(far_port: int, delay_s: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", far_port, limit=_PIECE)
            await asyncio.gather(_carry(reader, far_writer, delay_s), _carry(far_reader, writer, delay_s))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=_PIECE)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    clock = asyncio.get_running_loop().time
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_ON_THE_WAY)

    async def arrive() -> None:
        while True:
            due, piece = await on_the_way.get()
            await asyncio.sleep(due - clock())
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
        writer.close()

    arriving = asyncio.create_task(arrive())
    try:
        while piece := await reader.read(_PIECE):
            await on_the_way.put((clock() + delay_s, piece))
    finally:
        await on_the_way.put((clock(), b""))
        await arriving


if __name__ == "__main__":
    asyncio.run(_relay(int(sys.argv[1]), float(sys.argv[2])))
