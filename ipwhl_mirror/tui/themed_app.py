"""How the application is dressed: its theme and the colours of states on it, its lines, its palettes."""

from __future__ import annotations

from rich.color import ColorSystem
from textual.command import CommandPalette
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.theme import ThemeProvider

from ipwhl_mirror.tui import themes
from ipwhl_mirror.tui.glyphs import ASCII, Glyphs
from ipwhl_mirror.tui.stylesheet import SteadyStylesheet
from ipwhl_mirror.tui.terminal_app import TerminalApp
from ipwhl_mirror.tui.widgets.scroll_bars import AsciiScrollBar


class ThemedApp(TerminalApp, inherit_bindings=False):
    """The base of the application that gives the style sheets their variables."""

    def dress(self, glyphs: Glyphs, theme: str = themes.DEFAULT) -> None:
        """Offer the themes whose colours are known, put on this one or, where the terminal cannot show it,
        one that it can; lines of its kind."""
        self.set_class(glyphs is ASCII, "-ascii")
        ScrollBar.renderer = AsciiScrollBar if glyphs is ASCII else ScrollBarRender
        for name, known in self.available_themes.items():
            if known.ansi:
                self.unregister_theme(name)
        self.register_theme(themes.SIXTEEN)
        self.theme = themes.SIXTEEN.name if self.console.color_system == "standard" else theme
        self.stylesheet = SteadyStylesheet(variables=self.get_css_variables())

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        return {**themes.state_colours(variables, self._shown), **variables}

    @property
    def _shown(self) -> themes.Shown:
        if self.no_color:
            return themes.grey
        if self.console.color_system == "256":
            return themes.rounded(ColorSystem.EIGHT_BIT)
        return themes.as_it_is

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="what to do"))

    def search_themes(self) -> None:
        self.push_screen(CommandPalette(providers=[ThemeProvider], placeholder="which theme"))
