"""Fetch one small document over https, bounded in every direction, or read it from a file.

Promised: at most `limit` bytes, 30 s without a byte and 120 s in all; and what `web` promises. A host that
the configured address names may be private by its address; where it redirects to may not.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.sources.errors import SourceMalformed, SourceUnreachable
from ipwhl_mirror.sources.web import IDLE_S, Reachable, answer, client, shown, told_apart

if TYPE_CHECKING:
    from collections.abc import Set
    from pathlib import Path

TOTAL_S = 120.0
_HEADERS = {"Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said to recognise a version of a document by (RFC 9110, 8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Of a request for the document if it is another one."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in asked.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Document:
    """What was fetched."""

    data: bytes
    validators: Validators


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much, how long, and where to.

    Attributes:
        limit: bytes of the body.
        idle_s, total_s: seconds without a byte, and in all.
        private_hosts: names that may be of a private network, as the configuration says.
    """

    limit: int
    idle_s: float = IDLE_S
    total_s: float = TOTAL_S
    private_hosts: Set[str] = frozenset()


def read_file(path: Path, limit: int) -> bytes:
    """A document of this machine.

    Raises:
        SourceUnreachable: it cannot be read.
        SourceMalformed: it is too long.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise SourceUnreachable(f"{safe_text(str(path))}: {error.strerror}") from error
    return _bounded(data, limit)


async def fetch_document(url: str, bounds: Bounds, *, known: Validators | None = None) -> Document | None:
    """A document over http or https; None where the server says that it is the known one.

    Raises:
        SourceUnreachable: the server cannot be reached, is too slow, or answers with an error.
        SourceMalformed: it is too long, or leads where it must not.
    """
    try:
        async with asyncio.timeout(bounds.total_s):
            with told_apart(url):
                return await _follow(httpx.URL(url), bounds, known or Validators())
    except TimeoutError as error:
        raise SourceUnreachable(f"{shown(url)} takes longer than {bounds.total_s:g} s") from error


async def _follow(start: httpx.URL, bounds: Bounds, known: Validators) -> Document | None:
    reachable = Reachable(private_hosts=bounds.private_hosts, configured=start.host)
    async with (
        client(reachable, idle_s=bounds.idle_s) as asking,
        answer(asking, start, reachable, {**_HEADERS, **known.headers}) as response,
    ):
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return None
        return await _read(response, bounds)


async def _read(response: httpx.Response, bounds: Bounds) -> Document:
    if response.status_code != httpx.codes.OK:
        raise SourceUnreachable(f"{shown(response.request.url)} answers {response.status_code}")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > bounds.limit:
            break
    validators = Validators(response.headers.get("ETag"), response.headers.get("Last-Modified"))
    return Document(_bounded(bytes(body), bounds.limit), validators)


def _bounded(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise SourceMalformed(f"it is longer than {limit} bytes")
    return data
