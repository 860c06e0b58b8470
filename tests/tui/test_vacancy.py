"""No view is ever blank: it says what it waits for, what failed and how to try again, or why it is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.tui.jobs import Failure
from ipwhl_mirror.tui.keys import BY_ID
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.vacancy import failure_lines, text_of
from tests.tui import scenes
from tests.tui.scenes import HinderedBackend
from tests.tui.scripted import ScriptedBackend

if TYPE_CHECKING:
    from ipwhl_mirror.tui.app import MirrorApp


def said(app: MirrorApp) -> str:
    """What stands in the place of rows, as it is drawn."""
    assert isinstance(app.screen, View)
    return "\n".join(line.strip() for line in drawn(app) if line.strip() and line.strip() in app.screen.said)


def drawn(app: MirrorApp) -> list[str]:
    """The lines of the screen."""
    return ["".join(segment.text for segment in line) for line in scenes.drawn(app)]


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        ("asking-releases", "asking the node, reading the releases"),
        ("asking-contents", "asking the node, reading the releases"),
        ("asking-platforms", "asking the node, reading the releases"),
        ("asking-pins", "asking the node what is pinned"),
        ("reading-index", "reading the index of 2026.11"),
        ("comparing", "comparing 2026.10 with 2026.11"),
        ("empty-contents", "No release is open."),
        ("empty-platforms", "No release is tracked yet."),
        ("empty-pins", "Nothing is pinned on this node yet."),
        ("empty-jobs", "No jobs yet"),
        ("filter-nothing", "nothing here has zz"),
    ],
)
async def test_empty_list_says_why(scene: str, words: str) -> None:
    """What is waited for is not told as if it were not there, and what is not there says so."""
    wanted = scenes.BY_NAME[scene]
    app = wanted.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await scenes.play(pilot, wanted)
        assert words in said(app)


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        ("down", "no node answers at http://127.0.0.1:5001"),
        ("down-contents", "no node answers at http://127.0.0.1:5001"),
        ("down-platforms", "no node answers at http://127.0.0.1:5001"),
        ("failed-index", "was not found within 60 s"),
        ("failed-diff", "was not found within 60 s"),
        ("failed-pins", "the node refused: pin ls"),
    ],
)
async def test_failure_says_what_and_r_tries_again(scene: str, words: str) -> None:
    """The whole error, its hint, and the key; pressing it reads what could not be read before."""
    wanted = scenes.BY_NAME[scene]
    app = wanted.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await scenes.play(pilot, wanted)
        text = said(app)
        assert words in " ".join(text.split())
        assert "hint: " in text
        assert "r  tries again" in text
        backend = app.backend
        assert isinstance(backend, ScriptedBackend)
        backend.unreachable = None
        if isinstance(backend, HinderedBackend):
            backend.fails_at = {}
        await pilot.press("r")
        await scenes.settle(pilot)
        assert isinstance(app.screen, View)
        assert "tries again" not in app.screen.said


def test_long_error_is_told_in_lines_that_fit() -> None:
    """No word of it is cut."""
    failure = Failure(" ".join(["word"] * 60), hint=" ".join(["remedy"] * 30))
    lines = failure_lines(failure, "x", BY_ID["app.refresh"], 40)
    assert max(len(line) for line in text_of(lines).splitlines()) <= 40
    assert text_of(lines).count("word") == 60
    assert text_of(lines).count("remedy") == 30
