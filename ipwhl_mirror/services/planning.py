"""What pinning or unpinning would cost, before anything is done.

Planning reads the index and asks the node what it has; it fetches nothing and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.figures import size
from ipwhl_mirror.domain.plans import (
    Amount,
    PinnedPart,
    PinPlan,
    UnpinPlan,
    amount_of,
    plan_pin,
    plan_unpin,
)
from ipwhl_mirror.domain.subsets import subset_tree
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.errors import GuardRefused, NotPinned
from ipwhl_mirror.services.holdings import Holding, holdings, kept_digests, wheels_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from ipwhl_mirror.domain.releases import Wheel
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session


class Bound(Enum):
    """How sure a forecast of reclaimable bytes is.

    UPPER takes pins of other programs to share nothing; EXACT reads all of them.
    """

    UPPER = "upper"
    EXACT = "exact"


@dataclass(frozen=True, slots=True, kw_only=True)
class PinForecast:
    """A plan with the numbers of this machine beside it.

    Attributes:
        plan: what would be fetched, what is here.
        free_bytes: free on the node's disk now.
        free_after_bytes: what would be left; negative when it does not fit.
        refusal: why `pin` would refuse, in words with the numbers; None when it would not.
    """

    loaded: LoadedRelease
    plan: PinPlan
    free_bytes: int
    free_after_bytes: int
    refusal: str | None

    def check(self) -> None:
        """Raise GuardRefused where `pin` must refuse."""
        if self.refusal is not None:
            raise GuardRefused(
                self.refusal,
                hint="choose less (-p, --python, --project), unpin and gc, or lower [storage] reserve_free",
            )


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
        unread: pins of other programs that were not looked into: where there are any, what becomes
            reclaimable is an upper bound.
    """

    going: tuple[GoingPin, ...]
    plan: UnpinPlan
    unread: int

    @property
    def roots(self) -> tuple[Cid, ...]:
        """The roots of the pins that go."""
        return tuple(line.holding.pin.cid for line in self.going)


@dataclass(frozen=True, slots=True)
class UnpinForecast:
    """What `unpin` would remove of a release."""

    loaded: LoadedRelease
    removal: Removal


async def forecast_pin(session: Session, rel: str, selection: Selection) -> PinForecast:
    """What `pin REL SELECTION` would do.

    Raises:
        UnknownRelease, AmbiguousRelease, UnknownPlatform, NodeError.
    """
    return await forecast_loaded(session, await releases.load(session, rel), selection)


async def forecast_loaded(session: Session, loaded: LoadedRelease, selection: Selection) -> PinForecast:
    """The same, of a release in memory."""
    pins = await session.node.pinned()
    plan = plan_pin(loaded.release, selection, here=await digests_here(session, loaded, pins), pinned=pins)
    status = await session.node.status()
    storage = session.settings.config.storage
    after = status.free_bytes - plan.fetch.bytes
    refusal = None
    if plan.fetch.bytes and after < storage.reserve_free:
        refusal = (
            f"{size(plan.fetch.bytes)} to fetch, {size(status.free_bytes)} free: "
            f"{size(max(after, 0))} would be left, and {size(storage.reserve_free)} are to stay free"
        )
    elif storage.budget and status.repo_bytes + plan.fetch.bytes > storage.budget:
        refusal = (
            f"{size(plan.fetch.bytes)} to fetch on top of {size(status.repo_bytes)} kept: "
            f"more than the budget of {size(storage.budget)}"
        )
    elif (
        status.free_inodes is not None and plan.fetch.wheels and status.free_inodes < plan.fetch.wheels + 1000
    ):
        refusal = f"{plan.fetch.wheels} wheels to fetch and {status.free_inodes} inodes free on the disk"
    return PinForecast(
        loaded=loaded,
        plan=plan,
        free_bytes=status.free_bytes,
        free_after_bytes=after,
        refusal=refusal,
    )


async def digests_here(session: Session, loaded: LoadedRelease, pins: Set[bytes]) -> set[bytes]:
    """Digests of a release's wheels that need not be fetched.

    Args:
        pins: digests of the roots of the node's pins.
    """
    here = await session.node.whole(wheel.cid for wheel in loaded.release.wheels)
    if here is None:
        here = await kept_digests(session, holdings(session, pins), loaded.release)
    return here


async def forecast_unpin(
    session: Session, rel: str, selection: Selection | None, bound: Bound = Bound.UPPER
) -> UnpinForecast:
    """What `unpin REL [SELECTION]` would remove.

    Args:
        selection: the parts; None for every pin of ours of the release.
        bound: whether pins of other programs are read too.

    Raises:
        NotPinned: a part is not pinned, or not by this program; the details list them.
        UnknownRelease, AmbiguousRelease, UnknownPlatform, NodeError.
    """
    loaded = await releases.load(session, rel)
    on_node = await session.node.pinned()
    held = holdings(session, on_node)
    mine = [
        holding
        for holding in held
        if holding.pin.release == loaded.tracked.cid.digest and not holding.pin.adopted
    ]
    going = mine if selection is None else _parts_among(loaded, selection, mine)
    if not going:
        raise NotPinned(f"no pin of {loaded.tracked.name} is this program's", hint="nothing to unpin")
    return UnpinForecast(loaded, await plan_removal(session, held, going, on_node, bound))


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
    by_release: dict[bytes, list[Holding]] = {}
    for holding in held:
        by_release.setdefault(holding.tracked.cid.digest, []).append(holding)
    for group in by_release.values():
        release = (await releases.load_tracked(session, group[0].tracked)).release
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
    if bound is Bound.EXACT and others:
        wheels_leaving = {wheel.cid.digest: wheel for part in leaving for wheel in part.wheels}
        for pin in await session.node.pins():
            if pin.cid.digest in others:
                staying.append(await _foreign_part(session, pin.cid, wheels_leaving))
        others = set()
    return Removal(going=tuple(lines), plan=plan_unpin(leaving, staying), unread=len(others))


async def _foreign_part(session: Session, root: Cid, wheels: Mapping[bytes, Wheel]) -> PinnedPart:
    """Which of these wheels another program's pin keeps."""
    kept = [
        wheels[block.cid.digest]
        async for block in session.node.walk(root)
        if block.fault is None and block.cid.digest in wheels
    ]
    return PinnedPart(root, None, tuple(kept))


def _parts_among(loaded: LoadedRelease, selection: Selection, mine: list[Holding]) -> list[Holding]:
    by_digest = {holding.pin.cid.digest: holding for holding in mine}
    going: dict[bytes, Holding] = {}
    missing: list[str] = []
    for part in plan_pin(loaded.release, selection, here=set(), pinned=set()).parts:
        digest = subset_tree(loaded.release, part.wheels).cid.digest
        if digest in by_digest:
            going[digest] = by_digest[digest]
        else:
            missing.append(part.selection.cli_text() or "whole release")
    if missing or not going:
        pinned = [holding.pin.selection or "whole release" for holding in mine]
        raise NotPinned(
            "not pinned by this program: " + "; ".join(missing or [selection.cli_text()]),
            hint="pinned are: " + "; ".join(pinned) if pinned else "nothing of this release is",
            details=missing,
        )
    return list(going.values())
