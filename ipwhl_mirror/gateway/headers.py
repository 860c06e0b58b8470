"""Headers that answers share: nothing from this gateway is a page that runs something, or is guessed at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from ipwhl_mirror import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

SANDBOX = "default-src 'none'; sandbox"
LISTING_SANDBOX = "default-src 'none'; sandbox allow-downloads"
"""Of listings: a person may click a wheel."""

IMMUTABLE = "public, max-age=29030400, immutable"
"""Cache-Control of what a CID names."""

LISTING_CACHE = "public, max-age=604800, stale-while-revalidate=2678400"
"""Cache-Control of a listing of what a CID names: the page's form may change with the program."""

REVALIDATE = "no-cache"
"""Cache-Control of what a mirror's address leads to at the moment."""

SAFE: Mapping[str, str] = {
    "Content-Security-Policy": SANDBOX,
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer that has no others of the name."""

SERVER = f"ipwhl-mirror/{__version__}"

_UNSAFE = re.compile(r"[^A-Za-z0-9._+!-]")


def attachment(filename: str) -> str:
    """A Content-Disposition that offers to save under this name.

    >>> attachment('six-1.0-py3-none-any.whl')
    'attachment; filename="six-1.0-py3-none-any.whl"'
    """
    plain = _UNSAFE.sub("_", filename)
    if plain == filename:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
