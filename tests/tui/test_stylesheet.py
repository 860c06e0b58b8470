"""Style sheets are parsed once, and again for other variables."""

from __future__ import annotations

from textual.color import Color

from ipwhl_mirror.tui.stylesheet import SteadyStylesheet
from tests.tui.scripted import app_on, filled_backend


def sheet() -> SteadyStylesheet:
    """One rule with a variable."""
    made = SteadyStylesheet(variables={"shade": "#ff0000"})
    made.add_source("Static { color: $shade; }", read_from=("here", ""))
    made.parse()
    return made


def test_nothing_is_parsed_again_that_is_the_same() -> None:
    """Not when asked to, nor when the same variables are set, nor when a sheet is added."""
    made = sheet()
    (rule,) = made.rules
    made.set_variables({"shade": "#ff0000"})
    made.reparse()
    assert made.rules[0] is rule
    made.add_source("Label { color: $shade; }", read_from=("there", ""))
    made.reparse()
    assert made.rules[0] is rule
    assert len(made.rules) == 2


def test_other_variables_are_used_at_once() -> None:
    """As after the theme was changed."""
    made = sheet()
    made.set_variables({"shade": "#0000ff"})
    made.reparse()
    assert made.rules[0].styles.color == Color.parse("#0000ff")


async def test_a_view_that_was_seen_before_has_the_new_theme() -> None:
    """The theme is changed in another view."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3", "1")
        before = app.get_screen("platforms").styles.background
        app.theme = "textual-light"
        await pilot.press("3")
        await pilot.pause()
        assert app.screen is app.get_screen("platforms")
        assert app.screen.styles.background != before
