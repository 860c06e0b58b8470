"""A question with its numbers. Cancel has the focus; what is done is exactly what the lines say.

All that is concerned is listed; a list that is longer than the screen scrolls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import VerticalScroll

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui.backend import UnpinForecast
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.jobs import Fate
from ipwhl_mirror.tui.screens.dialog import Choice, Dialog
from ipwhl_mirror.tui.widgets.lines import Line, Lines

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from textual.app import ComposeResult

    from ipwhl_mirror.nodes.base import GcPreview
    from ipwhl_mirror.tui.backend import PruneForecast
    from ipwhl_mirror.tui.desk import Desk
    from ipwhl_mirror.tui.jobs import Job

_LISTED = 8


class ConfirmDialog(Dialog[bool]):
    """Gives True only when told to."""

    CSS_PATH = "confirm.tcss"

    def __init__(self, desk: Desk, title: str, lines: Sequence[Line], *, verb: str) -> None:
        """`verb` is what the button says that does it."""
        super().__init__(desk, title)
        self.lines = tuple(lines)
        self._verb = verb

    def compose_body(self) -> ComposeResult:
        self.scroll = VerticalScroll(Lines(self.lines, cut_mark=self.desk.glyphs.cut), can_focus=False)
        yield self.scroll

    def compose_choices(self) -> ComposeResult:
        yield Choice(self._verb, id="yes")
        yield Choice("Cancel", id="no")

    def action_up(self) -> None:
        self.scroll.scroll_relative(y=-1, animate=False)

    def action_down(self) -> None:
        self.scroll.scroll_relative(y=1, animate=False)

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)


def unpin_lines(forecast: UnpinForecast | PruneForecast) -> list[Line]:
    """What unpinning frees, then every pin that goes."""
    plan = forecast.plan
    lines: list[Line] = [
        (Cell(f"{figures.size(plan.leaving.bytes):>10}", Tone.HEAD), Cell("  leave the pin set")),
        (Cell(f"{figures.size(plan.staying.bytes):>10}", Tone.HEAD), Cell("  stay, shared with other pins")),
        (
            Cell(f"{figures.size(plan.reclaimable.bytes):>10}", Tone.HEAD),
            Cell("  become reclaimable at the next GC; nothing is deleted now"),
        ),
    ]
    if forecast.unread:
        others = figures.plural(forecast.unread, "pin")
        lines.append((Cell(f"            or less: {others} of other programs may share it", Tone.MUTED),))
    if isinstance(forecast, UnpinForecast):
        lines += [_harmed(name) for name in forecast.mirrors]
    lines += [(), (Cell(f"{figures.plural(len(forecast.going), 'pin')} to go:"),)]
    releases = {pin.release_name for pin in forecast.going}
    for pin in forecast.going:
        of = f" of {safe_text(pin.release_name)}" if len(releases) > 1 else ""
        lines.append(
            (
                Cell(f"  {safe_text(pin.selection) or 'whole release'}", Tone.HEAD, Cut.MIDDLE),
                Cell(of, Tone.PLAIN, Cut.MIDDLE),
                Cell(f"  {figures.plural(pin.wheels, 'wheel')} {figures.size(pin.bytes)}"),
            )
        )
    return lines


def _harmed(mirror: str) -> Line:
    return (
        Cell("mirror "),
        Cell(safe_text(mirror), Tone.PART, Cut.MIDDLE),
        Cell(" leads to it: its next sync fetches it again"),
    )


def prune_lines(forecast: PruneForecast) -> list[Line]:
    """Which releases keep their pins, which pins go, and what that frees."""
    kept = ", ".join(map(safe_text, forecast.kept)) or "none has any"
    return [
        (Cell("kept: ", Tone.MUTED), Cell(kept, Tone.PLAIN, Cut.MIDDLE)),
        *(
            (Cell(f"mirror {safe_text(name)} is at an older release, which stays", Tone.PART, Cut.MIDDLE),)
            for name in forecast.spared
        ),
        (),
        *unpin_lines(forecast),
    ]


def garbage_lines(preview: GcPreview) -> list[Line]:
    """What a collection removes."""
    lines: list[Line] = [
        (
            Cell(f"{figures.size(preview.bytes):>10}", Tone.HEAD),
            Cell(f"  in {figures.plural(preview.blocks, 'block')} under no pin are deleted"),
        )
    ]
    if preview.partial_bytes:
        lines.append(
            (
                Cell(f"{figures.size(preview.partial_bytes):>10}", Tone.HEAD),
                Cell("  of them are unfinished downloads that a pin could resume"),
            )
        )
    if preview.whole_store:
        lines.append((Cell("            also what other programs left unpinned on this node", Tone.PART),))
    return lines


def quit_lines(jobs: Sequence[Job], resumes: Collection[Job]) -> list[Line]:
    """Which jobs quitting would cut off, and which of them the next run goes on with."""
    lines: list[Line] = []
    for job in jobs[:_LISTED]:
        fate, tone = (Fate.RESUMES, Tone.GOOD) if job in resumes else (Fate.ENDS, Tone.PART)
        lines.append(
            (
                Cell(f"  {job.number:>3} {job.state.value:<8} ", Tone.MUTED),
                Cell(job.title, Tone.HEAD, Cut.MIDDLE),
                Cell(f"  {fate.value}", tone),
            )
        )
    if len(jobs) > _LISTED:
        lines.append((Cell(f"  and {len(jobs) - _LISTED} more", Tone.MUTED),))
    lines += [(), (Cell("They stop now. What was fetched stays and is not fetched again."),)]
    if len(resumes) < len(jobs):
        never = "Unpin, prune, gc and untrack never start by themselves: ask again."
        others = "What does not resume has to be asked for again."
        is_all = all(job.request is None for job in jobs if job not in resumes)
        lines.append((Cell(never if is_all else others, Tone.MUTED),))
    return lines
