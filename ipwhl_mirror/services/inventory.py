"""Everything that is pinned on the node, ours and foreign, and what each pin of a release alone keeps.

Amounts are of distinct wheels, as a disk counts them. Reads only; the index of every tracked release that has
a pin is read once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.plans import Amount, amount_of
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.holdings import holdings, wheels_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipwhl_mirror.domain.releases import Release, Wheel
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import NodeStatus
    from ipwhl_mirror.services.holdings import Holding
    from ipwhl_mirror.services.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPin:
    """A pin of a tracked release or of a part of it.

    Attributes:
        amount: the wheels under it.
        only_here: of these, the ones under no other pin of a tracked release.
    """

    holding: Holding
    amount: Amount
    only_here: Amount


@dataclass(frozen=True, slots=True)
class ForeignPin:
    """A pin that is of no tracked release: another program's, and never touched."""

    cid: Cid
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What the node keeps.

    Attributes:
        pins: of tracked releases, the newest release first.
        foreign: all others, sorted.
        kept: distinct wheels under `pins`.
        shared_bytes: of these, what more than one pin keeps.
        budget: bytes the node may keep in all; 0 is no limit.
    """

    node: NodeStatus
    pins: tuple[HeldPin, ...]
    foreign: tuple[ForeignPin, ...]
    kept: Amount
    shared_bytes: int
    budget: int

    @property
    def other_bytes(self) -> int:
        """What the node keeps besides: foreign pins, indexes, what is unpinned."""
        return max(0, self.node.repo_bytes - self.kept.bytes)


async def inventory(session: Session) -> Inventory:
    """List every pin.

    Raises:
        NodeError: the node does not answer, or the index of a release is damaged.
    """
    listed = await session.node.pins()
    held = holdings(session, {pin.cid.digest for pin in listed})
    tracked = session.state.releases()
    wheels = await _wheels_under(session, held)
    count = Counter(digest for under in wheels.values() for digest in {wheel.cid.digest for wheel in under})
    distinct = {wheel.cid.digest: wheel for under in wheels.values() for wheel in under}
    newest = {release.cid.digest: number for number, release in enumerate(tracked)}
    ours = {holding.pin.cid.digest for holding in held} | {release.index_cid.digest for release in tracked}
    return Inventory(
        node=await session.node.status(),
        pins=tuple(
            HeldPin(
                holding=holding,
                amount=_amount(wheels[holding.pin.cid.digest]),
                only_here=_amount(
                    wheel for wheel in wheels[holding.pin.cid.digest] if count[wheel.cid.digest] == 1
                ),
            )
            for holding in sorted(held, key=lambda holding: newest[holding.tracked.cid.digest])
        ),
        foreign=tuple(ForeignPin(pin.cid, pin.name) for pin in listed if pin.cid.digest not in ours),
        kept=amount_of(distinct.values()),
        shared_bytes=sum(wheel.bytes for digest, wheel in distinct.items() if count[digest] > 1),
        budget=session.settings.config.storage.budget,
    )


async def _wheels_under(session: Session, held: tuple[Holding, ...]) -> dict[bytes, tuple[Wheel, ...]]:
    read: dict[bytes, Release] = {}
    wheels: dict[bytes, tuple[Wheel, ...]] = {}
    for holding in held:
        digest = holding.tracked.cid.digest
        if digest not in read:
            read[digest] = (await releases.load_tracked(session, holding.tracked)).release
        wheels[holding.pin.cid.digest] = await wheels_of(session, holding, read[digest])
    return wheels


def _amount(wheels: Iterable[Wheel]) -> Amount:
    return amount_of({wheel.cid.digest: wheel for wheel in wheels}.values())
