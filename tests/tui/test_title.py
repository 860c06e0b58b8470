"""The title of the terminal's window, and which characters a terminal was said to show."""

from __future__ import annotations

import pytest

from ipwhl_mirror.tui.charset import charset
from ipwhl_mirror.tui.glyphs import ASCII, UNICODE, glyphs_for
from ipwhl_mirror.tui.title import has_title
from tests.tui.scenes import settle
from tests.tui.scripted import app_on, half_done


async def test_it_says_the_view_and_how_far_a_job_is() -> None:
    """It follows the views, and has no percentage when nothing runs."""
    backend = half_done()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert app.title_words == "ipwhl-mirror: Releases"
        await pilot.press("V", "4")
        await settle(pilot)
        assert app.title_words == "ipwhl-mirror: Pins, 24 %"
        backend.go_on()
        await settle(pilot)
        assert app.title_words == "ipwhl-mirror: Pins"


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        *(
            (term, True)
            for term in ("xterm-256color", "tmux-256color", "screen", "alacritty", "foot", "rxvt")
        ),
        *((term, False) for term in ("", "dumb", "linux", "vt100", "vt220", "cons25", "unknown")),
    ],
)
def test_only_terminals_with_a_title_get_one(term: str, expected: bool) -> None:
    """Others show the sequence, or swallow what follows it."""
    assert has_title(term) is expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, UNICODE),
        ({"LANG": "en_GB.UTF-8"}, UNICODE),
        ({"LANG": "de_DE.utf8"}, UNICODE),
        ({"LANG": "de_DE"}, UNICODE),
        ({"LC_CTYPE": "C.UTF-8"}, UNICODE),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, UNICODE),
        ({"LANG": "C"}, ASCII),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, ASCII),
        ({"LC_ALL": "POSIX", "LANG": "en_GB.UTF-8"}, ASCII),
        ({"LANG": "de_DE.ISO-8859-15@euro"}, ASCII),
        ({"LC_CTYPE": "en_US.ISO-8859-1", "LANG": "en_US.UTF-8"}, ASCII),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_locale_that_is_not_utf_8_gets_ascii(environment: dict[str, str], expected: object) -> None:
    """Python writes UTF-8 there all the same, and would not tell; LC_CTYPE=C.UTF-8 may be its own doing."""
    assert glyphs_for(encoding=charset("utf-8", environment), term="xterm") is expected
