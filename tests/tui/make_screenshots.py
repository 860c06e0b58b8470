"""Make the pictures in `screenshots/`: `python -m tests.tui.make_screenshots`.

They show the application on the scripted backend of the tests, a fixed release and a fixed clock, so they
change only when the screens do. `text_cells` reads back what a picture says, without colours and fonts.
"""

from __future__ import annotations

import asyncio
import html
import os
import re
import sys
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from tests.tui import scenes

FOLDER = Path(__file__).parents[2] / "screenshots"
COMMAND = "python -m tests.tui.make_screenshots"
TERMINAL = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
"""The environment the pictures are made in."""

_TEXT = re.compile(r'<text [^>]*? x="([\d.]+)" [^>]*-line-(\d+)\)">([^<]*)</text>')
_CELL_WIDTH = 12.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A picture.

    Attributes:
        name: of its file, without `.svg`.
        scene: what is shown.
        size: of the terminal, in columns and lines.
    """

    name: str
    scene: scenes.Scene
    size: tuple[int, int] = (120, 36)
    theme: str = "textual-dark"


_NAMES = (
    "releases",
    "contents",
    "platforms",
    "pins",
    "mirrors",
    "jobs",
    "diff",
    "empty",
    "plan",
    "unpin",
    "publish",
    "proposal",
    "help",
)
SHOTS = (
    *(Shot(name=name, scene=scenes.BY_NAME[name]) for name in _NAMES),
    Shot(name="contents-80x24", scene=scenes.BY_NAME["contents"], size=(80, 24)),
    Shot(name="contents-light", scene=scenes.BY_NAME["contents"], theme="textual-light"),
)
"""Every view, the main dialogs, a small terminal and a light one."""


async def picture(shot: Shot) -> str:
    """The SVG of one."""
    app = shot.scene.app()
    async with app.run_test(size=shot.size) as pilot:
        app.theme = shot.theme
        await scenes.play(pilot, shot.scene)
        return app.export_screenshot(title="ipwhl-mirror")


def text_cells(svg: str) -> list[str]:
    """The lines of a picture as text, without what is blank at their ends and without its title."""
    lines: dict[int, dict[int, str]] = {}
    for left, number, text in _TEXT.findall(svg):
        at = round(float(left) / _CELL_WIDTH)
        lines.setdefault(int(number), {}).update(enumerate(html.unescape(text).replace("\xa0", " "), at))
    return [_line(lines.get(number, {})) for number in range(max(lines, default=-1) + 1)]


def _line(cells: dict[int, str]) -> str:
    return "".join(cells.get(at, " ") for at in range(max(cells, default=-1) + 1)).rstrip()


def difference(old: str, new: str) -> str | None:
    """The first line that two pictures do not have alike, in words; None when they say the same."""
    before, after = text_cells(old), text_cells(new)
    for number, (was, now) in enumerate(zip_longest(before, after, fillvalue="")):
        if was != now:
            return f"line {number} is {now!r}, not {was!r}"
    return None


def main() -> None:
    """Write them all, and remove those that are no longer made."""
    os.environ.update(TERMINAL)
    os.environ.pop("NO_COLOR", None)
    FOLDER.mkdir(exist_ok=True)
    for stale in {path.stem for path in FOLDER.glob("*.svg")} - {shot.name for shot in SHOTS}:
        (FOLDER / f"{stale}.svg").unlink()
    for shot in SHOTS:
        (FOLDER / f"{shot.name}.svg").write_text(asyncio.run(picture(shot)), encoding="utf-8")
        print(shot.name, file=sys.stderr)


if __name__ == "__main__":
    main()
