"""What is tracked and what is here: `status` and `show`.

Reads only; works during a run of another process, without write permission, and on a full disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.domain.releases import PlatformRow, PlatformState, platform_rows
from ipwhl_mirror.domain.selections import select_wheels
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.holdings import Holding, holdings, pinned_digests, pinned_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.domain.releases import Release, Wheel
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.nodes.base import NodeGateway, NodeStatus
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
    """

    tracked: TrackedRelease
    holdings: tuple[Holding, ...]
    rows: tuple[PlatformRow, ...]
    state: PlatformState
    pinned_wheels: int
    pinned_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """Everything at a glance."""

    node: NodeStatus
    gateway: NodeGateway | None
    releases: tuple[ReleaseStatus, ...]


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


class _Stored(msgspec.Struct, array_like=True):
    rows: tuple[tuple[str, int, int, int, int], ...]
    pinned_wheels: int
    pinned_bytes: int


async def status(session: Session) -> StatusReport:
    """Node, releases, pins and bytes per platform.

    Raises:
        NodeError: the node does not answer, or the index of a release is damaged.
    """
    node = await session.node.status()
    held = holdings(session, await session.node.pinned())
    known = session.state.releases()
    return StatusReport(
        node=node,
        gateway=await session.node.gateway(),
        releases=tuple([await release_status(session, tracked, held) for tracked in known]),
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
    pinned = await pinned_digests(session, held, loaded.release)
    wheels = select_wheels(loaded.release, selection)
    return ShowReport(
        loaded=loaded,
        rows=platform_rows(wheels, pinned),
        wheels=wheels,
        pinned=frozenset(wheel.cid.digest for wheel in wheels if wheel.cid.digest in pinned),
    )


async def release_status(session: Session, tracked: TrackedRelease, held: Sequence[Holding]) -> ReleaseStatus:
    """One tracked release; its rows are computed anew only when the set of verified pins changed.

    Args:
        held: all holdings of the node.
    """
    key = pinned_key(held)
    stored = session.state.platform_rows(tracked.cid, key)
    if stored is None:
        loaded = await releases.load_tracked(session, tracked)
        summary = _summary(loaded.release, await pinned_digests(session, held, loaded.release))
        session.state.store_platform_rows(tracked.cid, key, msgspec.json.encode(summary))
    else:
        summary = msgspec.json.decode(stored, type=_Stored)
    return ReleaseStatus(
        tracked=tracked,
        holdings=tuple(holding for holding in held if holding.tracked.cid.digest == tracked.cid.digest),
        rows=tuple(
            PlatformRow(platform=name, wheels=wheels, bytes=size, pinned_wheels=here, pinned_bytes=here_bytes)
            for name, wheels, size, here, here_bytes in summary.rows
        ),
        state=PlatformState.of(summary.pinned_wheels, tracked.wheels),
        pinned_wheels=summary.pinned_wheels,
        pinned_bytes=summary.pinned_bytes,
    )


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
