"""When `serve` runs each mirror: soon after the start, then again and again, one after the other.

A run that fails ends nothing: it is tried again sooner than a good one, and less and less often while it
fails. The lock in other hands is no failure. Times are those of a clock that does not jump; only what is
written down for others is a date.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ipwhl_mirror.services.errors import FAILURES
from ipwhl_mirror.services.mirror_events import Event, EventKind
from ipwhl_mirror.services.mirrors import note_next
from ipwhl_mirror.services.syncing import SyncReport
from ipwhl_mirror.state.errors import LockHeld, StateError

if TYPE_CHECKING:
    from datetime import datetime

    from ipwhl_mirror.services.mirror_events import EventSink, Field
    from ipwhl_mirror.services.session import Session

RunMirror = Callable[[str], Awaitable[SyncReport]]

RETRY_S = 300.0
"""After the first failure."""
LOCKED_S = 60.0
"""While another run holds the lock."""
SOON_S = 10.0
"""At most so long after the start."""


async def wait_or_wake(wake: asyncio.Event, seconds: float | None) -> None:
    """Return after so many seconds, or when the event is set; None: only then."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()


async def nothing_after() -> None:
    """What follows a run where nothing is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What time and chance are to a keeper.

    Attributes:
        wait: returns after some seconds, or when the event is set.
        uniform: a number between two.
    """

    wait: Callable[[asyncio.Event, float | None], Awaitable[None]] = wait_or_wake
    uniform: Callable[[float, float], float] = random.SystemRandom().uniform


@dataclass(slots=True)
class _Turn:
    due: float
    failures: int = 0


class Keeper:
    """Runs the mirrors of a session's configuration as often as that says."""

    def __init__(
        self,
        session: Session,
        run: RunMirror,
        *,
        on_event: EventSink,
        after_run: Callable[[], Awaitable[None]] = nothing_after,
        timing: Timing | None = None,
    ) -> None:
        """Nothing runs yet.

        Args:
            run: one run of the mirror of a name; it tells its own events.
            on_event: told when each runs next, and of runs that failed before they could tell it.
            after_run: awaited when a run is over and the next one is set.
        """
        self._session = session
        self._run = run
        self._on_event = on_event
        self._after_run = after_run
        self._timing = timing or Timing()
        self._turns: dict[str, _Turn] = {}
        self._wake = asyncio.Event()

    async def keep(self) -> None:
        """Run them until cancelled.

        On cancel: the run that goes on is cancelled too, and nobody is said to run them any more.
        """
        try:
            self.reschedule()
            while True:
                self._wake.clear()
                name = min(self._turns, key=lambda name: self._turns[name].due, default=None)
                left = None if name is None else self._turns[name].due - self._session.monotonic()
                if name is None or left is None or left > 0:
                    await self._timing.wait(self._wake, left)
                else:
                    await self._take_turn(name)
        finally:
            for name in tuple(self._turns):
                self._remove(name)

    def reschedule(self) -> None:
        """Take the configuration as it is now: mirrors that are new run soon, those that are gone do not,
        and none waits for longer than it would have to after a good run."""
        every = self._every
        configured = self._session.settings.config.mirror if every else {}
        for name in [name for name in self._turns if name not in configured]:
            self._remove(name)
        latest = self._session.monotonic() + every + self._jitter
        for name in configured:
            if name not in self._turns:
                self._plan(name, _Turn(0.0), self._timing.uniform(0, min(SOON_S, self._jitter)))
            elif self._turns[name].due > latest:
                self._plan(name, self._turns[name], self._pause(0))
        self._wake.set()

    @property
    def _every(self) -> float:
        settings = self._session.settings
        return 0.0 if settings.read_only else settings.config.serve.sync_every

    @property
    def _jitter(self) -> float:
        return self._session.settings.config.serve.sync_jitter

    def _pause(self, failures: int) -> float:
        """Seconds until the next run after so many failures; its jitter shrinks as it does."""
        pause = self._every
        if failures:
            pause = min(pause, RETRY_S * 2.0 ** min(failures - 1, 32))
        return pause + self._timing.uniform(0, self._jitter * pause / self._every)

    async def _take_turn(self, name: str) -> None:
        turn = self._turns[name]
        # whatever a run ends with, a fault of this program too, is an outcome of that run alone
        (outcome,) = await asyncio.gather(self._run(name), return_exceptions=True)
        is_locked = isinstance(outcome, LockHeld)
        if isinstance(outcome, SyncReport):
            turn.failures = 0 if outcome.error is None else turn.failures + 1
        elif not is_locked:
            turn.failures += 1
            self._tell_failure(name, outcome)
        if self._turns.get(name) is turn:  # a reload may have taken the mirror away meanwhile
            self._plan(name, turn, self._pause_for_lock() if is_locked else self._pause(turn.failures))
        await self._after_run()

    def _pause_for_lock(self) -> float:
        return LOCKED_S + self._timing.uniform(0, min(SOON_S, self._jitter))

    def _tell_failure(self, name: str, error: BaseException) -> None:
        reason = str(error)
        if not isinstance(error, FAILURES):
            places = [
                f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)
            ]
            reason = f"a fault of this program: {reason} ({' '.join(places[-3:])})"
        self._tell(EventKind.SYNC_FAILED, name, error=type(error).__name__, reason=reason)

    def _plan(self, name: str, turn: _Turn, pause: float) -> None:
        turn.due = self._session.monotonic() + pause
        self._turns[name] = turn
        at = self._session.clock() + timedelta(seconds=round(pause))
        self._note(name, at)
        self._tell(EventKind.NEXT_SYNC, name, next_at=f"{at:%Y-%m-%dT%H:%M:%SZ}")

    def _remove(self, name: str) -> None:
        del self._turns[name]
        self._note(name, None)

    def _note(self, name: str, at: datetime | None) -> None:
        with contextlib.suppress(StateError):  # a full disk keeps others from seeing it, and nothing else
            note_next(self._session, name, at)

    def _tell(self, kind: EventKind, name: str, **fields: Field) -> None:
        self._on_event(Event(kind=kind, at=self._session.clock(), mirror=name, fields=fields))
