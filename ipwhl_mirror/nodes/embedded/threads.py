"""Blocking work beside the event loop, and several coroutines at a time.

A thread cannot be cancelled. So a cancelled `Threads.run` waits until its thread is done before it lets go:
what it was given (a lock, an open file) is not taken away under it.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Stopped(Exception):
    """What a long call in a thread ends with once it is unwanted; nobody is left to see it."""


class Threads:
    """The worker threads of one node."""

    def __init__(self, count: int) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="embedded-node")

    async def run(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call a blocking function in a thread. On cancel: the call is over, and its result dropped."""
        return await self._finish(lambda: function(*args, **kwargs), lambda: None)

    async def run_while_wanted(self, function: Callable[[Callable[[], bool]], _T]) -> _T:
        """The same for a long one: it is given a question to ask now and then, and ends when told no."""
        unwanted = threading.Event()
        return await self._finish(lambda: function(lambda: not unwanted.is_set()), unwanted.set)

    async def _finish(self, call: Callable[[], _T], stop: Callable[[], None]) -> _T:
        future = asyncio.get_running_loop().run_in_executor(self._executor, call)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            stop()
            while not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({future})
            if not future.cancelled():
                future.exception()
            raise

    def close(self) -> None:
        """Let the threads end with what they are doing."""
        self._executor.shutdown(wait=True)


async def for_each(items: Iterable[_T], work: Callable[[_T], Awaitable[None]], *, at_once: int) -> None:
    """Do the work for every item, so many at a time. The first error ends all, and is raised after that."""
    left = iter(items)

    async def worker() -> None:
        for item in left:
            await work(item)

    tasks = [asyncio.create_task(worker()) for _ in range(at_once)]
    try:
        await asyncio.gather(*tasks)
    finally:
        await end_tasks(tasks)


async def end_tasks(tasks: Iterable[asyncio.Task[_T]]) -> None:
    """Cancel the tasks and wait until they ended; what they raise is dropped."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
