"""The bottom line: the keys that work here and now, most useful first, as many as fit. A click presses."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.widget import Widget

from ipwhl_mirror.tui.cells import TONE_CLASSES, Cell, strip_of, tone_style
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.keys import KEYS, Key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.style import Style
    from textual import events
    from textual.screen import Screen
    from textual.strip import Strip

_GAP = 2


def active_keys(screen: Screen[object]) -> list[Key]:
    """The registered keys that work on a screen now, in the registry's order."""
    active = {
        bound.binding.id for bound in screen.active_bindings.values() if bound.enabled and bound.binding.id
    }
    return [key for key in KEYS if key.id in active]


def fitting(keys: Iterable[Key], width: int) -> list[Key]:
    """Those with a rank that fit in `width` cells, in the order of their ranks, help and quit last."""
    chosen: list[Key] = []
    room = width
    for key in sorted((key for key in keys if key.rank is not None), key=_rank):
        needed = cell_len(f"{key.shown_first} {key.words}") + _GAP
        if needed <= room + _GAP:
            chosen.append(key)
            room -= needed
    return sorted(chosen, key=lambda key: _rank(key) + (1000 if _rank(key) < 10 else 0))


def _rank(key: Key) -> int:
    return key.rank if key.rank is not None else 0


class KeyBar(Widget):
    """One line of key hints."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES
    DEFAULT_CSS = """
    KeyBar { height: 1; dock: bottom; }
    """

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def on_click(self, event: events.Click) -> None:
        start = 1
        for key in self._keys():
            end = start + cell_len(f"{key.shown_first} {key.words}")
            if start <= event.x < end:
                self.app.simulate_key(key.keys.split(",")[0])
                return
            start = end + _GAP

    def render_line(self, y: int) -> Strip:
        cells = [Cell(" ")]
        for key in self._keys():
            cells += (Cell(key.shown_first, Tone.KEY), Cell(f" {key.words}", Tone.MUTED), Cell(" " * _GAP))
        return strip_of(cells, self.size.width, self.rich_style, self._tone)

    def _keys(self) -> list[Key]:
        return fitting(active_keys(self.screen), self.size.width - 2)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        self.refresh()

    def _tone(self, tone: Tone) -> Style:
        return tone_style(self, tone)
