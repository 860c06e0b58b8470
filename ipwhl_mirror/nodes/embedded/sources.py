"""Where missing blocks come from, and trustless gateways as such a source.

It loads the HTTP client: `node.py` imports it when something is fetched.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol

from ipwhl_mirror.nodes.embedded.fetch import fetch_block, fetch_file
from ipwhl_mirror.nodes.errors import NoSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.embedded.assembly import FileAssembly
    from ipwhl_mirror.nodes.embedded.gateways import GatewayPool


class Source(Protocol):
    """Gives blocks that are not here."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What an operator should know, each told once."""

    @property
    def stalled_s(self) -> float:
        """Seconds since a byte came."""

    async def block(self, cid: Cid) -> bytes:
        """A block, hashed. Raises BlockNotFound, NoSource."""

    async def file(self, assembly: FileAssembly, on_bytes: Callable[[int], None]) -> None:
        """Make the assembly whole. Raises BlockNotFound, NoSource, MalformedBlock, NodeRefused, NoSpace."""


class GatewaySource:
    """The gateways of a pool; without any it has nothing, and says how to name one.

    The pool is opened by the first call: what needs no network does not pay for making an HTTP client.
    """

    def __init__(self, pool: GatewayPool) -> None:
        self._pool = pool
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._is_open = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    @property
    def notes(self) -> tuple[str, ...]:
        return self._pool.notes

    @property
    def stalled_s(self) -> float:
        return self._pool.stalled_s if self._is_open else 0.0

    async def block(self, cid: Cid) -> bytes:
        await self._open(cid)
        return await fetch_block(self._pool, cid)

    async def file(self, assembly: FileAssembly, on_bytes: Callable[[int], None]) -> None:
        await self._open(assembly.root)
        await fetch_file(self._pool, assembly, on_bytes)

    async def _open(self, cid: Cid) -> None:
        async with self._opening:
            if not self._is_open:
                await self._stack.enter_async_context(self._pool)
                self._is_open = True
        if not self._pool.gateways:
            raise NoSource(
                f"block {cid} is not here, and no gateway is named", hint="name one with --gateway URL"
            )
