"""Cells and glyphs: cut and never wrapped, the same in ASCII."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ipwhl_mirror.domain.releases import PlatformRow
from ipwhl_mirror.tui.cells import Cell, Cut, cut_end, cut_middle, cut_phrases, fit_line
from ipwhl_mirror.tui.glyphs import ASCII, UNICODE, Glyphs, glyphs_for
from ipwhl_mirror.tui.jobs import JobState


@given(st.text(alphabet="ab-日本 é", max_size=60), st.integers(0, 40))
def test_cut_text_never_exceeds_its_width(text: str, width: int) -> None:
    """Wide characters count as two cells; both cuts keep to the width and leave short text alone."""
    for cutter in (cut_middle, cut_end, cut_phrases):
        cut = cutter(text, width, "…")
        assert cell_len(cut) <= width
        if cell_len(text) <= width:
            assert cut == text


def test_names_keep_both_ends() -> None:
    """A name is cut in the middle, never at its version or tag."""
    assert cut_middle("numpy-2.2.6-cp311-macosx_11_0_arm64.whl", 20, "…") == "numpy-2.2.…arm64.whl"


def test_line_gives_way_at_its_names_first() -> None:
    """Numbers stay whole while a name can be shortened."""
    line = [Cell("x" * 60, cut=Cut.MIDDLE), Cell("  12 wheels 3.4 GB")]
    fitted = fit_line(line, 50, "…")
    assert fitted[1].text == "  12 wheels 3.4 GB"
    assert sum(cell_len(cell.text) for cell in fitted) == 50


def test_line_without_names_is_cut_at_its_end() -> None:
    """What does not fit is cut, and said to be cut."""
    assert [cell.text for cell in fit_line([Cell("abc"), Cell("defgh")], 6, "…")] == ["abc", "de…"]


def test_ascii_set_is_ascii_and_as_wide_throughout() -> None:
    """A terminal without Unicode gets nothing else, and states line up in both sets."""
    for field in fields(Glyphs):
        assert getattr(ASCII, field.name).isascii(), field.name
    for glyphs in (ASCII, UNICODE):
        widths = {cell_len(glyphs.job(state).glyph) for state in JobState}
        assert len(widths) == 1


@pytest.mark.parametrize(
    ("encoding", "term", "expected"),
    [
        ("utf-8", "xterm-256color", UNICODE),
        ("UTF8", "tmux-256color", UNICODE),
        ("ascii", "xterm-256color", ASCII),
        ("iso-8859-1", "xterm", ASCII),
        ("utf-8", "dumb", ASCII),
        ("utf-8", "linux", ASCII),
        ("", "", ASCII),
    ],
)
def test_glyphs_follow_the_terminal(encoding: str, term: str, expected: Glyphs) -> None:
    """Unicode only where both the encoding and the terminal have it."""
    assert glyphs_for(encoding=encoding, term=term) is expected


def test_bar_is_full_only_at_the_end() -> None:
    """A bar that looks done is done."""
    assert UNICODE.bar(999, 1000, 10) == "█████████░"
    assert UNICODE.bar(1000, 1000, 10) == "██████████"
    assert ASCII.bar(0, 0, 4) == "####"


@pytest.mark.parametrize(
    ("wheels", "word"), [(0, "absent"), (5, "50 %"), (10, "pinned")], ids=["absent", "partial", "pinned"]
)
def test_platform_state_is_said_in_a_word(wheels: int, word: str) -> None:
    """Never a glyph or colour alone."""
    row = PlatformRow(platform="any", wheels=10, bytes=1000, pinned_wheels=wheels, pinned_bytes=100 * wheels)
    assert UNICODE.platform(row).word == word
    assert ASCII.platform(row).word == word


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("24 % · 8 s left · 31.2 of 126.3 MB", 34, "24 % · 8 s left · 31.2 of 126.3 MB"),
        ("24 % · 8 s left · 31.2 of 126.3 MB", 33, "24 % · 8 s left"),
        ("24 % | 8 s left | 31.2 of 126.3 MB", 14, "24 %"),
        ("24 % · 8 s left", 3, "24…"),
        ("no dot in this one", 8, "no dot …"),
    ],
)
def test_figures_are_left_out_whole(text: str, width: int, shown: str) -> None:
    """A number that is cut would be another number."""
    assert cut_phrases(text, width, "…") == shown
