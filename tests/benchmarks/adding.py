"""Making a release of wheels on disk, beside `ipfs add -r` of the same directory: into the node that comes
with the program, and into a Kubo. Each time into an empty repository; all ways end with the same CID.

Ours also checks the release before, and keeps its index pinned by itself; `publish` reads it back too.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import time
from itertools import count
from typing import TYPE_CHECKING

from ipwhl_mirror.config import Config, NodeConfig, StorageConfig
from ipwhl_mirror.domain.checks.findings import Rule
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.services import publishing
from ipwhl_mirror.services.events import Phase
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from tests.benchmarks.kubo_daemons import ipfs, kubo, run_ipfs, settings_of
from tests.benchmarks.made import write_wheels
from tests.benchmarks.measuring import Figure, in_turns, require
from tests.nodes.kubo_daemon import KuboRepo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ipwhl_mirror.services.events import Progress
    from tests.benchmarks.measuring import Size

_SMALL_EACH = 5
_SMALL_BYTES = 20_000
_OPTIONS = ("add", "-r", "-Q", "--pin=true")


def add(size: Size) -> Iterator[Figure]:
    """Both nodes."""
    tree = _tree(size)
    work = f"{sum(1 for _ in tree.rglob('*.whl'))} wheels, {_bytes(tree)} bytes"
    roots: set[Cid] = set()
    numbers = count()

    def scratch() -> Path:
        return size.directory / f"run-{next(numbers)}"

    ways = {
        "the node that comes with it": (_embedded, _offline, "ipfs add -r, without a daemon"),
        "a Kubo": (_kubo, _daemon, "ipfs add -r"),
    }
    for node, (ours, other, other_way) in ways.items():
        made: list[float] = []
        whole, taken = in_turns(size.rounds, ours(tree, scratch, roots, made), other(tree, scratch, roots))
        for what, figure in (("add", statistics.median(made)), ("publish", whole)):
            yield Figure(name=f"{what}: {node}", work=work, ours=figure, other=taken, other_way=other_way)
    require(len(roots) == 1, f"{len(roots)} different CIDs were made")


def _tree(size: Size) -> Path:
    """Wheels of the size that is measured, and five small ones for each of them; a directory a project."""
    tree = size.directory / "tree"
    groups = {"large": (size.files, size.file_bytes), "small": (size.files * _SMALL_EACH, _SMALL_BYTES)}
    for kind, (files, file_bytes) in groups.items():
        for path in write_wheels(size.directory / kind, files, file_bytes):
            project = f"{kind}{path.name.partition('-')[0]}"
            (tree / project).mkdir(parents=True)
            path.rename(tree / project / f"{kind}{path.name}")
    return tree


def _bytes(tree: Path) -> int:
    return sum(path.stat().st_size for path in tree.rglob("*.whl"))


def _embedded(
    tree: Path, scratch: Callable[[], Path], roots: set[Cid], made: list[float]
) -> Callable[[], float]:
    def run() -> float:
        config = Config(node=NodeConfig(spec="embedded", gateways=()), storage=StorageConfig(reserve_free=0))
        settings = Settings(data_dir=scratch(), config=config)
        taken = asyncio.run(_publish(settings, tree, roots, made))
        shutil.rmtree(settings.data_dir)
        return taken

    return run


def _offline(tree: Path, scratch: Callable[[], Path], roots: set[Cid]) -> Callable[[], float]:
    command = ipfs()

    def run() -> float:
        repo = KuboRepo.make(command, scratch())
        began = time.perf_counter()
        root = repo.run(*_OPTIONS, str(tree))
        taken = time.perf_counter() - began
        roots.add(Cid.parse(root.strip()))
        shutil.rmtree(repo.path)
        return taken

    return run


def _kubo(tree: Path, scratch: Callable[[], Path], roots: set[Cid], made: list[float]) -> Callable[[], float]:
    def run() -> float:
        data = scratch()
        with kubo(scratch()) as daemon:
            taken = asyncio.run(_publish(settings_of(data, daemon), tree, roots, made))
        shutil.rmtree(data)
        return taken

    return run


def _daemon(tree: Path, scratch: Callable[[], Path], roots: set[Cid]) -> Callable[[], float]:
    def run() -> float:
        with kubo(scratch()) as daemon:
            began = time.perf_counter()
            root = run_ipfs(daemon, *_OPTIONS, str(tree))
            taken = time.perf_counter() - began
        roots.add(Cid.parse(root.strip()))
        return taken

    return run


async def _publish(settings: Settings, tree: Path, roots: set[Cid], made: list[float]) -> float:
    """Seconds; `made` is told those until it is pinned, and all that follows is reading it back."""
    reading: list[float] = []

    def tell(progress: Progress) -> None:
        if progress.phase is Phase.VERIFY and not reading:
            reading.append(time.perf_counter())

    async with Session.open(settings) as session:
        recipe = publishing.Recipe(inputs=[tree], allowed=frozenset({Rule.METADATA_READABLE}))
        began = time.perf_counter()
        loaded = await publishing.publish(session, recipe, sink=tell)
        taken = time.perf_counter() - began
    roots.add(loaded.tracked.cid)
    made.append(reading[0] - began)
    return taken
