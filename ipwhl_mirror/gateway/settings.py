"""How the gateway is set up, and the limits it keeps.

The limits are for a server that strangers on a network may reach: none of them is in the way of pip or uv.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ipwhl_mirror.gateway.errors import GatewayError

_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<host>[A-Za-z0-9.-]+)):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client, or many slow ones, may take.

    Attributes:
        connections: at a time.
        header_bytes: of a request, its target included.
        idle_s: a connection is closed after so long without a whole request, or without a byte of an answer
            taken.
        stalled_s: when all connections are taken, an answer that has not moved for so long gives way.
        grace_s: answers may go on for so long when the gateway is closed.
    """

    connections: int = 64
    header_bytes: int = 16 * 1024
    idle_s: float = 30.0
    stalled_s: float = 5.0
    grace_s: float = 3.0


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Where the gateway listens and for whom it answers.

    Attributes:
        listen: host:port; an IPv6 address in brackets; port 0 takes a free one.
        hosts: names that clients may ask for in the Host header, besides this machine's own.
        behind_proxy: believe `X-Forwarded-Host`; only right behind a proxy that sets it.
        limits: for slow and greedy clients.
    """

    listen: str = "127.0.0.1:8085"
    hosts: tuple[str, ...] = ()
    behind_proxy: bool = False
    limits: Limits = Limits()

    def address(self) -> tuple[str, int]:
        """Host (without brackets) and port of `listen`.

        Raises:
            GatewayError: it is not host:port.
        """
        match = _ADDRESS.fullmatch(self.listen)
        if match is None or int(match["port"]) > 65535:
            raise GatewayError(
                f"cannot listen on {self.listen!r}: expected host:port",
                hint="for instance 127.0.0.1:8085 or [::1]:8085",
            )
        return match["v6"] or match["host"], int(match["port"])
