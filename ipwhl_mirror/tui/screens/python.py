"""Ask which Pythons to narrow the marks to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.widgets import Input

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.errors import InvalidSelection
from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.screens.dialog import Choice, Dialog
from ipwhl_mirror.tui.widgets.entry import Entry
from ipwhl_mirror.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from ipwhl_mirror.domain.marks import Marks
    from ipwhl_mirror.tui.desk import Desk


class PythonDialog(Dialog["Marks | None"]):
    """Gives the narrowed marks, or None."""

    CSS_PATH = "python.tcss"
    AUTO_FOCUS = "#versions"

    def __init__(self, desk: Desk, marks: Marks) -> None:
        super().__init__(desk, "Only wheels for these Pythons")
        self._marks = marks
        self.versions = Entry(
            " ".join(marks.pythons),
            placeholder="3.11 3.12 3.13t; empty for all",
            restrict=r"[ -~]*",
            id="versions",
            compact=True,
        )
        self.complaint = Lines([()], cut_mark=desk.glyphs.cut, id="complaint")

    def compose_body(self) -> ComposeResult:
        self.versions.cursor_blink = False
        yield self.versions
        yield self.complaint

    def compose_choices(self) -> ComposeResult:
        yield Choice("Narrow", id="yes")
        yield Choice("Cancel", id="no")

    def action_yes(self) -> None:
        try:
            marks = self._marks.with_pythons(self.versions.value.replace(",", " ").split())
        except InvalidSelection as error:
            self.complaint.show([(Cell(safe_text(str(error)), Tone.BAD),)])
        else:
            self.dismiss(marks)

    def action_no(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_yes()
