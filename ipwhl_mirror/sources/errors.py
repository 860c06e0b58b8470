"""What can be wrong with a source and with what it says.

SourceError
|- SourceUnreachable    it does not answer, or not in time (exit 1)
|- SourceMalformed      it answers with something that is no announcement (exit 1)
|- KeyUnusable          a key, a key file or ssh-keygen itself cannot be used (exit 2)
`- NotTrusted           authenticity, rollback, expiry: it is refused (exit 4)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class SourceError(Exception):
    """Base of every error of this layer.

    Attributes:
        hint: what to do about it, or None.
        details: further lines, one a thing concerned.
    """

    def __init__(self, message: str, *, hint: str | None = None, details: Sequence[str] = ()) -> None:
        self.hint = hint
        self.details = tuple(details)
        super().__init__(message)


class SourceUnreachable(SourceError):
    """A source does not answer, or not in time."""


class SourceMalformed(SourceError):
    """A source answers with something that is no announcement."""


class KeyUnusable(SourceError):
    """A key, a file of keys, or ssh-keygen cannot be used."""


class NotTrusted(SourceError):
    """What a source says is refused: not signed as it must be, older than what was accepted, or expired."""
