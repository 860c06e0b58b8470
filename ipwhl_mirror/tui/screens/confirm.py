"""A question with its numbers. Cancel has the focus; what is done is exactly what the lines say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.screens.dialog import Choice, Dialog
from ipwhl_mirror.tui.widgets.lines import Line, Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from ipwhl_mirror.nodes.base import GcPreview
    from ipwhl_mirror.tui.backend import PruneForecast, UnpinForecast
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
        yield Lines(self.lines, cut_mark=self.desk.glyphs.cut)

    def compose_choices(self) -> ComposeResult:
        yield Choice(self._verb, id="yes")
        yield Choice("Cancel", id="no")

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)


def unpin_lines(forecast: UnpinForecast | PruneForecast) -> list[Line]:
    """Which pins go, and what that frees."""
    lines: list[Line] = [(Cell(f"{figures.plural(len(forecast.going), 'pin')} to go:"),)]
    for pin in forecast.going[:_LISTED]:
        lines.append(
            (
                Cell(f"  {safe_text(pin.selection) or 'whole release'}", Tone.HEAD, Cut.MIDDLE),
                Cell(f"  {figures.plural(pin.wheels, 'wheel')} {figures.size(pin.bytes)}"),
            )
        )
    if len(forecast.going) > _LISTED:
        lines.append((Cell(f"  and {len(forecast.going) - _LISTED} more", Tone.MUTED),))
    plan = forecast.plan
    lines += [
        (),
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
    return lines


def prune_lines(forecast: PruneForecast) -> list[Line]:
    """Which releases keep their pins, which pins go, and what that frees."""
    kept = ", ".join(map(safe_text, forecast.kept)) or "none has any"
    return [
        (Cell("kept: ", Tone.MUTED), Cell(kept, Tone.PLAIN, Cut.MIDDLE)),
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


def quit_lines(jobs: Sequence[Job]) -> list[Line]:
    """Which jobs quitting would cancel."""
    lines: list[Line] = [
        (Cell(f"  {job.number:>3} {job.state.value:<8} ", Tone.MUTED), Cell(job.title, Tone.HEAD, Cut.MIDDLE))
        for job in jobs[:_LISTED]
    ]
    return [*lines, (), (Cell("They are cancelled. What was fetched stays, and pinning again resumes."),)]
