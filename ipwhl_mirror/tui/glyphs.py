"""How states look: a glyph, a word and a tone, never a colour alone.

Two sets of glyphs hold the same things: `UNICODE`, and `ASCII` for terminals that cannot show it. Words
come from here in both, so that a screen is legible without colour and without symbols. Tones become
colours in `app.tcss`, from the theme's variables; blue and orange carry the difference, not green and red.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from ipwhl_mirror.domain.marks import Box
from ipwhl_mirror.domain.releases import PlatformState
from ipwhl_mirror.tui.jobs import JobState

if TYPE_CHECKING:
    from ipwhl_mirror.domain.releases import PlatformRow


class Tone(Enum):
    """What a text is; the value is its component class in the style sheet."""

    PLAIN = "tone--plain"
    MUTED = "tone--muted"
    HEAD = "tone--head"
    GOOD = "tone--good"
    PART = "tone--part"
    BAD = "tone--bad"
    KEY = "tone--key"
    SPOT = "tone--spot"


class Look(NamedTuple):
    """A state as it is shown."""

    glyph: str
    word: str
    tone: Tone

    @property
    def text(self) -> str:
        """Glyph and word."""
        return f"{self.glyph} {self.word}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """One character set. State glyphs of a set have one width."""

    pinned: str
    partial: str
    absent: str
    fetching: str
    failed: str
    unknown: str
    foreign: str
    taken: str
    opened: str
    closed: str
    sorted_down: str
    sorted_up: str
    cut: str
    dot: str
    crumb: str
    bar_full: str
    bar_part: str
    bar_empty: str
    bar_shared: str
    bar_gone: str

    def platform(self, row: PlatformRow) -> Look:
        """How far a platform is here; a part in per cent of its bytes, rounded down."""
        if row.state is PlatformState.PINNED:
            return Look(self.pinned, "pinned", Tone.GOOD)
        if row.state is PlatformState.ABSENT:
            return Look(self.absent, "absent", Tone.MUTED)
        return Look(self.partial, f"{row.pinned_bytes * 100 // max(row.bytes, 1)} %", Tone.PART)

    def share(self, pinned: int, total: int) -> Look:
        """How many of some wheels are pinned."""
        if total and pinned == total:
            return Look(self.pinned, "pinned", Tone.GOOD)
        if pinned:
            return Look(self.partial, f"{pinned} of {total}", Tone.PART)
        return Look(self.absent, "absent", Tone.MUTED)

    def job(self, state: JobState) -> Look:
        """The state of a job."""
        glyph, tone = {
            JobState.QUEUED: (self.absent, Tone.MUTED),
            JobState.RUNNING: (self.fetching, Tone.PART),
            JobState.DONE: (self.pinned, Tone.GOOD),
            JobState.FAILED: (self.failed, Tone.BAD),
            JobState.CANCELLED: (self.foreign, Tone.MUTED),
        }[state]
        return Look(glyph, state.value, tone)

    def bar(self, done: int, total: int, width: int) -> str:
        """A bar of `width` cells, full only when all is done."""
        full = width if done >= total else done * width // max(total, 1)
        return self.bar_full * full + self.bar_empty * (width - full)


BOXES = {Box.ON: "[x]", Box.SOME: "[-]", Box.OFF: "[ ]"}

UNICODE = Glyphs(
    pinned="●",
    partial="◐",
    absent="○",
    fetching="↻",
    failed="✗",
    unknown="?",
    foreign="◇",
    taken="✓",
    opened="▾",
    closed="▸",
    sorted_down="▾",
    sorted_up="▴",
    cut="…",
    dot=" · ",
    crumb=" › ",
    bar_full="█",
    bar_part="▒",
    bar_empty="░",
    bar_shared="▓",
    bar_gone="▚",
)

ASCII = Glyphs(
    pinned="[*]",
    partial="[~]",
    absent="[ ]",
    fetching="[>]",
    failed="[x]",
    unknown="[?]",
    foreign="[o]",
    taken="+",
    opened="v",
    closed=">",
    sorted_down="*",
    sorted_up="^",
    cut="~",
    dot=" | ",
    crumb=" > ",
    bar_full="#",
    bar_part="=",
    bar_empty=".",
    bar_shared="%",
    bar_gone="-",
)


def glyphs_for(*, encoding: str, term: str) -> Glyphs:
    """The set a terminal can show: ASCII where the encoding is not UTF-8 or TERM is linux, dumb or vt*."""
    is_utf8 = encoding.lower().replace("-", "").replace("_", "") == "utf8"
    return UNICODE if is_utf8 and not term.startswith(("linux", "dumb", "vt")) else ASCII
