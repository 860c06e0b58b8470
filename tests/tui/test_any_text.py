"""Any text whatever, in a cell, a notification, a title and a paste: safe, and no longer than it may be."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style
from textual.content import Content

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui import notices, paste, title
from ipwhl_mirror.tui.cells import Cell, Cut, cut_end, cut_middle, fit_line, strip_of
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.jobs import JobQueue
from tests.tui.hostile import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

ANY_TEXT = st.text(st.characters(), max_size=60) | st.sampled_from(sorted(KINDS.values())).map(
    lambda t: t * 9
)
WIDTHS = st.integers(-3, 90)


@given(text=ANY_TEXT, width=st.integers(0, 90), cut=st.sampled_from(Cut), mark=st.sampled_from(["…", "~"]))
def test_any_text_in_a_cell_is_safe_and_fits(text: str, width: int, cut: Cut, mark: str) -> None:
    """What is drawn is exactly as wide as it should be, of printable ASCII and the mark."""
    cells = [Cell("> "), Cell(safe_text(text), Tone.HEAD, cut), Cell(" 12.5 MB")]
    strip = strip_of(fit_line(cells, width, mark), width, Style.null(), lambda tone: Style.null())
    assert strip.cell_length == cell_len(strip.text) == width
    assert not set(strip.text.replace(mark, "")) - set(string.printable[:95])


@given(text=ANY_TEXT, width=WIDTHS, mark=st.sampled_from(["…", "~"]))
def test_cutting_never_gives_more_than_there_is_room_for(text: str, width: int, mark: str) -> None:
    """Wide characters and combining ones too, which safe text has none of."""
    for cut in (cut_middle, cut_end):
        assert cell_len(cut(text, width, mark)) <= max(width, 0)


@given(text=ANY_TEXT)
def test_any_text_in_a_notification_is_safe_and_short(text: str) -> None:
    """Few lines, none long, of printable ASCII; its parts are read as text."""
    shown = notices.notice(text)
    heading = notices.notice_title(text)
    assert len(shown.split("\n")) <= notices.LINES
    for line in (*shown.split("\n"), heading):
        assert len(line) <= notices.LINE_LENGTH
        assert not set(line) - set(string.printable[:95])
        assert Content(line).plain == line


@given(text=ANY_TEXT)
def test_any_text_in_the_terminals_title_is_safe(text: str) -> None:
    """One sequence, whatever a view is called."""
    words = title.title_words(text, JobQueue(lambda *told: None))
    assert re.fullmatch(r"\x1b\]2;[ -~]{1,60}\x1b\\", title.title_sequence(words))
    assert re.fullmatch(r"\x1b\]2;[ -~]{0,60}\x1b\\", title.title_sequence(text))


PIECES = st.lists(
    st.sampled_from(
        ["\x1b", "[", "2", "0", "1", "~", "q", "\r", "\u202e", paste.BEGIN, paste.END, *KINDS.values()]
    ),
    max_size=12,
)


@given(pieces=PIECES, cuts=st.lists(st.integers(1, 9), max_size=40))
@settings(max_examples=300)
def test_a_paste_comes_through_as_text_however_it_is_cut(pieces: list[str], cuts: list[int]) -> None:
    """In whatever bits it arrives: between the marks only what is printable, and line ends; outside, all."""
    text = "".join(pieces) + paste.END
    guard = paste.PasteGuard()
    passed = "".join(guard.feed(bit) for bit in bits(text, cuts))
    assert passed == paste.PasteGuard().feed(text)
    outside, inside = apart(passed)
    assert outside == apart(text)[0]
    assert all(c.isprintable() or c in "\t\r\n" for c in "".join(inside))


def bits(text: str, cuts: list[int]) -> Iterator[str]:
    for size in cuts:
        yield text[:size]
        text = text[size:]
    yield text


def apart(text: str) -> tuple[list[str], list[str]]:
    """What stands outside of the marks, and what between them."""
    outside: list[str] = []
    inside: list[str] = []
    while True:
        head, begin, text = text.partition(paste.BEGIN)
        outside.append(head)
        if not begin:
            return outside, inside
        body, _, text = text.partition(paste.END)
        inside.append(body)
