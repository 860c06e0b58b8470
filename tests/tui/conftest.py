"""Nothing moves by itself in these tests: no animation, one time zone, whatever the machine's settings."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from textual import _wait

if TYPE_CHECKING:
    from collections.abc import Iterator


_LOOK_S = 0.01
"""How long an application must do nothing until it counts as at rest. Textual takes twice as long, which is
waited for after each key."""


@pytest.fixture(autouse=True)
def brisk_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are pressed as soon as what the one before did is done."""
    monkeypatch.setattr(_wait, "SLEEP_GRANULARITY", _LOOK_S)
    monkeypatch.setattr(_wait, "SLEEP_IDLE", _LOOK_S / 20)


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same terminal everywhere, and the same time of day."""
    with monkeypatch.context() as patch:
        patch.setenv("TERM", "xterm-256color")
        patch.setenv("COLORTERM", "truecolor")
        patch.setenv("TZ", "UTC")
        patch.delenv("NO_COLOR", raising=False)
        patch.delenv("TEXTUAL_THEME", raising=False)
        time.tzset()
        yield
    time.tzset()
