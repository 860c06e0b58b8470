"""Let go what a mirror does not keep any more: its pins that no mirror needs, and then the release.

Only pins that mirrors asked for go, and never those of what an address leads to now; only releases that a
source announced, and nobody tracked or pinned by hand. Nothing is deleted before a garbage collection. What
is killed in between is done by the next run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.mirroring import Retention
from ipwhl_mirror.services.mirror_events import EventKind
from ipwhl_mirror.services.pinning import unpin_held
from ipwhl_mirror.services.releases import untrack_held
from ipwhl_mirror.services.session import PIN_PREFIX
from ipwhl_mirror.sources.trust import newest
from ipwhl_mirror.sources.trust_file import TrustFile
from ipwhl_mirror.state.mirrors import MirrorTable, PinRole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from ipwhl_mirror.config import MirrorConfig
    from ipwhl_mirror.nodes.base import GcPreview
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.mirrors import Mirrored, MirrorPin

LISTING_PIN = f"{PIN_PREFIX}listing"
"""How the pins of listings begin; the mirror's name follows."""
_GARBAGE, _WAITS, _NONE = "garbage", "waits", "none"

Tell = Callable[..., object]
"""Gets an `EventKind` and its fields."""


def due(kept: Sequence[Mirrored], config: MirrorConfig, now: datetime) -> tuple[Mirrored, ...]:
    """What retention lets go of what a mirror keeps, given the current one first."""
    retention = Retention(keep=config.keep, keep_days=config.keep_days)
    places = retention.retired([mirrored.switched_at for mirrored in kept], now)
    return tuple(kept[place] for place in places)


def due_before(
    coming: bytes, kept: Sequence[Mirrored], config: MirrorConfig, now: datetime
) -> tuple[Mirrored, ...]:
    """What will go anyway when another release becomes the current one; never what is current now.

    Args:
        coming: digest of that release's root block.
    """
    retention = Retention(keep=config.keep, keep_days=config.keep_days)
    others = [mirrored for mirrored in kept if mirrored.release != coming]
    places = retention.retired([now, *(mirrored.switched_at for mirrored in others)], now)
    return tuple(others[place - 1] for place in places if others[place - 1] != kept[0])


async def retire(session: Session, mirrored: Mirrored) -> int:
    """Let a mirror keep a release no longer. The caller holds the lock.

    Returns:
        How many pins were removed.
    """
    table = MirrorTable(session.state)
    removed = await drop(session, _claims(session, mirrored.mirror, mirrored.release))
    table.retire(mirrored.mirror, mirrored.release)
    await forget_release(session, mirrored.release)
    return removed


async def drop(session: Session, claims: Iterable[MirrorPin]) -> int:
    """Let a mirror need these pins no longer; those that no mirror needs are removed, if one asked for them.
    The caller holds the lock.

    Returns:
        How many pins were removed.
    """
    table = MirrorTable(session.state)
    going = tuple(claims)
    unneeded = unneeded_of(session, going)
    if unneeded:
        session.state.remember(_GARBAGE, _WAITS)
    removed = await unpin_held(session, [pin.cid for pin in unneeded if pin.role is PinRole.PART])
    listings = [pin.cid for pin in unneeded if pin.role is PinRole.LISTING]
    for cid in listings:
        await session.node.unpin(cid)
    for pin in going:
        table.disclaim(pin)
    return len(removed) + len(listings)


def unneeded_of(session: Session, claims: Collection[MirrorPin]) -> tuple[MirrorPin, ...]:
    """Those of these claims whose pin no other claim needs."""
    needed = {pin.cid.digest for pin in MirrorTable(session.state).pins() if pin not in claims}
    return tuple(pin for pin in claims if pin.cid.digest not in needed)


async def drop_strays(session: Session, mirror: str) -> int:
    """Drop what a mirror asked for on its way to a release that it never reached. The caller holds the lock,
    and the mirror is where it is to be.

    Returns:
        How many pins were removed.
    """
    table = MirrorTable(session.state)
    kept = {mirrored.release for mirrored in table.kept(mirror)}
    strays = [pin for pin in table.pins() if pin.mirror == mirror and pin.release not in kept]
    removed = await drop(session, strays)
    for release in {pin.release for pin in strays}:
        await forget_release(session, release)
    return removed


async def forget_missed(session: Session, mirror: str, goal: bytes | None) -> None:
    """Untrack what a mirror was to go to and never reached, because it was refused or could not be had, where
    it is to go elsewhere now. The newest release of a source stays. The caller holds the lock.

    Args:
        goal: digest of the release where the mirror is to be; None: nowhere any more.
    """
    table = MirrorTable(session.state)
    for release in table.missed(mirror):
        if release != goal and not _is_newest(session, release):
            await forget_release(session, release)
            table.give_up(mirror, release)


def has_garbage(session: Session) -> bool:
    """Whether pins of mirrors were removed since garbage was collected for them."""
    return session.state.setting(_GARBAGE) == _WAITS


async def collect(session: Session, tell: Tell) -> GcPreview:
    """Collect the node's garbage, because the configuration says so; the bytes are told first. The caller
    holds the lock."""
    preview = await session.node.preview_gc()
    tell(EventKind.GARBAGE, blocks=preview.blocks, bytes=preview.bytes)
    removed = await session.node.collect_garbage()
    tell(EventKind.COLLECTED, blocks=removed.blocks, bytes=removed.bytes)
    session.state.remember(_GARBAGE, _NONE)
    return removed


async def forget_release(session: Session, digest: bytes) -> None:
    """Untrack a release that a source announced, where nothing of it is kept, nobody tracked it by hand, and
    it is not the newest one. The caller holds the lock."""
    table = MirrorTable(session.state)
    if any(pin.release == digest for pin in table.pins()):
        return
    if any(mirrored.release == digest for name in table.names() for mirrored in table.kept(name)):
        return
    on_node = await session.node.pinned()
    if any(pin.release == digest and pin.cid.digest in on_node for pin in session.state.known_pins()):
        return
    if session.state.is_by_hand(digest) or _is_newest(session, digest):
        return
    for tracked in session.state.releases():
        if tracked.cid.digest == digest and tracked.source is not None:
            await untrack_held(session, tracked)


def _is_newest(session: Session, digest: bytes) -> bool:
    trusted = TrustFile(session.settings.data_dir).read().values()
    return any((last := newest(trust)) is not None and last[1].digest == digest for trust in trusted)


def _claims(session: Session, mirror: str, release: bytes) -> tuple[MirrorPin, ...]:
    pins = MirrorTable(session.state).pins()
    return tuple(pin for pin in pins if pin.mirror == mirror and pin.release == release)
