"""Verify what is mirrored: walk it offline, hash every block, name what is broken, fetch that again if asked.

A wheel that several pins share is read once. What was found whole is dated; what was not is *pinned* no more
until it is mended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.subsets import subset_tree
from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.nodes.errors import PinFailed
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.events import Phase, Progress, ProgressSink, ignore
from ipwhl_mirror.services.holdings import holdings, wheels_of
from ipwhl_mirror.services.reading_back import (
    BrokenBlock,
    Reading,
    check_directories,
    check_other_entries,
    check_wheels,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ipwhl_mirror.nodes.base import PinProgress
    from ipwhl_mirror.services.holdings import Holding
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.database import TrackedRelease


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A broken block, and one release it was found in."""

    tracked: TrackedRelease
    block: BrokenBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What a verification found.

    Attributes:
        releases: those that were read.
        pins: how many pins were read whole.
        blocks, bytes, wheels: distinct ones that were hashed.
        broken: what is still broken at the end.
        repaired: blocks that were broken and are mended.
        mended: the same by release and wheel.
    """

    releases: tuple[TrackedRelease, ...]
    pins: int
    blocks: int
    bytes: int
    wheels: int
    broken: tuple[Damage, ...]
    repaired: int
    mended: tuple[Damage, ...] = ()


async def verify(session: Session, rels: Sequence[str] = (), *, sink: ProgressSink = ignore) -> VerifyReport:
    """Read everything under the pins of these releases; none given: of all.

    Raises:
        UnknownRelease, AmbiguousRelease, NodeError.

    On cancel: pins read whole before keep their new date.
    """
    async with session.exclusive("verify"):
        return await _verify(session, rels, sink)


async def verify_and_repair(
    session: Session, rels: Sequence[str] = (), *, sink: ProgressSink = ignore
) -> VerifyReport:
    """The same, and what is broken is fetched again, without touching a pin, and read once more.

    Raises:
        PinFailed: some could not be had; what could be was mended, and the details name both.
        UnknownRelease, AmbiguousRelease, NodeError.
    """
    async with session.exclusive("verify"):
        found = await _verify(session, rels, sink)
        if not found.broken:
            return found

        for line in lines_by_wheel(found.broken):
            sink(Progress(phase=Phase.VERIFY, note=f"broken: {line}"))
        notes: dict[str, None] = {}

        def fetching(progress: PinProgress) -> None:
            fresh = [note for note in progress.notes if note not in notes]
            notes.update(dict.fromkeys(fresh))
            for note in fresh or (None,):
                sink(
                    Progress(
                        phase=Phase.FETCH,
                        done_bytes=progress.bytes,
                        stalled_s=progress.stalled_s,
                        note=note,
                    )
                )

        wanted = {damage.block.cid.digest: damage.block.cid for damage in found.broken}
        try:
            await session.node.repair(
                wanted.values(), transfer=session.settings.transfer, on_progress=fetching
            )
        except PinFailed as error:
            error.details = _repair_lines(found.broken, error)
            raise
        again = await _verify(session, rels, sink)
        still = {damage.block.cid.digest for damage in again.broken}
        return VerifyReport(
            releases=again.releases,
            pins=again.pins,
            blocks=again.blocks,
            bytes=again.bytes,
            wheels=again.wheels,
            broken=again.broken,
            repaired=len(wanted.keys() - still),
            mended=tuple(damage for damage in found.broken if damage.block.cid.digest not in still),
        )


def lines_by_wheel(broken: Iterable[Damage]) -> tuple[str, ...]:
    """What is broken, one line for each wheel of a release, in the order in which it was found."""
    return _grouped((_place(damage), damage.block.cid, damage.block.reason.value) for damage in broken)


def _repair_lines(broken: Sequence[Damage], error: PinFailed) -> tuple[str, ...]:
    """The same of a repair that failed: what could not be had and why, then what was mended."""
    places = {damage.block.cid.digest: _place(damage) for damage in broken}
    missing = {cid.digest for cid, _ in error.failed}
    return (
        *_grouped((places.get(cid.digest, ""), cid, reason) for cid, reason in error.failed),
        *_grouped(
            (_place(damage), damage.block.cid, "mended")
            for damage in broken
            if damage.block.cid.digest not in missing
        ),
    )


def _place(damage: Damage) -> str:
    wheel = damage.block.wheel
    part = f"{wheel.project}/{wheel.filename}" if wheel is not None else "index"
    return f"{damage.tracked.name} {part}"


def _grouped(blocks: Iterable[tuple[str, Cid, str]]) -> tuple[str, ...]:
    """(place, block, words) in lines: a block by its CID, several of one place by their number and the words
    of the first."""
    by_place: dict[str, list[tuple[Cid, str]]] = {}
    for place, cid, words in blocks:
        by_place.setdefault(place, []).append((cid, words))
    return tuple(
        f"{place} {found[0][0]}: {found[0][1]}".lstrip()
        if len(found) == 1
        else f"{place}: {len(found)} blocks: {found[0][1]}".lstrip(": ")
        for place, found in by_place.items()
    )


async def _verify(session: Session, rels: Sequence[str], sink: ProgressSink) -> VerifyReport:
    tracked = [releases.resolve(session, rel) for rel in rels] or list(session.state.releases())
    held = holdings(session, await session.node.pinned())
    done: dict[bytes, bool] = {}
    total = Reading()
    broken: list[Damage] = []
    whole_pins = 0
    for release in dict.fromkeys(tracked):
        mine = [holding for holding in held if holding.tracked.cid.digest == release.cid.digest]
        if not mine:
            continue
        reading = Reading()
        loaded = await _load(session, release, reading)
        if loaded is not None:
            whole_pins += await _verify_release(session, loaded, mine, reading, done, sink)
        else:
            for holding in mine:
                session.state.forget_verified(holding.pin.cid)
        total.blocks += reading.blocks
        total.bytes += reading.bytes
        total.wheels += reading.wheels
        broken.extend(Damage(tracked=release, block=block) for block in reading.broken)
    return VerifyReport(
        releases=tuple(dict.fromkeys(tracked)),
        pins=whole_pins,
        blocks=total.blocks,
        bytes=total.bytes,
        wheels=total.wheels,
        broken=tuple(broken),
        repaired=0,
    )


async def _load(session: Session, tracked: TrackedRelease, reading: Reading) -> LoadedRelease | None:
    """The release, its index read back; None where the index is broken, which is noted in `reading`."""
    async for block in session.node.walk(tracked.index_cid):
        reading.blocks += 1
        reading.bytes += block.size
        if block.fault is not None:
            # the index tree names official directory blocks as raw; gateways know them under their own name
            cid = Cid(tracked.cid.version, DAG_PB, block.cid.digest) if block.cid.codec == RAW else block.cid
            reading.broken.append(BrokenBlock(wheel=None, cid=cid, reason=block.fault))
    return None if reading.broken else await releases.load_tracked(session, tracked)


async def _verify_release(
    session: Session,
    loaded: LoadedRelease,
    mine: Sequence[Holding],
    reading: Reading,
    done: dict[bytes, bool],
    sink: ProgressSink,
) -> int:
    """Read the pins of one release; `done` says of every wheel read so far whether it is whole."""
    whole = 0
    for holding in mine:
        wheels = await wheels_of(session, holding, loaded.release)
        tree = subset_tree(loaded.release, wheels)
        tree_is_whole = await check_directories(session, (cid for cid, _ in tree.blocks), reading)
        if tree.cid.digest == loaded.release.root.digest:
            tree_is_whole &= await check_other_entries(session, loaded.release, reading)
        fresh = [wheel for wheel in wheels if wheel.cid.digest not in done]
        bad = await check_wheels(session, fresh, reading, sink)
        done.update((wheel.cid.digest, wheel.cid.digest not in bad) for wheel in fresh)
        if tree_is_whole and all(done[wheel.cid.digest] for wheel in wheels):
            session.state.record_verified(holding.pin.cid, session.clock())
            whole += 1
        else:
            session.state.forget_verified(holding.pin.cid)
    return whole
