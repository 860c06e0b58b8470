"""The top line: where am I, on which node, how much room, and whether anything may change or is changing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.widget import Widget

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui.cells import TONE_CLASSES, Cell, Cut, fit_line, strip_of, tone_style
from ipwhl_mirror.tui.glyphs import Tone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style
    from textual.strip import Strip

    from ipwhl_mirror.tui.backend import Overview
    from ipwhl_mirror.tui.desk import Desk

_GAP = 2


def node_parts(overview: Overview | None, desk: Desk) -> list[Cell]:
    """What the right end says, most important first; the last are left out where there is no room."""
    parts = []
    if desk.is_read_only:
        parts.append(Cell("read-only", Tone.PART))
    if overview is not None and overview.is_demo:
        parts.append(Cell("demo", Tone.PART))
    running = desk.jobs.running
    if running is not None:
        waiting = len(desk.jobs.open) - 1
        more = f" +{waiting}" if waiting else ""
        share = running.percent
        far = "" if share is None else f" {share} %"
        parts.append(Cell(f"{desk.glyphs.fetching} job {running.number}{far}{more}", Tone.PART))
    if overview is None:
        parts.append(Cell("asking the node", Tone.MUTED))
        return parts
    node = overview.node
    parts.append(Cell(f"{figures.size(node.free_bytes)} free"))
    parts.append(Cell(safe_text(f"{node.kind} {node.version}")))
    if node.peers is not None:
        parts.append(Cell(figures.plural(node.peers, "peer"), Tone.MUTED))
    return parts


class StatusBar(Widget):
    """One line; crumbs on the left, the node on the right."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES
    DEFAULT_CSS = """
    StatusBar { height: 1; dock: top; }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._crumbs: tuple[str, ...] = ()
        self._overview: Overview | None = None

    def show_crumbs(self, crumbs: Sequence[str]) -> None:
        """Say where we are; the parts are safe text."""
        self._crumbs = tuple(crumbs)
        self.refresh()

    def show_node(self, overview: Overview | None) -> None:
        """Say what the node is like."""
        self._overview = overview
        self.refresh()

    def render_line(self, y: int) -> Strip:
        glyphs = self._desk.glyphs
        width = self.size.width - 2
        crumbs: list[Cell] = []
        for crumb in self._crumbs:
            crumbs += (Cell(glyphs.crumb, Tone.MUTED), Cell(crumb, Tone.HEAD, Cut.MIDDLE))
        crumbs = crumbs[1:]
        parts = node_parts(self._overview, self._desk)
        wanted = min(sum(cell_len(cell.text) for cell in crumbs), width // 2)
        while len(parts) > 1 and self._length(parts) + _GAP + wanted > width:
            parts.pop()
        right: list[Cell] = []
        for part in parts:
            right += (Cell(glyphs.dot, Tone.MUTED), part)
        right = right[1:]
        room = width - sum(cell_len(cell.text) for cell in right) - _GAP
        left = fit_line(crumbs, max(room, 0), glyphs.cut)
        gap = width - sum(cell_len(cell.text) for cell in (*left, *right))
        line = [Cell(" "), *left, Cell(" " * max(gap, 0)), *right, Cell(" ")]
        return strip_of(line, self.size.width, self.rich_style, self._tone)

    def _length(self, parts: Sequence[Cell]) -> int:
        return sum(cell_len(part.text) for part in parts) + len(self._desk.glyphs.dot) * (len(parts) - 1)

    def _tone(self, tone: Tone) -> Style:
        return tone_style(self, tone)
