"""Byte ranges and conditions of requests for files.

One range is answered; several at once are answered with the whole file, as the standard allows. What is
no valid Range header is ignored. An entity tag is a CID in quotes, so it is strong and never changes.

Spec: https://www.rfc-editor.org/rfc/rfc9110 (13 Conditional Requests, 14 Range Requests).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ipwhl_mirror.gateway.errors import RangeNotSatisfiable

_RANGE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]{0,19})-([0-9]{0,19})[ \t]*", re.ASCII | re.IGNORECASE)
_ETAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes [start, end) of a file."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def content_range(self, size: int) -> str:
        """The Content-Range header for this part of a file of `size` bytes."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The part of a file of `size` bytes that a Range header asks for; None for the whole file.

    Raises:
        RangeNotSatisfiable: a well-formed single range that has no byte of the file.
    """
    match = _RANGE.fullmatch(header) if header is not None else None
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise RangeNotSatisfiable(size)
    return ByteRange(start, end)


def if_range_holds(header: str | None, etag: str) -> bool:
    """Whether a Range header counts: there is no If-Range, or it has exactly this (strong) tag."""
    return header is None or (header.strip() == etag and not etag.startswith("W/"))


def tag_matches(header: str | None, etag: str) -> bool:
    """Whether an If-None-Match header has this tag, by the weak comparison, or is `*`."""
    if header is None:
        return False
    wanted = etag.removeprefix("W/")
    return header.strip() == "*" or any(f'"{found[1]}"' == wanted for found in _ETAG.findall(header))


def strong_tag_matches(header: str | None, etag: str) -> bool:
    """Whether there is no If-Match header, or it has this tag by the strong comparison, or is `*`."""
    if header is None or header.strip() == "*":
        return True
    tags = (f"{weak}{tag}" for weak, tag in ((found[0], f'"{found[1]}"') for found in _ETAG.findall(header)))
    return not etag.startswith("W/") and etag in tags
