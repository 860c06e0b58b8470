"""A stage for Textual applications: they run as in a terminal, and what a key costs is counted.

    with Stage(app) as stage:
        seconds = stage.press("end")

Each stage has an event loop of its own that stands still between two calls, so that several applications can
be measured in turns. What is counted is the processor's time from the key until nothing more is painted: the
layout, the drawing and the escape sequences that a terminal would get. Waiting is not, nor the time in which
other programs run; an application paints 60 times a second at most, so that up to 16 ms pass besides.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from textual import events
from textual.driver import Driver
from textual.geometry import Size as Cells

from tests.benchmarks.measuring import WrongResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from types import TracebackType
    from typing import Self

    from textual.app import App

    from tests.benchmarks.measuring import Size

SIZE = (120, 36)
COLLECT_AFTER = 200_000
_TICK_S = 0.005
_QUIET_TICKS = 8
_PATIENCE_S = 60.0
_NAMES = {"/": "slash", "!": "exclamation_mark", "-": "minus", "*": "asterisk", "?": "question_mark"}
_CHARACTERS = {name: character for character, name in _NAMES.items()}

AppT = TypeVar("AppT", bound="App[Any]")


class Glass(Driver):
    """A terminal that nobody looks at: it takes what is painted and counts it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.paints = 0
        self.written = 0

    def write(self, data: str) -> None:
        self.paints += 1
        self.written += len(data)

    def start_application_mode(self) -> None:
        size = Cells(*SIZE)
        self.send_message(events.Resize(size, size))

    def disable_input(self) -> None:
        """There is none."""

    def stop_application_mode(self) -> None:
        """Nothing was changed."""


class Stage(Generic[AppT]):
    """One application that runs; its end stops it.

    Attributes:
        freeze_s: for how long it could not have answered a key, at worst, while the last one was worked on.
    """

    def __init__(self, app: AppT, runner: asyncio.Runner | None = None) -> None:
        """`runner` is one whose loop the application's backend was opened on; it is left open."""
        self.app = app
        self.freeze_s = 0.0
        self._drivers: list[Glass] = []
        self._runner = runner or asyncio.Runner()
        self._is_guest = runner is not None
        self._task: asyncio.Task[object] | None = None

    def __enter__(self) -> Self:
        self._runner.run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._stop())
        if not self._is_guest:
            self._runner.close()

    def press(self, *keys: str, until: Callable[[], bool] | None = None) -> float:
        """Press keys, one after the other's paint; the processor's seconds until the last is painted.

        Raises:
            WrongResult: `until` does not come true.
        """

        async def pressing() -> None:
            for key in keys:
                name = _NAMES.get(key, key)
                event = events.Key(name, _CHARACTERS.get(name, key if len(key) == 1 else None))
                event.set_sender(self.app)
                self._glass.send_message(event)
                await self._settle(until)

        return self.count(pressing)

    def do(self, action: Callable[[], object], until: Callable[[], bool] | None = None) -> float:
        """Call something in the application; the processor's seconds until its effect is painted."""

        async def doing() -> None:
            self.app.call_later(action)
            await self._settle(until)

        return self.count(doing)

    @property
    def paints(self) -> int:
        """How often something was painted."""
        return self._glass.paints

    @property
    def _glass(self) -> Glass:
        return self._drivers[0]

    def count(self, work: Callable[[], Awaitable[object]]) -> float:
        """The processor's seconds that something takes on the stage's loop."""

        async def counted() -> float:
            self.freeze_s = 0.0
            began = time.process_time()
            await work()
            return time.process_time() - began

        return self._runner.run(counted())

    async def _start(self) -> None:
        drivers = self._drivers

        class Counted(Glass):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                super().__init__(*arguments, **options)
                drivers.append(self)

        self.app.driver_class = Counted
        self.app.animation_level = "none"
        self._task = asyncio.create_task(self.app.run_async(size=SIZE))
        while not (drivers and drivers[0].paints):
            self._check()
            await asyncio.sleep(_TICK_S)
        await self._settle(None)

    async def _settle(self, until: Callable[[], bool] | None) -> None:
        """Return when it is true and nothing was painted for some ticks; a tick is late where the loop is
        busy."""
        begun = time.monotonic()
        seen, quiet = self.paints, 0
        while quiet < _QUIET_TICKS:
            slept = time.monotonic()
            await asyncio.sleep(_TICK_S)
            self.freeze_s = max(self.freeze_s, time.monotonic() - slept - _TICK_S)
            self._check()
            is_there = until is None or until()
            quiet = quiet + 1 if is_there and self.paints == seen else 0
            seen = self.paints
            if time.monotonic() - begun > _PATIENCE_S:
                raise WrongResult(f"{type(self.app).__name__} does not come to rest")

    def _check(self) -> None:
        if self._task is not None and self._task.done():
            raise WrongResult(f"{type(self.app).__name__} ended by itself: {self.app._exception!r}")

    async def _stop(self) -> None:
        self.app.exit()
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


@contextlib.contextmanager
def unhurried() -> Iterator[None]:
    """Collect garbage as seldom as the program does with a release in memory, and none of before."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def seldom(size: Size) -> int:
    """How often to run what takes long."""
    return max(1, size.rounds // 2)
