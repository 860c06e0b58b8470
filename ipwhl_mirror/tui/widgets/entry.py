"""A line to type in. What is pasted is its first line, as far as it may stand here, and does nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from textual.widgets import Input

if TYPE_CHECKING:
    from textual import events

LONGEST = 4096
"""Characters that are taken from a paste."""


class Entry(Input):
    """Textual's input; `restrict` also says which characters of a paste are taken."""

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        lines = event.text[: LONGEST * 2].strip().splitlines()
        taken = "".join(filter(self._may_stand, lines[0] if lines else ""))[:LONGEST]
        start, end = self.selection
        self.replace(taken, min(start, end), max(start, end))

    def _may_stand(self, character: str) -> bool:
        if not character.isprintable():
            return False
        return self.restrict is None or re.fullmatch(self.restrict, character) is not None
