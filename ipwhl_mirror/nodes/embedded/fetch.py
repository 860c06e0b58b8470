"""Verified fetch from trustless gateways: blocks one by one, files as CAR streams.

Promised: every block given or handed to an assembly was hashed. A file comes as one CAR stream, which goes on
from the first gap, on another gateway when one fails; from a gateway that gives no CAR it comes block by
block. Blocks that nobody asked for end a stream. Memory is bounded: a few blocks of each file are read
and not handed on yet. CIDs are asked for in the form given.

Left out: directories (the caller reads them with `fetch_blocks`), and where blocks are kept.

Spec: https://specs.ipfs.tech/http-gateways/trustless-gateway/
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from ipwhl_mirror.ipld.car import CarParser
from ipwhl_mirror.ipld.cid import MAX_BLOCK
from ipwhl_mirror.ipld.errors import HashMismatch, IpldError, MalformedCar
from ipwhl_mirror.ipld.files import parse_file_node
from ipwhl_mirror.nodes.embedded.health import AttemptFailed, Errand, Verdict
from ipwhl_mirror.nodes.embedded.trustless import get_block, open_car

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

    from ipwhl_mirror.ipld.car import CarBlock
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.embedded.gateways import GatewayPool
    from ipwhl_mirror.nodes.embedded.health import Gateway
    from ipwhl_mirror.nodes.embedded.trustless import Answer

BLOCKS_AT_ONCE = 32
"""Of `fetch_blocks`: a release's index has 10,000 small ones, each a round trip."""
LEAVES_AT_ONCE = 4
"""Of one file that comes block by block; several files do at the same time."""

_ROUND = 64
_UNUSED = 4 * MAX_BLOCK


class Assembly(Protocol):
    """One file DAG being put together."""

    @property
    def root(self) -> Cid:
        """The file."""

    @property
    def size(self) -> int | None:
        """Its length in bytes; None until the root block came."""

    def first_gap(self) -> int | None:
        """Where the first missing payload byte is; None when the file is whole."""

    def wanted(self, limit: int) -> list[Cid]:
        """Missing blocks that are known, inner ones before leaves."""

    def accept(self, cid: Cid, block: bytes) -> int:
        """Take a hashed block; the new payload bytes, 0 for one not wanted. Raises MalformedBlock."""


async def fetch_block(pool: GatewayPool, cid: Cid) -> bytes:
    """One block, hashed.

    Raises:
        BlockNotFound: every gateway says that it does not have it.
        NoSource: no gateway gave it for other reasons.
    """
    return await pool.run(Errand(cid), lambda gateway: get_block(pool, gateway, cid))


async def fetch_blocks(pool: GatewayPool, cids: Iterable[Cid]) -> AsyncGenerator[tuple[Cid, bytes], None]:
    """The blocks, hashed, in any order, as soon as each is there; equal digests once.

    Close the iterator when leaving early (`contextlib.aclosing`).

    Raises:
        BlockNotFound: every gateway says that it does not have one; those given before are good.
        NoSource: no gateway gave one for other reasons.
    """
    unique = {cid.digest: cid for cid in cids}
    async with aclosing(_each(unique.values(), partial(fetch_block, pool), BLOCKS_AT_ONCE)) as blocks:
        async for cid, block in blocks:
            yield cid, block


async def fetch_file(pool: GatewayPool, assembly: Assembly, on_bytes: Callable[[int], None]) -> None:
    """Bring a file DAG into its assembly until it is whole.

    Args:
        pool: the gateways to ask.
        assembly: what is there already is not asked for again, but for the inner blocks on the way.
        on_bytes: told the number of new payload bytes after each block that brought some.

    Raises:
        BlockNotFound: every gateway says that it does not have the file, or has only a part of it.
        NoSource: no gateway gave it for other reasons.
        NodeRefused: the transfer's byte budget is used up.
        MalformedBlock: the DAG is no file; from the assembly, like any other error of it.

    On cancel: blocks accepted before stay in the assembly, and a later call goes on from there.
    """
    if not _is_whole(assembly):
        intake = _Intake(pool, assembly, on_bytes)
        await pool.run(intake.errand, intake.fetch_from)


def _is_whole(assembly: Assembly) -> bool:
    return assembly.size is not None and assembly.first_gap() is None


