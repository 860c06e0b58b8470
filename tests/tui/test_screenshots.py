"""The pictures in `screenshots/` show the application as it is: text cells are compared, not colours."""

from __future__ import annotations

import pytest

from tests.tui import scenes
from tests.tui.make_screenshots import COMMAND, FOLDER, SHOTS, Shot, difference, picture, text_cells


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
async def test_screenshot_is_up_to_date(shot: Shot) -> None:
    """What the committed picture says is what a new one says."""
    committed = (FOLDER / f"{shot.name}.svg").read_text(encoding="utf-8")
    stale = difference(committed, await picture(shot))
    assert stale is None, f"screenshots/{shot.name}.svg is stale: {stale}; make them again by `{COMMAND}`"


def test_no_screenshot_is_left_over() -> None:
    """Each file is made by the script."""
    assert {path.stem for path in FOLDER.glob("*.svg")} == {shot.name for shot in SHOTS}


async def test_text_cells_are_the_lines_of_the_screen() -> None:
    """Blanks between two texts count; colours, and blanks at the end of a line, do not."""
    shot = SHOTS[0]
    svg = await picture(shot)
    app = shot.scene.app()
    async with app.run_test(size=shot.size) as pilot:
        await scenes.play(pilot, shot.scene)
        drawn = ["".join(segment.text for segment in line).rstrip() for line in scenes.drawn(app)]
    assert text_cells(svg) == drawn
    assert difference(svg, svg.replace("#121212", "#ffffff")) is None
    assert difference(svg, svg.replace("2026.10", "2026.09")) is not None
