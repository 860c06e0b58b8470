"""Style sheets that are parsed once.

Textual parses all sheets of an application again when a screen is shown for the first time, twice or more,
some 50 ms each. Nothing has changed then but that there may be one sheet more.
"""

from __future__ import annotations

from textual.css.stylesheet import Stylesheet


class SteadyStylesheet(Stylesheet):
    """Parses a sheet again only when the theme's variables are others."""

    def set_variables(self, variables: dict[str, str]) -> None:
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        self.parse()
