"""What every kind of source offers: it is asked, and answers with announcements. It changes nothing and
believes nothing: `trust` says what an announcement is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ipwhl_mirror.sources.announcements import Announcement
    from ipwhl_mirror.sources.trust import SourceTrust


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a source says that is no announcement, or not signed as it should be.

    Attributes:
        label: of the release it seems to be of; empty where that cannot be told.
        words: why, safe to print.
    """

    label: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a source says now.

    Attributes:
        announcements: the oldest first.
        problems: what was left aside.
        memory: to be given back the next time; opaque, and safe to lose.
        unchanged: it says what it said when `memory` was made; there are no announcements then.
    """

    announcements: tuple[Announcement, ...] = ()
    problems: tuple[Problem, ...] = ()
    memory: str = ""
    unchanged: bool = False


class Source(Protocol):
    """Where releases are announced."""

    async def ask(self, trust: SourceTrust, memory: str = "") -> Answer:
        """Ask for everything that is announced.

        Args:
            trust: whose signatures count, and what was accepted before.
            memory: of the last answer; empty at first.

        Raises:
            SourceUnreachable, SourceMalformed, KeyUnusable.

        On cancel: nothing was changed.
        """
