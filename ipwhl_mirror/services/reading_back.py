"""Read wheels back: every block hashed on this node, offline. The proof behind the word *pinned*.

Each wheel is walked by itself, so that damage is named by wheel, and a wheel that several releases share is
read once. As many are walked side by side as the node reads fastest.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.progress import Meter
from ipwhl_mirror.ipld.errors import IpldError
from ipwhl_mirror.nodes.base import Fault, Reach
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound, NodeError
from ipwhl_mirror.services.events import Phase, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ipwhl_mirror.domain.releases import Release, Wheel
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session

_EVERY_BLOCKS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenBlock:
    """A block that is missing or damaged.

    Attributes:
        wheel: the wheel it belongs to; None for a directory block or a malformed entry.
        cid: the block.
        reason: in words.
    """

    wheel: Wheel | None
    cid: Cid
    reason: Fault


@dataclass(slots=True)
class Reading:
    """What a check has seen so far: blocks, their bytes, wheels, and what is broken."""

    blocks: int = 0
    bytes: int = 0
    wheels: int = 0
    broken: list[BrokenBlock] = field(default_factory=list)


async def check_directories(session: Session, cids: Iterable[Cid], reading: Reading) -> bool:
    """Hash directory blocks; each that is missing or damaged is noted in `reading`.

    Returns:
        Whether all are as their CIDs say.
    """
    broken_before = len(reading.broken)
    pending = list(dict.fromkeys(cids))
    while pending:
        seen: set[bytes] = set()
        try:
            async for cid, block in session.node.get_blocks(pending, Reach.LOCAL):
                seen.add(cid.digest)
                reading.blocks += 1
                reading.bytes += len(block)
            break
        except (BlockNotFound, BlockCorrupt) as error:
            fault = Fault.MISSING if isinstance(error, BlockNotFound) else Fault.CORRUPT
            reading.broken.append(BrokenBlock(wheel=None, cid=error.cid, reason=fault))
            seen.add(error.cid.digest)
        pending = [cid for cid in pending if cid.digest not in seen]
    return len(reading.broken) == broken_before


async def check_other_entries(session: Session, release: Release, reading: Reading) -> bool:
    """Hash everything under a release's root: only a pin of the whole release keeps its malformed entries.

    Returns:
        Whether all blocks are as their CIDs say; True at once where there is no malformed entry.
    """
    whole = True
    if release.malformed:
        async for block in session.node.walk(release.root):
            if block.fault is not None:
                whole = False
                reading.broken.append(BrokenBlock(wheel=None, cid=block.cid, reason=block.fault))
    return whole


async def check_wheels(
    session: Session, wheels: Sequence[Wheel], reading: Reading, sink: ProgressSink
) -> set[bytes]:
    """Hash every block of these wheels.

    Returns:
        Digests of the wheels in which something is broken.
    """
    distinct = list({wheel.cid.digest: wheel for wheel in wheels}.values())
    meter = Meter(sum(wheel.bytes for wheel in distinct), clock=session.monotonic)
    bad: set[bytes] = set()
    before, wheels_before = reading.bytes, reading.wheels

    def tell() -> None:
        sink(_progress(meter, reading.bytes - before, reading.wheels - wheels_before, len(distinct)))

    async def check_next(waiting: Iterator[Wheel]) -> None:
        for wheel in waiting:
            if not await _check_wheel(session, wheel, reading, tell):
                bad.add(wheel.cid.digest)
            reading.wheels += 1
            tell()

    waiting = iter(distinct)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(session.node.walks_at_once, len(distinct))):
                group.create_task(check_next(waiting))
    except* (NodeError, IpldError) as errors:
        raise errors.exceptions[0] from None
    return bad


async def _check_wheel(session: Session, wheel: Wheel, reading: Reading, tell: Callable[[], None]) -> bool:
    whole = True
    async for block in session.node.walk(wheel.cid):
        reading.blocks += 1
        reading.bytes += block.size
        if block.fault is not None:
            whole = False
            reading.broken.append(BrokenBlock(wheel=wheel, cid=block.cid, reason=block.fault))
        if reading.blocks % _EVERY_BLOCKS == 0:
            tell()
    return whole


def _progress(meter: Meter, done: int, wheels: int, of: int) -> Progress:
    meter.update(done)
    return Progress(
        phase=Phase.VERIFY,
        done_bytes=done,
        total_bytes=meter.total,
        done_wheels=wheels,
        total_wheels=of,
        rate=meter.rate,
        eta_s=meter.eta_s,
    )
