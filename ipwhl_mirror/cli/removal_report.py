"""What `unpin`, `prune` and `gc` let go, told before they ask, for people and as JSON: pins, bytes, and what
becomes reclaimable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.cli.documents import Document, amount, document, pins, release
from ipwhl_mirror.cli.text import holding_line
from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import plural, size

if TYPE_CHECKING:
    from ipwhl_mirror.nodes.base import GcPreview
    from ipwhl_mirror.services.planning import UnpinForecast
    from ipwhl_mirror.services.removals import Removal
    from ipwhl_mirror.services.storage import PruneForecast


def unpin_document(command: str, forecast: UnpinForecast) -> Document:
    """`plan --unpin` and `unpin`."""
    return document(
        command,
        release=release(forecast.loaded.tracked),
        **_removal(forecast.removal),
        mirrors=list(forecast.mirrors),
    )


def prune_document(forecast: PruneForecast) -> Document:
    """`prune`."""
    return document(
        "prune",
        kept=[release(tracked) for tracked in forecast.kept],
        **_removal(forecast.removal),
        retired=[
            {"mirror": gone.mirror, "label": gone.label, "cid": str(gone.cid)} for gone in forecast.retired
        ],
        listings=[str(cid) for cid in forecast.listings],
        forgotten=list(forecast.forgotten),
        spared=list(forecast.spared),
    )


def gc_document(command: str, preview: GcPreview, *, removed: bool) -> Document:
    """`gc`."""
    return document(
        command,
        removed=removed,
        blocks=preview.blocks,
        bytes=preview.bytes,
        partial_bytes=preview.partial_bytes,
        whole_store=preview.whole_store,
    )


def unpinning(forecast: UnpinForecast) -> list[str]:
    """What `unpin` would remove, in lines, and whom that would harm."""
    lines = _removal_lines(forecast.removal)
    lines += [f"mirror {name} leads to it: its next sync fetches it again" for name in forecast.mirrors]
    return lines


def pruning(forecast: PruneForecast) -> list[str]:
    """What `prune` would let go, in lines."""
    lines = [f"mirror {name} is not configured any more: its address goes" for name in forecast.forgotten]
    lines += [
        f"mirror {gone.mirror} keeps {safe_text(gone.label or str(gone.cid))} no longer"
        for gone in forecast.retired
        if gone.mirror not in forecast.forgotten
    ]
    lines += _removal_lines(forecast.removal)
    if forecast.listings:
        lines.append(f"{plural(len(forecast.listings), 'pin')} of directories go too")
    return lines


def garbage(preview: GcPreview) -> list[str]:
    """What `gc` would remove, in lines."""
    lines = [f"{plural(preview.blocks, 'block')}, {size(preview.bytes)} under no pin"]
    if preview.partial_bytes:
        lines.append(
            f"of these {size(preview.partial_bytes)} are unfinished downloads that a pin could resume"
        )
    if preview.whole_store:
        lines.append("that is all of this node: what other programs left unpinned on it goes too")
    return lines


def _removal_lines(what: Removal) -> list[str]:
    lines = [f"{len(what.going)} pin(s) to remove:"]
    lines += [f"  {holding_line(going.holding)}  {figures.amount(going.amount)}" for going in what.going]
    plan = what.plan
    leaving, staying, reclaimable = map(figures.amount, (plan.leaving, plan.staying, plan.reclaimable))
    at_most = "at most " if what.unread else ""
    lines.append(
        f"{leaving} leave the pin set; {staying} stay under other pins; "
        f"{at_most}{reclaimable} become reclaimable at the next gc"
    )
    if what.unread:
        lines.append(f"{what.unread} pin(s) of other programs may share some of it: --exact reads them")
    return lines


def _removal(removal: Removal) -> Document:
    return {
        "pins": [
            {**line, **amount(going.amount)}
            for line, going in zip(pins(going.holding for going in removal.going), removal.going, strict=True)
        ],
        "leaving": amount(removal.plan.leaving),
        "staying": amount(removal.plan.staying),
        "reclaimable": amount(removal.plan.reclaimable),
        "exact": not removal.unread,
    }
