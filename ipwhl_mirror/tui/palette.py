"""The command palette: the keys that work on a screen, by what they do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.app import App, SystemCommand

from ipwhl_mirror.tui.keymap import PALETTE
from ipwhl_mirror.tui.keys import Place
from ipwhl_mirror.tui.widgets.key_bar import active_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.screen import Screen

    from ipwhl_mirror.tui.keymap import Keymap

_LEFT_OUT = frozenset({Place.LIST, Place.DIALOG})


def commands(app: App[None], screen: Screen[object], keymap: Keymap) -> Iterable[SystemCommand]:
    """A command for each key that is not for moving about, and for what has no key."""
    for key in active_keys(screen, keymap):
        if key.id != PALETTE and (key.is_taken_away or key.place not in _LEFT_OUT):
            title = key.explained[0].upper() + key.explained[1:]
            yield SystemCommand(title, key.shown or "no key", partial(app.simulate_key, key.first))
    yield SystemCommand("Theme", "change the colours", app.action_change_theme)
