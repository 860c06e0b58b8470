"""What is wrong with the configuration."""

from __future__ import annotations


class ConfigError(Exception):
    """A setting cannot be used.

    Attributes:
        hint: what to do about it, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message)
