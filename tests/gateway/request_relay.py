"""A relay in front of a gateway that keeps what is asked for.

async with RequestRelay(gateway.port) as relay:
    ... ask http://127.0.0.1:{relay.port} ...
    assert relay.paths("GET") == ["/ipfs/..."]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.simulators.tcp_relay import TcpRelay

if TYPE_CHECKING:
    import asyncio

_LINE = re.compile(rb"^(GET|HEAD) (\S+) HTTP/1\.1\r$", re.MULTILINE)


class RequestRelay(TcpRelay):
    """An async context manager."""

    def __init__(self, far_port: int) -> None:
        super().__init__(far_port)
        self._asked: list[bytearray] = []

    def paths(self, method: str = "GET") -> list[str]:
        """What was asked for by this method, in the order of the connections."""
        lines = (found for asked in self._asked for found in _LINE.finditer(asked))
        return [found[2].decode() for found in lines if found[1].decode() == method]

    def wheels(self) -> list[str]:
        """The names of the wheels that were asked for, in whole or in part, by any method."""
        asked = [*self.paths(), *self.paths("HEAD")]
        return [path.rpartition("/")[2] for path in asked if path.endswith(".whl")]

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = bytearray()
        self._asked.append(asked)
        while piece := await reader.read(1 << 16):
            asked += piece
            writer.write(piece)
            await writer.drain()
        writer.close()
