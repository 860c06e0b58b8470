"""What goes into a request to Kubo's RPC, and what its answer says besides."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Mapping

Option = str | int | bool


def clock_ahead(date: str | None) -> float | None:
    """By how many seconds a Date header is ahead of our clock; None where it is none."""
    try:
        return (parsedate_to_datetime(date or "") - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None


def query(options: Mapping[str, Option]) -> list[tuple[str, str]]:
    """Options as Kubo reads them: `pin_roots=False` is `pin-roots=false`."""
    return [
        (name.replace("_", "-"), str(value).lower() if isinstance(value, bool) else str(value))
        for name, value in options.items()
    ]


async def watched(
    pieces: AsyncIterable[bytes], deadline: asyncio.Timeout, stall_s: float, failed: list[Exception]
) -> AsyncIterator[bytes]:
    """The pieces, each putting off the deadline; an error of theirs is added to `failed`."""
    loop = asyncio.get_running_loop()
    try:
        async for piece in pieces:
            deadline.reschedule(loop.time() + stall_s)
            yield piece
    except Exception as error:
        failed.append(error)  # aiohttp gives the caller an error of its own instead
        raise


def form_file(pieces: AsyncIterable[bytes]) -> aiohttp.MultipartWriter:
    """A form with one file."""
    form = aiohttp.MultipartWriter("form-data")
    part = form.append(pieces, {"Content-Type": "application/octet-stream"})
    part.set_content_disposition("form-data", name="file", filename="file")
    return form
