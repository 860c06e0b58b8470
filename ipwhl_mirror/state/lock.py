"""The data directory's lock: one run at a time changes it, however many read.

An advisory lock of the kernel (flock), so it ends with the process that holds it, also after kill -9.
The file says who holds it, for people; its content decides nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from ipwhl_mirror.state.errors import LockHeld, StateReadOnly

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

_POLL_S = 0.1
_SLOW_POLL_S = 0.5
_SLOW_AFTER_S = 10.0


@contextlib.asynccontextmanager
async def data_dir_lock(
    directory: Path, verb: str, *, wait_s: float, on_wait: Callable[[str | None], None] | None = None
) -> AsyncIterator[None]:
    """Hold the lock of a data directory.

    Args:
        directory: the data directory; made when absent.
        verb: what the holder does, for the message others get.
        wait_s: seconds to wait for another holder; infinity for as long as it takes.
        on_wait: told, once there is a wait, what the other holder says it does, and None when it is over.

    Raises:
        LockHeld: another run still holds it after `wait_s`.
        StateReadOnly: the directory cannot be written.
    """
    path = directory / "lock"
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StateReadOnly(
            f"{directory} cannot be written: {error.strerror}",
            hint="choose another directory with --data-dir",
        ) from error
    try:
        await _acquire(handle, path, wait_s, on_wait)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{verb}, process {os.getpid()}\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


async def _acquire(
    handle: int, path: Path, wait_s: float, on_wait: Callable[[str | None], None] | None
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    deadline = began + wait_s
    told: str | None = None
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(handle)
            now = loop.time()
            if now >= deadline:
                raise LockHeld(
                    f"another run holds {path} ({holder})", hint="wait for it, or give --timeout SECONDS"
                ) from None
            if on_wait is not None and holder != told:
                told = holder
                on_wait(holder)
            poll = _POLL_S if now - began < _SLOW_AFTER_S else _SLOW_POLL_S
            await asyncio.sleep(min(poll, deadline - now))
        else:
            if on_wait is not None and told is not None:
                on_wait(None)
            return


def _holder(handle: int) -> str:
    """What the file says of whoever holds it; it says so a moment after it is held."""
    return os.pread(handle, 200, 0).decode("ascii", "replace").strip() or "unknown"
