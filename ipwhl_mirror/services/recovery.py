"""Find again, from the node's pins and trees, what a lost database knew (guarantee 9).

Runs when there is no database: every pin whose name begins `ipwhl-mirror/` is read, offline. Index pins give
the releases and their labels, the others give the parts. What was verified is not known any more, so nothing
is *pinned* until it is verified again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.domain.errors import DomainError
from ipwhl_mirror.domain.selections import Selection, select_wheels
from ipwhl_mirror.domain.subsets import recognise_selection, subset_tree
from ipwhl_mirror.ipld.errors import IpldError
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.nodes.errors import NodeError
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.releases import INDEX_PIN
from ipwhl_mirror.services.retiring import LISTING_PIN
from ipwhl_mirror.services.session import PIN_PREFIX
from ipwhl_mirror.state.database import KnownPin
from ipwhl_mirror.state.errors import StateReadOnly
from ipwhl_mirror.state.mirrors import MirrorPin, MirrorTable, PinRole

if TYPE_CHECKING:
    from ipwhl_mirror.domain.releases import Release, Wheel
    from ipwhl_mirror.nodes.base import Pin
    from ipwhl_mirror.services.session import Session

_STAGING = f"{PIN_PREFIX}staging/"
"""Pins of a run that goes on, or was killed: no release and no part of one."""


async def recover(session: Session) -> list[str]:
    """Where there is no database and the node has pins of ours, write them down again.

    Returns:
        What to tell a person; empty where there was nothing to do or nothing can be written.
    """
    if session.state.path is not None or session.settings.read_only or not session.settings.data_dir.is_dir():
        return []
    ours = [
        pin
        for pin in await session.node.pins()
        if pin.name.startswith(PIN_PREFIX) and not pin.name.startswith(_STAGING)
    ]
    if not ours:
        return []
    lines = [f"the database is gone; reading {len(ours)} pin(s) of ours again"]
    try:
        async with session.exclusive("recover"):
            for pin in sorted(ours, key=lambda pin: not pin.name.startswith(INDEX_PIN)):
                try:
                    await _read_pin(session, pin)
                except (IpldError, DomainError, NodeError) as error:
                    lines.append(f"{pin.cid} ({pin.name}): {error}")
    except StateReadOnly:
        return []
    return [*lines, "found again, and to be verified: ipwhl-mirror verify"]


async def _read_pin(session: Session, pin: Pin) -> None:
    if pin.name.startswith(LISTING_PIN):
        # of which release is not known any more: the mirror's next run makes its own, and drops this one
        mirror = pin.name.removeprefix(LISTING_PIN).strip()
        listing = MirrorPin(mirror=mirror, release=b"", cid=pin.cid, role=PinRole.LISTING)
        MirrorTable(session.state).claim([listing])
        return
    recognised = await releases.read_tree(session.node, pin.cid, Reach.LOCAL)
    release = recognised.release
    is_index = pin.cid.digest == release.index.cid.digest
    if is_index or not any(known.cid.digest == release.root.digest for known in session.state.releases()):
        label = pin.name.removeprefix(INDEX_PIN).strip() or None if is_index else None
        if is_index:
            releases.claim_index(session, pin.cid)
        await releases.remember(session, release, named=release.root, label=label)
    if is_index:
        return
    wheels = release.wheels if recognised.wheels is None else recognised.wheels
    selection = _selection(release, wheels, pin)
    session.state.add_pin(
        KnownPin(
            cid=pin.cid,
            release=release.root.digest,
            selection=None if selection is None else selection.cli_text(),
            name=pin.name,
            created_at=session.clock(),
        )
    )


def _selection(release: Release, wheels: tuple[Wheel, ...], pin: Pin) -> Selection | None:
    """The part its name tells, if that gives this pin; else one that does."""
    try:
        named = Selection.from_cli_text(pin.name.removeprefix(PIN_PREFIX))
        parts = named.parts()
        if (
            len(parts) == 1
            and subset_tree(release, select_wheels(release, named)).cid.digest == pin.cid.digest
        ):
            return named
    except DomainError:
        pass
    return recognise_selection(release, wheels)
