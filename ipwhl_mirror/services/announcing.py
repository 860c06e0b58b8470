"""Announce a release in a feed: add a signed statement, and replace the file as a whole.

The statement follows what the feed says already: the same repository, the next sequence. Where its newest
statement is of that release already, that one may be signed once more, to hold for longer; whoever follows
lets it (`sources.trust.renews`). The file is replaced last, when the release is whole, read back and pinned;
until then whoever follows it sees what it said before.
Format and signature: `sources.announcements`.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.labels import LABEL
from ipwhl_mirror.domain.selections import Selection, select_wheels
from ipwhl_mirror.domain.subsets import subset_tree
from ipwhl_mirror.durable import replace_file, sync_directory
from ipwhl_mirror.services.errors import TransferFailed, UsageProblem
from ipwhl_mirror.sources.announcements import (
    FEED_LIMIT,
    Announcement,
    SignedStatement,
    feed_bytes,
    read_feed,
    read_statement,
    statement_text,
)
from ipwhl_mirror.sources.errors import SourceMalformed
from ipwhl_mirror.sources.keys import read_signature
from ipwhl_mirror.sources.signing import sign

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from ipwhl_mirror.domain.releases import Release
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session

_PUBLIC = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFile:
    """A feed of this machine, and what to announce in it.

    Attributes:
        path: the file; made when absent.
        key: the SSH private key that signs, or its public half while an agent has the other.
        label: of the release.
        expires_days: after so many days without a newer statement whoever follows is to be suspicious; None:
            never.
    """

    path: Path
    key: Path
    label: str
    expires_days: float | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed says now, its newest statement last; none of it is checked, it is one's own."""

    statements: tuple[SignedStatement, ...] = ()
    newest: Announcement | None = None


def open_feed(file: FeedFile) -> Feed:
    """What a feed says, to find out before anything is published that it can be added to.

    Raises:
        UsageProblem: the label is none, the file is no feed, or a new one cannot be named after it.
        TransferFailed: it cannot be read, or its directory is not there or cannot be written.
    """
    if not LABEL.fullmatch(file.label):
        raise UsageProblem(
            f"{safe_text(file.label, 80)!r} is no label", hint="use 1 to 64 of A-Z a-z 0-9 . _ + -"
        )
    try:
        statements = _read(file.path)
        said = [read_statement(entry.text) for entry in statements]
    except SourceMalformed as error:
        raise UsageProblem(
            f"{file.path}: {error}", hint="give a feed, or a file that is not there"
        ) from error
    if not os.access(file.path.absolute().parent, os.W_OK):
        raise TransferFailed(f"{file.path.absolute().parent} cannot be written")
    if not said and not LABEL.fullmatch(file.path.stem):
        raise UsageProblem(
            f"{safe_text(file.path.stem, 80)!r}, after which a new feed is named, is no name of a repository",
            hint="name the file with A-Z a-z 0-9 . _ + - only",
        )
    ordered = sorted(zip(said, statements, strict=True), key=lambda pair: pair[0].sequence or 0)
    return Feed(tuple(entry for _, entry in ordered), ordered[-1][0] if ordered else None)


def _read(path: Path) -> tuple[SignedStatement, ...]:
    try:
        with path.open("rb") as opened:
            return read_feed(opened.read(FEED_LIMIT + 1))
    except FileNotFoundError:
        if path.absolute().parent.is_dir():
            return ()
        raise TransferFailed(f"{path.parent}: no such directory") from None
    except OSError as error:
        raise TransferFailed(f"{path} cannot be read: {error.strerror}") from error


def says_already(feed: Feed, cid: Cid) -> bool:
    """Whether the newest statement is of this release, under whatever label."""
    return feed.newest is not None and feed.newest.cid.digest == cid.digest


def check_label(feed: Feed, file: FeedFile, cid: Cid) -> None:
    """Make sure that whoever follows would take a release under this label.

    Raises:
        UsageProblem: the feed says that it is another release, or has gone on to others since.
    """
    for entry in feed.statements:
        known = read_statement(entry.text)
        if known.label != file.label:
            continue
        if known.cid.digest != cid.digest:
            raise UsageProblem(
                f"{file.path}: label {file.label} is {known.cid} already",
                hint="choose another --label: whoever follows the feed refuses a label that was moved",
            )
        if not says_already(feed, cid):
            raise UsageProblem(
                f"{file.path}: label {file.label} was announced before, and others after it",
                hint="choose another --label: whoever follows the feed refuses one that comes again",
            )


async def announce(session: Session, file: FeedFile, loaded: LoadedRelease) -> Announcement:
    """Add a release to a feed. Where its newest statement is of that CID already, whatever its label, that
    one is signed again if it then holds for longer, and the feed stays as it is if not.

    Returns:
        The feed's newest statement then, with the fingerprint of the key that signed it.

    Raises:
        UsageProblem, TransferFailed: see `open_feed` and `check_label`.
        KeyUnusable: the key does not sign.
    """
    feed = await asyncio.to_thread(open_feed, file)
    cid = loaded.tracked.cid
    check_label(feed, file, cid)
    newest = feed.newest
    if newest is not None and says_already(feed, cid):
        return await _renew(file, feed, newest, session.clock())
    subsets = await asyncio.to_thread(_subsets, loaded.release)
    now = session.clock()
    said = Announcement(
        repository=file.path.stem if newest is None else newest.repository,
        sequence=1 if newest is None else (newest.sequence or 0) + 1,
        label=file.label,
        cid=cid,
        previous=None if newest is None else newest.cid,
        published_at=now,
        expires_at=_expiry(file, now),
        subsets=subsets,
    )
    return await _say(file, feed.statements, said)


async def _renew(file: FeedFile, feed: Feed, newest: Announcement, now: datetime) -> Announcement:
    """Let the newest statement hold for longer; who believed it for longer still would not hear of less."""
    expires_at = _expiry(file, now)
    if expires_at is None or (newest.expires_at is not None and expires_at <= newest.expires_at):
        return replace(newest, signer=read_signature(feed.statements[-1].signature).fingerprint)
    return await _say(file, feed.statements[:-1], replace(newest, expires_at=expires_at))


def _expiry(file: FeedFile, now: datetime) -> datetime | None:
    """In whole seconds, as a statement says it."""
    if file.expires_days is None:
        return None
    return (now + timedelta(days=file.expires_days)).replace(microsecond=0)


async def _say(file: FeedFile, before: Sequence[SignedStatement], said: Announcement) -> Announcement:
    text = statement_text(said)
    signature = await sign(text.encode(), file.key)
    await asyncio.to_thread(_write, file.path, [*before, SignedStatement(text, signature)])
    return replace(said, signer=read_signature(signature).fingerprint)


def _subsets(release: Release) -> Mapping[str, Cid]:
    """What a mirror of each platform pins."""
    selections = [Selection(platforms=(family,)) for family in sorted(release.families)]
    return {
        selection.cli_text(): subset_tree(release, select_wheels(release, selection)).cid
        for selection in selections
    }


def _write(path: Path, statements: Sequence[SignedStatement]) -> None:
    """Replace the feed; the oldest statements make room where it would be too long."""
    kept = list(statements)
    while len(data := feed_bytes(kept)) > FEED_LIMIT:
        del kept[0]
    try:
        replace_file(path, data, mode=_PUBLIC)
        sync_directory(path.absolute().parent)
    except OSError as error:
        raise TransferFailed(f"{path} cannot be written: {error.strerror}") from error
