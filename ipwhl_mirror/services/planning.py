"""What pinning or unpinning would cost, before anything is done.

Planning reads the index and asks the node what it has; it fetches nothing and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.figures import size
from ipwhl_mirror.domain.plans import PinPlan, plan_pin
from ipwhl_mirror.domain.subsets import subset_tree
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.errors import GuardRefused, NotPinned
from ipwhl_mirror.services.holdings import Holding, holdings, kept_digests
from ipwhl_mirror.services.indexes import load_held
from ipwhl_mirror.services.mirror_needs import mirrors_needing
from ipwhl_mirror.services.removals import Bound, Removal, plan_removal

if TYPE_CHECKING:
    from collections.abc import Set

    from ipwhl_mirror.config import StorageConfig
    from ipwhl_mirror.domain.plans import Amount
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.nodes.base import NodeStatus
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session


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
class UnpinForecast:
    """What `unpin` would remove of a release.

    Attributes:
        mirrors: configured ones whose address needs a pin that goes: their next run fetches it again.
    """

    loaded: LoadedRelease
    removal: Removal
    mirrors: tuple[str, ...] = ()


async def forecast_pin(session: Session, rel: str, selection: Selection) -> PinForecast:
    """What `pin REL SELECTION` would do.

    Raises:
        UnknownRelease, AmbiguousRelease, UnknownPlatform, NodeError.
    """
    return await forecast_loaded(session, await releases.load(session, rel), selection)


async def forecast_loaded(
    session: Session, loaded: LoadedRelease, selection: Selection, storage: StorageConfig | None = None
) -> PinForecast:
    """The same, of a release in memory.

    Args:
        storage: the limits that hold; None for the configured ones.
    """
    pins = await session.node.pinned()
    plan = plan_pin(loaded.release, selection, here=await digests_here(session, loaded, pins), pinned=pins)
    status = await session.node.status()
    storage = storage or session.settings.config.storage
    return PinForecast(
        loaded=loaded,
        plan=plan,
        free_bytes=status.free_bytes,
        free_after_bytes=status.free_bytes - plan.fetch.bytes,
        refusal=refusal_of(status, storage, plan.fetch, "to fetch"),
    )


def refusal_of(status: NodeStatus, storage: StorageConfig, coming: Amount, what: str) -> str | None:
    """Why so much more may not be put on a node, in words with the numbers; None where it may.

    Args:
        what: is to be done with it: "to fetch".
    """
    after = status.free_bytes - coming.bytes
    if coming.bytes and after < storage.reserve_free:
        return (
            f"{size(coming.bytes)} {what}, {size(status.free_bytes)} free: "
            f"{size(max(after, 0))} would be left, and {size(storage.reserve_free)} are to stay free"
        )
    if storage.budget and status.repo_bytes + coming.bytes > storage.budget:
        return (
            f"{size(coming.bytes)} {what} on top of {size(status.repo_bytes)} kept: "
            f"more than the budget of {size(storage.budget)}"
        )
    if status.free_inodes is not None and coming.wheels and status.free_inodes < coming.wheels + 1000:
        return f"{coming.wheels} wheels {what} and {status.free_inodes} inodes free on the disk"
    return None


async def digests_here(session: Session, loaded: LoadedRelease, pins: Set[bytes]) -> set[bytes]:
    """Digests of a release's wheels that need not be fetched.

    Args:
        pins: digests of the roots of the node's pins.
    """
    here = await session.node.whole(wheel.cid for wheel in loaded.release.wheels)
    if here is None:
        here = (await kept_digests(session, holdings(session, pins), loaded.release)).digests
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
    tracked = releases.resolve(session, rel)
    on_node = await session.node.pinned()
    held = holdings(session, on_node)
    mine = [
        holding for holding in held if holding.pin.release == tracked.cid.digest and not holding.pin.adopted
    ]
    loaded = await (load_held(session, mine) if mine else releases.load_tracked(session, tracked))
    going = mine if selection is None else _parts_among(loaded, selection, mine)
    if not going:
        raise NotPinned(f"no pin of {loaded.tracked.name} is this program's", hint="nothing to unpin")
    removal = await plan_removal(session, held, going, on_node, bound)
    return UnpinForecast(loaded, removal, mirrors_needing(session, removal.roots))


async def forecast_unpin_many(session: Session, *, releases: Set[bytes], pins: Set[bytes]) -> Removal:
    """What removing some pins would free, of any releases.

    Args:
        releases: digests of releases, every pin of ours of which goes.
        pins: digests of the roots of further pins that go.

    Raises:
        NotPinned: one of `pins` is not pinned by this program, or nothing would go.
        NodeError: the node does not answer.
    """
    on_node = await session.node.pinned()
    held = holdings(session, on_node)
    mine = {holding.pin.cid.digest: holding for holding in held if not holding.pin.adopted}
    if gone := pins - mine.keys():
        raise NotPinned(
            f"{len(gone)} of {len(pins)} pins are not this program's, or are gone", hint="look again"
        )
    going = [
        holding
        for digest, holding in mine.items()
        if digest in pins or holding.tracked.cid.digest in releases
    ]
    if not going:
        raise NotPinned("no pin of these releases is this program's", hint="nothing to unpin")
    return await plan_removal(session, held, going, on_node)


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
