"""The colours: which themes can be chosen, and the colours of states on each of them.

States have hues of their own, blue, orange and a red, whatever the theme calls primary or warning: they are
told apart with any of the usual kinds of colour vision, and are moved towards white or black until they
stand out by `LEGIBLE` (WCAG 2: contrast of text) from every background of the theme. So do the cursor, the
range and hints. What comes of it are variables of the style sheets: `$state-good` and so on.

Themes that leave the colours to the terminal cannot be measured, and are not offered. A terminal of 16
colours gets `SIXTEEN`, whose colours it has: others would be rounded, text and background to the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from textual.color import BLACK, WHITE, Color
from textual.theme import BUILTIN_THEMES, Theme

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.color import ColorSystem

DEFAULT = "textual-dark"
"""The theme that is put on unless another one is asked for."""

LEGIBLE = 4.5
"""The least contrast of text: WCAG 2, level AA."""

VISIBLE = 3.0
"""The least contrast of what is not read: borders, bars; and of hints in an empty field."""

_ON_DARK = {
    "state-good": "#56b4e9",
    "state-part": "#f0a830",
    "state-bad": "#ff6f61",
    "state-key": "#f0a830",
}
_ON_LIGHT = {
    "state-good": "#204ec7",
    "state-part": "#7a4c10",
    "state-bad": "#a7106a",
    "state-key": "#7a4c10",
}

SIXTEEN = Theme(
    name="sixteen-colours",
    primary="#00aaaa",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#0000aa",
    warning="#ffff55",
    error="#ff55ff",
    success="#55ffff",
    accent="#ffff55",
    dark=True,
    variables={
        "state-good": "#55ffff",
        "state-part": "#ffff55",
        "state-bad": "#ff55ff",
        "state-key": "#ffff55",
        "state-muted": "#aaaaaa",
        "frame": "#00aaaa",
        "frame-warning": "#ffff55",
        "thumb": "#aaaaaa",
        "field": "#0000aa",
        "field-focus": "#0000aa",
        "hint": "#aaaaaa",
        "cursor": "#55ffff",
        "cursor-text": "#000000",
        "cursor-idle": "#aaaaaa",
        "cursor-idle-text": "#000000",
        "range": "#aa00aa",
        "range-text": "#ffffff",
        "veil": "#000000",
    },
)
"""For terminals of 16 colours: each of these is one of them."""


NAMES = tuple(sorted([SIXTEEN.name, *(name for name, theme in BUILTIN_THEMES.items() if not theme.ansi)]))
"""What can be chosen."""


Shown = Callable[[Color], Color]
"""How a terminal shows a colour."""


def as_it_is(colour: Color) -> Color:
    """How a terminal of all colours shows them."""
    return colour


def contrast(one: Color, other: Color) -> float:
    """The contrast of two opaque colours, 1 to 21, as WCAG 2 defines it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def legible(
    colour: Color, backgrounds: Iterable[Color], least: float = LEGIBLE, shown: Shown = as_it_is
) -> Color:
    """The colour, moved no further towards white or black than it takes to be read on all of these.

    Args:
        least: the contrast that takes.
        shown: how the terminal shows a colour; contrasts are those of what is shown.
    """
    grounds = [shown(ground) for ground in backgrounds]
    for step, end in product(range(21), (WHITE, BLACK)):
        moved = colour.blend(end, step / 20, 1)
        if all(contrast(shown(moved), ground) >= least for ground in grounds):
            return moved
    return max((WHITE, BLACK), key=lambda end: min(contrast(end, ground) for ground in grounds))


def rounded(system: ColorSystem) -> Shown:
    """How a terminal of fewer colours shows them."""
    return lambda colour: Color(*colour.rich_color.downgrade(system).get_truecolor())


def grey(colour: Color) -> Color:
    """How colours are shown where none are wanted (`NO_COLOR`)."""
    return colour.monochrome


def state_colours(theme: Mapping[str, str], shown: Shown = as_it_is) -> dict[str, str]:
    """The variables of the style sheets that a theme's own variables lead to, on such a terminal."""
    on = partial(legible, shown=shown)
    background, surface, panel, text, primary = (
        Color.parse(theme[name]) for name in ("background", "surface", "panel", "foreground", "primary")
    )
    grounds = (background, surface, panel)
    hues = _ON_DARK if background.brightness < 0.5 else _ON_LIGHT
    colours = {name: on(Color.parse(hue), grounds) for name, hue in hues.items()}
    field, focused = surface.blend(text, 0.08, 1), surface.blend(text, 0.16, 1)
    plain = on(text, [*grounds, field, focused])
    idle = surface.blend(plain, 0.22, 1)
    ink = WHITE if contrast(shown(primary), WHITE) >= VISIBLE else BLACK
    in_range = surface.blend(colours["state-good"], 0.25, 1)
    colours |= {
        "state-muted": on(text.blend(background, 0.35, 1), grounds),
        "plain": plain,
        "frame": on(primary, [background, surface], VISIBLE),
        "frame-warning": on(Color.parse(hues["state-part"]), [background, surface], VISIBLE),
        "thumb": on(idle, [background, surface], VISIBLE),
        "field": field,
        "field-focus": focused,
        "hint": on(text.blend(background, 0.4, 1), [field, focused]),
        "cursor": on(primary, [ink]),
        "cursor-text": ink,
        "cursor-idle": idle,
        "cursor-idle-text": on(plain, [idle]),
        "range": in_range,
        "range-text": on(plain, [in_range]),
    }
    return {name: colour.hex6 for name, colour in colours.items()} | {"veil": background.with_alpha(0.6).hex}


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
