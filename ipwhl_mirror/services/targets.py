"""Which release a mirror is to be at: the newest one that an accepted key signed, or the one a person named.

What a person chose holds until the source says something newer than it had said then.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.services import mirrors, sources
from ipwhl_mirror.services.errors import UnknownRelease
from ipwhl_mirror.services.releases import resolve, track_held
from ipwhl_mirror.sources.errors import NotTrusted
from ipwhl_mirror.sources.trust import newest
from ipwhl_mirror.sources.trust_file import TrustFile

if TYPE_CHECKING:
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.mirrors import Mirror
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.sources.trust import SourceTrust
    from ipwhl_mirror.state.database import TrackedRelease
    from ipwhl_mirror.state.mirrors import Mirrored


class Cause(Enum):
    """Why a mirror goes to a release."""

    NEWEST = "newest"
    """It is the newest that an accepted key signed."""
    PERSON = "person"
    """A person named it: that much is gone from it is no reason to stay."""


async def find_target(
    session: Session, mirror: Mirror, current: Mirrored | None, sink: ProgressSink
) -> tuple[TrackedRelease, Cause] | None:
    """Where a mirror is to be; None where its source has announced nothing yet. The caller holds the lock.

    Args:
        current: where it is.

    Raises:
        NotTrusted: no key of its source is accepted.
        NodeError, IpldError, DomainError: the index of a release that is not tracked any more cannot be had.
    """
    source = mirror.config.source
    trust = _trust(session, source)
    if trust is None or not trust.accepted or not trust.keys:
        raise NotTrusted(
            f"no key of source {source} is accepted here: nothing of it is mirrored automatically",
            hint=f"accept one: ipwhl-mirror source add {source} URL --key K",
        )
    if (last := newest(trust)) is None:
        return None
    label, cid = last
    if current is not None and mirrors.is_held(session, mirror.name, source):
        return _kept_release(session, current), Cause.PERSON
    return await _tracked(session, cid, label, source, sink), Cause.NEWEST


async def named_target(session: Session, mirror: Mirror, rel: str, sink: ProgressSink) -> TrackedRelease:
    """The release that a person names: REL, or a label that the source announced before. The caller holds the
    lock.

    Raises:
        UnknownRelease, AmbiguousRelease: neither, or several.
        NodeError, IpldError, DomainError: its index cannot be had.
    """
    try:
        return resolve(session, rel)
    except UnknownRelease:
        cid = sources.announced_cid(session, mirror.config.source, rel)
        if cid is None:
            raise
        return await _tracked(session, cid, rel, mirror.config.source, sink)


def hold(session: Session, mirror: Mirror, target: TrackedRelease) -> None:
    """Remember that a person chose: what the source announced until now is no reason to go on from there."""
    trust = _trust(session, mirror.config.source)
    last = None if trust is None else newest(trust)
    is_newest = last is None or last[1].digest == target.cid.digest
    mirrors.hold(session, mirror.name, None if last is None or is_newest else last[1])


def _trust(session: Session, source: str) -> SourceTrust | None:
    return TrustFile(session.settings.data_dir).read().get(source)


def _kept_release(session: Session, kept: Mirrored) -> TrackedRelease:
    for tracked in session.state.releases():
        if tracked.cid.digest == kept.release:
            return tracked
    raise UnknownRelease(
        f"{kept.label or kept.cid}, at which mirror {kept.mirror} is, is not tracked any more",
        hint=f"choose another: ipwhl-mirror sync {kept.mirror} --to REL",
    )


async def _tracked(
    session: Session, cid: Cid, label: str | None, source: str, sink: ProgressSink
) -> TrackedRelease:
    for tracked in session.state.releases():
        if tracked.cid.digest == cid.digest:
            return tracked
    return (await track_held(session, cid, label=label, source=source, sink=sink)).tracked
