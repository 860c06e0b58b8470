"""Something that is asked for often and done seldom: at once after a pause, else once when its time comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TEN_A_SECOND = 0.1


class Pace:
    """Does `act` at most every `every_s` seconds, and once more after the last time it was asked for."""

    def __init__(
        self,
        act: Callable[[], None],
        *,
        every_s: float = TEN_A_SECOND,
        clock: Callable[[], float] | None = None,
        later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:
        """`clock` (monotonic seconds) and `later` (seconds, what) are the running loop's unless given."""
        self._act = act
        self._every_s = every_s
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._later = later or (lambda after, what: asyncio.get_running_loop().call_later(after, what))
        self._last: float | None = None
        self._is_waiting = False

    def ask(self) -> None:
        """Do it now, or when its time comes."""
        if self._is_waiting:
            return
        now = self._clock()
        if self._last is None or now - self._last >= self._every_s:
            self._last = now
            self._act()
            return
        self._is_waiting = True
        self._later(self._last + self._every_s - now, self._now)

    def _now(self) -> None:
        self._is_waiting = False
        self._last = self._clock()
        self._act()
