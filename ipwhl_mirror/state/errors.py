"""What the data directory can fail with.

StateError
|- StateDamaged      the database cannot be read, or is of a newer version
|- StateReadOnly     a change is asked for and the directory cannot be written
|  `- StateFull      because the disk is full
`- LockHeld          another run holds the lock
"""

from __future__ import annotations

RESUME_WITH_ROOM = "free some disk space, then run the same command again: it resumes"


class StateError(Exception):
    """Base of every error of this layer.

    Attributes:
        hint: what to do about it, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message)


class StateDamaged(StateError):
    """The database cannot be used."""


class StateReadOnly(StateError):
    """A change is asked for where nothing can be written."""


class StateFull(StateReadOnly):
    """The disk of the data directory is full."""


class LockHeld(StateError):
    """Another run is changing this data directory."""
