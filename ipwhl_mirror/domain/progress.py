"""How fast a job goes: bytes done, rate over the last seconds, time to go, time without a byte.

Pure: the clock is passed in, so that tests and replays need not wait. Times are seconds, amounts bytes.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW_S = 10.0
"""How far back the rate looks, in seconds."""

_RESOLUTION_S = 0.1


class Meter:
    """Bytes over time.

    Attributes:
        total: bytes in all; None when not known. It may be set when it becomes known.
    """

    def __init__(self, total: int | None = None, *, clock: Callable[[], float]) -> None:
        """Start measuring.

        Args:
            clock: monotonic seconds.
        """
        self.total = total
        self._clock = clock
        self._done = 0
        self._last_byte = clock()
        # (when, bytes done then), oldest first; the first is the newest one older than the window
        self._samples = deque([(self._last_byte, 0)])

    def update(self, done: int) -> None:
        """Say how many bytes are done by now; fewer than before starts the rate anew."""
        now = self._clock()
        if done < self._done:
            self._samples.clear()
        if done != self._done:
            self._last_byte = now
        self._done = done
        if len(self._samples) > 1 and now - self._samples[-2][0] < _RESOLUTION_S:
            self._samples.pop()
        self._samples.append((now, done))
        while len(self._samples) > 2 and self._samples[1][0] <= now - WINDOW_S:
            self._samples.popleft()

    @property
    def done(self) -> int:
        """Bytes done."""
        return self._done

    @property
    def rate(self) -> float:
        """Bytes a second over the last ten seconds; 0.0 before there is anything to tell."""
        now = self._clock()
        since, before = self._samples[0]
        for when, done in self._samples:
            if when > now - WINDOW_S:
                break
            since, before = when, done
        elapsed = min(now - since, WINDOW_S)
        return (self._done - before) / elapsed if elapsed > 0 else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds to go at this rate; None when the total is not known or nothing moves."""
        if self.total is None:
            return None
        left = max(self.total - self._done, 0)
        if left == 0:
            return 0.0
        rate = self.rate
        return left / rate if rate > 0 else None

    @property
    def stalled_s(self) -> float:
        """Seconds since a byte last arrived."""
        return self._clock() - self._last_byte
