"""What a use case tells while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """What is being done."""

    INDEX = "index"
    FETCH = "fetch"
    VERIFY = "verify"
    ADD = "add"
    EXPORT = "export"
    IMPORT = "import"
    CHECK = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One moment of a job.

    Attributes:
        phase: what is being done.
        done_bytes, total_bytes: of this phase; a total of None is not known.
        done_wheels, total_wheels: likewise, in wheels (blocks, for an index).
        rate: bytes a second over the last seconds.
        eta_s: seconds to go at that rate; None when it cannot be told.
        stalled_s: seconds since the last byte.
        note: something to tell a person once (a gateway that was banned, and why).
    """

    phase: Phase
    done_bytes: int = 0
    total_bytes: int | None = None
    done_wheels: int = 0
    total_wheels: int | None = None
    rate: float = 0.0
    eta_s: float | None = None
    stalled_s: float = 0.0
    note: str | None = None


ProgressSink = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """A sink for callers that do not want to know."""
