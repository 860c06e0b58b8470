"""Several pins at once before they are done: each with its numbers, and their sum. Focus on Cancel.

What more than one of them needs is fetched once and counts once in the sum.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.containers import VerticalScroll

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.plans import Amount, fetched_together
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.screens.dialog import Choice, Dialog
from ipwhl_mirror.tui.screens.plan import obstacle, obstacle_lines
from ipwhl_mirror.tui.widgets.lines import Line, Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from ipwhl_mirror.tui.backend import PinForecast
    from ipwhl_mirror.tui.desk import Desk


class PlansDialog(Dialog[bool]):
    """Gives True only when told to pin all that `todo` lists; without anything to do, or with too little
    room, it has no such button."""

    CSS_PATH = "plans.tcss"

    def __init__(self, desk: Desk, title: str, forecasts: Sequence[PinForecast]) -> None:
        super().__init__(desk, title)
        self.forecasts = tuple(forecasts)
        self.todo = to_do(forecasts)
        self.obstacle = obstacle_of(self.todo)

    def compose_body(self) -> ComposeResult:
        cut = self.desk.glyphs.cut
        yield Lines(sum_lines(self.todo or self.forecasts[:1]), cut_mark=cut, id="numbers")
        self.scroll = VerticalScroll(
            Lines([each_line(forecast) for forecast in self.forecasts], cut_mark=cut), can_focus=False
        )
        yield self.scroll
        if self.obstacle:
            yield Lines(obstacle_lines(self.obstacle), cut_mark=cut, id="obstacle")

    def compose_choices(self) -> ComposeResult:
        if not self.obstacle:
            yield Choice("Pin", id="yes")
        yield Choice("Close" if self.obstacle else "Cancel", id="no")

    def action_up(self) -> None:
        self.scroll.scroll_relative(y=-1, animate=False)

    def action_down(self) -> None:
        self.scroll.scroll_relative(y=1, animate=False)

    def action_yes(self) -> None:
        if not self.obstacle:
            self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)


async def make_trees(forecasts: Sequence[PinForecast]) -> None:
    """Make what the dialog asks of the plans, away from the event loop."""
    await asyncio.to_thread(lambda: [part.tree for forecast in forecasts for part in forecast.plan.parts])


def is_done(forecast: PinForecast) -> bool:
    """All of it is pinned already, or there is nothing."""
    return not forecast.plan.fetch.wheels and all(part.pinned for part in forecast.plan.parts)


def to_do(forecasts: Sequence[PinForecast]) -> tuple[PinForecast, ...]:
    """Those that would change something."""
    return tuple(forecast for forecast in forecasts if not is_done(forecast))


def free_after(todo: Sequence[PinForecast]) -> int:
    """What all of them together leave free, in bytes; negative where it does not fit."""
    return todo[0].free_bytes - fetched_together(forecast.plan for forecast in todo).bytes


def obstacle_of(todo: Sequence[PinForecast]) -> str:
    """Why these cannot or need not be pinned, in words; empty when they can."""
    if not todo:
        return "all of it is pinned already"
    for forecast in todo:
        if words := obstacle(forecast):
            return f"{safe_text(forecast.summary.name)}: {words}"
    after, reserve = free_after(todo), todo[0].reserve_bytes
    if after < reserve:
        left = figures.size(max(after, 0))
        return f"together too much: {left} would be left, and {figures.size(reserve)} are to stay free"
    return ""


def sum_lines(forecasts: Sequence[PinForecast]) -> list[Line]:
    """The sum: what is fetched, what is left."""
    todo = to_do(forecasts)
    fetch = fetched_together(forecast.plan for forecast in todo)
    each = sum((forecast.plan.fetch for forecast in todo), Amount())
    after = forecasts[0].free_bytes - fetch.bytes
    twice = each.bytes - fetch.bytes
    return [
        (
            Cell("to fetch", Tone.MUTED),
            Cell(f"{'~' if fetch.bytes else ''}{figures.size(fetch.bytes)}".rjust(11), Tone.HEAD),
            Cell(f"  {figures.plural(fetch.wheels, 'wheel')}"),
            Cell(f", {figures.size(twice)} shared among them" if twice else "", Tone.MUTED),
        ),
        (
            Cell("free    ", Tone.MUTED),
            Cell(f"{figures.size(forecasts[0].free_bytes):>11} now, "),
            Cell(
                f"{figures.size(after)} after" if after >= 0 else f"{figures.size(-after)} too little",
                Tone.BAD if after < forecasts[0].reserve_bytes else Tone.PLAIN,
            ),
            Cell(f", {figures.size(forecasts[0].reserve_bytes)} kept in reserve", Tone.MUTED),
        ),
        (),
    ]


def each_line(forecast: PinForecast) -> Line:
    """One of them: what of which release, and what it fetches by itself."""
    plan = forecast.plan
    what = safe_text(plan.selection.cli_text()) or "all of"
    if is_done(forecast):
        cost = "pinned already"
    elif plan.fetch.wheels:
        cost = f"fetch {figures.plural(plan.fetch.wheels, 'wheel')} ~{figures.size(plan.fetch.bytes)}"
    else:
        cost = "nothing to fetch"
    return (
        Cell(f"  {safe_text(forecast.summary.name)}", Tone.HEAD, Cut.MIDDLE),
        Cell(f"  {what}", Tone.PLAIN, Cut.MIDDLE),
        Cell(f" {figures.size(plan.amount.bytes)}"),
        Cell(f", {cost}", Tone.MUTED),
    )
