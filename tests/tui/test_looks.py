"""Legible everywhere: enough contrast, no colour alone, only ASCII where the terminal has nothing else."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from rich._palettes import STANDARD_PALETTE
from rich.color import ColorSystem
from textual.color import Color
from textual.screen import ModalScreen
from textual.theme import BUILTIN_THEMES

from ipwhl_mirror.tui import themes
from ipwhl_mirror.tui.glyphs import ASCII, UNICODE, Glyphs
from ipwhl_mirror.tui.jobs import JobState
from tests.tui import scenes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ipwhl_mirror.tui.app import MirrorApp
    from tests.tui.scenes import Scene

SCENES = (
    *scenes.VIEWS,
    *scenes.DIALOGS,
    *(
        scenes.BY_NAME[name]
        for name in (
            "empty",
            "asking-releases",
            "failed-index",
            "failed-job",
            "stalled-job",
            "filter-open",
            "range",
            "too-large",
        )
    ),
)
THEMES = {name: theme for name, theme in (*BUILTIN_THEMES.items(), ("16", themes.SIXTEEN)) if not theme.ansi}

TONES = ("plain", "state-good", "state-part", "state-bad", "state-key", "state-muted")
PAIRS = (
    *((tone, ground, themes.LEGIBLE) for tone in TONES for ground in ("background", "surface", "panel")),
    ("cursor-text", "cursor", themes.LEGIBLE),
    ("cursor-idle-text", "cursor-idle", themes.LEGIBLE),
    ("range-text", "range", themes.LEGIBLE),
    ("plain", "field", themes.LEGIBLE),
    ("plain", "field-focus", themes.LEGIBLE),
    ("hint", "field", themes.LEGIBLE),
    ("hint", "field-focus", themes.LEGIBLE),
    ("frame", "surface", themes.VISIBLE),
    ("frame-warning", "surface", themes.VISIBLE),
    ("thumb", "background", themes.VISIBLE),
    ("thumb", "surface", themes.VISIBLE),
)
"""What is drawn on what, and the contrast it needs: lists and the status bar, the cursor on a list with the
focus and without, a range, fields with the focus and without, and what stands in them while empty; frames and
scroll bars."""


def colours(theme: str, shown: themes.Shown = themes.as_it_is) -> dict[str, Color]:
    """The variables of a theme that these pairs are made of, as a terminal shows them."""
    chosen = THEMES[theme]
    given = {**chosen.to_color_system().generate(), **chosen.variables}
    found = {**themes.state_colours(given, shown), **given}
    return {name: shown(Color.parse(found[name])) for name in {part for pair in PAIRS for part in pair[:2]}}


@pytest.mark.parametrize(
    ("theme", "shown"),
    [
        *(pytest.param(theme, themes.as_it_is, id=theme) for theme in THEMES),
        *(pytest.param(theme, themes.rounded(ColorSystem.EIGHT_BIT), id=f"{theme}-256") for theme in THEMES),
        *(pytest.param(theme, themes.grey, id=f"{theme}-grey") for theme in THEMES),
        pytest.param("16", themes.rounded(ColorSystem.STANDARD), id="16-of-16"),
    ],
)
def test_every_tone_is_legible_on_every_background(theme: str, shown: themes.Shown) -> None:
    """By the contrast WCAG 2 asks of text, or of what is not text, in every theme there is to choose.

    Over ssh there often are no more than 256 colours: what is shown there is measured, too.
    """
    found = colours(theme, shown)
    weak = {
        (tone, ground): round(themes.contrast(found[tone], found[ground]), 2)
        for tone, ground, least in PAIRS
        if themes.contrast(found[tone], found[ground]) < least
    }
    assert weak == {}


def test_colours_of_the_16_colour_theme_are_of_the_16() -> None:
    """Nothing is rounded, so what contrasts here contrasts there."""
    palette = {Color(*triplet).hex6 for triplet in map(STANDARD_PALETTE.__getitem__, range(16))}
    used = {Color.parse(value).hex6 for value in themes.SIXTEEN.variables.values()}
    assert used <= palette


VISIONS = {
    "all colours": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "no red": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "no green": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "no blue": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}
"""How colours reach eyes that lack a kind of cone (Machado, Oliveira, Fernandes 2009; linear RGB)."""


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_states_differ_for_every_colour_vision(theme: str, vision: str) -> None:
    """Pinned, partial, failed and plain text are at least 20 apart in Lab, where 2 can just be told apart."""
    found = colours(theme)
    seen = {name: lab(found[name], VISIONS[vision]) for name in TONES[:4]}
    close = {
        (one, other): round(distance(seen[one], seen[other]))
        for one, other in combinations(seen, 2)
        if distance(seen[one], seen[other]) < 20
    }
    assert close == {}


def distance(one: Iterable[float], other: Iterable[float]) -> float:
    """How far apart two colours are in Lab."""
    return float(sum((left - right) ** 2 for left, right in zip(one, other, strict=True)) ** 0.5)


def lab(colour: Color, vision: tuple[tuple[float, float, float], ...]) -> tuple[float, float, float]:
    """A colour as some eyes see it, in CIE Lab (D65)."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    ]
    red, green, blue = (
        min(max(sum(weight * part for weight, part in zip(row, linear, strict=True)), 0.0), 1.0)
        for row in vision
    )
    x, y, z = (
        value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116
        for value in (
            (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
            0.2126 * red + 0.7152 * green + 0.0722 * blue,
            (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
        )
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def in_front(app: MirrorApp) -> Iterator[tuple[str, Color, Color]]:
    """The texts of the screen with their colours; of a dialog only what is in its box."""
    box = app.screen.region
    if isinstance(app.screen, ModalScreen):
        boxes = app.screen.query("#box")
        box = (boxes.first() if boxes else app.screen.children[0]).region
    for y, line in enumerate(scenes.drawn(app)):
        x = 0
        for segment in line:
            style = segment.style
            if segment.text.strip() and box.contains(x, y) and style is not None:
                assert style.color is not None and style.bgcolor is not None
                pair = Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)
                yield (segment.text, *(pair[::-1] if style.reverse else pair))
            x += segment.cell_length


def weak_texts(app: MirrorApp, shown: themes.Shown = themes.as_it_is) -> set[str]:
    """What can hardly be read; letters and digits need more than frames and bars."""
    weak = set()
    for text, colour, ground in in_front(app):
        least = themes.LEGIBLE if any(letter.isalnum() for letter in text) else themes.VISIBLE
        found = themes.contrast(shown(colour), shown(ground))
        if found < least - 0.05:
            weak.add(f"{app.theme} {found:.2f} {colour.hex} on {ground.hex}: {text.strip()}")
    return weak


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_scene_is_ascii_and_legible(scene: Scene) -> None:
    """With the ASCII set no other character is drawn; dark or light, every text has its contrast."""
    app = scene.app(ASCII)
    async with app.run_test(size=(80, 24)) as pilot:
        await scenes.play(pilot, scene)
        text = ["".join(segment.text for segment in line) for line in scenes.drawn(app)]
        assert [line for line in text if not line.isascii()] == []
        weak = weak_texts(app)
        app.theme = "textual-light"
        await pilot.pause()
        assert weak | weak_texts(app) == set()


async def test_notifications_are_ascii_and_legible() -> None:
    """Whatever they tell, on both grounds."""
    app = scenes.BY_NAME["releases"].app(ASCII)
    async with app.run_test(size=(80, 40), notifications=True) as pilot:
        await scenes.play(pilot, scenes.BY_NAME["releases"])
        app.notify("12 wheels are pinned", title="pin", timeout=60)
        app.notify("a peer is slow", title="warning", severity="warning", timeout=60)
        app.notify("no node answers", title="error", severity="error", timeout=60)
        for theme in ("textual-dark", "textual-light"):
            app.theme = theme
            await pilot.pause()
            text = "".join(segment.text for line in scenes.drawn(app) for segment in line)
            assert "no node answers" in text
            assert text.isascii()
            assert weak_texts(app) == set()


@pytest.mark.parametrize("name", ["contents", "plan", "jobs"])
async def test_terminal_of_16_colours_gets_colours_it_has(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What is in front is legible in the palette of an old terminal."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLORTERM")
    scene = scenes.BY_NAME[name]
    app = scene.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await scenes.play(pilot, scene)
        assert app.theme == themes.SIXTEEN.name
        assert weak_texts(app, themes.rounded(ColorSystem.STANDARD)) == set()


@pytest.mark.parametrize("name", ["contents", "plan", "range", "failed-job"])
async def test_no_color_is_legible_in_shades_of_grey(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Nothing has a hue, everything its contrast, and themes that were black on black are not there."""
    monkeypatch.setenv("NO_COLOR", "1")
    scene = scenes.BY_NAME[name]
    app = scene.app(ASCII)
    async with app.run_test(size=(80, 24)) as pilot:
        await scenes.play(pilot, scene)
        assert not [theme for theme in app.available_themes.values() if theme.ansi]
        shades = {shade for _, colour, ground in in_front(app) for shade in (colour.rgb, ground.rgb)}
        assert [shade for shade in shades if len(set(shade)) > 1] == []
        assert weak_texts(app) == set()


async def test_focus_and_cursor_are_told_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The button that enter presses has other brackets; the row under the cursor is reversed."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = scenes.BY_NAME["plan"].app(ASCII)
    async with app.run_test(size=(80, 24)) as pilot:
        await scenes.play(pilot, scenes.BY_NAME["plan"])
        texts = [text.strip() for text, _, _ in in_front(app)]
        assert "[[ Cancel ]]" in texts
        assert "[ Pin ]" in texts
        await pilot.press("escape")
        await scenes.settle(pilot)
        reversed_rows = [
            number
            for number, line in enumerate(scenes.drawn(app))
            if any(segment.style and segment.style.reverse for segment in line if segment.text.strip())
        ]
        assert len(reversed_rows) == 1


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_each_state_has_a_glyph_of_its_own(glyphs: Glyphs) -> None:
    """Beside its word, so that neither colour nor position has to tell it."""
    signs = [glyphs.pinned, glyphs.partial, glyphs.absent, glyphs.fetching, glyphs.failed, glyphs.unknown]
    assert len({*signs, glyphs.foreign}) == 7
    assert all(glyphs.job(state).word for state in JobState)
