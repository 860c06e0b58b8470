"""How soon the command line answers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Figure, clocked, in_turns, require
from tests.benchmarks.programs import command, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.benchmarks.measuring import Size


def start(size: Size) -> Iterator[Figure]:
    """`--help` and an empty `status`, beside an interpreter that does nothing, and one that loads Textual."""
    helping = [sys.executable, "-m", "ipwhl_mirror", "--help"]
    require("verify" in run(helping), "the help does not name the commands")
    yield _figure("--help", helping, [sys.executable, "-c", "pass"], "python -c pass", size)
    yield _figure(
        "--help",
        helping,
        [sys.executable, "-c", "import textual.app"],
        "python -c 'import textual.app'",
        size,
    )
    status = command(size.directory / "empty", "status")
    yield _figure("status of nothing", status, helping, "--help", size)


def _figure(name: str, ours: Sequence[str], other: Sequence[str], other_way: str, size: Size) -> Figure:
    taken, beside = in_turns(2 * size.rounds, clocked(lambda: run(ours)), clocked(lambda: run(other)))
    return Figure(name=name, work="one start", ours=taken, other=beside, other_way=other_way)
