"""Each benchmark runs, and what it measures is right: on a tiny size, and not how fast."""

from __future__ import annotations

import shutil
import socket
import time
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.dagpb import parse_node
from tests.benchmarks.made import WHEELS_EACH, make_index, write_wheels
from tests.benchmarks.measuring import CannotMeasure, Figure, Goal, Size, Unit, Wheels, WrongResult, in_turns
from tests.benchmarks.programs import run
from tests.benchmarks.running import BENCHMARKS, measure
from tests.simulators.big_release import big_release
from tests.simulators.slow_link import slow_link

if TYPE_CHECKING:
    from pathlib import Path

WHEELS = "2 wheels, 600000 bytes"
BIG = "one wheel of 1000000 bytes"
LISTED = "150 wheels, 35 rows"
BIG_RELEASE = "30 projects, 150 wheels, 31 blocks"
MIRROR = "3 wheels, 900000 bytes"
DONE = {
    "parse": [("index: from blocks to a release", "30 projects, 150 wheels, 31 blocks")],
    "plan": [
        ("plan: totals of a changed selection", "150 wheels"),
        ("plan: the subset tree", "60 of 150 wheels, 33 blocks"),
    ],
    "check": [("check: every rule", "150 wheels, 8 environments")],
    "status": [("status", "2 releases of 50 wheels")],
    "publish": [("publish", WHEELS)],
    "add": [
        (f"{what}: {node}", "12 wheels, 800000 bytes")
        for node in ("the node that comes with it", "a Kubo")
        for what in ("add", "publish")
    ],
    "publish-again": [("publish: an unchanged lock", WHEELS)],
    "fetch": [("fetch: hashed and synced", WHEELS), ("pin: fetched, pinned and read back", WHEELS)],
    "verify": [("verify", WHEELS)] * 2,
    "resolve-metadata": [
        (name, "2 projects, wheels of 300000 bytes") for name in ("resolve: pip", "resolve: sent to pip")
    ],
    "memory": [
        *((f"memory: {name}", "30 projects") for name in ("import", "track", "plan", "show --wheels")),
        *(
            (f"memory: {name}", BIG)
            for name in ("publish", "pin", "serve, as CAR and as file", "verify", "export", "import")
        ),
    ],
    "start": [("--help", "one start")] * 2 + [("status of nothing", "one start")],
    "tui-paint": [("tui: first paint of the contents", LISTED)] * 2
    + [("tui: every project opened", "150 wheels, 185 rows")] * 2,
    "tui-find": [
        ("tui: filter, each letter of a rare word", LISTED),
        ("tui: filter, each letter of a common word", LISTED),
    ],
    "tui-keys": [
        *((f"tui: {name}", LISTED) for name in ("down", "page down", "end and home") for _ in range(2)),
        ("tui: sort", LISTED),
        ("tui: mark a platform", LISTED),
        ("tui: mark a project", LISTED),
        ("tui: mark every project", LISTED),
    ],
    "tui-views": [
        ("tui: first paint of releases, sorted", "3 rows, 8 columns"),
        ("tui: first paint of platforms", "5 rows, 3 columns"),
        ("tui: first paint of pins", "5 rows, 6 columns"),
        ("tui: first paint of changes", "2 rows, 5 columns, two releases of 150 wheels"),
    ],
    "tui-open": [
        (f"tui: {name}{what}", f"{reads} x 150 wheels")
        for name, reads in (
            ("open a release", 1),
            ("compare two releases", 2),
            ("pins and storage", 1),
            ("read what is open again", 1),
        )
        for what in ("", ", longest freeze")
    ],
    "tui-process": [
        ("tui: start to first paint", "an empty data directory"),
        ("tui: processor at rest", "0.2 s watched"),
        ("tui: processor while a job runs", "0.2 s watched"),
        *[("tui: memory", "150 wheels on screen")] * 2,
    ],
    "kubo-index": [
        ("kubo index: read", BIG_RELEASE),
        ("kubo index: tracked and untracked", BIG_RELEASE),
        ("kubo index: requests", BIG_RELEASE),
    ],
    "kubo-memory": [
        (f"kubo memory: {name}", "30 projects, 150 wheels")
        for name in ("track", "plan", "pin", "show --wheels", "status", "verify")
    ],
    "kubo-far": [("kubo index: 20 ms away", BIG_RELEASE)],
    "kubo-subset": [
        ("kubo subset: tree made, imported and pinned", "60 wheels of 150, all on the node"),
        ("kubo subset: pin, every block read back", "60 wheels of 150, all on the node"),
    ],
    "kubo-status": [("kubo status", "50 named pins of other programs")],
    "kubo-sync": [
        ("kubo sync: nothing new", "one platform of 30 projects, 150 wheels"),
        ("kubo sync: requests for nothing new", "one platform of 30 projects, 150 wheels"),
    ],
    "kubo-verify": [("kubo verify", MIRROR), ("kubo memory: verify of whole wheels", MIRROR)],
    "kubo-successor": [
        (f"kubo successor: {name}", f"{MIRROR}, 300000 of them new")
        for name in ("fetched, pinned and the new read back", "read by the daemon", "fetched")
    ],
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
        pins=50,
        listed_releases=3,
        listed_pins=4,
        watched_s=0.2,
        wheels=Wheels.MADE,
        rounds=1,
    )


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.kubo] * name.startswith("kubo-")) for name in BENCHMARKS],
)
def test_benchmark_does_its_work(name: str, tiny: Size) -> None:
    """It yields its figures, each of the work that was asked for."""
    if name in ("fetch", "memory") and shutil.which("curl") is None:
        pytest.skip("no curl on the PATH")
    if name == "verify" and shutil.which("sha256sum") is None:
        pytest.skip("no sha256sum on the PATH")
    try:
        figures = measure(name, tiny)
    except CannotMeasure as reason:
        pytest.skip(str(reason))
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


def test_big_release_is_its_index_with_wheels_that_are_there() -> None:
    """Every link of a project leads to a block that is in it; a part of them is new in the successor."""
    first, second = big_release(40), big_release(40, 1)
    assert len(first.wheels) == 40 * WHEELS_EACH
    names = {cid.digest for cid, _ in first.blocks()}
    linked = {link.cid.digest for block in first.index.blocks.values() for link in parse_node(block).links}
    assert linked | {first.root.digest} == names
    assert all(cid.is_of(block) for cid, block in first.blocks())
    assert len(second.wheels.keys() - first.wheels.keys()) == 40 // 20 * WHEELS_EACH


def test_slow_link_holds_every_byte_back() -> None:
    """A round trip takes its delay twice, and many bytes take no longer than one."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        slow_link(server.getsockname()[1], delay_s=0.05) as port,
        socket.create_connection(("127.0.0.1", port)) as near,
        server.accept()[0] as far,
    ):
        began = time.monotonic()
        near.sendall(bytes(100_000))
        left = 100_000
        while left:
            left -= len(far.recv(left))
        far.sendall(b"!")
        assert near.recv(1) == b"!"
        taken = time.monotonic() - began
    assert 0.1 <= taken < 2


def test_wheels_are_the_same_every_time(tmp_path: Path) -> None:
    """Figures of two runs are about the same bytes."""
    first, second = (write_wheels(tmp_path / name, 1, 1_100_000) for name in ("a", "b"))
    assert first[0].read_bytes() == second[0].read_bytes()
    assert first[0].stat().st_size == 1_100_000
