"""Where a release is announced: in a feed, by an IPNS name, by a signed git tag, in this order.

What can be refused is refused before anything is published (`look_at`), and again for all places before the
first of them is changed. Each place that says it already is left as it is, so a run that was cut off is
finished by the next.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.services import announcing, naming, tagging

if TYPE_CHECKING:
    from ipwhl_mirror.services.announcing import FeedFile
    from ipwhl_mirror.services.naming import NameKey
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.tagging import GitTag, TaggedRelease
    from ipwhl_mirror.sources.announcements import Announcement


class Place(Enum):
    """A place that says of each release once that it is the newest."""

    FEED = "feed"
    GIT_TAG = "git tag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where to announce; None: not there.

    Attributes:
        ipns: a key of the node, as it calls it, or its name.
    """

    feed: FeedFile | None = None
    ipns: str | None = None
    git_tag: GitTag | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the places say of a release then: its own announcement, or an earlier one of the same CID.

    Attributes:
        known: places whose announcement was there before, and was left as it is.
    """

    feed: Announcement | None = None
    ipns: NameKey | None = None
    git_tag: TaggedRelease | None = None
    known: frozenset[Place] = frozenset()


async def look_at(session: Session, places: Places) -> NameKey | None:
    """Find out whether something can be announced there.

    Returns:
        the key of the name.

    Raises:
        UsageProblem, TransferFailed: a feed, a key or a repository that cannot be used.
        KeyUnusable: there is no git.
        NodeError: the node does not answer.
    """
    if places.feed is not None:
        await asyncio.to_thread(announcing.open_feed, places.feed)
    if places.git_tag is not None:
        await tagging.read_tags(places.git_tag)
    return None if places.ipns is None else await naming.find_key(session, places.ipns)


async def announce(session: Session, places: Places, loaded: LoadedRelease) -> Said:
    """Announce a release that is whole, read back and pinned.

    Raises:
        UsageProblem, TransferFailed, SourceUnreachable: it cannot be announced there.
        KeyUnusable: the key does not sign.
        NodeError: the name cannot be made known.
    """
    cid = loaded.tracked.cid
    key = await look_at(session, places)
    known = set()
    if places.feed is not None:
        opened = await asyncio.to_thread(announcing.open_feed, places.feed)
        announcing.check_label(opened, places.feed, cid)
        if opened.newest is not None and opened.newest.cid.digest == cid.digest:
            known.add(Place.FEED)
    if places.git_tag is not None:
        tags = await tagging.read_tags(places.git_tag)
        if tagging.find_tag(tags, places.git_tag, cid) is not None:
            known.add(Place.GIT_TAG)
    feed = None if places.feed is None else await announcing.announce(session, places.feed, loaded)
    if key is not None:
        await naming.publish_name(session, key, cid)
    tag = None
    if places.git_tag is not None:
        tag = await tagging.tag_release(places.git_tag, cid, session.clock())
    return Said(feed=feed, ipns=key, git_tag=tag, known=frozenset(known))
