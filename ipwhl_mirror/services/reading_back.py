"""Read wheels back: every block hashed on this node, offline. The proof behind the word *pinned*.

Wheels are walked one DAG at a time, so that damage is named by wheel, and a wheel that several releases share
is read once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.progress import Meter
from ipwhl_mirror.nodes.base import Fault, Reach
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound
from ipwhl_mirror.services.events import Phase, Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    total = sum(wheel.bytes for wheel in distinct)
    meter = Meter(total, clock=session.monotonic)
    bad: set[bytes] = set()
    done = 0
    for number, wheel in enumerate(distinct):
        count = 0
        async for block in session.node.walk(wheel.cid):
            reading.blocks += 1
            reading.bytes += block.size
            done += block.size
            count += 1
            if block.fault is not None:
                bad.add(wheel.cid.digest)
                reading.broken.append(BrokenBlock(wheel=wheel, cid=block.cid, reason=block.fault))
            if count % _EVERY_BLOCKS == 0:
                sink(_progress(meter, done, number, len(distinct)))
        reading.wheels += 1
        sink(_progress(meter, done, number + 1, len(distinct)))
    return bad


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
