"""A clock that moves only when somebody sleeps on it, or a test moves it."""

from __future__ import annotations

import asyncio


class FakeTime:
    """Give `clock` and `sleep` to what is tested.

    Attributes:
        now: seconds.
        slept: every wait, in order.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def clock(self) -> float:
        """The time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Move the clock instead of waiting."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)
