"""The command palette: the keys that work on a screen, by what they do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.app import App, SystemCommand

from ipwhl_mirror.tui.keys import Place
from ipwhl_mirror.tui.widgets.key_bar import active_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.screen import Screen

_LEFT_OUT = frozenset({Place.LIST, Place.DIALOG})


def commands(app: App[None], screen: Screen[object]) -> Iterable[SystemCommand]:
    """A command for each key that is not for moving about."""
    for key in active_keys(screen):
        if key.place not in _LEFT_OUT and key.action != "command_palette":
            title = key.explained[0].upper() + key.explained[1:]
            yield SystemCommand(title, key.shown, partial(app.simulate_key, key.keys.split(",")[0]))
    yield SystemCommand("Theme", "change the colours", app.action_change_theme)
