"""What the node keeps of tracked releases: which pins, which wheels under them, which of these were verified.

A pin counts when the node lists it; the database only says which part it is and whether it is ours. Pins
that another program made of a whole tracked release are seen too, and are never ours.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.selections import Selection, select_wheels
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.indexes import read_held
from ipwhl_mirror.state.database import KnownPin

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from ipwhl_mirror.domain.releases import Release, Wheel
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.database import TrackedRelease, Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A pin of a tracked release, or of a part of it.

    Attributes:
        pin: which, and whether it is ours.
        tracked: the release.
        verification: when it was read and hashed whole; None when never since it was fetched.
    """

    pin: KnownPin
    tracked: TrackedRelease
    verification: Verification | None

    @property
    def selection(self) -> Selection | None:
        """The part; None when it is not known."""
        return None if self.pin.selection is None else Selection.from_cli_text(self.pin.selection)


@dataclass(frozen=True, slots=True)
class Kept:
    """What some holdings keep.

    Attributes:
        digests: of the wheels under them.
        unread: those whose wheels cannot be told, because neither an index nor their tree is whole here.
    """

    digests: set[bytes]
    unread: tuple[Holding, ...] = ()


def holdings(session: Session, on_node: Set[bytes]) -> tuple[Holding, ...]:
    """The pins of tracked releases among the node's pins, oldest first.

    Args:
        on_node: digests of the roots of the node's pins.
    """
    tracked = {release.cid.digest: release for release in session.state.releases()}
    verified = session.state.verifications()
    known = {pin.cid.digest: pin for pin in session.state.known_pins()}
    for digest, release in tracked.items():
        if digest in on_node and digest not in known:
            known[digest] = KnownPin(
                cid=release.cid,
                release=digest,
                selection="",
                name="",
                created_at=release.tracked_at,
                adopted=True,
            )
    return tuple(
        Holding(pin=pin, tracked=tracked[pin.release], verification=verified.get(digest))
        for digest, pin in known.items()
        if digest in on_node and pin.release in tracked
    )


async def wheels_of(session: Session, holding: Holding, release: Release) -> tuple[Wheel, ...]:
    """The wheels under a holding, in release order."""
    if holding.selection is not None:
        return select_wheels(release, holding.selection)
    recognised = await releases.read_tree(session.node, holding.pin.cid, Reach.LOCAL)
    return recognised.wheels if recognised.wheels is not None else release.wheels


async def pinned_digests(session: Session, held: Iterable[Holding], loaded: Release | None = None) -> Kept:
    """The wheels that may be called *pinned*: under a pin and read back whole (guarantee 1).

    Args:
        held: the holdings to look at.
        loaded: a release that is in memory already and need not be read again.
    """
    read_back = [holding for holding in held if holding.verification is not None]
    return await kept_digests(session, read_back, loaded)


async def kept_digests(session: Session, held: Iterable[Holding], loaded: Release | None = None) -> Kept:
    """The wheels under these holdings, which their pins keep on the node.

    Args:
        loaded: a release that is in memory already and need not be read again.
    """
    digests: set[bytes] = set()
    unread: list[Holding] = []
    for group in by_release(held):
        is_loaded = loaded is not None and group[0].tracked.cid.digest == loaded.root.digest
        release = loaded if is_loaded else await read_held(session, group)
        for holding in group:
            wheels = None if release is None else await wheels_if_whole(session, holding, release)
            if wheels is None:
                unread.append(holding)
            else:
                digests.update(wheel.cid.digest for wheel in wheels)
    return Kept(digests, tuple(unread))


async def wheels_if_whole(session: Session, holding: Holding, release: Release) -> tuple[Wheel, ...] | None:
    """The wheels under a holding, in release order; None where only its tree tells, and that is broken."""
    try:
        return await wheels_of(session, holding, release)
    except (BlockNotFound, BlockCorrupt):
        return None


def by_release(held: Iterable[Holding]) -> tuple[tuple[Holding, ...], ...]:
    """The holdings of each release together, in their order."""
    groups: dict[bytes, list[Holding]] = {}
    for holding in held:
        groups.setdefault(holding.tracked.cid.digest, []).append(holding)
    return tuple(tuple(group) for group in groups.values())


def pinned_key(held: Iterable[Holding]) -> bytes:
    """Changes exactly when `pinned_digests` of all holdings can change."""
    verified = sorted(holding.pin.cid.digest for holding in held if holding.verification is not None)
    return hashlib.sha256(b"".join(verified)).digest()
