"""What the answers of a server say of a file: its length, where a range begins, whether to ask again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx

from ipwhl_mirror.sources.download_files import LARGEST
from ipwhl_mirror.sources.errors import SourceMalformed, SourceUnreachable
from ipwhl_mirror.sources.web import shown

if TYPE_CHECKING:
    from ipwhl_mirror.sources.download_files import Wanted

LOCK_AGAIN = "lock again: the index has replaced or removed it since"
LONGEST_WAIT_S = 30.0
_TRY_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


def check_status(response: httpx.Response, expected: int) -> None:
    """Raise SourceUnreachable where another try may help, SourceMalformed where none will."""
    status = response.status_code
    if status == expected:
        return
    words = f"{shown(response.request.url)} answers {status}"
    if status in _TRY_LATER:
        raise SourceUnreachable(words)
    gone = status in (httpx.codes.NOT_FOUND, httpx.codes.GONE)
    raise SourceMalformed(words, hint=LOCK_AGAIN if gone else "the server does not give it to everybody")


def span_of(response: httpx.Response) -> tuple[int, int] | None:
    """Where a partial answer begins, and how long the whole is."""
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return None if found is None else (int(found[1]), int(found[3]))


def continues(response: httpx.Response, length: int) -> bool:
    """Whether a partial answer begins after so many bytes."""
    span = span_of(response)
    return response.status_code == httpx.codes.PARTIAL_CONTENT and span is not None and span[0] == length


def told_size(response: httpx.Response) -> int | None:
    """How long the file is; None where the server does not say."""
    if response.status_code == httpx.codes.PARTIAL_CONTENT and (span := span_of(response)) is not None:
        return span[1]
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and len(length) < 19 else None


def limit_of(wanted: Wanted, told: int | None) -> int:
    """How many bytes to take at most.

    Raises:
        SourceMalformed: the file has another length than the wanted one, or is too long.
    """
    if told is not None and wanted.size is not None and told != wanted.size:
        raise SourceMalformed(
            f"{shown(wanted.url)} is another file: it has {told} bytes, not {wanted.size}", hint=LOCK_AGAIN
        )
    limit = wanted.size if wanted.size is not None else told if told is not None else LARGEST
    if limit > LARGEST:
        raise SourceMalformed(f"{shown(wanted.url)} has {limit} bytes, of at most {LARGEST}")
    return limit


def retry_after(response: httpx.Response) -> float:
    """How many seconds the server wants to be left alone."""
    text = response.headers.get("Retry-After", "")
    is_short = text.isdecimal() and len(text) < 10
    return min(float(text), LONGEST_WAIT_S) if is_short and response.status_code in _TRY_LATER else 0.0
