"""Blocking work beside the event loop: what is left when it is cancelled."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.nodes.embedded.threads import Stopped, Threads, for_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Two of them."""
    threads = Threads(2)
    yield threads
    threads.close()


async def test_a_cancelled_run_ends_after_its_thread(threads: Threads) -> None:
    """Cancelled twice too: what the thread uses is not taken from under it."""
    began, may_end, ended = asyncio.Event(), threading.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(began.set)
        may_end.wait()
        ended.set()

    running = asyncio.create_task(threads.run(work))
    await began.wait()
    for _ in range(2):
        running.cancel()
        await asyncio.wait([running], timeout=0.01)
        assert not running.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()


async def test_long_work_is_told_that_it_is_unwanted(threads: Threads) -> None:
    """It ends by itself at its next question."""
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(is_wanted: Callable[[], bool]) -> None:
        loop.call_soon_threadsafe(began.set)
        while is_wanted():
            pass
        raise Stopped

    running = asyncio.create_task(threads.run_while_wanted(work))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_an_error_of_the_thread_is_that_of_the_call(threads: Threads) -> None:
    """With its own class and words."""

    def work() -> None:
        raise ValueError("no such luck")

    with pytest.raises(ValueError, match="no such luck"):
        await threads.run(work)


async def test_the_first_error_ends_what_runs_beside_it() -> None:
    """The others are over when it is raised; what was not begun is not begun."""
    seen: list[str] = []

    async def work(item: int) -> None:
        if item == 1:
            raise ValueError("one")
        try:
            await asyncio.Event().wait()
        finally:
            seen.append(f"{item} ended")

    with pytest.raises(ValueError, match="one"):
        await for_each([0, 1, 2], work, at_once=2)
    assert seen == ["0 ended"]
