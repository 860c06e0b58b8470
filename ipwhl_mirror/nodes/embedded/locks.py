"""Locks between the processes that share one store directory.

What writes files holds the store's lock shared, garbage collection holds it alone: neither can begin while
the other runs. A file being put together is locked by itself, so that two pins never fill one `.part`.
They are flock locks: the kernel drops them when a process ends, however it ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from contextlib import asynccontextmanager
from enum import IntEnum
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.embedded.layout import disk_errors, make_directory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_POLL_S = 0.05


class Holding(IntEnum):
    """How a lock is held."""

    SHARED = fcntl.LOCK_SH
    ALONE = fcntl.LOCK_EX


@asynccontextmanager
async def holding(path: Path, how: Holding) -> AsyncIterator[None]:
    """Hold the lock file, waiting as long as others hold it. On cancel: it is not held.

    Raises:
        NodeRefused: the lock file cannot be made.
    """
    with disk_errors(path):
        make_directory(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        while not try_lock(descriptor, how):  # noqa: ASYNC110 -- held by another process
            await asyncio.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, how: Holding) -> bool:
    """Take the lock on an open file if it is free. It goes with the last copy of the descriptor."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
