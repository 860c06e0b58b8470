"""What pinning would fetch and keep, before it is done: the numbers of `plan --json`. Focus on Cancel."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.screens.dialog import INNER_WIDTH, Choice, Dialog
from ipwhl_mirror.tui.widgets.lines import Line, Lines

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from ipwhl_mirror.domain.plans import Amount, PartPlan
    from ipwhl_mirror.tui.backend import PinForecast
    from ipwhl_mirror.tui.desk import Desk

_PARTS_LISTED = 4


class PlanDialog(Dialog[bool]):
    """Gives True only when told to pin; a plan that cannot be done has no such button."""

    CSS_PATH = "plan.tcss"

    def __init__(self, desk: Desk, forecast: PinForecast) -> None:
        super().__init__(desk, pin_title(forecast))
        self.forecast = forecast
        self.obstacle = obstacle(forecast)

    def compose_body(self) -> ComposeResult:
        yield Lines(plan_lines(self.forecast), cut_mark=self.desk.glyphs.cut, id="numbers")
        if self.obstacle:
            yield Lines(obstacle_lines(self.obstacle), cut_mark=self.desk.glyphs.cut, id="obstacle")

    def compose_choices(self) -> ComposeResult:
        if not self.obstacle:
            yield Choice("Pin", id="yes")
        yield Choice("Close" if self.obstacle else "Cancel", id="no")

    def action_yes(self) -> None:
        if not self.obstacle:
            self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)


def pin_title(forecast: PinForecast) -> str:
    """`Pin -p linux-aarch64 of 2026.11`."""
    what = safe_text(forecast.plan.selection.cli_text())
    name = safe_text(forecast.summary.name)
    return f"Pin {what} of {name}" if what else f"Pin all of {name}"


def obstacle(forecast: PinForecast) -> str:
    """Why this cannot or need not be pinned, in words; empty when it can."""
    if not forecast.plan.parts:
        return "no wheel is selected"
    if all(part.pinned for part in forecast.plan.parts) and not forecast.plan.fetch.wheels:
        return "all of it is pinned already"
    return safe_text(forecast.refusal or "")


def obstacle_lines(words: str) -> list[Line]:
    """An obstacle, whole."""
    return [(), *((Cell(line, Tone.BAD),) for line in wrap(words, INNER_WIDTH))]


def plan_lines(forecast: PinForecast) -> list[Line]:
    """The numbers."""
    plan = forecast.plan
    after = forecast.free_after_bytes
    lines: list[Line] = [
        _amount("wheels", plan.amount),
        _amount("here", plan.shared, "already on this node"),
        _amount("to fetch", plan.fetch, claimed="~"),
        (
            Cell("free    ", Tone.MUTED),
            Cell(f"{figures.size(forecast.free_bytes):>10} now, "),
            Cell(
                f"{figures.size(after)} after" if after >= 0 else f"{figures.size(-after)} too little",
                _room(forecast),
            ),
            Cell(f", {figures.size(forecast.reserve_bytes)} kept in reserve", Tone.MUTED),
        ),
    ]
    if plan.other.entries:
        lines.append(
            (
                Cell("other   ", Tone.MUTED),
                Cell(
                    f"{figures.size(plan.other.bytes):>10} in {plan.other.entries} malformed entries",
                    Tone.PART,
                ),
            )
        )
    if plan.largest:
        lines.append((Cell("largest ", Tone.MUTED), *_largest(forecast)))
    if plan.subset_cid is not None:
        lines.append((Cell("subset  ", Tone.MUTED), Cell(str(plan.subset_cid), Tone.PLAIN, Cut.MIDDLE)))
    if len(plan.parts) > 1:
        lines += [(), (Cell(f"{len(plan.parts)} pins, one for each part:"),)]
        lines += [_part(part) for part in plan.parts[:_PARTS_LISTED]]
        if len(plan.parts) > _PARTS_LISTED:
            lines.append((Cell(f"  and {len(plan.parts) - _PARTS_LISTED} more", Tone.MUTED),))
    return lines


def _amount(label: str, amount: Amount, note: str = "", *, claimed: str = "") -> Line:
    mark = claimed if amount.bytes else ""
    return (
        Cell(f"{label:<8}", Tone.MUTED),
        Cell(f"{mark + figures.size(amount.bytes):>10}", Tone.HEAD),
        Cell(f"  {figures.plural(amount.wheels, 'wheel'):<14}"),
        Cell(f" {note}" if note and amount.wheels else "", Tone.MUTED),
    )


def _room(forecast: PinForecast) -> Tone:
    return Tone.BAD if forecast.free_after_bytes < forecast.reserve_bytes else Tone.PLAIN


def _largest(forecast: PinForecast) -> list[Cell]:
    wheel = forecast.plan.largest[0]
    return [
        Cell(f"{figures.size(wheel.bytes):>10}  "),
        Cell(safe_text(wheel.filename), Tone.PLAIN, Cut.MIDDLE),
    ]


def _part(part: PartPlan) -> Line:
    state = "pinned already" if part.pinned else figures.amount(part.amount)
    text = safe_text(part.selection.cli_text()) or "whole release"
    return (Cell(f"  {text}", Tone.HEAD, Cut.MIDDLE), Cell(f"  {state}", Tone.MUTED))
