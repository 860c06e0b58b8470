"""Know a release: read its index, keep it pinned, find it again by label or CID, forget it.

Tracking fetches directory blocks only, never a wheel. The index tree is pinned, so that a tracked release can
be listed and planned offline, and goes with `untrack`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.labels import LABEL
from ipwhl_mirror.domain.reading import IndexReader, TreeReader
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import InvalidCid
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound
from ipwhl_mirror.services.errors import AmbiguousRelease, StillPinned, UnknownRelease, UsageProblem
from ipwhl_mirror.services.events import Phase, Progress, ProgressSink, ignore
from ipwhl_mirror.services.session import PIN_PREFIX
from ipwhl_mirror.state.database import TrackedRelease

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ipwhl_mirror.domain.reading import Recognised
    from ipwhl_mirror.domain.releases import Release
    from ipwhl_mirror.nodes.base import Node
    from ipwhl_mirror.services.session import Session

INDEX_PIN = PIN_PREFIX + "index"
_OURS, _THEIRS, _NOBODY = "ours", "theirs", "nobody"
"""Whose the pin of an index is; where nothing is written down, its name decides."""


@dataclass(frozen=True, slots=True)
class LoadedRelease:
    """A tracked release with everything its index says."""

    tracked: TrackedRelease
    release: Release


async def read_tree(node: Node, cid: Cid, reach: Reach, sink: ProgressSink = ignore) -> Recognised:
    """Read what a CID is: a release, a subset of one, or an index.

    Raises:
        IpldError, DomainError: it is none of these, or a block of it is refused.
        NodeError: a block cannot be had.
    """
    reader = TreeReader(cid)
    await _feed(reader, node, reach, sink)
    return await asyncio.to_thread(reader.finish)


async def _feed(
    reader: TreeReader | IndexReader, node: Node, reach: Reach, sink: ProgressSink = ignore
) -> None:
    done = 0
    while wanted := reader.needed():
        before, total = done, done + len(wanted)

        def told(here: int, before: int = before, total: int = total) -> None:
            sink(Progress(phase=Phase.INDEX, done_wheels=min(before + here, total), total_wheels=total))

        async for cid, block in node.get_blocks(wanted, reach, on_arrival=told):
            reader.feed(cid, block)
            done += 1
            if done % 64 == 0 or done == total:
                told(done - before)
                await asyncio.sleep(0)  # blocks that are here come all at once


async def track(
    session: Session, cid: Cid, *, label: str | None = None, sink: ProgressSink = ignore
) -> LoadedRelease:
    """Add a release by hand. A subset's or an index's CID tracks the release it is of.

    Raises:
        UsageProblem: the label is not one, or another release has it.
        IpldError, DomainError: the CID is no release, or one that is refused whole.
        NodeError: its index cannot be had.

    On cancel: not tracked; fetched blocks stay until a garbage collection.
    """
    check_label(label)
    async with session.exclusive("track"):
        loaded = await track_held(session, cid, label=label, sink=sink)
        session.state.keep_by_hand(loaded.tracked.cid)
        return loaded


async def track_held(
    session: Session,
    cid: Cid,
    *,
    label: str | None,
    source: str | None = None,
    sink: ProgressSink = ignore,
) -> LoadedRelease:
    """The same, for a caller that holds the lock; `source`: the one that announced it."""
    recognised = await read_tree(session.node, cid, Reach.NETWORK, sink)
    named = cid if cid.digest == recognised.release.root.digest else recognised.release.root
    return await remember(session, recognised.release, named=named, label=label, source=source)


async def remember(
    session: Session, release: Release, *, named: Cid, label: str | None, source: str | None = None
) -> LoadedRelease:
    """Pin a read release's index and write it down. The caller holds the lock.

    Raises:
        UsageProblem: another release of the source has the label.
    """
    check_label_is_free(session, named, label, source)
    await asyncio.to_thread(lambda: release.index)
    await session.node.put_blocks(release.index.blocks)
    await _pin_index(session, release.index.cid, INDEX_PIN if label is None else f"{INDEX_PIN} {label}")
    session.state.add_release(
        TrackedRelease(
            cid=named,
            label=label,
            source=source,
            tracked_at=session.clock(),
            index_cid=release.index.cid,
            projects=len(release.projects),
            wheels=len(release.wheels),
            bytes=release.bytes,
        )
    )
    return LoadedRelease(resolve(session, str(named)), release)


async def _pin_index(session: Session, index: Cid, name: str) -> None:
    """Keep an index, and write down before that the pin is ours; one that is there already is another's."""
    if index.digest not in await session.node.pinned():
        claim_index(session, index)
    elif session.state.setting(_index_key(index)) != _OURS:
        session.state.remember(_index_key(index), _THEIRS)
    await session.node.pin(index, name, transfer=session.settings.transfer)


def claim_index(session: Session, index: Cid) -> None:
    """Write down that the pin of an index is this data directory's. The caller holds the lock."""
    session.state.remember(_index_key(index), _OURS)


async def _unpin_index(session: Session, index: Cid) -> None:
    names = {pin.cid.digest: pin.name for pin in await session.node.pins()}
    renamed = not names.get(index.digest, INDEX_PIN).startswith(INDEX_PIN)
    if session.state.setting(_index_key(index)) != _THEIRS and not renamed:
        await session.node.unpin(index)
    session.state.remember(_index_key(index), _NOBODY)


