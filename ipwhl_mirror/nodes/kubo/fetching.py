"""What a Kubo has to fetch: with progress, and with an end.

`pin/add` fetches 32 blocks at a time and waits for ever for one that nobody has; with `progress=true` it even
goes on reporting after it failed. So every pin is watched: where its numbers stand still for too long, while
nothing else came either, it is cancelled, and an offline look says which block is missing.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.errors import HashMismatch
from ipwhl_mirror.nodes.errors import BlockNotFound, NodeRefused, NodeUnreachable, NoSource
from ipwhl_mirror.nodes.kubo.answers import Peers, PinAdded, missing_block, read
from ipwhl_mirror.nodes.kubo.rpc import RpcFailed
from ipwhl_mirror.nodes.kubo.staging import import_blocks, is_pinned

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipwhl_mirror.nodes.kubo.rpc import Rpc
    from ipwhl_mirror.nodes.kubo.staging import Staging

_PATIENCE = 4
"""How many stall times a pin may stand still while others go on."""
_ATTEMPTS = 3
_GRACE_S = 5.0
"""How long after its own time-out the daemon may take to say so."""

EMPTY = Cid.of(b"", RAW)
"""An empty file with raw leaves. Bitswap never gives it: a size of 0 means there that the block is absent."""
SLOWEST_READ = 10 << 20
"""Bytes a second; a slower disk than this is taken for a daemon that hangs."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far one `pin/add` is: blocks it has, and their bytes (0 from a Kubo before 0.40)."""

    blocks: int
    bytes: int


NOTHING = Step(0, 0)


class Pulse:
    """When something last came, of everything that is fetched at once."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self.beat()

    def beat(self) -> None:
        """Something came."""
        self._last = self._clock()

    @property
    def still_s(self) -> float:
        """For how long nothing came, in seconds."""
        return self._clock() - self._last


class Fetching:
    """Fetches of one call.

    Args:
        stall_s: seconds without progress after which a block counts as not to be had.
    """

    def __init__(self, rpc: Rpc, staging: Staging, stall_s: float) -> None:
        self.staging = staging
        self.pulse = Pulse()
        self._rpc = rpc
        self._stall_s = stall_s

    async def block(self, cid: Cid) -> bytes:
        """One block from the network; it stays, unpinned.

        Raises:
            BlockNotFound, NoSource: nobody gave it within the stall time.
        """
        if cid == EMPTY:
            await import_blocks(self._rpc, [(EMPTY, b"")])
            return b""
        try:
            block = await self._rpc.call(
                "block/get", str(cid), stall_s=self._stall_s + _GRACE_S, timeout=f"{self._stall_s:g}s"
            )
        except RpcFailed as error:
            raise await self.not_found(cid) from error
        try:
            cid.check(block)
        except HashMismatch as error:
            raise NodeRefused(f"kubo block/get: {error}") from error
        return block

    async def stage(self, root: Cid, on_step: Callable[[Step], None]) -> None:
        """Fetch everything under a staging root and pin it.

        Raises:
            BlockNotFound, NoSource: a block of it cannot be had; what came stays, unpinned.
        """
        await self.pin(root, self.staging.name, on_step)

    async def pin(self, root: Cid, name: str, on_step: Callable[[Step], None]) -> None:
        """Fetch everything under a root that is not pinned, and pin it.

        Raises:
            BlockNotFound, NoSource: a block of it cannot be had; what came stays, unpinned.
        """
        for left in reversed(range(_ATTEMPTS)):
            reached = await self._watched_pin(root, name, on_step)
            if reached is None or await is_pinned(self._rpc, root):
                return
            patience = self._stall_s + reached.bytes / SLOWEST_READ
            if (missing := await first_missing(self._rpc, root, patience)) is None:
                await self._pin_what_is_here(root, name, patience)
                return
            if not left:
                raise await self.not_found(missing)
            # a daemon can lose a want; asked for by itself the block comes, if anybody has it
            await self.block(missing)

    async def _watched_pin(self, root: Cid, name: str, on_step: Callable[[Step], None]) -> Step | None:
        """Pin it as long as it goes on; None when it is done, else how far it came."""
        own = Pulse()
        last = NOTHING
        lines = self._rpc.lines(
            "pin/add", str(root), recursive=True, name=name, progress=True, fast_provide_root=False
        )
        async with aclosing(lines):
            async for line in lines:
                said = read("pin/add", line, PinAdded)
                if said.Pins is not None:
                    return None
                step = Step(said.Progress, said.Bytes)
                if step != last:
                    last = step
                    own.beat()
                    self.pulse.beat()
                on_step(step)
                if own.still_s > self._stall_s and (
                    self.pulse.still_s > self._stall_s or own.still_s > _PATIENCE * self._stall_s
                ):
                    break
        return last

    async def _pin_what_is_here(self, root: Cid, name: str, stall_s: float) -> None:
        try:
            await self._rpc.call(
                "pin/add",
                str(root),
                recursive=True,
                name=name,
                stall_s=stall_s + _GRACE_S,
                timeout=f"{stall_s:g}s",
            )
        except RpcFailed as error:
            if (missing := await first_missing(self._rpc, root, stall_s)) is None:
                raise
            raise await self.not_found(missing) from error
        if not await is_pinned(self._rpc, root):
            raise NodeUnreachable(f"kubo pin/add: it ended without an error, and {root} is not pinned")

    async def not_found(self, cid: Cid) -> BlockNotFound | NoSource:
        """The error for a block that did not come."""
        answer = read("swarm/peers", await self._rpc.call("swarm/peers"), Peers)
        if not answer.Peers:
            return NoSource(
                f"the node has no peer to ask for {cid}",
                hint="is it online? `ipfs swarm peers` lists its peers, `ipfs swarm connect` adds one "
                "(--gateway is for the embedded node)",
            )
        return BlockNotFound(
            cid,
            f"no provider of block {cid} answered within {self._stall_s:g} s",
            hint=f"`ipfs routing findprovs {cid}` looks for one; run again to go on",
        )


async def pin_successor(rpc: Rpc, base: Cid, cid: Cid, stall_s: float) -> bool:
    """Pin `cid` by what differs from `base`, which is pinned and complete and stays pinned.

    Returns:
        False where Kubo could not do it: nothing is changed then.

    Raises:
        NodeUnreachable: it does not answer.
    """
    if not await is_pinned(rpc, base):
        return False
    try:
        await rpc.call(
            "pin/update",
            str(base),
            str(cid),
            unpin=False,
            fast_provide_root=False,
            timeout=f"{stall_s:g}s",
            stall_s=stall_s + _GRACE_S,
        )
    except RpcFailed:
        return await is_pinned(rpc, cid)
    if not await is_pinned(rpc, cid):
        raise NodeUnreachable(f"kubo pin/update: it said that {cid} is pinned, and it is not")
    return True


async def first_missing(rpc: Rpc, root: Cid, stall_s: float) -> Cid | None:
    """A block under `root` that is not on the daemon's disk; None where all are.

    Args:
        stall_s: how long reading all of it may take.

    Raises:
        NodeRefused, NodeUnreachable: it cannot be told.
    """
    try:
        await rpc.call("dag/stat", str(root), offline=True, progress=False, stall_s=stall_s)
    except RpcFailed as error:
        if (missing := missing_block(error.reason)) is None:
            raise
        return missing
    return None
