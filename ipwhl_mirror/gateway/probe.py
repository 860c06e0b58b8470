"""Ask a gateway for a listing, as pip would: does it answer?"""

from __future__ import annotations

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_LONGEST = 1 << 20
"""Where the first link of a listing is at the latest; Kubo's begins with its style sheet."""


async def probe_listing(url: str) -> bool:
    """Whether a listing of links is served at `url`. Never raises for what a network can do."""
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as client,
            client.get(url, allow_redirects=False) as answer,
        ):
            return answer.status == 200 and await _has_link(answer.content)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


async def _has_link(content: aiohttp.StreamReader) -> bool:
    page = b""
    while len(page) < _LONGEST and (piece := await content.readany()):
        page += piece
        if b"<a " in page:
            return True
    return False
