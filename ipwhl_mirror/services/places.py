"""Where a release is announced: in a feed, by an IPNS name, by a signed git tag, in this order.

What can be refused is refused before anything is published (`look_at`), and again for all places before the
first of them is changed. Each place that says it already is left as it is, so a run that was cut off is
finished by the next.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from ipwhl_mirror.nodes.errors import NodeError
from ipwhl_mirror.services import announcing, naming, tagging
from ipwhl_mirror.services.announcing import says_already
from ipwhl_mirror.services.errors import ServiceError, UsageProblem
from ipwhl_mirror.sources.errors import SourceError
from ipwhl_mirror.sources.signing import try_key

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.announcing import Feed, FeedFile
    from ipwhl_mirror.services.naming import NameKey
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.tagging import GitTag, TaggedRelease, Tags
    from ipwhl_mirror.sources.announcements import Announcement


_T = TypeVar("_T")


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
        known: places whose announcement was there before.
        renewed: of these, those where it was signed again, to hold for longer; others were left as they were.
    """

    feed: Announcement | None = None
    ipns: NameKey | None = None
    git_tag: TaggedRelease | None = None
    known: frozenset[Place] = frozenset()
    renewed: frozenset[Place] = frozenset()

    @property
    def words(self) -> list[str]:
        """Where it is announced, a line a place."""
        lines = []
        if (feed := self.feed) is not None:
            words = "nothing new: announced already" if Place.FEED in self.known else "announced"
            if Place.FEED in self.renewed and feed.expires_at is not None:
                words = f"nothing new: signed again, to hold until {feed.expires_at:%Y-%m-%d %H:%M} UTC,"
            lines.append(f"{words} as {feed.label}, sequence {feed.sequence}, signed by {feed.signer}")
        if self.ipns is not None:
            lines.append(f"/ipns/{self.ipns.name} leads to it")
        if (tag := self.git_tag) is not None:
            words = "is there already" if Place.GIT_TAG in self.known else "announces it"
            push = f"git push origin {tag.label}"
            lines.append(f"tag {tag.label} of commit {tag.commit[:12]} {words}; publish it: {push}")
        return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the places say now, before anything is announced.

    Attributes:
        feed, tags, name_key: None where that is not asked for, or is refused.
        signer: fingerprint of the key that is to sign, where it was tried and does.
        refusals: why nothing can be announced there, in the order of the places, the key last.
    """

    feed: Feed | None = None
    tags: Tags | None = None
    name_key: NameKey | None = None
    signer: str | None = None
    refusals: tuple[Exception, ...] = ()


async def look_at(session: Session, places: Places) -> None:
    """Find out whether something can be announced there.

    Raises:
        UsageProblem, TransferFailed: a feed, a key or a repository that cannot be used.
        KeyUnusable: the key does not sign, or there is no git.
        NodeError: the node does not answer.
    """
    for error in (await survey(session, places)).refusals:
        raise error


async def survey(session: Session, places: Places) -> Survey:
    """Everything that `look_at` would refuse, and what the places say where it would not. Changes nothing;
    the key is tried, so one that an agent asks for is asked for."""
    found = await _look(session, places)
    keys = {place.key for place in (places.feed, places.git_tag) if place is not None}
    signers = [await _tried(try_key(key)) for key in sorted(keys)]
    refused = [signer for signer in signers if isinstance(signer, Exception)]
    signer = signers[0] if signers and isinstance(signers[0], str) else None
    return replace(found, signer=signer, refusals=(*found.refusals, *refused))


def refused_for(places: Places, found: Survey, cid: Cid) -> tuple[UsageProblem, ...]:
    """Why these places would refuse this release, though they can be used."""
    refusals = []
    if places.feed is not None and found.feed is not None:
        try:
            announcing.check_label(found.feed, places.feed, cid)
        except UsageProblem as error:
            refusals.append(error)
    if places.git_tag is not None and found.tags is not None:
        try:
            tagging.find_tag(found.tags, places.git_tag, cid)
        except UsageProblem as error:
            refusals.append(error)
    return tuple(refusals)


async def announce(session: Session, places: Places, loaded: LoadedRelease) -> Said:
    """Announce a release that is whole, read back and pinned.

    Raises:
        UsageProblem, TransferFailed, SourceUnreachable: it cannot be announced there.
        KeyUnusable: the key does not sign.
        NodeError: the name cannot be made known.
    """
    cid = loaded.tracked.cid
    before = await _look(session, places)
    for error in (*before.refusals, *refused_for(places, before, cid)):
        raise error
    known, held_until = set(), None
    if before.feed is not None and before.feed.newest is not None and says_already(before.feed, cid):
        known.add(Place.FEED)
        held_until = before.feed.newest.expires_at
    target, tags = places.git_tag, before.tags
    if target is not None and tags is not None and tagging.find_tag(tags, target, cid) is not None:
        known.add(Place.GIT_TAG)
    feed = None if places.feed is None else await announcing.announce(session, places.feed, loaded)
    if before.name_key is not None:
        await naming.publish_name(session, before.name_key, cid)
    tag = None
    if places.git_tag is not None:
        tag = await tagging.tag_release(places.git_tag, cid, session.clock())
    renewed = set() if feed is None or feed.expires_at == held_until else known & {Place.FEED}
    return Said(
        feed=feed, ipns=before.name_key, git_tag=tag, known=frozenset(known), renewed=frozenset(renewed)
    )


async def _look(session: Session, places: Places) -> Survey:
    feed = tags = key = None
    if places.feed is not None:
        feed = await _tried(asyncio.to_thread(announcing.open_feed, places.feed))
    if places.git_tag is not None:
        tags = await _tried(tagging.read_tags(places.git_tag))
    if places.ipns is not None:
        key = await _tried(naming.find_key(session, places.ipns))
    return Survey(
        feed=None if isinstance(feed, Exception) else feed,
        tags=None if isinstance(tags, Exception) else tags,
        name_key=None if isinstance(key, Exception) else key,
        refusals=tuple(each for each in (feed, tags, key) if isinstance(each, Exception)),
    )


async def _tried(work: Awaitable[_T]) -> _T | Exception:
    """What it gives, or why it is refused."""
    try:
        return await work
    except (ServiceError, SourceError, NodeError) as error:
        return error
