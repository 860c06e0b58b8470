"""What a source says of one release, whatever kind of source it is, and the signed statement of a feed.

A statement is JSON, signed as the exact bytes that stand in the feed:

    {"schema": "ipwhl-mirror/release/1", "source": "campus", "sequence": 12, "label": "2026.11",
     "cid": "bafybei...", "previous": "bafybei...", "published_at": "2026-11-22T10:00:00Z",
     "expires_at": "2027-02-22T00:00:00Z", "subsets": {"-p linux-x86_64": "bafybei..."}}

One statement binds everything, so that no part of one can be put into another. `source` is what the publisher
calls the repository: a statement of one repository is none of another, though the same key signed both.
`sequence` grows by one with each release. `previous`, `expires_at` and `subsets` may be missing. Fields that
are not known are ignored, so that later versions can add some.

A feed is one JSON document, so that a statement and its signature cannot be of two moments:

    {"schema": "ipwhl-mirror/feed/1",
     "releases": [{"statement": "{...}", "signature": "-----BEGIN SSH SIGNATURE-----..."}]}
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.labels import LABEL
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import InvalidCid
from ipwhl_mirror.sources.errors import SourceMalformed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FEED_LIMIT = 1 << 20
"""Bytes of a whole feed, at most."""
STATEMENT_LIMIT = 1 << 14
"""Bytes of a statement, at most."""
SIGNATURE_LIMIT = 1 << 12
"""Bytes of an armored signature, at most."""
_STATEMENT = "ipwhl-mirror/release/1"
_FEED = "ipwhl-mirror/feed/1"
_MOST_SUBSETS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A release as a source announces it.

    Attributes:
        repository: what the publisher calls the repository; None where the source does not say.
        sequence: grows with every release of the repository; None where the source has none.
        label: 1 to 64 of `A-Za-z0-9._+-`.
        cid: its root.
        published_at, expires_at: as the publisher says, UTC.
        subsets: CID of the subset of a selection's CLI text, for people who take only that.
        signer: fingerprint of the accepted key that signed it; None: not signed, a hint only.
        checkpoint: where the source's own history was then (git: the tagged commit).
        follows: by that history it comes after what was accepted before; None where a source has none.
        signed_as: the label that was signed, where that is another: the tag was renamed.
    """

    label: str
    cid: Cid
    repository: str | None = None
    sequence: int | None = None
    previous: Cid | None = None
    published_at: datetime | None = None
    expires_at: datetime | None = None
    subsets: Mapping[str, Cid] = field(default_factory=dict)
    signer: str | None = None
    checkpoint: str | None = None
    follows: bool | None = None
    signed_as: str | None = None


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement as it stands in a feed: text, and the armored signature of exactly that text."""

    text: str
    signature: str


class _Statement(msgspec.Struct, kw_only=True):
    schema: str
    source: str
    sequence: int
    label: str
    cid: str
    previous: str | None = None
    published_at: datetime
    expires_at: datetime | None = None
    subsets: dict[str, str] = {}


class _Entry(msgspec.Struct):
    statement: str
    signature: str


class _Feed(msgspec.Struct):
    schema: str
    releases: list[_Entry]


def read_feed(data: bytes) -> tuple[SignedStatement, ...]:
    """The signed statements of a feed, in its order; none of them is believed yet.

    Raises:
        SourceMalformed: too long, not JSON of this schema, or a statement or signature is too long.
    """
    if len(data) > FEED_LIMIT:
        raise SourceMalformed(f"the feed is longer than {FEED_LIMIT} bytes")
    try:
        feed = msgspec.json.decode(data, type=_Feed)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise SourceMalformed(f"this is no feed: {safe_text(str(error), 200)}") from error
    if feed.schema != _FEED:
        raise SourceMalformed(f"schema {safe_text(feed.schema, 80)!r} is not {_FEED!r}")
    for entry in feed.releases:
        if len(entry.statement.encode()) > STATEMENT_LIMIT:
            raise SourceMalformed(f"a statement is longer than {STATEMENT_LIMIT} bytes")
        if len(entry.signature.encode()) > SIGNATURE_LIMIT:
            raise SourceMalformed(f"a signature is longer than {SIGNATURE_LIMIT} bytes")
    return tuple(SignedStatement(entry.statement, entry.signature) for entry in feed.releases)


def feed_bytes(statements: Sequence[SignedStatement]) -> bytes:
    """A feed of these statements."""
    releases = [{"statement": entry.text, "signature": entry.signature} for entry in statements]
    return (json.dumps({"schema": _FEED, "releases": releases}, indent=1) + "\n").encode()


def read_statement(text: str) -> Announcement:
    """What a statement says. The caller has checked its signature, or shows it as unsigned.

    Raises:
        SourceMalformed: not JSON of this schema, or a value that cannot be.
    """
    try:
        said = msgspec.json.decode(text, type=_Statement)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise SourceMalformed(f"this is no statement: {safe_text(str(error), 200)}") from error
    if said.schema != _STATEMENT:
        raise SourceMalformed(f"schema {safe_text(said.schema, 80)!r} is not {_STATEMENT!r}")
    for what, name in (("source", said.source), ("label", said.label)):
        if not LABEL.fullmatch(name):
            raise SourceMalformed(f"{what} {safe_text(name, 80)!r} is not 1 to 64 of A-Z a-z 0-9 . _ + -")
    if not 1 <= said.sequence < 1 << 53:
        raise SourceMalformed(f"sequence {said.sequence} is not from 1 to 2^53 - 1")
    if len(said.subsets) > _MOST_SUBSETS:
        raise SourceMalformed(f"{len(said.subsets)} subsets are more than {_MOST_SUBSETS}")
    return Announcement(
        repository=said.source,
        sequence=said.sequence,
        label=said.label,
        cid=_cid("cid", said.cid),
        previous=None if said.previous is None else _cid("previous", said.previous),
        published_at=_utc("published_at", said.published_at),
        expires_at=None if said.expires_at is None else _utc("expires_at", said.expires_at),
        subsets={selection: _cid("subset", cid) for selection, cid in said.subsets.items()},
    )


def statement_text(announcement: Announcement) -> str:
    """The statement that says this; `read_statement` gives the same back.

    Raises:
        ValueError: it has no repository, sequence or date.
    """
    if announcement.repository is None or announcement.sequence is None or announcement.published_at is None:
        raise ValueError("a statement needs a repository, a sequence and a date")
    said: dict[str, object] = {
        "schema": _STATEMENT,
        "source": announcement.repository,
        "sequence": announcement.sequence,
        "label": announcement.label,
        "cid": str(announcement.cid),
    }
    if announcement.previous is not None:
        said["previous"] = str(announcement.previous)
    said["published_at"] = _rfc3339(announcement.published_at)
    if announcement.expires_at is not None:
        said["expires_at"] = _rfc3339(announcement.expires_at)
    if announcement.subsets:
        said["subsets"] = {selection: str(cid) for selection, cid in sorted(announcement.subsets.items())}
    return json.dumps(said)


def _cid(what: str, text: str) -> Cid:
    try:
        return Cid.parse(text)
    except InvalidCid as error:
        raise SourceMalformed(f"{what}: {safe_text(str(error), 200)}") from error


def _utc(what: str, moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise SourceMalformed(f"{what} {moment.isoformat()} has no time zone, for instance Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise SourceMalformed(f"{what} {moment.isoformat()} is no date that can be") from error


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
