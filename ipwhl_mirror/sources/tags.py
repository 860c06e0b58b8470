"""Annotated tags of git, read as the bytes they are: git's own output is not parsed, nor its word taken.

A release is a tag whose message holds one CID (IPWHL publishes so). The name inside the tag object counts
only if it is the name of the ref: git's `verify-tag` accepts a signed tag under another name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import InvalidCid
from ipwhl_mirror.sources.errors import SourceMalformed

TAG_LIMIT = 1 << 16
"""Bytes of a tag object, at most."""
_OBJECT = re.compile(
    rb"object ([0-9a-f]{40}|[0-9a-f]{64})\ntype ([a-z]+)\ntag ([^\n]*)\n(?:tagger ([^\n]*)\n)?"
)
_TAGGER_TIME = re.compile(rb" ([0-9]{1,12}) [+-][0-9]{4}$")
_BEGIN = re.compile(rb"^-----BEGIN ([A-Z ]+)-----$", re.MULTILINE)
_SSH = b"SSH SIGNATURE"
_CID = re.compile(r"(?<![A-Za-z0-9])(Qm[1-9A-HJ-NP-Za-km-z]{44}|b[a-z2-7]{58,})(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A tag object.

    Attributes:
        name: that stands in the object.
        commit: what it tags, in hex.
        tagged_at: as the tagger says; None where it does not.
        message: without the signature.
        payload: the bytes that a signature is of.
        signature: armored, of SSH; None for none, or one of another kind.
    """

    name: str
    commit: str
    tagged_at: datetime | None
    message: str
    payload: bytes
    signature: str | None


def read_tag(raw: bytes) -> Tag:
    """Read a tag object (git-mktag(1)).

    Raises:
        SourceMalformed: it is none, or of something else than a commit.
    """
    if len(raw) > TAG_LIMIT:
        raise SourceMalformed(f"the tag is longer than {TAG_LIMIT} bytes")
    head = _OBJECT.match(raw)
    if head is None:
        raise SourceMalformed("this is no tag object")
    if head[2] != b"commit":
        raise SourceMalformed(f"it tags a {head[2].decode()}, not a commit")
    armors = list(_BEGIN.finditer(raw))
    end = armors[-1].start() if armors else len(raw)
    is_ssh = bool(armors) and armors[-1][1] == _SSH
    _, _, message = raw[:end].partition(b"\n\n")
    return Tag(
        name=head[3].decode("utf-8", "backslashreplace"),
        commit=head[1].decode(),
        tagged_at=_time(head[4] or b""),
        message=message.decode("utf-8", "backslashreplace"),
        payload=raw[:end],
        signature=raw[end:].decode("utf-8", "backslashreplace") if is_ssh else None,
    )


def announced_cid(message: str) -> Cid:
    """The one CID of a message.

    Raises:
        SourceMalformed: none, or several.
    """
    found: dict[bytes, Cid] = {}
    for text in _CID.findall(message):
        try:
            cid = Cid.parse(text)
        except InvalidCid:
            continue
        found.setdefault(cid.digest, cid)
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise SourceMalformed("its message names no CID")
    names = ", ".join(map(str, found.values()))
    raise SourceMalformed(f"its message names {len(found)} CIDs: {safe_text(names, 200)}")


def _time(tagger: bytes) -> datetime | None:
    found = _TAGGER_TIME.search(tagger)
    if found is None:
        return None
    try:
        return datetime.fromtimestamp(int(found[1]), UTC)
    except (OverflowError, ValueError, OSError):
        return None
