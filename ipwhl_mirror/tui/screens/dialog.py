"""What the dialogs share: a box with a title, lines, and buttons, with the focus on the safe one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button

from ipwhl_mirror.tui.cells import cut_middle
from ipwhl_mirror.tui.glyphs import ASCII
from ipwhl_mirror.tui.keys import Place, bindings

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.tui.desk import Desk

ResultT = TypeVar("ResultT")

INNER_WIDTH = 72
"""Cells of a line in a dialog at 80 columns."""


class Choice(Button):
    """A button of a dialog: one line, its label in brackets."""

    def __init__(self, label: str, *, id: str) -> None:  # noqa: A002
        super().__init__(Content(f"[ {label} ]"), id=id, compact=True)
        self.active_effect_duration = 0


class Dialog(ModalScreen[ResultT]):
    """A box in the middle. A subclass composes its body and answers `action_yes` and `action_no`."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.DIALOG)
    AUTO_FOCUS = "#no"

    def __init__(self, desk: Desk, title: str) -> None:
        """`title` is safe text."""
        super().__init__()
        self.desk = desk
        self.heading = title

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(cut_middle(self.heading, INNER_WIDTH - 2, self.desk.glyphs.cut))
            box.set_class(self.desk.glyphs is ASCII, "-ascii")
            yield from self.compose_body()
            with Horizontal(id="choices"):
                yield from self.compose_choices()

    def compose_body(self) -> ComposeResult:
        """What stands above the buttons."""
        raise NotImplementedError

    def compose_choices(self) -> ComposeResult:
        """The buttons, the safe one with the id `no`."""
        raise NotImplementedError

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "yes":
            self.action_yes()
        else:
            self.action_no()

    def action_yes(self) -> None:
        """Do it."""
        raise NotImplementedError

    def action_no(self) -> None:
        """Leave everything as it is."""
        raise NotImplementedError
