"""Each benchmark runs, and what it measures is right: on a tiny size, and not how fast."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.made import make_index, write_wheels
from tests.benchmarks.measuring import Figure, Goal, Size, Unit, WrongResult, in_turns
from tests.benchmarks.programs import run
from tests.benchmarks.running import BENCHMARKS, measure

if TYPE_CHECKING:
    from pathlib import Path

WHEELS = "2 wheels, 600000 bytes"
BIG = "one wheel of 1000000 bytes"
DONE = {
    "parse": [("index: from blocks to a release", "30 projects, 150 wheels, 31 blocks")],
    "plan": [
        ("plan: totals of a changed selection", "150 wheels"),
        ("plan: the subset tree", "60 of 150 wheels, 33 blocks"),
    ],
    "status": [("status", "2 releases of 50 wheels")],
    "publish": [("publish", WHEELS)],
    "fetch": [("fetch: hashed and synced", WHEELS), ("pin: fetched, pinned and read back", WHEELS)],
    "verify": [("verify", WHEELS)] * 2,
    "memory": [
        *((f"memory: {name}", "30 projects") for name in ("import", "track", "plan", "show --wheels")),
        *(
            (f"memory: {name}", BIG)
            for name in ("publish", "pin", "serve, as CAR and as file", "verify", "export", "import")
        ),
    ],
    "start": [("--help", "one start")] * 2 + [("status of nothing", "one start")],
}


@pytest.fixture
def tiny(tmp_path: Path) -> Size:
    """A size at which every benchmark takes a moment."""
    return Size(
        directory=tmp_path,
        projects=30,
        releases=2,
        status_projects=10,
        files=2,
        file_bytes=300_000,
        big_bytes=1_000_000,
        rounds=1,
    )


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_does_its_work(name: str, tiny: Size) -> None:
    """It yields its figures, each of the work that was asked for."""
    if name in ("fetch", "memory") and shutil.which("curl") is None:
        pytest.skip("no curl on the PATH")
    if name == "verify" and shutil.which("sha256sum") is None:
        pytest.skip("no sha256sum on the PATH")
    figures = measure(name, tiny)
    assert [(figure.name, figure.work) for figure in figures] == DONE[name]
    assert all(figure.ours > 0 and figure.other > 0 for figure in figures)


def test_a_program_that_fails_is_no_figure() -> None:
    """Its time would mean nothing."""
    with pytest.raises(WrongResult, match="ended with 1"):
        run(["false"])


def test_medians_of_both_ways_in_turns() -> None:
    """Each goes first as often as the other, and one slow run of either changes nothing."""
    order: list[str] = []
    times = {"ours": iter([1.0, 90.0, 2.0]), "other": iter([4.0, 5.0, 80.0])}

    def run_one(name: str) -> float:
        order.append(name)
        return next(times[name])

    medians = in_turns(3, lambda: run_one("ours"), lambda: run_one("other"))
    assert medians == (2.0, 5.0)
    assert order == ["ours", "other", "other", "ours", "ours", "other"]


@pytest.mark.parametrize(
    ("goal", "is_met", "words"),
    [
        pytest.param(Goal(), None, "", id="none"),
        pytest.param(Goal(ratio=0.4), True, ">= 40% met", id="ratio met"),
        pytest.param(Goal(ratio=0.6), False, ">= 60% MISSED", id="ratio missed"),
        pytest.param(Goal(at_most=0.3), True, "<= 300.0 ms met", id="limit met"),
        pytest.param(Goal(at_most=0.1), False, "<= 100.0 ms MISSED", id="limit missed"),
        pytest.param(Goal(at_most=0.3, ratio=0.6), False, "<= 300.0 ms, >= 60% MISSED", id="one of two"),
    ],
)
def test_goals(goal: Goal, is_met: bool | None, words: str) -> None:
    """A figure says whether it reaches its goal; twice the time of the other way is 50 %."""
    figure = Figure(name="f", work="w", ours=0.2, other=0.1, other_way="o", goal=goal)
    assert figure.is_met is is_met
    assert figure.cells() == ("f", "w", "200.0 ms", "100.0 ms  o", "50%", words.strip())


def test_memory_is_in_bytes() -> None:
    """And shown in MiB."""
    figure = Figure(name="f", work="w", ours=1 << 26, other=1 << 25, other_way="o", unit=Unit.BYTES)
    assert figure.cells()[2] == "64 MiB"


def test_generations_of_an_index_share_most_projects() -> None:
    """One project of twenty changes from a release to the next."""
    first, second = make_index(100), make_index(100, 1)
    assert len(second.blocks.keys() - first.blocks.keys()) == 100 // 20 + 1


def test_wheels_are_the_same_every_time(tmp_path: Path) -> None:
    """Figures of two runs are about the same bytes."""
    first, second = (write_wheels(tmp_path / name, 1, 1_100_000) for name in ("a", "b"))
    assert first[0].read_bytes() == second[0].read_bytes()
    assert first[0].stat().st_size == 1_100_000
