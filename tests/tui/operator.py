"""An operator at a terminal, for tests: presses keys, clicks on words, and knows only what the screen shows.

operator = Operator(app, pilot)
await operator.press("t")
await operator.sees("Track a release")      # waits for it; fails with the whole screen
await operator.click("Releases")
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from textual.events import Paste

from tests.tui.scenes import drawn

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from ipwhl_mirror.tui.app import MirrorApp

PATIENCE_S = 20.0
_LOOK_S = 0.02


class Operator:
    """One person, one screen."""

    def __init__(self, app: MirrorApp, pilot: Pilot[None]) -> None:
        self._app = app
        self._pilot = pilot

    @property
    def lines(self) -> list[str]:
        """The screen, notifications and dialogs included."""
        return ["".join(segment.text for segment in line).rstrip() for line in drawn(self._app)]

    @property
    def screen(self) -> str:
        """The same in one text."""
        return "\n".join(self.lines)

    async def press(self, *keys: str) -> None:
        """Press keys, by Textual's names."""
        await self._pilot.press(*keys)

    async def type(self, text: str) -> None:
        """Type a text where the cursor is."""
        names = {" ": "space", "/": "slash", ".": "full_stop", "-": "minus", "_": "underscore"}
        await self._pilot.press(*(names.get(character, character) for character in text))

    async def paste(self, text: str) -> None:
        """Paste a text where the cursor is."""
        self._app.post_message(Paste(text))
        await self._pilot.pause()

    async def sees(self, *words: str, no: tuple[str, ...] = ()) -> str:
        """Wait until all of these are on the screen, and none of `no`; gives the screen."""
        deadline = _now() + PATIENCE_S
        while True:
            text = self.screen
            missing = [word for word in words if word not in text]
            left = [word for word in no if word in text]
            if not missing and not left:
                return text
            assert _now() < deadline, f"{missing} do not come, or {left} stay:\n{text}"
            await self._pilot.pause(_LOOK_S)

    async def finds(self, pattern: str) -> re.Match[str]:
        """Wait until this is on the screen; gives where and what."""
        deadline = _now() + PATIENCE_S
        while True:
            text = self.screen
            if (found := re.search(pattern, text, re.MULTILINE)) is not None:
                return found
            assert _now() < deadline, f"{pattern} does not come:\n{text}"
            await self._pilot.pause(_LOOK_S)

    async def click(self, words: str, *, after: str = "") -> None:
        """Click on the middle of these words; `after` says behind what they stand."""
        before = ""
        while (shown := await self.sees(words)) != before:  # what moves is not clicked at
            before = shown
            await self._pilot.pause(_LOOK_S)
        for y, line in enumerate(self.lines):
            start = line.find(after) + len(after) if after else 0
            if (not after or after in line) and (x := line.find(words, start)) >= 0:
                await self._pilot.click(offset=(x + len(words) // 2, y))
                return
        raise AssertionError(f"no {words!r} behind {after!r}:\n{self.screen}")

    async def waits_for(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so that is not on the screen."""
        deadline = _now() + PATIENCE_S
        while not is_so():
            assert _now() < deadline, f"it does not come:\n{self.screen}"
            await self._pilot.pause(_LOOK_S)

    async def is_left(self) -> None:
        """Wait until the application has ended."""
        await self.waits_for(lambda: not self._app.is_running)

    def line(self, words: str) -> str:
        """The line of the screen with these words."""
        found = [line for line in self.lines if words in line]
        assert found, f"no line has {words!r}:\n{self.screen}"
        return found[0]


def _now() -> float:
    return asyncio.get_running_loop().time()
