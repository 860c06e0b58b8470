"""The benchmarks by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks import index, memory, startup, wheels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.benchmarks.measuring import Figure, Size

BENCHMARKS: dict[str, Callable[[Size], Iterator[Figure]]] = {
    "parse": index.parse,
    "plan": index.plan,
    "status": index.status,
    "publish": wheels.publish,
    "fetch": wheels.fetch,
    "verify": wheels.verify,
    "memory": memory.memory,
    "start": startup.start,
}


def measure(name: str, size: Size) -> list[Figure]:
    """The figures of one benchmark.

    Raises:
        WrongResult: what was measured did not do its work.
    """
    return list(BENCHMARKS[name](size))
