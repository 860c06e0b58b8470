"""Which text to copy: each on a line of its own, a button before it. Escape copies nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.containers import Horizontal

from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.screens.dialog import Choice, Dialog
from ipwhl_mirror.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from ipwhl_mirror.tui.desk import Desk


class Copyable(NamedTuple):
    """A text that can be copied; both are safe text."""

    word: str
    text: str


class CopyDialog(Dialog[str | None]):
    """Gives the text that was chosen; None when none was."""

    CSS_PATH = "copy.tcss"
    AUTO_FOCUS = "#copy-0"

    def __init__(self, desk: Desk, title: str, texts: Sequence[Copyable]) -> None:
        super().__init__(desk, title)
        self.texts = tuple(texts)

    def compose_body(self) -> ComposeResult:
        width = max(len(item.word) for item in self.texts)
        for number, item in enumerate(self.texts):
            with Horizontal(classes="text"):
                yield Choice(item.word.ljust(width), id=f"copy-{number}")
                yield Lines(
                    [(Cell(f"  {item.text}", Tone.MUTED, Cut.MIDDLE),)], cut_mark=self.desk.glyphs.cut
                )

    def compose_choices(self) -> ComposeResult:
        yield Choice("Cancel", id="no")

    def choose(self, button: str) -> None:
        _, _, number = button.partition("-")
        self.dismiss(self.texts[int(number)].text if number else None)

    def action_yes(self) -> None:
        """`y` is the CID, as it is without the menu."""
        self.dismiss(self.texts[0].text)

    def action_no(self) -> None:
        self.dismiss(None)
