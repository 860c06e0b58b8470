"""Everything that is pinned on the node, ours and foreign, and what each pin of a release alone keeps.

Amounts are of distinct wheels, as a disk counts them. Reads only; the index of every tracked release that has
a pin is read once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.plans import Amount, amount_of
from ipwhl_mirror.services.holdings import by_release, holdings, wheels_if_whole
from ipwhl_mirror.services.indexes import read_held

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ipwhl_mirror.domain.releases import Wheel
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import NodeStatus
    from ipwhl_mirror.services.holdings import Holding
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.database import TrackedRelease


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPin:
    """A pin of a tracked release or of a part of it.

    Attributes:
        amount: the wheels under it.
        only_here: of these, the ones under no other pin of a tracked release.
        is_read: False where its wheels cannot be told, because neither its release's index nor its own tree
            is whole on this node: it counts as keeping nothing.
    """

    holding: Holding
    amount: Amount
    only_here: Amount
    is_read: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRelease:
    """A tracked release with pins.

    Attributes:
        pins: how many there are.
        amount: the wheels under them, each once.
        only_here: of these, the ones under no pin of another tracked release: what goes with the last pin.
    """

    tracked: TrackedRelease
    pins: int
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
        releases: those releases, in the same order.
        foreign: all others, sorted.
        kept: distinct wheels under `pins`.
        shared_bytes: of these, what more than one pin keeps.
        budget: bytes the node may keep in all; 0 is no limit.
    """

    node: NodeStatus
    pins: tuple[HeldPin, ...]
    releases: tuple[HeldRelease, ...]
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
        NodeError: the node does not answer.
    """
    listed = await session.node.pins()
    held = holdings(session, {pin.cid.digest for pin in listed})
    tracked = session.state.releases()
    read = await _wheels_under(session, held)
    wheels = {holding.pin.cid.digest: read.get(holding.pin.cid.digest, ()) for holding in held}
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
                is_read=holding.pin.cid.digest in read,
            )
            for holding in sorted(held, key=lambda holding: newest[holding.tracked.cid.digest])
        ),
        releases=_by_release(tracked, held, wheels),
        foreign=tuple(ForeignPin(pin.cid, pin.name) for pin in listed if pin.cid.digest not in ours),
        kept=amount_of(distinct.values()),
        shared_bytes=sum(wheel.bytes for digest, wheel in distinct.items() if count[digest] > 1),
        budget=session.settings.config.storage.budget,
    )


def _by_release(
    tracked: Iterable[TrackedRelease], held: Iterable[Holding], wheels: Mapping[bytes, tuple[Wheel, ...]]
) -> tuple[HeldRelease, ...]:
    """The releases that have pins, in the order of `tracked`."""
    roots: dict[bytes, list[bytes]] = {}
    for holding in held:
        roots.setdefault(holding.tracked.cid.digest, []).append(holding.pin.cid.digest)
    under = {
        digest: {wheel.cid.digest: wheel for root in pins for wheel in wheels[root]}
        for digest, pins in roots.items()
    }
    keepers = Counter(digest for kept in under.values() for digest in kept)
    return tuple(
        HeldRelease(
            tracked=release,
            pins=len(roots[release.cid.digest]),
            amount=amount_of(under[release.cid.digest].values()),
            only_here=amount_of(
                wheel for digest, wheel in under[release.cid.digest].items() if keepers[digest] == 1
            ),
        )
        for release in tracked
        if release.cid.digest in roots
    )


async def _wheels_under(session: Session, held: Iterable[Holding]) -> dict[bytes, tuple[Wheel, ...]]:
    """The wheels of each pin, by its root; those left out whose wheels cannot be told."""
    found: dict[bytes, tuple[Wheel, ...]] = {}
    for group in by_release(held):
        release = await read_held(session, group)
        for holding in group:
            wheels = None if release is None else await wheels_if_whole(session, holding, release)
            if wheels is not None:
                found[holding.pin.cid.digest] = wheels
    return found


def _amount(wheels: Iterable[Wheel]) -> Amount:
    return amount_of({wheel.cid.digest: wheel for wheel in wheels}.values())
