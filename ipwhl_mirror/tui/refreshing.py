"""Sees by itself what changes outside: another run pins or tracks something, the node goes down and is back.

Every so often it takes a glance at node and state, which reads no index and costs next to nothing, and has
everything read again only where the glance differs from the last one. It looks less often where looking is
slow, or where nobody answers, and not at all while a dialog asks something or the terminal is not looked at.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.screen import ModalScreen

from ipwhl_mirror.nodes.errors import NodeUnreachable
from ipwhl_mirror.tui.jobs import Failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from textual.timer import Timer

    from ipwhl_mirror.services.overview import Glance
    from ipwhl_mirror.tui.reading_app import ReadingApp

EVERY_S = 15.0
"""Between two glances when all is well."""

PATIENCE_S = 10.0
"""A node that takes longer for a glance does not answer."""

_SLOWEST_S = 300.0
_DOWN_S = 60.0
_SHARE = 20
"""Looking takes at most one part in so many of the time."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Nothing can be read, and since when; what was read last stands."""

    words: str
    since: datetime

    @property
    def text(self) -> str:
        """In a line, with the time of day here."""
        return f"{self.words} since {self.since.astimezone():%H:%M}"


def pause_s(every_s: float, *, took_s: float = 0.0, failures: int = 0) -> float:
    """Seconds until the next glance.

    >>> pause_s(15.0), pause_s(15.0, took_s=2.0), pause_s(15.0, failures=1), pause_s(15.0, failures=9)
    (15.0, 40.0, 30.0, 60.0)
    """
    if failures:
        return max(every_s, min(every_s * 2.0 ** min(failures, 8), _DOWN_S))
    return max(every_s, min(took_s * _SHARE, _SLOWEST_S))


class Refreshing:
    """When to look, and what the last glance showed; one a run."""

    def __init__(self, app: ReadingApp, *, every_s: float, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._every_s = every_s
        self._clock = clock
        self._seen: Glance | None = None
        self._failures = 0
        self._timer: Timer | None = None
        self._is_due = False

    def start(self, *, took_s: float = 0.0) -> None:
        """Look when it is time, instead of when it would have been."""
        if self._timer is not None:
            self._timer.stop()
        wait_s = pause_s(self._every_s, took_s=took_s, failures=self._failures)
        self._timer = self._app.set_timer(wait_s, self.tick)

    def tick(self) -> None:
        """It is time: look, or wait where nobody looks or a dialog is open."""
        self._is_due = True
        self.resume()

    def resume(self) -> None:
        """Look now where it is time and nothing is in the way."""
        if not self._is_due:
            return
        shown = self._app.screen_stack  # empty at the very end
        if not shown or isinstance(shown[-1], ModalScreen) or not self._app.app_focus:
            self.start()
            return
        self._is_due = False
        self._app.glance_soon()

    async def look(self) -> None:
        """Take a glance, and have all read again where it differs.

        Raises:
            NodeError, StateError: nothing can be read; `failed` is to be told.
        """
        began = time.monotonic()
        seen = await self.glance()
        if seen != self._seen or self._app.outage is not None:
            self._app.action_reload()
        else:
            self.start(took_s=time.monotonic() - began)

    async def glance(self) -> Glance:
        """What node and state look like.

        Raises:
            NodeError, StateError: they do not answer.
        """
        # a job can keep a node from answering for long: a collection of garbage locks the pins of a Kubo
        patience_s = None if self._app.desk.jobs.running is not None else PATIENCE_S
        try:
            async with asyncio.timeout(patience_s):
                return await self._app.backend.glance()
        except TimeoutError:
            raise NodeUnreachable(
                f"the node gives no answer within {PATIENCE_S:g} s", hint="it is asked again by itself"
            ) from None

    def done(self, seen: Glance, *, took_s: float) -> None:
        """Everything was read, after this glance."""
        self._seen = seen
        self._failures = 0
        self._app.trouble = None
        self._app.outage = None
        self.start(took_s=took_s)

    def failed(self, error: BaseException) -> Failure | None:
        """Nothing could be read; gives why when that is new."""
        self._failures += 1
        failure = Failure.of(error)
        is_new = self._app.outage is None or (self._app.trouble or failure).words != failure.words
        if self._app.outage is None:
            words = "node does not answer" if isinstance(error, NodeUnreachable) else "cannot be read"
            self._app.outage = Outage(words, self._clock())
        self._app.trouble = failure
        self.start()
        return failure if is_new else None
