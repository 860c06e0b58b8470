"""Where a mirror is to go instead, and what that costs. Choosing does nothing: the plan is shown next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.screens.copy import CopyDialog
from ipwhl_mirror.tui.screens.dialog import Choice
from ipwhl_mirror.tui.screens.plan import PlanDialog
from ipwhl_mirror.tui.widgets.lines import Line, Lines

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from ipwhl_mirror.tui.backend import PinForecast
    from ipwhl_mirror.tui.desk import Desk


class ReleaseDialog(CopyDialog):
    """Gives the CID of the release that was chosen; None when none was. `y` chooses nothing."""

    AUTO_FOCUS = "#no"

    def action_yes(self) -> None:
        """A release is chosen by its button."""


class GoToDialog(PlanDialog):
    """Gives True only when told to go there. What is pinned already can be gone to."""

    def __init__(self, desk: Desk, forecast: PinForecast, mirror: str) -> None:
        super().__init__(desk, forecast)
        self.heading = safe_text(f"Let {mirror} go to {forecast.summary.name}")
        self.obstacle = "" if forecast.plan.parts else "no wheel is selected"
        if forecast.refusal:
            self.obstacle = safe_text(forecast.refusal)

    def compose_body(self) -> ComposeResult:
        yield from super().compose_body()
        yield Lines([(), *stay_lines()], cut_mark=self.desk.glyphs.cut)

    def compose_choices(self) -> ComposeResult:
        if not self.obstacle:
            yield Choice("Go there", id="yes")
        yield Choice("Close" if self.obstacle else "Cancel", id="no")


def stay_lines() -> list[Line]:
    """What going to a release by hand means for the runs that follow."""
    words = "It stays there until its source announces something newer than now."
    return [(Cell(words, Tone.MUTED),)]
