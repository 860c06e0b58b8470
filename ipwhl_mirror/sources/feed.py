"""A feed of signed statements, over https or from a file (format: `announcements`)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.sources.announcements import FEED_LIMIT, read_feed, read_statement
from ipwhl_mirror.sources.base import Answer, Problem
from ipwhl_mirror.sources.documents import Bounds, Validators, fetch_document, read_file
from ipwhl_mirror.sources.errors import NotTrusted, SourceMalformed
from ipwhl_mirror.sources.keys import NAMESPACE
from ipwhl_mirror.sources.signing import check_signature

if TYPE_CHECKING:
    from collections.abc import Set

    from ipwhl_mirror.sources.announcements import Announcement, SignedStatement
    from ipwhl_mirror.sources.trust import SourceTrust

NEWEST = 64
"""Statements of a feed that are looked at: those with the highest sequences."""


class _Memory(msgspec.Struct):
    etag: str | None = None
    last_modified: str | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class FeedSource:
    """A feed at an https or file address."""

    url: str
    private_hosts: Set[str] = frozenset()

    async def ask(self, trust: SourceTrust, memory: str = "") -> Answer:
        """See `base.Source`."""
        known = _remembered(memory)
        bounds = Bounds(limit=FEED_LIMIT, private_hosts=self.private_hosts)
        if self.url.startswith("file://"):
            data, validators = read_file(Path(self.url.removeprefix("file://")), FEED_LIMIT), Validators()
        else:
            asked = Validators(known.etag, known.last_modified)
            document = await fetch_document(self.url, bounds, known=asked)
            if document is None:
                return Answer(memory=memory, unchanged=True)
            data, validators = document.data, document.validators
        digest = hashlib.sha256(data).hexdigest()
        kept = _Memory(validators.etag, validators.last_modified, digest)
        memory = msgspec.json.encode(kept).decode()
        if digest == known.digest:
            return Answer(memory=memory, unchanged=True)
        announcements, problems = await _read(data, trust)
        return Answer(announcements=announcements, problems=problems, memory=memory)


async def _read(data: bytes, trust: SourceTrust) -> tuple[tuple[Announcement, ...], tuple[Problem, ...]]:
    said: list[tuple[Announcement, SignedStatement]] = []
    problems: list[Problem] = []
    for entry in read_feed(data):
        try:
            said.append((read_statement(entry.text), entry))
        except SourceMalformed as error:
            problems.append(Problem("", str(error)))
    said.sort(key=lambda pair: pair[0].sequence or 0)
    announcements: list[Announcement] = []
    for announcement, entry in said[-NEWEST:]:
        try:
            signer = await check_signature(entry.text.encode(), entry.signature, trust.keys, NAMESPACE)
        except (NotTrusted, SourceMalformed) as error:
            problems.append(Problem(announcement.label, str(error)))
            signer = None
        announcements.append(replace(announcement, signer=signer))
    return tuple(announcements), tuple(problems)


def _remembered(memory: str) -> _Memory:
    try:
        return msgspec.json.decode(memory, type=_Memory)
    except msgspec.DecodeError:
        return _Memory()
