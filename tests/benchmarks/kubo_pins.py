"""Pinning one platform of a large release whose wheels are on the Kubo already, and a node with many pins."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING

import httpx

from ipwhl_mirror.domain.plans import plan_pin
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.domain.subsets import subset_tree
from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.services import overview, pinning, releases
from ipwhl_mirror.services.session import Session
from tests.benchmarks.kubo_daemons import import_car, kubo, node_of, run_quietly, settings_of
from tests.benchmarks.measuring import Figure, Goal, clocked, in_turns, require
from tests.simulators.big_release import big_release

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ipwhl_mirror.domain.releases import Release, Wheel
    from ipwhl_mirror.services.settings import Settings
    from tests.benchmarks.measuring import Size
    from tests.nodes.running_kubo import KuboDaemon

_PLATFORM = Selection.parse(platforms=["linux-x86_64"])
_AT_ONCE = 1000


def subset(size: Size) -> Iterator[Figure]:
    """The tree of a platform imported and pinned, beside one `pin/add` a wheel; and the whole of `pin`."""
    made = big_release(size.projects)
    car = size.directory / "release.car"
    made.write_car(car)
    with kubo(size.directory / "node") as daemon:
        import_car(daemon, car)
        release, wheels = asyncio.run(_chosen(daemon, made.root))
        work = f"{len(wheels)} wheels of {len(release.wheels)}, all on the node"
        taken = statistics.median(asyncio.run(_pin_tree(daemon, release, wheels)) for _ in range(size.rounds))
        other = _pin_each(daemon, wheels)
        yield Figure(
            name="kubo subset: tree made, imported and pinned",
            work=work,
            ours=taken,
            other=other,
            other_way="one pin/add a wheel",
            goal=Goal(ratio=10.0),
        )
        settings = settings_of(size.directory / "mirror", daemon)
        yield Figure(
            name="kubo subset: pin, every block read back",
            work=work,
            ours=asyncio.run(_pin(settings, made.root, wheels)),
            other=other,
            other_way="one pin/add a wheel, nothing read back",
        )


def status(size: Size) -> Iterator[Figure]:
    """The status of a release on a node that has many pins of other programs."""
    made = big_release(size.status_projects)
    car = size.directory / "release.car"
    made.write_car(car)
    with kubo(size.directory / "node") as daemon:
        import_car(daemon, car)
        _pin_foreign(daemon, size.pins)
        settings = settings_of(size.directory / "mirror", daemon)
        asyncio.run(_pin(settings, made.root, ()))

        def ours() -> None:
            found = asyncio.run(_status(settings))
            require(found == [1], f"pins found of each release: {found}")

        taken, other = in_turns(
            size.rounds,
            clocked(ours),
            clocked(lambda: run_quietly(daemon, "pin", "ls", "--type=recursive", "--names")),
        )
        yield Figure(
            name="kubo status",
            work=f"{size.pins} named pins of other programs",
            ours=taken,
            other=other,
            other_way="ipfs pin ls --type=recursive --names",
        )


async def _chosen(daemon: KuboDaemon, root: Cid) -> tuple[Release, Sequence[Wheel]]:
    async with node_of(daemon.rpc_url) as node:
        release = (await releases.read_tree(node, root, Reach.LOCAL)).release
    return release, plan_pin(release, _PLATFORM, here=set(), pinned=set()).wheels


async def _pin_tree(daemon: KuboDaemon, release: Release, wheels: Sequence[Wheel]) -> float:
    async with node_of(daemon.rpc_url) as node:
        began = time.perf_counter()
        tree = subset_tree(release, wheels)
        await node.put_blocks((*release.index.blocks, *tree.blocks))
        await node.pin(tree.cid, "ipwhl-mirror/benchmark")
        taken = time.perf_counter() - began
        require(tree.cid.digest in await node.pinned(), "the subset is not pinned")
        await node.unpin(tree.cid)
    return taken


def _pin_each(daemon: KuboDaemon, wheels: Sequence[Wheel]) -> float:
    """Pin them one by one over one connection, and let all go again; the seconds that the former took."""
    url = f"{daemon.rpc_url}/api/v0/pin/"
    distinct = list(dict.fromkeys(str(wheel.cid) for wheel in wheels))
    with httpx.Client(trust_env=False, timeout=60) as client:
        began = time.perf_counter()
        for cid in distinct:
            client.post(url + "add", params={"arg": cid}).raise_for_status()
        taken = time.perf_counter() - began
        for start in range(0, len(distinct), _AT_ONCE):
            client.post(url + "rm", params={"arg": distinct[start : start + _AT_ONCE]}).raise_for_status()
    return taken


async def _pin(settings: Settings, root: Cid, wheels: Sequence[Wheel]) -> float:
    async with Session.open(settings) as session:
        await releases.track(session, root, label="one")
        began = time.perf_counter()
        report = await pinning.pin(session, "one", _PLATFORM)
        taken = time.perf_counter() - began
    read = report.read_back.wheels
    require(read == len(wheels) or not wheels, f"{read} wheels were read back")
    return taken


async def _status(settings: Settings) -> list[int]:
    async with Session.open(settings) as session:
        report = await overview.status(session)
        return [len(release.holdings) for release in report.releases]


def _pin_foreign(daemon: KuboDaemon, count: int) -> None:
    """Pins of another program: named, of one small block each."""
    blocks = [b"foreign pin %d" % number for number in range(count)]
    cids = [Cid.of(block, RAW) for block in blocks]
    car = daemon.repo_path / "foreign.car"
    car.write_bytes(car_header([]) + b"".join(map(car_section, cids, blocks)))
    import_car(daemon, car)
    for start in range(0, count, _AT_ONCE):
        daemon.call("pin/add", *cids[start : start + _AT_ONCE], name="of another program")
