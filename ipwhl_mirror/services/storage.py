"""Make room: let the pins of old releases go (`prune`), and remove what nothing pins (`gc`).

Both tell the bytes first; nothing is deleted but by `gc`. What the address of a mirror leads to keeps its
pins, however old it is. Which pins go is a list that does not grow between the forecast and the removal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.services.holdings import holdings
from ipwhl_mirror.services.pinning import unpin_held
from ipwhl_mirror.services.removals import plan_removal
from ipwhl_mirror.services.retiring import drop_strays, due, forget_missed, retire, unneeded_of
from ipwhl_mirror.state.mirrors import MirrorTable, PinRole

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence, Set

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import GcPreview
    from ipwhl_mirror.services.holdings import Holding
    from ipwhl_mirror.services.removals import Removal
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.database import TrackedRelease
    from ipwhl_mirror.state.mirrors import Mirrored, MirrorPin


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneForecast:
    """Which pins retention lets go.

    Attributes:
        kept: releases with pins that stay, the newest first.
        removal: the pins of releases that go, exactly those that are removed, and what that frees.
        retired: what mirrors keep no longer.
        listings: further pins that go, which keep directories of mirrors and no wheel.
        forgotten: mirrors that the configuration does not name any more; their addresses go too.
        spared: mirrors that need pins of older releases, which stay therefore.
    """

    kept: tuple[TrackedRelease, ...]
    removal: Removal
    retired: tuple[Mirrored, ...] = ()
    listings: tuple[Cid, ...] = ()
    forgotten: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.removal.going or self.retired or self.listings or self.forgotten)


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
    mine = [holding for holding in holdings(session, on_node) if not holding.pin.adopted]
    pinned = {holding.tracked.cid.digest for holding in mine}
    kept = [release for release in session.state.releases() if release.cid.digest in pinned][:keep]
    kept_digests = {release.cid.digest for release in kept}
    old = {holding.pin.cid.digest for holding in mine if holding.tracked.cid.digest not in kept_digests}
    table = MirrorTable(session.state)
    needing = {(pin.mirror, pin.release) for pin in table.pins() if pin.cid.digest in old}
    retired = [
        mirrored
        for name in table.names()
        for mirrored in table.kept(name)[1:]
        if mirrored.release not in kept_digests and (name, mirrored.release) in needing
    ]
    return await _forecast(session, on_node, old, retired=retired)


async def forecast_retention(session: Session) -> PruneForecast:
    """What the retention of the mirrors lets go now, and all of those that are not configured any more.

    Raises:
        UsageProblem: there is no mirror.
        NodeError: the node does not answer.
    """
    table, configured = MirrorTable(session.state), session.settings.config.mirror
    names = table.names()
    if not configured and not names:
        raise UsageProblem(
            "there is no mirror whose retention says what goes",
            hint="say how many releases keep their pins: ipwhl-mirror prune --keep N",
        )
    forgotten = [name for name in names if name not in configured]
    retired = [mirrored for name in forgotten for mirrored in table.kept(name)]
    for name in sorted(configured):
        retired += due(table.kept(name), configured[name], session.clock())
    on_node = await session.node.pinned()
    return await _forecast(session, on_node, set(), retired=retired, forgotten=forgotten)


async def _forecast(
    session: Session,
    on_node: Set[bytes],
    old: Set[bytes],
    *,
    retired: Sequence[Mirrored],
    forgotten: Sequence[str] = (),
) -> PruneForecast:
    """What goes when mirrors let these releases go, and with them these pins where no mirror needs them.

    Args:
        old: digests of the roots of the pins.
    """
    claims = _claims(session, retired, forgotten)
    unneeded = unneeded_of(session, claims)
    still_needing = [pin for pin in MirrorTable(session.state).pins() if pin not in claims]
    needed = {pin.cid.digest for pin in still_needing}
    parts = {pin.cid.digest for pin in unneeded if pin.role is PinRole.PART}
    held = holdings(session, on_node)
    going: list[Holding] = []
    staying: set[bytes] = set()
    for holding in held:
        digest = holding.pin.cid.digest
        if not holding.pin.adopted and (digest in parts or digest in old - needed):
            going.append(holding)
        elif not holding.pin.adopted:
            staying.add(holding.tracked.cid.digest)
    listings = {pin.cid.digest: pin.cid for pin in unneeded if pin.role is PinRole.LISTING}
    return PruneForecast(
        kept=tuple(release for release in session.state.releases() if release.cid.digest in staying),
        removal=await plan_removal(session, held, going, on_node),
        retired=tuple(retired),
        listings=tuple(cid for digest, cid in listings.items() if digest in on_node),
        forgotten=tuple(forgotten),
        spared=tuple(sorted({pin.mirror for pin in still_needing if pin.cid.digest in old})),
    )


async def prune(
    session: Session, roots: Collection[Cid], *, retired: Sequence[Mirrored], forgotten: Sequence[str] = ()
) -> int:
    """Do what a forecast says. A release that a mirror went to meanwhile stays, and so does every pin that
    is needed since.

    Args:
        roots: of the pins of parts that may go.
        retired, forgotten: see PruneForecast.

    Returns:
        How many pins were removed.

    Raises:
        NodeError: the node does not answer.
        LockHeld, ReadOnlyRefused: see Session.exclusive.
    """
    async with session.exclusive("prune"):
        table, configured = MirrorTable(session.state), session.settings.config.mirror
        forgotten = [name for name in forgotten if name not in configured]
        retired = [
            mirrored
            for mirrored in retired
            if mirrored in table.kept(mirrored.mirror)[0 if mirrored.mirror in forgotten else 1 :]
        ]
        leaving = _claims(session, retired, forgotten)
        needed = {pin.cid.digest for pin in table.pins() if pin not in leaving}
        removed = len(await unpin_held(session, [root for root in roots if root.digest not in needed]))
        for mirrored in retired:
            removed += await retire(session, mirrored)
        for name in forgotten:
            removed += await drop_strays(session, name)
            await forget_missed(session, name, None)
            table.forget(name)
        return removed


def _claims(
    session: Session, retired: Collection[Mirrored], forgotten: Collection[str]
) -> tuple[MirrorPin, ...]:
    """What mirrors need for these releases, and all that the forgotten ones need."""
    places = {(mirrored.mirror, mirrored.release) for mirrored in retired}
    return tuple(
        pin
        for pin in MirrorTable(session.state).pins()
        if (pin.mirror, pin.release) in places or pin.mirror in forgotten
    )


async def preview_gc(session: Session) -> GcPreview:
    """What `gc` would remove."""
    return await session.node.preview_gc()


async def collect_garbage(session: Session) -> GcPreview:
    """Remove what is under no pin. Returns what was removed."""
    async with session.exclusive("gc"):
        return await session.node.collect_garbage()
