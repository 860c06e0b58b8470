"""What all screens of one run share: the character set, what may be changed, and the jobs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipwhl_mirror.tui.glyphs import Glyphs
    from ipwhl_mirror.tui.jobs import JobQueue


class Access(Enum):
    """What a run may do to the node and the state."""

    READ_ONLY = "read-only"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Handed to every screen."""

    glyphs: Glyphs
    access: Access
    jobs: JobQueue

    @property
    def is_read_only(self) -> bool:
        """Keys that change something do not exist."""
        return self.access is Access.READ_ONLY
