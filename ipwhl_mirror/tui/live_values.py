"""What the services say, as the UI's values. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.domain.figures import plural, size
from ipwhl_mirror.tui.backend import (
    KeptRelease,
    PinEntry,
    PinLine,
    PinOwner,
    PruneForecast,
    ReleaseSummary,
    Storage,
    UnpinForecast,
)

if TYPE_CHECKING:
    from ipwhl_mirror.services.inventory import HeldPin, Inventory
    from ipwhl_mirror.services.overview import ReleaseStatus
    from ipwhl_mirror.services.removals import Removal


def summary_of(item: ReleaseStatus) -> ReleaseSummary:
    """A tracked release in a list."""
    tracked = item.tracked
    return ReleaseSummary(
        cid=tracked.cid,
        label=tracked.label,
        tracked_at=tracked.tracked_at,
        projects=tracked.projects,
        wheels=tracked.wheels,
        bytes=tracked.bytes,
        pinned_wheels=item.pinned_wheels,
        pinned_bytes=item.pinned_bytes,
        platforms=item.rows,
        index=item.index,
        source=tracked.source,
    )


def pin_lines(removal: Removal) -> tuple[PinLine, ...]:
    """The pins that go."""
    return tuple(
        PinLine(
            cid=line.holding.pin.cid,
            selection=line.holding.pin.selection or "",
            wheels=line.amount.wheels,
            bytes=line.amount.bytes,
            release_name=line.holding.tracked.name,
        )
        for line in removal.going
    )


def unpin_forecast(
    removal: Removal, mirrors: tuple[str, ...], summary: ReleaseSummary | None = None
) -> UnpinForecast:
    """A removal, of one release or of several, and the mirrors that need it."""
    return UnpinForecast(
        summary=summary,
        going=pin_lines(removal),
        plan=removal.plan,
        unread=removal.unread,
        mirrors=mirrors,
    )


def removal_words(forecast: UnpinForecast | PruneForecast, removed: int) -> str:
    """What came of a removal: `2 pins removed; 9.9 GB go with the next gc`."""
    gone = len(forecast.going) - removed
    if gone > 0:
        return f"{plural(removed, 'pin')} removed; {gone} of those shown {_were(gone)} gone already"
    at_most = "at most " if forecast.unread else ""
    reclaimable = size(forecast.plan.reclaimable.bytes)
    return f"{plural(removed, 'pin')} removed; {at_most}{reclaimable} go with the next gc"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def storage_of(found: Inventory, *, reserve: int) -> Storage:
    """What the node keeps; `reserve` is what the configuration keeps free, in bytes."""
    foreign = [PinEntry(cid=pin.cid, owner=PinOwner.OTHER, name=pin.name) for pin in found.foreign]
    return Storage(
        pins=(*map(_pin_entry, found.pins), *foreign),
        releases=tuple(
            KeptRelease(
                cid=kept.tracked.cid,
                name=kept.tracked.name,
                pins=kept.pins,
                wheels=kept.amount.wheels,
                bytes=kept.amount.bytes,
                only_here=kept.only_here.bytes,
            )
            for kept in found.releases
        ),
        ours=found.kept.bytes,
        shared=found.shared_bytes,
        other=found.other_bytes,
        free=found.node.free_bytes,
        budget=found.budget,
        reserve=reserve,
    )


def _pin_entry(held: HeldPin) -> PinEntry:
    pin, verification = held.holding.pin, held.holding.verification
    return PinEntry(
        cid=pin.cid,
        owner=PinOwner.ADOPTED if pin.adopted else PinOwner.OURS,
        name=pin.name,
        release=held.holding.tracked.cid,
        release_name=held.holding.tracked.name,
        selection=pin.selection,
        wheels=held.amount.wheels,
        bytes=held.amount.bytes,
        only_here=held.only_here.bytes,
        verified_at=verification.verified_at if verification else None,
        is_read=held.is_read,
    )
