"""The keys that work where one is, over the screen. Keys that move scroll it; any other closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.containers import VerticalScroll
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
_FRAME = 6
"""Cells beside the lines: border, padding, and one that the scroll bar takes on each side."""
_EDGES = 2
"""Lines above and below them."""

_MOVES = {
    "list.up": "scroll_up",
    "list.down": "scroll_down",
    "list.page_up": "page_up",
    "list.page_down": "page_down",
    "list.top": "scroll_home",
    "list.bottom": "scroll_end",
}
"""What the keys of lists do here; the arrows and their like do in any case."""
_ALWAYS = {
    "up": "scroll_up",
    "down": "scroll_down",
    "pageup": "page_up",
    "pagedown": "page_down",
    "space": "page_down",
    "home": "scroll_home",
    "end": "scroll_end",
}


class HelpOverlay(ModalScreen[None]):
    """Shows keys of the registry, under the headings of their places."""

    CSS_PATH = "help.tcss"

    def __init__(self, desk: Desk, keys: Sequence[Key]) -> None:
        super().__init__()
        self._desk = desk
        self.keys = tuple(key for key in keys if not key.is_taken_away)
        self._moves = dict(_ALWAYS)
        for id_, action in _MOVES.items():
            self._moves |= dict.fromkeys(desk.keymap.key(id_).keys.split(","), action)
        self.lines = Lines(cut_mark=desk.glyphs.cut)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box") as box:
            box.border_title = Content("Keys")
            box.can_focus = False
            box.set_class(self._desk.glyphs is ASCII, "-ascii")
            yield self.lines

    def on_mount(self) -> None:
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        width, height = self.size.width - _FRAME, self.size.height - _EDGES
        columns, lines = help_layout(self.keys, width=width, height=height)
        box = self.query_one("#box", VerticalScroll)
        box.styles.width = min(columns * entry_width(self.keys), width) + _FRAME
        fits = len(lines) <= height
        box.border_subtitle = Content("any key closes" if fits else "down scrolls, any other key closes")
        self.lines.show(lines)

    async def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        box = self.query_one("#box", VerticalScroll)
        if (move := self._moves.get(event.key)) is not None and box.max_scroll_y:
            await box.run_action(move)
        else:
            self.dismiss(None)

    def on_click(self) -> None:
        self.dismiss(None)


def help_layout(keys: Sequence[Key], *, width: int, height: int) -> tuple[int, list[Line]]:
    """The number of columns and the lines: two columns, more of them where that is not low enough, and no
    more than are wide enough. `width` and `height` are the cells there are."""
    most = max(width // entry_width(keys), 1)
    for columns in range(min(2, most), most + 1):
        lines = help_lines(keys, columns)
        if len(lines) <= height:
            break
    return columns, lines


def help_lines(keys: Sequence[Key], columns: int = 2) -> list[Line]:
    """The keys by place, the nearest place first."""
    lines: list[Line] = []
    for place in reversed(list(dict.fromkeys(key.place for key in keys))):
        here = [_entry(key, _keys_width(keys)) for key in keys if key.place is place]
        rows = -(-len(here) // columns)
        lines.append((Cell(place.value, Tone.HEAD),))
        lines += [sum(here[at::rows], ()) for at in range(rows)]
    return lines


def entry_width(keys: Sequence[Key]) -> int:
    """Cells that a key and what it does take."""
    return _keys_width(keys) + 2 + EXPLAINED_WIDTH


def _keys_width(keys: Sequence[Key]) -> int:
    return max([_KEYS_WIDTH, *(cell_len(key.shown) for key in keys)])


def _entry(key: Key, width: int) -> Line:
    pad = " " * (width - cell_len(key.shown))
    return (Cell(f"{pad}{key.shown}  ", Tone.KEY), Cell(f"{key.explained:<{EXPLAINED_WIDTH}}"))
