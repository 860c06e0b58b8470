"""Tells the service manager how `serve` is doing: sd_notify(3), without a library.

Nothing here fails, and nothing waits: where no manager listens, nothing is told.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_STATUS_LIMIT = 400


class Supervisor:
    """The manager that started this process, if one did.

    Attributes:
        watchdog_s: it kills this process when `alive` is not told for so long; None: it does not.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        """Take what the manager said out of the environment, so that no hook is told the same."""
        address = environment.pop("NOTIFY_SOCKET", "")
        interval = environment.pop("WATCHDOG_USEC", "")
        watched = environment.pop("WATCHDOG_PID", "")
        # an abstract socket is written with @
        self._address = "\0" + address[1:] if address.startswith("@") else address
        is_mine = watched in ("", str(os.getpid()))
        is_set = is_mine and interval.isdecimal() and int(interval) > 0
        self.watchdog_s = int(interval) / 1e6 if is_set else None

    def ready(self) -> None:
        """It answers, or a reload is over."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is being read again; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """It ends."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """For the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """A line for `systemctl status`."""
        self._send(f"STATUS={safe_text(text, _STATUS_LIMIT)}")

    def _send(self, message: str) -> None:
        if not self._address.startswith(("/", "\0")):
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(message.encode(), self._address)