def _index_key(index: Cid) -> str:
    return f"index {index}"


async def untrack(session: Session, rel: str) -> TrackedRelease:
    """Forget a release and unpin its index; nothing is deleted before a garbage collection.

    Raises:
        UnknownRelease, AmbiguousRelease: REL.
        StillPinned: it has pins of ours.
    """
    async with session.exclusive("untrack"):
        tracked = resolve(session, rel)
        await untrack_held(session, tracked)
        return tracked


async def untrack_held(session: Session, tracked: TrackedRelease) -> None:
    """The same, for a caller that holds the lock.

    Raises:
        StillPinned: it has pins of ours.
    """
    held = await session.node.pinned()
    mine = [pin for pin in session.state.known_pins() if pin.release == tracked.cid.digest]
    blocking = [pin for pin in mine if not pin.adopted and pin.cid.digest in held]
    if blocking:
        raise StillPinned(
            f"{tracked.name} still has {len(blocking)} pin(s)",
            hint=f"unpin it first: ipwhl-mirror unpin {tracked.name}",
            details=[f"{pin.cid}  {pin.selection or 'whole release'}" for pin in blocking],
        )
    # the release is forgotten last: what is killed before that can be untracked again
    await _unpin_index(session, tracked.index_cid)
    for pin in mine:
        session.state.remove_pin(pin.cid)
    session.state.remove_release(tracked.cid)


async def load(session: Session, rel: str) -> LoadedRelease:
    """A tracked release with its projects and wheels, from local blocks.

    Raises:
        UnknownRelease, AmbiguousRelease: REL.
        BlockNotFound, BlockCorrupt: its index is not whole on this node.
    """
    return await load_tracked(session, resolve(session, rel))


async def load_tracked(session: Session, tracked: TrackedRelease) -> LoadedRelease:
    """The same, of a release that was found already."""
    try:
        # one stream of the pinned index, however many directories it keeps
        kept = {cid.digest: block async for cid, block in session.node.dag_blocks(tracked.index_cid)}
    except (BlockNotFound, BlockCorrupt) as error:
        error.hint = f"fetch its index again: ipwhl-mirror track {tracked.cid}"
        raise
    return LoadedRelease(tracked, await asyncio.to_thread(_read_kept, tracked.cid, kept))


def _read_kept(root: Cid, kept: Mapping[bytes, bytes]) -> Release:
    """The release of an index, of which all blocks are here; takes a second where it is large."""
    reader = IndexReader(root)
    while wanted := reader.needed():
        for cid in wanted:
            if cid.digest in kept:
                reader.feed(cid, kept[cid.digest])
            else:  # the index keeps every project's blocks: this entry is none
                reader.skip(cid)
    return reader.finish()


def resolve(session: Session, rel: str) -> TrackedRelease:
    """Find a tracked release by label, `source/label`, CID in any version, or unique prefix of one.

    Raises:
        UnknownRelease: none.
        AmbiguousRelease: several.
    """
    releases = session.state.releases()
    source, slash, label = rel.rpartition("/")
    found = [
        release for release in releases if release.label == label and (not slash or release.source == source)
    ]
    if len(found) > 1:
        raise AmbiguousRelease(
            f"{rel!r} is the label of {len(found)} releases",
            hint="give the source with it, source/label, or the CID",
            details=[f"{release.cid}  {release.source or 'by hand'}/{release.label}" for release in found],
        )
    if not found:
        found = _of_cid(releases, rel)
    if len(found) == 1:
        return found[0]
    if found:
        raise AmbiguousRelease(
            f"{rel!r} begins the CID of {len(found)} releases",
            hint="give more of it, or a label",
            details=[f"{release.cid}  {release.label or ''}".rstrip() for release in found],
        )
    raise UnknownRelease(
        f"no tracked release is {rel!r}",
        hint="`ipwhl-mirror status` lists them; `ipwhl-mirror track CID` adds one",
    )


def _of_cid(releases: Iterable[TrackedRelease], rel: str) -> list[TrackedRelease]:
    try:
        digest = Cid.parse(rel).digest
    except InvalidCid:
        return [release for release in releases if _has_prefix(release.cid, rel)]
    return [release for release in releases if release.cid.digest == digest]


def check_label(label: str | None) -> None:
    """Raise UsageProblem where a label is not `[A-Za-z0-9._+-]{1,64}`."""
    if label is not None and not LABEL.fullmatch(label):
        raise UsageProblem(f"{label!r} is no label", hint="use 1 to 64 of A-Z a-z 0-9 . _ + -")


def check_label_is_free(session: Session, cid: Cid, label: str | None, source: str | None) -> None:
    """Raise UsageProblem where another release of a source has the label."""
    for release in session.state.releases():
        is_taken = label is not None and (release.label, release.source) == (label, source)
        if is_taken and release.cid.digest != cid.digest:
            raise UsageProblem(
                f"label {label!r} is {release.cid} already",
                hint="choose another --label, or untrack that release first",
            )


def _has_prefix(cid: Cid, prefix: str) -> bool:
    return bool(prefix) and any(str(cid.as_version(version)).startswith(prefix) for version in (0, 1))
