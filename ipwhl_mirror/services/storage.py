"""Make room: retire the pins of old releases (`prune`), and remove what nothing pins (`gc`).

Both tell the bytes first; nothing is deleted but by `gc`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.services.holdings import holdings
from ipwhl_mirror.services.removals import plan_removal

if TYPE_CHECKING:
    from ipwhl_mirror.nodes.base import GcPreview
    from ipwhl_mirror.services.removals import Removal
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.database import TrackedRelease


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneForecast:
    """Which pins retention lets go.

    Attributes:
        kept: releases with pins that stay, the newest first.
        removal: the pins of the older ones, exactly those that `prune` removes, and what that frees.
    """

    kept: tuple[TrackedRelease, ...]
    removal: Removal


async def forecast_prune(session: Session, keep: int) -> PruneForecast:
    """What keeping only the newest releases would unpin.

    Args:
        keep: how many releases with pins of ours keep them.

    Raises:
        UsageProblem: `keep` is below 1.
        NodeError: the node does not answer.
    """
    if keep < 1:
        raise UsageProblem(
            f"--keep {keep}: at least one release stays", hint="use unpin to let the last one go"
        )
    on_node = await session.node.pinned()
    held = holdings(session, on_node)
    mine = [holding for holding in held if not holding.pin.adopted]
    mirrored = {holding.tracked.cid.digest for holding in mine}
    kept = [release for release in session.state.releases() if release.cid.digest in mirrored][:keep]
    kept_digests = {release.cid.digest for release in kept}
    going = [holding for holding in mine if holding.tracked.cid.digest not in kept_digests]
    return PruneForecast(kept=tuple(kept), removal=await plan_removal(session, held, going, on_node))


async def preview_gc(session: Session) -> GcPreview:
    """What `gc` would remove."""
    return await session.node.preview_gc()


async def collect_garbage(session: Session) -> GcPreview:
    """Remove what is under no pin. Returns what was removed."""
    async with session.exclusive("gc"):
        return await session.node.collect_garbage()
