"""The way through the views: where escape leads, and which crumbs lead to where one is.

A view that was opened from another one (`Step.OPENED`) is under it; a digit jumps (`Step.JUMPED`). Escape
takes one step back, whichever it was. No view is on the way twice: to open one that is takes it out of there,
and to jump to it is to go back to it.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Step(Enum):
    """How a view was reached."""

    OPENED = "opened"
    JUMPED = "jumped"


class _Stop(NamedTuple):
    view: str
    step: Step


class History:
    """The way from the first view to the one in front."""

    def __init__(self, first: str) -> None:
        self._way = [_Stop(first, Step.JUMPED)]

    @property
    def current(self) -> str:
        """The view in front."""
        return self._way[-1].view

    @property
    def above(self) -> tuple[str, ...]:
        """The views that the one in front was opened from, the outermost first; () after a jump."""
        above: list[str] = []
        for at in range(len(self._way) - 1, 0, -1):
            if self._way[at].step is Step.JUMPED:
                break
            above.insert(0, self._way[at - 1].view)
        return tuple(above)

    def open(self, view: str) -> None:
        """Go to a view from the one in front."""
        if view != self.current:
            self._way = [stop for stop in self._way if stop.view != view]
            self._way.append(_Stop(view, Step.OPENED))

    def jump(self, view: str) -> None:
        """Go to a view directly."""
        for at, stop in enumerate(self._way):
            if stop.view == view:
                del self._way[at + 1 :]
                return
        self._way.append(_Stop(view, Step.JUMPED))

    def back(self) -> str:
        """Take one step back; gives the view that is in front then."""
        if len(self._way) > 1:
            self._way.pop()
        return self.current
