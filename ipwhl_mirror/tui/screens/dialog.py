"""What the dialogs share: a box with a title, lines, and buttons, with the focus on the safe one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button

from ipwhl_mirror.domain.display import safe_text
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
    """A button of a dialog: one line, its label in brackets; in two pairs of them where enter presses."""

    def __init__(self, label: str, *, id: str) -> None:  # noqa: A002
        super().__init__(Content(f" [ {label} ] "), id=id, compact=True)
        self._words = label
        self.active_effect_duration = 0

    def on_focus(self) -> None:
        self.label = Content(f"[[ {self._words} ]]")

    def on_blur(self) -> None:
        self.label = Content(f" [ {self._words} ] ")


class Dialog(ModalScreen[ResultT]):
    """A box in the middle. A subclass composes its body and answers `action_yes` and `action_no`."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.DIALOG)
    AUTO_FOCUS = "#no"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (110, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-low"),
        (32, "-tall"),
    ]

    def __init__(self, desk: Desk, title: str) -> None:
        super().__init__()
        self.desk = desk
        self.heading = safe_text(title)

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(cut_middle(self.heading, INNER_WIDTH - 2, self.desk.glyphs.cut))
            box.set_class(self.desk.glyphs is ASCII, "-ascii")
            yield from self.compose_body()
            with Horizontal(id="choices"):
                yield from self.compose_choices()

    def on_mount(self) -> None:
        # at 80x24 they would lie over the numbers and the buttons
        self.app.clear_notifications()

    def compose_body(self) -> ComposeResult:
        """What stands above the buttons."""
        raise NotImplementedError

    def compose_choices(self) -> ComposeResult:
        """The buttons, the safe one with the id `no`."""
        raise NotImplementedError

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.choose(event.button.id or "")

    def choose(self, button: str) -> None:
        """A button was pressed, by its id."""
        if button == "yes":
            self.action_yes()
        else:
            self.action_no()

    def action_up(self) -> None:
        """Go to the button before."""
        self.focus_previous()

    def action_down(self) -> None:
        """Go to the button after."""
        self.focus_next()

    def action_yes(self) -> None:
        """Do it."""
        raise NotImplementedError

    def action_no(self) -> None:
        """Leave everything as it is."""
        raise NotImplementedError
