"""What a person chose for the terminal UI: keys, theme, characters, colour. Read before the screen is taken.

The configuration carries names only; which there are is known here, and a name that is none of them is an
error that says where it stands and what was expected.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.config import ConfigError, position_of
from ipwhl_mirror.tui import keymap, themes
from ipwhl_mirror.tui.glyphs import ASCII, Glyphs, glyphs_for
from ipwhl_mirror.tui.keymap import Keymap, KeymapError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from ipwhl_mirror.services.settings import Settings


class Characters(Enum):
    """What is drawn with."""

    OF_TERMINAL = "what the terminal shows"
    ASCII = "ASCII"


class Colour(Enum):
    """Whether colour is used."""

    OF_TERMINAL = "as the terminal and NO_COLOR say"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What was chosen; `theme` is one of `themes.NAMES`."""

    keymap: Keymap = keymap.DEFAULT
    theme: str = themes.DEFAULT
    characters: Characters = Characters.OF_TERMINAL
    colour: Colour = Colour.OF_TERMINAL

    def glyphs(self, *, encoding: str, term: str) -> Glyphs:
        """The character set, on a terminal of this encoding and TERM."""
        return ASCII if self.characters is Characters.ASCII else glyphs_for(encoding=encoding, term=term)

    def apply_colour(self, environment: MutableMapping[str, str]) -> None:
        """Let everything that draws know: Textual reads NO_COLOR, and nothing else."""
        if self.colour is Colour.NONE:
            environment["NO_COLOR"] = "1"
        elif environment.get("NO_COLOR") == "":
            # empty is as good as unset (no-color.org); Textual asks only whether it is there
            del environment["NO_COLOR"]


def preferences_of(settings: Settings) -> Preferences:
    """What the command line and the configuration file ask for.

    Raises:
        ConfigError: a key, an id or a theme that does not exist, or a key that is not free.
    """
    ui, file = settings.config.ui, settings.config_file
    if ui.theme not in themes.NAMES:
        raise ConfigError(
            f"{position_of(file, 'theme')}: [ui] theme: no theme is called {ui.theme!r}",
            hint=f"there are {', '.join(themes.NAMES)}",
        )
    try:
        keys = Keymap.parse(settings.config.keys)
    except KeymapError as error:
        raise ConfigError(f"{position_of(file, error.id)}: {error}", hint=error.hint) from error
    return Preferences(
        keymap=keys,
        theme=ui.theme,
        characters=Characters.ASCII if ui.ascii else Characters.OF_TERMINAL,
        colour=Colour.NONE if settings.no_color else Colour.OF_TERMINAL,
    )
