"""Which pins the addresses of mirrors need, and whether they are there.

Reads the database only; what the node has is the caller's to ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.domain.releases import PlatformState
from ipwhl_mirror.state.mirrors import MirrorTable, PinRole

if TYPE_CHECKING:
    from collections.abc import Collection, Set

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.mirrors import Mirrored


def current_of(session: Session) -> dict[str, Mirrored]:
    """What the address of each mirror leads to now, by its name; those without a release are left out."""
    table = MirrorTable(session.state)
    return {name: kept[0] for name in table.names() if (kept := table.kept(name))}


def needed_now(session: Session) -> dict[bytes, tuple[str, ...]]:
    """The pins that addresses need, digest of the root -> names of the mirrors, sorted."""
    current = {name: mirrored.release for name, mirrored in current_of(session).items()}
    needs: dict[bytes, set[str]] = {}
    for pin in MirrorTable(session.state).pins():
        if current.get(pin.mirror) == pin.release:
            needs.setdefault(pin.cid.digest, set()).add(pin.mirror)
    return {digest: tuple(sorted(names)) for digest, names in needs.items()}


def mirrors_needing(session: Session, roots: Collection[Cid]) -> tuple[str, ...]:
    """The configured mirrors whose address needs one of these pins, sorted: without it, their next run
    fetches it again."""
    needs, configured = needed_now(session), session.settings.config.mirror
    names = {name for root in roots for name in needs.get(root.digest, ())}
    return tuple(sorted(name for name in names if name in configured))


def mirrors_at(session: Session, release: Cid) -> tuple[str, ...]:
    """The configured mirrors whose address leads to this release, sorted."""
    configured = session.settings.config.mirror
    current = current_of(session)
    return tuple(
        name for name in sorted(current) if name in configured and current[name].release == release.digest
    )


def mirror_states(session: Session, on_node: Set[bytes]) -> dict[str, PlatformState]:
    """How much of what the address of each mirror leads to is *pinned*: under a pin, and read back.

    Args:
        on_node: digests of the roots of the node's pins.
    """
    verified = session.state.verifications()
    listings = {cid.digest for cid in listing_roots(session)}
    needed: dict[str, int] = dict.fromkeys(current_of(session), 0)
    here = dict(needed)
    for digest, names in needed_now(session).items():
        is_here = digest in on_node and (digest in verified or digest in listings)
        for name in names:
            needed[name] += 1
            here[name] += is_here
    return {name: PlatformState.of(here[name], needed[name]) for name in needed}


def listing_roots(session: Session) -> tuple[Cid, ...]:
    """The roots of the pins that keep the directories of mirrors, and no wheel."""
    return tuple(pin.cid for pin in MirrorTable(session.state).pins() if pin.role is PinRole.LISTING)
