"""The keys that work where one is, over the screen. Any key closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.glyphs import ASCII, Tone
from ipwhl_mirror.tui.widgets.lines import Line, Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult

    from ipwhl_mirror.tui.desk import Desk
    from ipwhl_mirror.tui.keys import Key

_KEYS_WIDTH = 8
EXPLAINED_WIDTH = 26
"""The longest explanation of a key, in cells; two columns fit in 80."""


class HelpOverlay(ModalScreen[None]):
    """Shows keys of the registry, under the headings of their places."""

    CSS_PATH = "help.tcss"

    def __init__(self, desk: Desk, keys: Sequence[Key]) -> None:
        super().__init__()
        self._desk = desk
        self.keys = tuple(keys)

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content("Keys")
            box.border_subtitle = Content("any key closes")
            box.set_class(self._desk.glyphs is ASCII, "-ascii")
            yield Lines(help_lines(self.keys), cut_mark=self._desk.glyphs.cut)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.dismiss(None)

    def on_click(self) -> None:
        self.dismiss(None)


def help_lines(keys: Sequence[Key]) -> list[Line]:
    """The keys by place, the nearest place first, in two columns."""
    lines: list[Line] = []
    for place in reversed(list(dict.fromkeys(key.place for key in keys))):
        here = [key for key in keys if key.place is place]
        half = (len(here) + 1) // 2
        lines.append((Cell(place.value, Tone.HEAD),))
        for at in range(half):
            right = _entry(here[at + half]) if at + half < len(here) else ()
            lines.append((*_entry(here[at]), *right))
    return lines


def _entry(key: Key) -> Line:
    return (Cell(f"{key.shown:>{_KEYS_WIDTH}}  ", Tone.KEY), Cell(f"{key.explained:<{EXPLAINED_WIDTH}}"))
