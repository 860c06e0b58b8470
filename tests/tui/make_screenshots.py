"""Make the pictures in `screenshots/`: `python -m tests.tui.make_screenshots`.

They show the application on the scripted backend of the tests, a fixed release and a fixed clock, so they
change only when the screens do.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tests.tui.scripted import app_on, empty_backend, filled_backend, half_done, two_pinned

FOLDER = Path(__file__).parents[2] / "screenshots"
SIZE = (120, 36)


SHOTS = {
    "empty": (empty_backend, ()),
    "releases": (filled_backend, ()),
    "contents": (filled_backend, ("enter", "down", "down", "space")),
    "plan": (filled_backend, ("enter", "a", "p")),
    "unpin": (filled_backend, ("u",)),
    "platforms": (filled_backend, ("3", "down", "right")),
    "pins": (two_pinned, ("4", "down")),
    "diff": (two_pinned, ("d",)),
    "jobs": (half_done, ("V", "5", "end")),
    "help": (filled_backend, ("enter", "question_mark")),
}


async def make(folder: Path) -> list[Path]:
    """Write one SVG for each of SHOTS."""
    written = []
    for name, (backend, keys) in SHOTS.items():
        app = app_on(backend())
        async with app.run_test(size=SIZE) as pilot:
            await pilot.pause()
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            path = folder / f"{name}.svg"
            path.write_text(app.export_screenshot(title="ipwhl-mirror"), encoding="utf-8")
            written.append(path)
    return written


def main() -> None:
    """Write them all."""
    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", TEXTUAL_ANIMATIONS="none")
    FOLDER.mkdir(exist_ok=True)
    for path in asyncio.run(make(FOLDER)):
        print(path.name)


if __name__ == "__main__":
    main()
