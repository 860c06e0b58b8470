"""The disk as a bar: what pins of releases keep, what else the node keeps, what a collection would free.

Every part has a glyph of its own, and a legend with glyph, word and number below the bar, so it is legible
without colour. The parts of the bar add up to the disk as far as it is free or the node's.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.cells import cell_len
from textual.strip import Strip
from textual.widget import Widget

from ipwhl_mirror.domain import figures
from ipwhl_mirror.tui.cells import TONE_CLASSES, Cell, fit_line, strip_of, tone_style
from ipwhl_mirror.tui.glyphs import Glyphs, Tone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style
    from textual.geometry import Size

    from ipwhl_mirror.tui.backend import Storage
    from ipwhl_mirror.tui.widgets.lines import Line

_GAP = "   "


class Unknown(Enum):
    """Why it is not known what a collection would remove."""

    COUNTING = "counting"
    FAILED = "failed"


class Part(NamedTuple):
    """A part of the disk, in bytes."""

    glyph: str
    word: str
    bytes: int
    tone: Tone


def disk_parts(storage: Storage, reclaimable: int | Unknown, glyphs: Glyphs) -> list[Part]:
    """The parts in their order: ours alone, ours shared, other, reclaimable of that, free.

    What is reclaimable is among `other`, and never more than that.
    """
    gone = min(reclaimable, storage.other) if isinstance(reclaimable, int) else 0
    return [
        Part(glyphs.bar_full, "ours", storage.ours - storage.shared, Tone.GOOD),
        Part(glyphs.bar_shared, "ours, shared", storage.shared, Tone.GOOD),
        Part(glyphs.bar_part, "other", storage.other - gone, Tone.MUTED),
        Part(glyphs.bar_gone, "reclaimable", gone, Tone.PART),
        Part(glyphs.bar_empty, "free", storage.free, Tone.MUTED),
    ]


def cells_of(amounts: Sequence[int], width: int) -> list[int]:
    """`width` cells shared out in proportion; what is not nothing has one at least, where there is room."""
    total = sum(amounts)
    if not total:
        return [0] * (len(amounts) - 1) + [width]
    cells = [amount * width // total for amount in amounts]
    for at, amount in enumerate(amounts):
        if amount and not cells[at]:
            cells[at] = 1
    while sum(cells) > width:
        cells[max(range(len(cells)), key=lambda at: cells[at])] -= 1
    while sum(cells) < width:
        cells[max(range(len(cells)), key=lambda at: amounts[at] * width / total - cells[at])] += 1
    return cells


def bar_line(parts: Sequence[Part], width: int) -> Line:
    """The bar, exactly `width` cells."""
    shares = cells_of([part.bytes for part in parts], width)
    return tuple(Cell(part.glyph * share, part.tone) for part, share in zip(parts, shares, strict=True))


def legend(storage: Storage, reclaimable: int | Unknown, glyphs: Glyphs) -> list[Line]:
    """What each glyph is, in words and bytes, then budget and reserve; one entry a line."""
    entries: list[Line] = []
    for part in disk_parts(storage, reclaimable, glyphs):
        number = figures.size(part.bytes)
        if part.word == "reclaimable":
            number = gone_words(reclaimable, glyphs)
        entries.append((Cell(part.glyph, part.tone), Cell(f" {part.word} "), Cell(number, Tone.HEAD)))
    if storage.budget:
        is_over = storage.used > storage.budget
        used = f"{figures.of_total(storage.used, storage.budget)} used"
        over = f", {figures.size(storage.used - storage.budget)} over" if is_over else ""
        entries.append((Cell("budget "), Cell(used + over, Tone.BAD if is_over else Tone.HEAD)))
    if storage.reserve:
        is_short = storage.free < storage.reserve
        lacks = f", {figures.size(storage.reserve - storage.free)} short" if is_short else ""
        number = figures.size(storage.reserve) + lacks
        entries.append((Cell("reserve "), Cell(number, Tone.BAD if is_short else Tone.HEAD)))
    return entries


def gone_words(reclaimable: int | Unknown, glyphs: Glyphs) -> str:
    """How much a collection would remove; `counting` until it is known."""
    if reclaimable is Unknown.COUNTING:
        return f"counting{glyphs.cut}"
    return "not known" if isinstance(reclaimable, Unknown) else figures.size(reclaimable)


def flow(entries: Sequence[Line], width: int) -> list[Line]:
    """Entries in lines of at most `width` cells, each whole where it fits."""
    lines: list[Line] = []
    room = 0
    for entry in entries:
        length = sum(cell_len(cell.text) for cell in entry)
        if lines and length + len(_GAP) <= room:
            lines[-1] = (*lines[-1], Cell(_GAP), *entry)
            room -= length + len(_GAP)
        else:
            lines.append(entry)
            room = width - length
    return lines


class StorageBar(Widget):
    """The bar and its legend, as wide as the screen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES
    DEFAULT_CSS = """
    StorageBar { height: auto; }
    """

    def __init__(self, glyphs: Glyphs, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._glyphs = glyphs
        self._storage: Storage | None = None
        self._reclaimable: int | Unknown = Unknown.COUNTING

    @property
    def text(self) -> str:
        """The legend, without tones, an entry a line."""
        if self._storage is None:
            return ""
        entries = legend(self._storage, self._reclaimable, self._glyphs)
        return "\n".join("".join(cell.text for cell in entry) for entry in entries)

    def show(self, storage: Storage | None, reclaimable: int | Unknown) -> None:
        """Show this disk; nothing for None."""
        self._storage, self._reclaimable = storage, reclaimable
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        lines = self._lines(width)
        if y >= len(lines):
            return Strip.blank(width, self.rich_style)
        line = fit_line(lines[y], width, self._glyphs.cut)
        return strip_of(line, width, self.rich_style, self._tone)

    def _lines(self, width: int) -> list[Line]:
        if self._storage is None:
            return []
        parts = disk_parts(self._storage, self._reclaimable, self._glyphs)
        entries = legend(self._storage, self._reclaimable, self._glyphs)
        return [bar_line(parts, width), *flow(entries, width)]

    def _tone(self, tone: Tone) -> Style:
        return tone_style(self, tone)
