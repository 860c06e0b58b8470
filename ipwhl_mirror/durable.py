"""Files that hold after a kill or a power cut what they held before, or the new content, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def replace_private_file(path: Path, data: bytes) -> None:
    """Replace a file by one for its owner alone; as `replace_file` does."""
    replace_file(path, data, mode=0o600)


def replace_file(path: Path, data: bytes, *, mode: int, suffix: str = ".new") -> None:
    """Replace a file. One process at a time may do so with the same suffix; the caller syncs the directory.

    Args:
        mode: its permissions, whatever the umask.
        suffix: of the name under which the new one is written before it takes its place.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    fresh = path.with_name(path.name + suffix)
    # what a killed run left, or somebody put there, is not written through
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
