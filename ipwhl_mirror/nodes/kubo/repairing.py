"""Blocks of a Kubo made good again, without touching a pin.

A missing block is asked of the daemon, which fetches it. A damaged one the daemon takes for good and never
fetches; so it is fetched by us from trustless gateways, hashed, and written over the damaged one. A daemon
that remembers which blocks it has (its default) writes nothing then: it has to remove the damaged block
first, which it does only where it can still read every directory under its pins. Where it cannot, because
the damaged block itself is one it must parse, the error says which setting to change.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.base import Fault, PinProgress
from ipwhl_mirror.nodes.errors import (
    BlockCorrupt,
    BlockNotFound,
    NodeError,
    NodeRefused,
    NoSource,
    PinFailed,
)
from ipwhl_mirror.nodes.kubo.rpc import RpcFailed
from ipwhl_mirror.nodes.kubo.staging import import_blocks
from ipwhl_mirror.nodes.kubo.walking import local_block, walked_dag

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.embedded.sources import GatewaySource
    from ipwhl_mirror.nodes.kubo.fetching import Fetching
    from ipwhl_mirror.nodes.kubo.rpc import Rpc

_DAG_CBOR = b"\x01\x71\x12\x20"
_PIN_CHECK_S = 600.0
"""To remove a block the daemon first reads all directories and dag-pb leaves under all its pins."""


class Mending:
    """Repairs of one call.

    Args:
        gateways: where damaged blocks are fetched.
        gate: see `walked_dag`.
    """

    def __init__(
        self, rpc: Rpc, fetching: Fetching, gateways: GatewaySource, gate: asyncio.Semaphore
    ) -> None:
        self._rpc = rpc
        self._fetching = fetching
        self._gateways = gateways
        self._gate = gate

    async def mend_all(self, broken: Iterable[Cid], on_progress: Callable[[PinProgress], None]) -> None:
        """Make these blocks and everything below them good.

        Raises:
            PinFailed: some could not be had; the error lists them.
            NodeRefused, NodeUnreachable: the daemon does not answer.
        """
        waiting = list(broken)
        failed: dict[Cid, NodeError] = {}
        blocks = size = 0
        while waiting:
            root = waiting.pop()
            async for cid, _, found in walked_dag(self._rpc, root, self._gate):
                if not isinstance(found, Fault):
                    continue
                try:
                    block = await self.mend(cid)
                except (BlockNotFound, NoSource, NodeRefused) as error:
                    failed[cid] = error
                    continue
                blocks, size = blocks + 1, size + len(block)
                on_progress(PinProgress(blocks=blocks, bytes=size, notes=self._gateways.notes))
                waiting.append(cid)
        if failed:
            raise PinFailed(
                f"{len(failed)} block(s) could not be had",
                failed=[(cid, str(error)) for cid, error in failed.items()],
                hint=_hint(failed.values()),
            )

    async def mend(self, cid: Cid) -> bytes:
        """Make one block good; its bytes.

        Raises:
            BlockNotFound, NoSource: nobody gave it.
            NodeRefused: the daemon keeps the damaged one.
        """
        try:
            return await local_block(self._rpc, cid)
        except BlockNotFound:
            try:
                return await self._fetching.block(cid)
            except (BlockNotFound, NoSource):
                block = await self._gateways.block(cid)
        except BlockCorrupt:
            block = await self._gateways.block(cid)
        for replace in (self._write, self._remove_and_write):
            await replace(cid, block)
            with suppress(BlockCorrupt):
                return await local_block(self._rpc, cid)
        raise NodeRefused(
            f"kubo keeps the damaged block {cid}: it writes no block that it remembers to have",
            hint="`ipfs config --json Datastore.BlockKeyCacheSize 0`, start the daemon again, and repeat; or "
            "`ipfs repo verify --heal`: it reads the whole repository and fetches what is damaged from peers",
        )

    async def _write(self, cid: Cid, block: bytes) -> None:
        await import_blocks(self._rpc, [(cid, block)])

    async def _remove_and_write(self, cid: Cid, block: bytes) -> None:
        # a pin protects the names it leads to; the same block has a name of another codec that none leads to
        alias = "b" + base64.b32encode(_DAG_CBOR + cid.digest).decode().lower().rstrip("=")
        with suppress(RpcFailed):
            await self._rpc.call("block/rm", alias, stall_s=max(self._rpc.stall_s, _PIN_CHECK_S))
        await import_blocks(self._rpc, [(cid, block)])


def _hint(errors: Iterable[NodeError]) -> str:
    """What helps most: the daemon's settings where it refused, else a source."""
    refused = [error.hint for error in errors if isinstance(error, NodeRefused) and error.hint is not None]
    return (
        refused[0]
        if refused
        else (
            "name a trustless gateway that has them with --gateway; "
            "`ipfs repo verify --heal` reads the whole repository and fetches what is damaged"
        )
    )
