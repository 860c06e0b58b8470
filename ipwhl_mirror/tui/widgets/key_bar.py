"""The bottom line: the keys that work here and now, most useful first, as many as fit. A click presses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.widget import Widget
from textual.widgets import Input

from ipwhl_mirror.tui.cells import TONE_CLASSES, Cell, strip_of, tone_style
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.key_names import types_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.style import Style
    from textual import events
    from textual.screen import Screen
    from textual.strip import Strip

    from ipwhl_mirror.tui.keymap import Keymap
    from ipwhl_mirror.tui.keys import Key

_GAP = 2


def active_keys(screen: Screen[object], keymap: Keymap) -> list[Key]:
    """The keys that work on a screen now, in the registry's order; while a line is typed, without those that
    are typed into it."""
    active = {bound.binding.id for bound in screen.active_bindings.values() if bound.enabled}
    keys = [replace(key, instead="") for key in keymap.keys if key.id in active]
    if not isinstance(screen.focused, Input):
        return keys
    typed = [replace(key, keys=",".join(_not_typed(key))) for key in keys]
    return [key for key in typed if key.keys]


def _not_typed(key: Key) -> list[str]:
    return [name for name in key.keys.split(",") if not types_text(name)]


def fitting(keys: Iterable[Key], width: int) -> list[Key]:
    """Those with a rank that fit in `width` cells, in the order of their ranks, help and quit last."""
    chosen: list[Key] = []
    room = width
    ranked = (key for key in keys if key.rank is not None and not key.is_taken_away)
    for key in sorted(ranked, key=_rank):
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

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self._keymap = keymap
        self._active: list[Key] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def on_click(self, event: events.Click) -> None:
        start = 1
        for key in self.shown:
            end = start + cell_len(f"{key.shown_first} {key.words}")
            if start <= event.x < end:
                self.app.simulate_key(key.first)
                return
            start = end + _GAP

    def render_line(self, y: int) -> Strip:
        cells = [Cell(" ")]
        for key in self.shown:
            cells += (Cell(key.shown_first, Tone.KEY), Cell(f" {key.words}", Tone.MUTED), Cell(" " * _GAP))
        return strip_of(cells, self.size.width, self.rich_style, self._tone)

    @property
    def shown(self) -> list[Key]:
        """The keys that it tells; under a dialog those of before, which work again after it."""
        if self.app.screen is self.screen:
            self._active = active_keys(self.screen, self._keymap)
        return fitting(self._active, self.size.width - 2)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        self.refresh()

    def _tone(self, tone: Tone) -> Style:
        return tone_style(self, tone)
