"""Where a run is killed: moments of its requests, and numbers of bytes that it had fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulators.rpc_proxy import Moment

_ORDER = ("pin/add", "pin/update", "pin/rm"), ("dag/import",)
"""Requests that change pins, and those that store blocks: the first to kill at."""

_FETCHES = 100_000
"""Bytes; less is what two peers tell each other at any time."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The moment when so many bytes came from the peer."""

    bytes: int


@dataclass(frozen=True, slots=True)
class Reached:
    """A moment of the `number`-th request of a command."""

    path: str
    number: int
    moment: Moment


Point = Fetched | Reached


def spread_points(moments: Sequence[Reached], fetched: int, count: int) -> list[Point]:
    """Some of the bytes fetched, then of the requests that change pins, then of those that store blocks, then
    of the others, each evenly spread; fewer where there are not so many.

    Args:
        moments: of a run without a kill, in order.
        fetched: bytes that this run fetched.
    """
    of_bytes = max(count // 5, count - len(moments)) if fetched >= _FETCHES else 0
    points: list[Point] = [
        Fetched(fetched * (2 * number + 1) // (2 * of_bytes)) for number in range(of_bytes)
    ]
    left = list(moments)
    for paths in (*_ORDER, {moment.path for moment in left}):
        points += _spread([moment for moment in left if moment.path in paths], count - len(points))
        left = [moment for moment in left if moment.path not in paths]
    return points


def _spread(moments: Sequence[Reached], count: int) -> list[Reached]:
    count = min(count, len(moments))
    return [moments[(2 * number + 1) * len(moments) // (2 * count)] for number in range(count)]
