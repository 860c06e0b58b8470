"""Reading the index of a large release from a Kubo, beside `ipfs refs -r` of the same release.

`refs` reads the wheels' blocks too, one small block each here, and gives no sizes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.session import Session
from tests.benchmarks.kubo_daemons import far_apart, import_car, kubo, node_of, run_ipfs, settings_of
from tests.benchmarks.made import WHEELS_EACH
from tests.benchmarks.measuring import Figure, Goal, Unit, clocked, in_turns, require
from tests.benchmarks.memory import LIMIT
from tests.benchmarks.programs import command, peak_bytes
from tests.simulators.big_release import big_release
from tests.simulators.rpc_proxy import RpcProxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.benchmarks.measuring import Size
    from tests.nodes.running_kubo import KuboDaemon
    from tests.simulators.big_release import BigRelease

_REQUESTS = 13


def index(size: Size) -> Iterator[Figure]:
    """Reading it and tracking it, all blocks local, and the requests that takes."""
    release, car = _made(size)
    with kubo(size.directory / "node") as daemon:
        import_car(daemon, car)
        taken, other = in_turns(
            size.rounds,
            clocked(lambda: asyncio.run(_read(daemon, release, Reach.LOCAL, size.directory / "reading"))),
            clocked(lambda: _refs(daemon, release)),
        )
        yield Figure(
            name="kubo index: read",
            work=_work(release, size),
            ours=taken,
            other=other,
            other_way="ipfs refs -r",
            goal=Goal(ratio=3.0),
        )
        taken, other = in_turns(
            size.rounds,
            clocked(lambda: asyncio.run(_track(daemon, release, size.directory / "tracking"))),
            clocked(lambda: _refs(daemon, release)),
        )
        yield Figure(
            name="kubo index: tracked and untracked",
            work=_work(release, size),
            ours=taken,
            other=other,
            other_way="ipfs refs -r",
        )
        yield Figure(
            name="kubo index: requests",
            work=_work(release, size),
            ours=asyncio.run(_requests(daemon, release)),
            other=len(release.index.blocks),
            other_way="one a block",
            unit=Unit.REQUESTS,
            goal=Goal(at_most=_REQUESTS),
        )


def memory(size: Size) -> Iterator[Figure]:
    """The most memory that a command takes, of a release on a Kubo."""
    release, car = _made(size)
    with kubo(size.directory / "node") as daemon:
        import_car(daemon, car)
        yield from _memory(daemon, release, size)


def far(size: Size) -> Iterator[Figure]:
    """The same on an empty node whose only peer is some way off. Once: nothing is left to fetch then."""
    release, car = _made(size)
    with kubo(size.directory / "peer") as peer:
        import_car(peer, car)

        def on_an_empty_node(work: Callable[[KuboDaemon], None]) -> float:
            with (
                kubo(size.directory / "node") as daemon,
                far_apart(daemon, peer, round_trip_s=size.round_trip_s),
            ):
                return clocked(lambda: work(daemon))()

        yield Figure(
            name=f"kubo index: {size.round_trip_s * 1000:.0f} ms away",
            work=_work(release, size),
            ours=on_an_empty_node(
                lambda daemon: asyncio.run(_read(daemon, release, Reach.NETWORK, size.directory / "reading"))
            ),
            other=on_an_empty_node(lambda daemon: _refs(daemon, release)),
            other_way="ipfs refs -r",
            goal=Goal(ratio=20.0),
        )


def _made(size: Size) -> tuple[BigRelease, Path]:
    release = big_release(size.projects)
    car = size.directory / "release.car"
    release.write_car(car)
    return release, car


def _work(release: BigRelease, size: Size) -> str:
    return f"{size.projects} projects, {len(release.wheels)} wheels, {len(release.index.blocks)} blocks"


async def _read(daemon: KuboDaemon, release: BigRelease, reach: Reach, data_dir: Path) -> None:
    async with Session.open(settings_of(data_dir, daemon)) as session:
        recognised = await releases.read_tree(session.node, release.root, reach)
    require(len(recognised.release.wheels) == len(release.wheels), "wheels are lost")


def _refs(daemon: KuboDaemon, release: BigRelease) -> None:
    listed = run_ipfs(daemon, "refs", "-r", str(release.root)).count("\n")
    require(listed == len(release.index.blocks) - 1 + len(release.wheels), f"refs lists {listed}")


async def _track(daemon: KuboDaemon, release: BigRelease, data_dir: Path) -> None:
    async with Session.open(settings_of(data_dir, daemon)) as session:
        loaded = await releases.track(session, release.root, label="one")
        require(loaded.tracked.wheels == len(release.wheels), "wheels are lost")
        await releases.untrack(session, "one")


async def _requests(daemon: KuboDaemon, release: BigRelease) -> int:
    async with RpcProxy(daemon.rpc_url) as proxy, node_of(proxy.url) as node:
        await node.status()
        before = len(proxy.requests)
        await releases.read_tree(node, release.root, Reach.LOCAL)
        return len(proxy.requests) - before


def _memory(daemon: KuboDaemon, release: BigRelease, size: Size) -> Iterator[Figure]:
    scratch = size.directory / "peak"
    mirror = size.directory / "mirror"
    nothing = peak_bytes(command(size.directory / "nothing", "status", node=daemon.rpc_url), scratch)
    for name, arguments in (
        ("track", ("track", str(release.root), "--label", "one")),
        ("plan", ("plan", "one", "-p", "linux-x86_64", "-p", "macos-arm64")),
        ("pin", ("pin", "one", "-p", "linux-x86_64")),
        ("show --wheels", ("--json", "show", "one", "--wheels")),
        ("status", ("status",)),
        ("verify", ("verify",)),
    ):
        yield Figure(
            name=f"kubo memory: {name}",
            work=f"{size.projects} projects, {size.projects * WHEELS_EACH} wheels",
            ours=peak_bytes(command(mirror, *arguments, node=daemon.rpc_url), scratch),
            other=nothing,
            other_way="status of nothing",
            unit=Unit.BYTES,
            goal=Goal(at_most=LIMIT),
        )
