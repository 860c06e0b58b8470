"""A few lines of cells: details below a list, the body of a dialog. One line each, never wrapped."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.strip import Strip
from textual.widget import Widget

from ipwhl_mirror.tui.cells import TONE_CLASSES, Cell, fit_line, strip_of, tone_style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style
    from textual.geometry import Size

    from ipwhl_mirror.tui.glyphs import Tone

Line = tuple[Cell, ...]


class Lines(Widget):
    """Lines, cut to the width there is; its automatic height is their number."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES
    DEFAULT_CSS = """
    Lines { height: auto; }
    """

    def __init__(
        self,
        lines: Sequence[Line] = (),
        *,
        cut_mark: str,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._lines = tuple(lines)
        self._cut_mark = cut_mark

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is shown."""
        return self._lines

    @property
    def text(self) -> str:
        """What is shown, uncut, without tones."""
        return "\n".join("".join(cell.text for cell in line) for line in self._lines)

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines instead."""
        is_taller = len(lines) != len(self._lines)
        self._lines = tuple(lines)
        self.refresh(layout=is_taller)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        return strip_of(fit_line(self._lines[y], width, self._cut_mark), width, self.rich_style, self._tone)

    def _tone(self, tone: Tone) -> Style:
        return tone_style(self, tone)
