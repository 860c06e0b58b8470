"""Text from outside, made safe to show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.domain.display import safe_text, shorten_middle

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("numpy-2.1.0-py3-none-any.whl", "numpy-2.1.0-py3-none-any.whl", id="plain"),
        pytest.param("\x1b[2J", "\\x1b[2J", id="esc"),
        pytest.param("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07", id="osc 52"),
        pytest.param("a\nb\rc\td", "a\\x0ab\\x0dc\\x09d", id="newline, return, tab"),
        pytest.param("\x00\x7f", "\\x00\\x7f", id="nul and del"),
        pytest.param("\x9b31m", "\\x9b31m", id="c1"),
        pytest.param("\u202egnp.exe", "\\u202egnp.exe", id="bidi override"),
        pytest.param("a\u200bb\u2066", "a\\u200bb\\u2066", id="zero width, isolate"),
        pytest.param("\u2028\u2029", "\\u2028\\u2029", id="line and paragraph separator"),
        pytest.param("\udc80", "\\udc80", id="lone surrogate"),
        pytest.param("\u0430\u0440\u0440", "\\u0430\\u0440\\u0440", id="cyrillic that looks latin"),
        pytest.param("\U000e0041", "\\U000e0041", id="tag character"),
        pytest.param("[/red]x", "[/red]x", id="markup is not its business"),
    ],
)
def test_what_controls_a_terminal_is_shown_as_an_escape(text: str, shown: str) -> None:
    """Controls, bidi, zero width, separators, surrogates and non-ASCII letters are spelt out."""
    assert safe_text(text) == shown


@given(ANY_TEXT)
def test_only_printable_ascii_comes_out(text: str) -> None:
    """Nothing but U+0020 to U+007E is ever shown."""
    assert all(" " <= character <= "~" for character in safe_text(text))


@given(ANY_TEXT, st.none() | st.integers(0, 40))
def test_made_safe_twice_is_made_safe_once(text: str, limit: int | None) -> None:
    """Text that passed two layers reads as if it had passed one."""
    once = safe_text(text, limit)
    assert safe_text(once, limit) == once
    assert limit is None or len(once) <= limit


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("numpy", 5, "numpy"),
        ("numpy2", 5, "nu..."),
        ("\x1b\x1b", 5, "\\x..."),
        ("numpy", 2, ".."),
        ("numpy", 0, ""),
    ],
)
def test_a_long_text_is_cut_and_says_so(text: str, limit: int, shown: str) -> None:
    """The limit counts what is shown, dots included."""
    assert safe_text(text, limit) == shown


@pytest.mark.parametrize(
    ("width", "shown"),
    [(10, "abcdefghij"), (9, "abcd…ghij"), (4, "ab…j"), (2, "a…"), (1, "…"), (0, "")],
)
def test_the_middle_goes_first(width: int, shown: str) -> None:
    """Beginning and end of a name stay, the mark between them."""
    assert shorten_middle("abcdefghij", width) == shown


@given(st.text("ab"), st.integers(0, 12), st.sampled_from(["…", "..."]))
def test_shortened_text_fits(text: str, width: int, mark: str) -> None:
    """However short the width."""
    assert len(shorten_middle(text, width, mark=mark)) <= width
