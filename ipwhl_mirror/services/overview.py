"""What is tracked and what is here: `status` and `show`.

Reads only; works during a run of another process, without write permission, and on a full disk.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.domain.releases import PlatformRow, PlatformState, platform_rows
from ipwhl_mirror.domain.selections import select_wheels
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.holdings import Holding, holdings, pinned_digests, pinned_key
from ipwhl_mirror.services.indexes import IndexState, index_states, load_held
from ipwhl_mirror.services.mirrors import mirror_statuses

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from ipwhl_mirror.domain.releases import Release, Wheel
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.nodes.base import NodeGateway, NodeStatus
    from ipwhl_mirror.services.mirrors import MirrorStatus
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.database import TrackedRelease


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStatus:
    """One tracked release.

    Attributes:
        rows: wheels and bytes by platform, and how much of each is pinned.
        state: of the whole release.
        pinned_bytes: of all its wheels, counted once.
        index: where it is not whole, the release cannot be opened; what is told of it is what was known
            before, and of that nothing is *pinned* that is not under the same pins as then.
    """

    tracked: TrackedRelease
    holdings: tuple[Holding, ...]
    rows: tuple[PlatformRow, ...]
    state: PlatformState
    pinned_wheels: int
    pinned_bytes: int
    index: IndexState = IndexState.WHOLE

    @property
    def remedy(self) -> str:
        """The command that brings its index back."""
        return f"ipwhl-mirror track {self.tracked.cid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """Everything at a glance."""

    node: NodeStatus
    gateway: NodeGateway | None
    releases: tuple[ReleaseStatus, ...]
    mirrors: tuple[MirrorStatus, ...] = ()

    @property
    def is_stale(self) -> bool:
        """Whether a mirror is."""
        return any(mirror.stale is not None for mirror in self.mirrors)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowReport:
    """One release, whole or a selection of it.

    Attributes:
        rows: by platform, of the selected wheels.
        wheels: the selected wheels, in release order.
        pinned: digests of those that are pinned.
    """

    loaded: LoadedRelease
    rows: tuple[PlatformRow, ...]
    wheels: tuple[Wheel, ...]
    pinned: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Glance:
    """Differs from an earlier one when another run, or another program, changed something that is shown.

    Attributes:
        pins: digests of the roots of the node's pins.
        database: moves with each change that another connection makes.
    """

    pins: frozenset[bytes]
    database: object


class _Stored(msgspec.Struct, array_like=True):
    rows: tuple[tuple[str, int, int, int, int], ...]
    pinned_wheels: int
    pinned_bytes: int


async def glance(session: Session) -> Glance:
    """One look at node and state, which reads no index.

    Raises:
        NodeError, StateError: they do not answer.
    """
    session.look_again()
    return Glance(frozenset(await session.node.pinned()), session.state.version)


async def status(session: Session) -> StatusReport:
    """Node, releases, pins and bytes per platform. A release whose index is gone is told as such.

    Raises:
        NodeError: the node does not answer.
    """
    node = await session.node.status()
    held = holdings(session, await session.node.pinned())
    known = session.state.releases()
    indexes = await index_states(session, known)
    return StatusReport(
        node=node,
        gateway=await session.node.gateway(),
        releases=tuple(
            [await release_status(session, tracked, held, indexes[tracked.cid.digest]) for tracked in known]
        ),
        mirrors=mirror_statuses(session),
    )


async def show(session: Session, rel: str, selection: Selection) -> ShowReport:
    """Bytes and pin state per platform of a release, or of a selection of it.

    Raises:
        UnknownRelease, AmbiguousRelease, UnknownPlatform, NodeError.
    """
    loaded = await releases.load(session, rel)
    return await show_loaded(session, loaded, selection)


async def show_loaded(session: Session, loaded: LoadedRelease, selection: Selection) -> ShowReport:
    """The same, of a release in memory."""
    held = holdings(session, await session.node.pinned())
    pinned = (await pinned_digests(session, held, loaded.release)).digests
    return await asyncio.to_thread(_shown, loaded, selection, pinned)


def _shown(loaded: LoadedRelease, selection: Selection, pinned: Set[bytes]) -> ShowReport:
    wheels = select_wheels(loaded.release, selection)
    return ShowReport(
        loaded=loaded,
        rows=platform_rows(wheels, pinned),
        wheels=wheels,
        pinned=frozenset(wheel.cid.digest for wheel in wheels if wheel.cid.digest in pinned),
    )


async def release_status(
    session: Session,
    tracked: TrackedRelease,
    held: Sequence[Holding],
    index: IndexState = IndexState.WHOLE,
) -> ReleaseStatus:
    """One tracked release; its rows are computed anew only when the set of verified pins changed.

    Args:
        held: all holdings of the node.
        index: what is known of its index; it is read where its rows are computed anew.
    """
    key = pinned_key(held)
    mine = tuple(holding for holding in held if holding.tracked.cid.digest == tracked.cid.digest)
    if (stored := session.state.platform_rows(tracked.cid, key)) is not None:
        summary = msgspec.json.decode(stored, type=_Stored)
    else:
        index, summary = await _read_summary(session, tracked, held, mine, index)
    return ReleaseStatus(
        tracked=tracked,
        holdings=mine,
        rows=tuple(
            PlatformRow(platform=name, wheels=wheels, bytes=size, pinned_wheels=here, pinned_bytes=here_bytes)
            for name, wheels, size, here, here_bytes in summary.rows
        ),
        state=PlatformState.of(summary.pinned_wheels, tracked.wheels),
        pinned_wheels=summary.pinned_wheels,
        pinned_bytes=summary.pinned_bytes,
        index=index,
    )


async def _read_summary(
    session: Session,
    tracked: TrackedRelease,
    held: Sequence[Holding],
    mine: Sequence[Holding],
    index: IndexState,
) -> tuple[IndexState, _Stored]:
    """The rows of a release from what is on the node, and whether its index is whole."""
    try:
        if mine and index is not IndexState.WHOLE:
            loaded = await load_held(session, mine)
        else:
            loaded = await releases.load_tracked(session, tracked)
    except (BlockNotFound, BlockCorrupt) as error:
        before = session.state.last_platform_rows(tracked.cid)
        return IndexState.of(error), _unpinned(before)
    pinned = await pinned_digests(session, held, loaded.release)
    summary = await asyncio.to_thread(_summary, loaded.release, pinned.digests)
    if not pinned.unread:
        rows = msgspec.json.encode(summary)
        session.state.store_platform_rows(tracked.cid, pinned_key(held), rows)
    return index, summary


def _unpinned(stored: bytes | None) -> _Stored:
    """What was known of a release, without saying that any of it is pinned."""
    if stored is None:
        return _Stored(rows=(), pinned_wheels=0, pinned_bytes=0)
    before = msgspec.json.decode(stored, type=_Stored)
    rows = tuple((name, wheels, size, 0, 0) for name, wheels, size, _, _ in before.rows)
    return _Stored(rows=rows, pinned_wheels=0, pinned_bytes=0)


def _summary(release: Release, pinned: set[bytes]) -> _Stored:
    here = [wheel for wheel in release.wheels if wheel.cid.digest in pinned]
    return _Stored(
        rows=tuple(
            (row.platform, row.wheels, row.bytes, row.pinned_wheels, row.pinned_bytes)
            for row in platform_rows(release.wheels, pinned)
        ),
        pinned_wheels=len(here),
        pinned_bytes=sum(wheel.bytes for wheel in here),
    )
