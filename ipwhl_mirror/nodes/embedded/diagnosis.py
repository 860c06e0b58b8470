"""What is so with the embedded node: its gateways, as far as can be told without asking them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ipwhl_mirror.nodes.base import Finding, Health

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def examine_gateways(gateways: Sequence[str]) -> Finding:
    """Whether there are any, and whether what is fetched from them can be watched."""
    if not gateways:
        return Finding(
            check="gateways",
            health=Health.WARNING,
            found="none",
            why="what is not here cannot be fetched",
            remedy="give --gateway URL, or [node] gateways",
        )
    plain = [url for url in gateways if url.startswith("http://") and urlsplit(url).hostname not in _LOOPBACK]
    if plain:
        return Finding(
            check="gateways",
            health=Health.WARNING,
            found=f"{', '.join(plain)}: not encrypted",
            why="others on the way see what is fetched, but cannot change it",
            remedy="use https where the gateway has it",
        )
    return Finding(check="gateways", health=Health.OK, found=", ".join(gateways))
