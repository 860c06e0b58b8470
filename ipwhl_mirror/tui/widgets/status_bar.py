"""The top line: where am I, on which node, how much room, and whether anything may change or is changing.

A click on a crumb of the way here goes back there; a click on the running job goes to the jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.widget import Widget

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui.cells import TONE_CLASSES, Cell, Cut, fit_line, strip_of, tone_style
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.messages import ViewAsked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style
    from textual import events
    from textual.strip import Strip

    from ipwhl_mirror.tui.backend import Overview
    from ipwhl_mirror.tui.desk import Desk
    from ipwhl_mirror.tui.refreshing import Outage

_GAP = 2
_ASKING = "asking the node"
_NODE = 32
"""Characters of what the node calls itself."""
_FIRST, _JOBS = "releases", "jobs"


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
        parts.append(Cell(_ASKING, Tone.MUTED))
        return parts
    node = overview.node
    parts.append(Cell(f"{figures.size(node.free_bytes)} free"))
    parts.append(Cell(safe_text(f"{node.kind} {node.version}", _NODE)))
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
        self._way: tuple[tuple[str, str], ...] = ()
        self._overview: Overview | None = None
        self._outage: Outage | None = None

    def show_crumbs(self, crumbs: Sequence[str]) -> None:
        """Say where we are; the parts are safe text. The first stands for the way here."""
        self._crumbs = tuple(crumbs)
        self.refresh()

    def show_way(self, way: Sequence[tuple[str, str]]) -> None:
        """Say from where we came: (safe text, name of the view), the outermost first; () is the first."""
        self._way = tuple(way)
        self.refresh()

    def show_node(self, overview: Overview | None) -> None:
        """Say what the node is like."""
        self._overview = overview
        self.refresh()

    def show_outage(self, outage: Outage | None) -> None:
        """Say that the node does not answer, and that what is shown is of before then."""
        self._outage = outage
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        at = 0
        for cell, view in self._cells():
            at += cell_len(cell.text)
            if event.x < at:
                if view:
                    self.post_message(ViewAsked(view))
                return

    def render_line(self, y: int) -> Strip:
        cells = [cell for cell, _ in self._cells()]
        return strip_of(cells, self.size.width, self.rich_style, self._tone)

    def _cells(self) -> list[tuple[Cell, str]]:
        """The line, each piece with the view that a click on it goes to."""
        glyphs = self._desk.glyphs
        width = self.size.width - 2
        crumbs = self._crumb_cells()
        parts = node_parts(self._overview, self._desk)
        if self._outage is not None:
            outage = Cell(self._outage.text, Tone.BAD)
            parts = [outage, *(part for part in parts if part.text != _ASKING)]
        wanted = min(sum(cell_len(cell.text) for cell, _ in crumbs), width // 2)
        while len(parts) > 1 and self._length(parts) + _GAP + wanted > width:
            parts.pop()
        right: list[tuple[Cell, str]] = []
        for part in parts:
            is_job = part.text.startswith(f"{glyphs.fetching} ")
            right += ((Cell(glyphs.dot, Tone.MUTED), ""), (part, _JOBS if is_job else ""))
        right = right[1:]
        room = width - sum(cell_len(cell.text) for cell, _ in right) - _GAP
        fitted = fit_line([cell for cell, _ in crumbs], max(room, 0), glyphs.cut)
        left = [(cell, view) for cell, (_, view) in zip(fitted, crumbs, strict=False)]
        gap = width - sum(cell_len(cell.text) for cell, _ in (*left, *right))
        return [(Cell(" "), ""), *left, (Cell(" " * max(gap, 0)), ""), *right, (Cell(" "), "")]

    def _crumb_cells(self) -> list[tuple[Cell, str]]:
        way = self._way or tuple((crumb, _FIRST) for crumb in self._crumbs[:1])
        cells: list[tuple[Cell, str]] = []
        for text, view in (*way, *((crumb, "") for crumb in self._crumbs[1:])):
            cells.append((Cell(self._desk.glyphs.crumb, Tone.MUTED), ""))
            cells.append((Cell(text, Tone.HEAD, Cut.MIDDLE), view))
        return cells[1:]

    def _length(self, parts: Sequence[Cell]) -> int:
        return sum(cell_len(part.text) for part in parts) + len(self._desk.glyphs.dot) * (len(parts) - 1)

    def _tone(self, tone: Tone) -> Style:
        return tone_style(self, tone)
