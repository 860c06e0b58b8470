"""The benchmarks by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks import (
    adding,
    checking,
    index,
    kubo_index,
    kubo_pins,
    kubo_sync,
    kubo_wheels,
    memory,
    republishing,
    resolving,
    startup,
    tui_contents,
    tui_open,
    tui_process,
    tui_views,
    wheels,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.benchmarks.measuring import Figure, Size

BENCHMARKS: dict[str, Callable[[Size], Iterator[Figure]]] = {
    "parse": index.parse,
    "plan": index.plan,
    "check": checking.check,
    "status": index.status,
    "publish": wheels.publish,
    "add": adding.add,
    "publish-again": republishing.publish_again,
    "fetch": wheels.fetch,
    "verify": wheels.verify,
    "resolve-metadata": resolving.resolve,
    "memory": memory.memory,
    "start": startup.start,
    "tui-paint": tui_contents.paint,
    "tui-find": tui_contents.find,
    "tui-keys": tui_contents.keys,
    "tui-views": tui_views.views,
    "tui-open": tui_open.opening,
    "tui-process": tui_process.process,
    "kubo-index": kubo_index.index,
    "kubo-far": kubo_index.far,
    "kubo-memory": kubo_index.memory,
    "kubo-subset": kubo_pins.subset,
    "kubo-status": kubo_pins.status,
    "kubo-sync": kubo_sync.sync,
    "kubo-verify": kubo_wheels.verify,
    "kubo-successor": kubo_wheels.successor,
}


def measure(name: str, size: Size) -> list[Figure]:
    """The figures of one benchmark.

    Raises:
        WrongResult: what was measured did not do its work.
        CannotMeasure: what it needs is not on this machine.
    """
    return list(BENCHMARKS[name](size))
