"""The log of one job: what happened when, in the order it happened, the newest thousand entries.

Text is made safe to print where it is added. How many older entries are gone is told, not hidden. Entries are
made of what the services tell (`services.events.Progress`); a report that only says how far it is makes none.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.services.events import Phase, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

LIMIT = 1000
"""The most entries of a job that are kept."""

STALLED_S = 5.0
"""From this many seconds without a byte on, the wait is told instead of a time to go."""

PHASE_WORDS: dict[Phase, str] = {
    Phase.INDEX: "reading the index",
    Phase.FETCH: "fetching",
    Phase.VERIFY: "reading and hashing",
    Phase.ADD: "adding wheels",
    Phase.EXPORT: "writing the file",
    Phase.IMPORT: "reading the file",
    Phase.CHECK: "reading metadata",
}


class Kind(Enum):
    """What an entry is about."""

    STATE = "state"
    PHASE = "phase"
    NOTE = "note"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One entry.

    Attributes:
        number: from 1 on, counting those that are gone too.
        at: UTC.
        about: the state or the phase, in a word.
        text: safe to print.
    """

    number: int
    at: datetime
    kind: Kind
    about: str
    text: str


class JobLog:
    """The entries of one job."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._entries: deque[LogEntry] = deque(maxlen=limit)
        self._total = 0

    @property
    def entries(self) -> Sequence[LogEntry]:
        """Those that are kept, oldest first."""
        return tuple(self._entries)

    @property
    def total(self) -> int:
        """How many there were."""
        return self._total

    @property
    def dropped(self) -> int:
        """How many of them are gone."""
        return self._total - len(self._entries)

    @property
    def notes(self) -> list[str]:
        """The texts of those that are notes, oldest first."""
        return [entry.text for entry in self._entries if entry.kind is Kind.NOTE]

    def add(self, at: datetime, kind: Kind, about: str, text: str) -> None:
        """Add an entry; with more than the limit the oldest goes."""
        self._total += 1
        self._entries.append(
            LogEntry(number=self._total, at=at, kind=kind, about=about, text=safe_text(text))
        )

    def add_progress(self, at: datetime, before: Progress | None, now: Progress) -> None:
        """Add what a report says that the one before did not: another phase, a stall or its end, a note."""
        phase = now.phase.value
        if before is None or before.phase is not now.phase:
            if before is not None and (done := _done(before)):
                self.add(at, Kind.PHASE, before.phase.value, f"{done} so far")
            self.add(at, Kind.PHASE, phase, _begins(now))
        elif now.stalled_s >= STALLED_S > before.stalled_s:
            self.add(at, Kind.FAULT, phase, f"no byte for {figures.duration(now.stalled_s)}")
        elif before.stalled_s >= STALLED_S > now.stalled_s:
            self.add(at, Kind.PHASE, phase, f"bytes come again after {figures.duration(before.stalled_s)}")
        if now.note:
            self.add(at, Kind.NOTE, phase, now.note)


def _begins(progress: Progress) -> str:
    words = [PHASE_WORDS[progress.phase]]
    if progress.total_wheels and progress.phase is not Phase.INDEX:
        words.append(figures.plural(progress.total_wheels, "wheel"))
    if progress.total_bytes:
        words.append(figures.size(progress.total_bytes))
    return words[0] if len(words) == 1 else f"{words[0]}: {', '.join(words[1:])}"


def _done(progress: Progress) -> str:
    thing = "block" if progress.phase is Phase.INDEX else "wheel"
    words = [figures.plural(progress.done_wheels, thing)] if progress.done_wheels else []
    if progress.done_bytes:
        words.append(figures.size(progress.done_bytes))
    return ", ".join(words)
