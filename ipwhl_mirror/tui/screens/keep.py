"""Ask how many releases keep their pins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.widgets import Input

from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.screens.dialog import Choice, Dialog
from ipwhl_mirror.tui.widgets.entry import Entry
from ipwhl_mirror.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from ipwhl_mirror.tui.desk import Desk


class KeepDialog(Dialog[int | None]):
    """Gives a number from 1 on, or None. Nothing is removed by the answer: what goes is shown next."""

    CSS_PATH = "keep.tcss"
    AUTO_FOCUS = "#keep"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "Prune: unpin old releases")
        self.keep_input = Entry("1", restrict=r"[0-9]{0,4}", id="keep", compact=True)

    def compose_body(self) -> ComposeResult:
        mark = self.desk.glyphs.cut
        self.keep_input.cursor_blink = False
        yield Lines([(Cell("how many of the newest releases keep their pins", Tone.MUTED),)], cut_mark=mark)
        yield self.keep_input
        yield Lines([(Cell("What would go is shown next, with its bytes.", Tone.MUTED),)], cut_mark=mark)

    def compose_choices(self) -> ComposeResult:
        yield Choice("Show", id="yes")
        yield Choice("Cancel", id="no")

    def action_yes(self) -> None:
        if number := int(self.keep_input.value or 0):
            self.dismiss(number)

    def action_no(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_yes()
