"""Mirroring real wheels on a Kubo: a release pinned from a peer, verified, and followed by its successor.

What a daemon reads is counted by the system, from files and from sockets; what it fetches, by bitswap.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.services import pinning, releases, verifying
from ipwhl_mirror.services.session import Session
from tests.benchmarks.kubo_daemons import bytes_read, kubo, received, run_ipfs, run_quietly, settings_of
from tests.benchmarks.measuring import Figure, Goal, Unit, clocked, in_turns, require
from tests.benchmarks.memory import LIMIT
from tests.benchmarks.programs import command, peak_bytes
from tests.benchmarks.real_wheels import two_releases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipwhl_mirror.services.settings import Settings
    from tests.benchmarks.measuring import Size
    from tests.benchmarks.real_wheels import TwoReleases
    from tests.nodes.running_kubo import KuboDaemon

_EVERYTHING = Selection.parse()
_READ_AT_MOST = 5
"""How often a changed byte may be read: sent by the peer, hashed, pinned, and read back, some of it twice."""


def verify(size: Size) -> Iterator[Figure]:
    """Walking and hashing a pinned release, beside `ipfs dag export` of it; and the memory of it."""
    made = two_releases(size)
    with kubo(size.directory / "node") as daemon:
        root = _add(daemon, made.first)
        settings = settings_of(size.directory / "mirror", daemon)
        asyncio.run(_follow(settings, root, "one"))
        taken, other = in_turns(
            size.rounds,
            clocked(lambda: asyncio.run(_verify(settings, made))),
            clocked(lambda: run_quietly(daemon, "dag", "export", "--progress=false", str(root))),
        )
        yield Figure(
            name="kubo verify",
            work=_work(made),
            ours=taken,
            other=other,
            other_way="ipfs dag export",
            goal=Goal(ratio=1.0),
        )
        scratch = size.directory / "peak"
        mine = command(settings.data_dir, "verify", node=daemon.rpc_url)
        nothing = command(size.directory / "nothing", "verify", node=daemon.rpc_url)
        yield Figure(
            name="kubo memory: verify of whole wheels",
            work=_work(made),
            ours=peak_bytes(mine, scratch),
            other=peak_bytes(nothing, scratch),
            other_way="verify of nothing",
            unit=Unit.BYTES,
            goal=Goal(at_most=LIMIT),
        )


def successor(size: Size) -> Iterator[Figure]:
    """Pinning the successor of a pinned release, beside a `pin/add` of it where nothing is to be fetched."""
    made = two_releases(size)
    with kubo(size.directory / "peer") as peer, kubo(size.directory / "node") as daemon:
        first, second = _add(peer, made.first), _add(peer, made.second)
        daemon.connect(peer)
        settings = settings_of(size.directory / "mirror", daemon)
        asyncio.run(_follow(settings, first, "one"))
        whole_fetched = received(daemon)
        asyncio.run(_track(settings, second, "two"))
        read_before = bytes_read(daemon)
        taken = asyncio.run(_pin(settings, "two"))
        read, fetched = bytes_read(daemon) - read_before, received(daemon) - whole_fetched
        daemon.call("pin/rm", second)
        read_before, began = bytes_read(daemon), time.perf_counter()
        run_ipfs(daemon, "pin", "add", str(second))
        cold, cold_read = time.perf_counter() - began, bytes_read(daemon) - read_before
    work = f"{_work(made)}, {made.changed_bytes} of them new"
    yield Figure(
        name="kubo successor: fetched, pinned and the new read back",
        work=work,
        ours=taken,
        other=cold,
        other_way="pin/add, nothing to fetch, nothing read back",
    )
    yield Figure(
        name="kubo successor: read by the daemon",
        work=work,
        ours=read,
        other=cold_read,
        other_way="pin/add, nothing to fetch",
        unit=Unit.BYTES,
        goal=Goal(at_most=_READ_AT_MOST * made.changed_bytes),
    )
    yield Figure(
        name="kubo successor: fetched",
        work=work,
        ours=fetched,
        other=whole_fetched,
        other_way="the whole release",
        unit=Unit.BYTES,
        goal=Goal(at_most=1.1 * made.changed_bytes + (1 << 20)),
    )


def _add(daemon: KuboDaemon, release: Path) -> Cid:
    return Cid.parse(run_ipfs(daemon, "add", "-r", "-Q", "--pin=false", str(release)).strip())


def _work(made: TwoReleases) -> str:
    total = sum(path.stat().st_size for path in made.second.rglob("*.whl"))
    return f"{made.wheels} wheels, {total} bytes"


async def _track(settings: Settings, root: Cid, label: str) -> None:
    async with Session.open(settings) as session:
        await releases.track(session, root, label=label)


async def _follow(settings: Settings, root: Cid, label: str) -> None:
    await _track(settings, root, label)
    await _pin(settings, label)


async def _pin(settings: Settings, label: str) -> float:
    async with Session.open(settings) as session:
        began = time.perf_counter()
        await pinning.pin(session, label, _EVERYTHING)
        return time.perf_counter() - began


async def _verify(settings: Settings, made: TwoReleases) -> None:
    async with Session.open(settings) as session:
        report = await verifying.verify(session)
    require(report.wheels == made.wheels and not report.broken, f"{report.wheels} wheels were read")
