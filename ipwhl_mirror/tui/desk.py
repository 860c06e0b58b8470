"""What all screens of one run share: the character set, what may be changed, the jobs, and the keys."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.services.session import utc_now
from ipwhl_mirror.tui import keymap

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ipwhl_mirror.tui.glyphs import Glyphs
    from ipwhl_mirror.tui.jobs import JobQueue
    from ipwhl_mirror.tui.keymap import Keymap


class Access(Enum):
    """What a run may do to the node and the state."""

    READ_ONLY = "read-only"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Handed to every screen; `clock` gives UTC."""

    glyphs: Glyphs
    access: Access
    jobs: JobQueue
    clock: Callable[[], datetime] = utc_now
    keymap: Keymap = keymap.DEFAULT

    @property
    def is_read_only(self) -> bool:
        """Keys that change something do not exist."""
        return self.access is Access.READ_ONLY
