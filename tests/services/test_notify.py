"""What the service manager hears, at a socket as it makes one."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.services.notify import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Manager:
    """Listens at an address."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(5)

    def heard(self) -> dict[str, str]:
        """The next message."""
        lines = self._socket.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Manager, str]]:
    """A manager, and its address as the environment has it."""
    path = str(tmp_path / "notify")
    abstract = f"ipwhl-mirror-test-{os.getpid()}"
    address, written = (path, path) if request.param == "path" else (f"\0{abstract}", f"@{abstract}")
    listening = Manager(address)
    yield listening, written
    listening.close()


def test_what_is_told(manager: tuple[Manager, str]) -> None:
    """In the words of sd_notify(3); a status is one line that a terminal can show."""
    listening, address = manager
    supervisor = Supervisor({"NOTIFY_SOCKET": address})
    supervisor.ready()
    assert listening.heard() == {"READY": "1"}
    supervisor.status("campus: \x1b[2J\nfailed")
    assert listening.heard() == {"STATUS": "campus: \\x1b[2J\\x0afailed"}
    supervisor.reloading()
    heard = listening.heard()
    assert (heard["RELOADING"], heard["MONOTONIC_USEC"].isdecimal()) == ("1", True)
    supervisor.alive()
    assert listening.heard() == {"WATCHDOG": "1"}
    supervisor.stopping()
    assert listening.heard() == {"STOPPING": "1"}


@pytest.mark.parametrize("address", [None, "", "vsock:2:1", "/nowhere/notify", "/" + "x" * 300])
def test_nobody_who_listens_is_no_error(address: str | None) -> None:
    """Not started by a manager, one of another kind, one that has gone, and an address that is none."""
    supervisor = Supervisor({} if address is None else {"NOTIFY_SOCKET": address})
    supervisor.ready()
    assert supervisor.watchdog_s is None


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
    ids=["set", "for us", "for another", "off", "no number"],
)
def test_watchdog(variables: dict[str, str], seconds: float | None) -> None:
    """How often it wants to hear, and that no hook inherits it."""
    environment = {"NOTIFY_SOCKET": "/nowhere", "HOME": "/", **variables}
    assert Supervisor(environment).watchdog_s == seconds
    assert environment == {"HOME": "/"}
