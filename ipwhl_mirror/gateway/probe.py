"""Ask a gateway for a listing, as pip would: does it answer?"""

from __future__ import annotations

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=5.0)


async def probe_listing(url: str) -> bool:
    """Whether a listing of links is served at `url`. Never raises for what a network can do."""
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as client,
            client.get(url, allow_redirects=False) as answer,
        ):
            return answer.status == 200 and b"<a " in await answer.content.read(1 << 16)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False
