"""What goes into a CAR, and its copying from the node, block by block.

Directories first, then each wheel by itself, depth first: always in the same order.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.nodes.graph import seen_key, unseen_links
from ipwhl_mirror.services.events import Phase, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Node
    from ipwhl_mirror.services.car_writing import CarTarget
    from ipwhl_mirror.services.cargo import Item
    from ipwhl_mirror.services.events import ProgressSink

_AHEAD = 16
_TELL_EVERY = 32
_FRAME = 40
"""What a CAR needs for a block beside its bytes, at most."""
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A file before it is written.

    Attributes:
        beginning: the header and the note.
    """

    beginning: bytes
    directories: tuple[tuple[Cid, bytes], ...]
    items: Sequence[Item]

    @property
    def bytes(self) -> int:
        """About how large it will be; links claim what wheels are."""
        known = len(self.beginning) + sum(len(block) + _FRAME for _, block in self.directories)
        return known + sum(item.bytes + _FRAME * (2 + item.bytes // _CHUNK) for item in self.items)


class Copying:
    """Brings the blocks of a file into it, one after the other."""

    def __init__(self, node: Node, target: CarTarget, outgoing: Outgoing, sink: ProgressSink) -> None:
        self._node = node
        self._target = target
        self._outgoing = outgoing
        self._sink = sink
        self._total = max(outgoing.bytes, 1)
        self._count = 0

    async def run(self) -> None:
        """Copy all.

        Raises:
            BlockNotFound, BlockCorrupt: a block is not whole on this node.
            UsageProblem: the file is finished, and another.
            OSError: it cannot be written.
        """
        for cid, block in self._outgoing.directories:
            if self._target.take(cid) is None:
                self._target.add(cid, block)
            await self._step()
        for item in self._outgoing.items:
            await self._copy(item.cid)
            self._tell()
        done = self._target.at
        self._sink(Progress(phase=Phase.EXPORT, done_bytes=done, total_bytes=done))

    async def _copy(self, root: Cid) -> None:
        """One DAG, depth first, each of its blocks once."""
        seen = {seen_key(root)}
        waiting = [root]
        ahead: dict[bytes, bytes] = {}
        while waiting:
            cid = waiting.pop()
            block = self._target.take(cid)
            if block is None:
                if cid.digest not in ahead:
                    ahead.update(await self._read([cid, *waiting[:-_AHEAD:-1]]))
                block = ahead.pop(cid.digest)
                self._target.add(cid, block)
            waiting += unseen_links(cid, block, seen)
            await self._step()

    async def _read(self, cids: Sequence[Cid]) -> dict[bytes, bytes]:
        return {cid.digest: block async for cid, block in self._node.get_blocks(cids, Reach.LOCAL)}

    async def _step(self) -> None:
        """Let others run now and then: blocks that an earlier run left come all at once."""
        self._count += 1
        if self._count % _TELL_EVERY == 0:
            self._tell()
            await asyncio.sleep(0)

    def _tell(self) -> None:
        done = min(self._target.at, self._total - 1)
        self._sink(Progress(phase=Phase.EXPORT, done_bytes=done, total_bytes=self._total))