class _Intake:
    """What is being brought into one assembly, from whichever gateway."""

    def __init__(self, pool: GatewayPool, assembly: Assembly, on_bytes: Callable[[int], None]) -> None:
        self.errand = Errand(assembly.root)
        self._pool = pool
        self._assembly = assembly
        self._on_bytes = on_bytes
        self._repeats: set[Gateway] = set()
        """Gateways that send again what is here, so that their CAR is of no use for the rest."""

    async def fetch_from(self, gateway: Gateway) -> None:
        """Bring what is missing from this gateway; raises AttemptFailed when it stays incomplete."""
        if gateway.gives_car and gateway not in self._repeats:
            try:
                await self._stream(gateway)
            except AttemptFailed as failure:
                if failure.verdict is not Verdict.NO_CAR:
                    raise
                await self._fetch_singly(gateway)
                gateway.gives_car = False
                self._pool.tell(f"gateway {gateway.address} is asked for single blocks: {failure.reason}")
        if not _is_whole(self._assembly):
            await self._fetch_singly(gateway)

    async def _stream(self, gateway: Gateway) -> None:
        start = self._assembly.first_gap() or 0
        linked, unused, came = {self._assembly.root.digest}, 0, 0
        async with (
            open_car(self._pool, gateway, self._assembly.root, start) as answer,
            aclosing(_hashed_blocks(answer)) as batches,
        ):
            async for batch in batches:
                for block in batch:
                    payload = self._accept(gateway, block.cid, block.data)
                    if payload:
                        came, unused = came + payload, 0
                        continue
                    if block.cid.digest not in linked:
                        raise _foreign(answer, block.cid)
                    linked.update(_children(block))
                    unused += len(block.data)
                if _is_whole(self._assembly):
                    await answer.settle()
                    return
                if unused > _UNUSED:
                    self._repeats.add(gateway)
                    return
        if came:
            raise AttemptFailed(Verdict.UNWELL, "ended in the middle of a file")
        raise AttemptFailed(Verdict.ABSENT, "has only a part of it")

    async def _fetch_singly(self, gateway: Gateway) -> None:
        get = partial(get_block, self._pool, gateway)
        while not _is_whole(self._assembly):
            wanted = self._assembly.wanted(_ROUND)
            if not wanted:
                raise RuntimeError("an assembly that is not whole wants no block")
            async with aclosing(_each(wanted, get, LEAVES_AT_ONCE)) as blocks:
                async for cid, block in blocks:
                    self._accept(gateway, cid, block)

    def _accept(self, gateway: Gateway, cid: Cid, block: bytes) -> int:
        payload = self._assembly.accept(cid, block)
        if payload:
            gateway.thrives()
            self.errand.advance()
            self._pool.count_payload(payload)
            self._on_bytes(payload)
        return payload


def _children(block: CarBlock) -> set[bytes]:
    return {child.digest for child, _ in parse_file_node(block.cid, block.data).children}


def _foreign(answer: Answer, cid: Cid) -> AttemptFailed:
    # In depth-first order a block's parent comes before it; in any other order it may still come.
    if answer.is_ordered:
        return AttemptFailed(Verdict.LIED, f"sent block {cid}, which was not asked for")
    return AttemptFailed(Verdict.NO_CAR, "sends the blocks of a CAR in no known order")


async def _hashed_blocks(answer: Answer) -> AsyncGenerator[list[CarBlock], None]:
    """The blocks of a CAR as they come, several where one piece completes several."""
    # Hashing here and not in a thread: on 2 cores the thread cost a quarter more CPU and gained nothing.
    parser = CarParser()
    try:
        async for piece in answer.pieces():
            blocks = parser.feed(piece)
            if blocks:
                yield blocks
        parser.feed(b"")  # raises what was found behind the last good block
    except HashMismatch as error:
        raise AttemptFailed(Verdict.LIED, f"sent bytes that are not block {error.cid}") from error
    except IpldError as error:
        raise AttemptFailed(Verdict.LIED, f"sent a CAR that cannot be read: {error}") from error
    try:
        parser.finish()
    except MalformedCar as error:
        raise AttemptFailed(Verdict.UNWELL, "ended in the middle of a block") from error


async def _each(
    cids: Iterable[Cid], get: Callable[[Cid], Awaitable[bytes]], at_once: int
) -> AsyncGenerator[tuple[Cid, bytes], None]:
    """The blocks in the order they come, so many asked for at once."""
    left = iter(cids)
    running: dict[asyncio.Task[bytes], Cid] = {}
    try:
        while True:
            for cid in islice(left, at_once - len(running)):
                running[asyncio.ensure_future(get(cid))] = cid
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                cid = running.pop(task)
                yield cid, task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
