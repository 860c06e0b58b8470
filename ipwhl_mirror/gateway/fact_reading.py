"""Facts of wheels for listings: read once, and never waited for long.

How it is decided what a listing says of a wheel:

- Held is a wheel whose root block is on this node when the listing is asked for. Of any other nothing is
  said: it is listed by its name alone.
- METADATA takes a few ranged reads, so a listing waits for it, up to WAIT_S for the whole page. The SHA-256
  of the file takes the whole file: wheels of at most AT_ONCE bytes are read with METADATA, larger ones in
  the background, one after the other and the smallest first, and their hash stands in listings from then on.
  So the first listing of a project does not stall for gigabytes; to resolve, METADATA is enough.
- A wheel that turns out not to be whole here is listed by its name alone, and tried again after RETRY_S.
- Everything is read through blocks that the node hashes, so a fact is true of the CID for ever. METADATA
  itself is not kept: it is read anew when it is asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.errors import InvalidWheel
from ipwhl_mirror.domain.wheel_facts import WheelFacts, wheel_facts
from ipwhl_mirror.gateway.resolve import read_block
from ipwhl_mirror.gateway.wheel_facts import KEPT, FactMemory
from ipwhl_mirror.gateway.wheel_reading import read_metadata, read_sha256
from ipwhl_mirror.ipld.errors import IpldError
from ipwhl_mirror.ipld.files import parse_file_node
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound, NodeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ipwhl_mirror.gateway.wheel_facts import FactStore, WheelKey
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.ipld.dagpb import Link
    from ipwhl_mirror.nodes.base import Node

WAIT_S = 2.0
"""How long a listing waits for what it would say of wheels."""
AT_ONCE = 4 << 20
"""Bytes of a wheel whose SHA-256 a listing waits for."""
RETRY_S = 300.0
"""After how many seconds a wheel that was not whole here is tried again."""
_MOST_LOOKS = 512
_SIDE_BY_SIDE = 4


@dataclass(frozen=True, slots=True)
class KnownWheels:
    """What is known of the wheels of a listing.

    Attributes:
        facts: by file name, of those that are held.
        is_final: whether every wheel is held, and nothing more will be known.
    """

    facts: Mapping[str, WheelFacts]
    is_final: bool


class FactReader:
    """Finds out facts of wheels on a node. To be used inside one running event loop, and closed."""

    def __init__(self, node: Node, store: FactStore | None = None) -> None:
        self._node = node
        self._memory = FactMemory(store)
        self._looking: dict[WheelKey, asyncio.Task[None]] = {}
        self._to_hash: dict[WheelKey, Cid] = {}
        self._hashing: asyncio.Task[None] | None = None
        self._not_whole: OrderedDict[bytes, float] = OrderedDict()
        self._turn = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def known(self, wheels: Sequence[Link]) -> KnownWheels:
        """Facts of these wheels, as far as they are known soon."""
        held = await self._held(wheels)
        await self._memory.recall([_key(wheel) for wheel in held])
        looks = [task for wheel in held if (task := self._look(wheel)) is not None]
        if looks:
            await asyncio.wait(looks, timeout=WAIT_S)
        facts = {}
        for wheel in held:
            known = self._memory.get(_key(wheel))
            if known is not None and not self._was_not_whole(wheel.cid):
                facts[wheel.name] = known
        complete = sum(fact.sha256 is not None for fact in facts.values())
        return KnownWheels(facts, is_final=complete == len(wheels))

    async def metadata(self, wheel: Link) -> bytes:
        """METADATA of a wheel.

        Raises:
            InvalidWheel: it has none that can be used.
            NodeError, IpldError: it is not here, or no file.
        """
        async with self._turn:
            size = await self._size(wheel.cid)
            return await read_metadata(self._node, wheel.cid, size, wheel.name)

    async def aclose(self) -> None:
        """Stop reading; what is known by now is saved."""
        tasks = [*self._looking.values(), *([self._hashing] if self._hashing else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._memory.aclose()

    async def _held(self, wheels: Sequence[Link]) -> list[Link]:
        """Those of which at least the root block is here."""
        try:
            whole = await self._node.whole([wheel.cid for wheel in wheels]) or set()
        except NodeError:
            return []
        here = await asyncio.gather(*(self._is_here(wheel.cid, whole) for wheel in wheels))
        return [wheel for wheel, is_here in zip(wheels, here, strict=True) if is_here]

    async def _is_here(self, cid: Cid, whole: set[bytes]) -> bool:
        if cid.digest in whole:
            return True
        try:
            async with self._turn:
                await read_block(self._node, cid)
        except NodeError:
            return False
        return True

    async def _size(self, cid: Cid) -> int:
        return parse_file_node(cid, await read_block(self._node, cid)).size

    def _look(self, wheel: Link) -> asyncio.Task[None] | None:
        """Begin to find out what is not known of a wheel; what to wait for, if for anything."""
        key, known = _key(wheel), self._memory.get(_key(wheel))
        if self._was_not_whole(wheel.cid) or (known is not None and known.sha256 is not None):
            return None
        if known is not None and known.size > AT_ONCE:
            self._hash_later(key, wheel.cid)
            return None
        if key not in self._looking and len(self._looking) < _MOST_LOOKS:
            self._looking[key] = asyncio.create_task(self._find_out(key, wheel))
        return self._looking.get(key)

    async def _find_out(self, key: WheelKey, wheel: Link) -> None:
        """Read METADATA, and the whole of a small wheel."""
        try:
            async with self._turn:
                facts = await self._described(wheel)
                if facts.size <= AT_ONCE:
                    facts = replace(facts, sha256=await read_sha256(self._node, wheel.cid, facts.size))
            self._memory.remember(key, facts)
            if facts.sha256 is None:
                self._hash_later(key, wheel.cid)
        except (NodeError, IpldError) as error:
            self._note_fault(wheel.cid, error)
        finally:
            del self._looking[key]

    async def _described(self, wheel: Link) -> WheelFacts:
        size = await self._size(wheel.cid)
        try:
            metadata = await read_metadata(self._node, wheel.cid, size, wheel.name)
        except InvalidWheel:
            return WheelFacts(size=size)
        return await asyncio.to_thread(wheel_facts, size, wheel.name, metadata)

    def _hash_later(self, key: WheelKey, cid: Cid) -> None:
        if len(self._to_hash) < KEPT:
            self._to_hash.setdefault(key, cid)
            if self._hashing is None or self._hashing.done():
                self._hashing = asyncio.create_task(self._hash_all())

    async def _hash_all(self) -> None:
        """Read large wheels whole, one after the other, the smallest first."""
        while self._to_hash:
            key = min(self._to_hash, key=self._known_size)
            cid, known = self._to_hash[key], self._memory.get(key)
            try:
                if known is not None:
                    found = await read_sha256(self._node, cid, known.size)
                    self._memory.remember(key, replace(known, sha256=found))
            except (NodeError, IpldError) as error:
                self._note_fault(cid, error)
            finally:
                del self._to_hash[key]

    def _known_size(self, key: WheelKey) -> int:
        known = self._memory.get(key)
        return 0 if known is None else known.size

    def _note_fault(self, cid: Cid, error: NodeError | IpldError) -> None:
        """A node that does not answer now says nothing about the wheel."""
        if isinstance(error, BlockNotFound | BlockCorrupt | IpldError):
            self._not_whole[cid.digest] = time.monotonic()
            self._not_whole.move_to_end(cid.digest)
            if len(self._not_whole) > KEPT:
                self._not_whole.popitem(last=False)

    def _was_not_whole(self, cid: Cid) -> bool:
        since = self._not_whole.get(cid.digest)
        return since is not None and time.monotonic() - since < RETRY_S


def _key(wheel: Link) -> WheelKey:
    return wheel.cid.digest, wheel.name
