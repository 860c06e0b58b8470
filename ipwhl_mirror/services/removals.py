"""What removing pins frees: exact among the pins of tracked releases, an upper bound where others may share.

Reads the index of every release that has a pin; fetches nothing and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.plans import Amount, PinnedPart, UnpinPlan, amount_of, plan_unpin
from ipwhl_mirror.services.holdings import Holding, by_release, wheels_if_whole, wheels_of
from ipwhl_mirror.services.indexes import load_held, read_held
from ipwhl_mirror.services.mirror_needs import listing_roots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from ipwhl_mirror.domain.releases import Wheel
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.session import Session


class Bound(Enum):
    """How sure a forecast of reclaimable bytes is.

    UPPER takes pins of other programs to share nothing; EXACT reads all of them.
    """

    UPPER = "upper"
    EXACT = "exact"


@dataclass(frozen=True, slots=True)
class GoingPin:
    """A pin that would be removed, and what is under it."""

    holding: Holding
    amount: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Which pins would go, and what that frees.

    Attributes:
        going: exactly the pins that are removed.
        plan: bytes that leave the pin set, that stay under other pins, that become reclaimable.
        unread: pins that were not looked into, of other programs or damaged ones: where there are any, what
            becomes reclaimable is an upper bound.
    """

    going: tuple[GoingPin, ...]
    plan: UnpinPlan
    unread: int

    @property
    def roots(self) -> tuple[Cid, ...]:
        """The roots of the pins that go."""
        return tuple(line.holding.pin.cid for line in self.going)


async def plan_removal(
    session: Session,
    held: Sequence[Holding],
    going: Sequence[Holding],
    on_node: Set[bytes],
    bound: Bound = Bound.UPPER,
) -> Removal:
    """What removing some of the holdings frees: exact among the pins of tracked releases.

    Args:
        on_node: digests of the roots of the node's pins.
        bound: whether the node's other pins are read too, to know what they share.
    """
    roots = {holding.pin.cid.digest for holding in going}
    lines: list[GoingPin] = []
    leaving: list[PinnedPart] = []
    staying: list[PinnedPart] = []
    unread = 0
    for group in by_release(held):
        if all(holding.pin.cid.digest not in roots for holding in group):
            stays = await _kept_parts(session, group)
            staying += stays
            unread += len(group) - len(stays)
            continue
        release = (await load_held(session, group)).release
        for holding in group:
            wheels = await wheels_of(session, holding, release)
            part = PinnedPart(holding.pin.cid, holding.selection, wheels)
            if holding.pin.cid.digest in roots:
                leaving.append(part)
                lines.append(GoingPin(holding, amount_of(wheels)))
            else:
                staying.append(part)
    others = on_node - {holding.pin.cid.digest for holding in held}
    others -= {release.index_cid.digest for release in session.state.releases()}
    others -= {cid.digest for cid in listing_roots(session)}
    if bound is Bound.EXACT and others:
        wheels_leaving = {wheel.cid.digest: wheel for part in leaving for wheel in part.wheels}
        for pin in await session.node.pins():
            if pin.cid.digest in others:
                staying.append(await _foreign_part(session, pin.cid, wheels_leaving))
        others = set()
    return Removal(going=tuple(lines), plan=plan_unpin(leaving, staying), unread=unread + len(others))


async def _kept_parts(session: Session, group: Sequence[Holding]) -> list[PinnedPart]:
    """The pins of one release; those left out whose wheels cannot be told."""
    release = await read_held(session, group)
    if release is None:
        return []
    return [
        PinnedPart(holding.pin.cid, holding.selection, wheels)
        for holding in group
        if (wheels := await wheels_if_whole(session, holding, release)) is not None
    ]


async def _foreign_part(session: Session, root: Cid, wheels: Mapping[bytes, Wheel]) -> PinnedPart:
    """Which of these wheels another program's pin keeps."""
    kept = [
        wheels[block.cid.digest]
        async for block in session.node.walk(root)
        if block.fault is None and block.cid.digest in wheels
    ]
    return PinnedPart(root, None, tuple(kept))
