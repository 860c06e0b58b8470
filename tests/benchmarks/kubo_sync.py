"""A `sync` that finds nothing new, on a mirror of one platform of a large release on a Kubo.

Beside it, what an operator can ask a daemon without this program: `refs -r` of what is pinned, which walks
all of it to say that it is there.
"""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.config import MirrorConfig
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.services import announcing, pinning, releases, sources, syncing
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.sources.keys import read_key_file
from tests.benchmarks.kubo_daemons import import_car, kubo, run_quietly, settings_of
from tests.benchmarks.measuring import CannotMeasure, Figure, Goal, Unit, clocked, in_turns, require
from tests.simulators.big_release import big_release
from tests.simulators.rpc_proxy import RpcProxy
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipwhl_mirror.services.settings import Settings
    from tests.benchmarks.measuring import Size
    from tests.nodes.running_kubo import KuboDaemon

_PLATFORM = "linux-x86_64"
_REQUESTS = 50
_SECONDS = 1.0


def sync(size: Size) -> Iterator[Figure]:
    """Nothing new: how long it takes, and how many requests."""
    if shutil.which("ssh-keygen") is None:
        raise CannotMeasure("no ssh-keygen on the PATH")
    made = big_release(size.projects)
    car = size.directory / "release.car"
    made.write_car(car)
    with kubo(size.directory / "node") as daemon:
        import_car(daemon, car)
        settings = _settings(size, daemon)
        address = asyncio.run(_follow(settings, size, str(made.root)))
        work = f"one platform of {size.projects} projects, {len(made.wheels)} wheels"

        def nothing_new() -> None:
            require(not asyncio.run(_sync(settings)).changed, "something was new")

        taken, other = in_turns(
            size.rounds,
            clocked(nothing_new),
            clocked(lambda: run_quietly(daemon, "refs", "-r", address)),
        )
        yield Figure(
            name="kubo sync: nothing new",
            work=work,
            ours=taken,
            other=other,
            other_way="ipfs refs -r of what is pinned",
            goal=Goal(at_most=_SECONDS),
        )
        yield Figure(
            name="kubo sync: requests for nothing new",
            work=work,
            ours=asyncio.run(_requests(settings, daemon)),
            other=len(made.index.blocks),
            other_way="one a directory",
            unit=Unit.REQUESTS,
            goal=Goal(at_most=_REQUESTS),
        )


def _settings(size: Size, daemon: KuboDaemon) -> Settings:
    plain = settings_of(size.directory / "mirror", daemon)
    mirrors = {"campus": MirrorConfig(source="campus", platforms=(_PLATFORM,))}
    return dataclasses.replace(plain, config=msgspec.structs.replace(plain.config, mirror=mirrors))


async def _follow(settings: Settings, size: Size, root: str) -> str:
    """Announce the release, follow that, and bring the mirror to it; what its address leads to."""
    key = make_key(size.directory / "id")
    feed = size.directory / "campus.json"
    async with Session.open(settings) as session:
        loaded = await releases.track(session, Cid.parse(root), label="one")
        await pinning.pin(session, "one", Selection.parse(platforms=[_PLATFORM]))
        await announcing.announce(session, announcing.FeedFile(path=feed, key=key, label="one"), loaded)
        await sources.add_source(session, "campus", feed.as_uri(), read_key_file(key.with_suffix(".pub")))
    report = await _sync(settings)
    require(report.error is None and report.current is not None, f"it did not sync: {report.error}")
    assert report.current is not None
    return str(report.current.cid)


async def _sync(settings: Settings) -> syncing.SyncReport:
    async with Session.open(settings) as session:
        await session.check_node()
        (report,) = await syncing.sync(session)
        return report


async def _requests(settings: Settings, daemon: KuboDaemon) -> int:
    async with RpcProxy(daemon.rpc_url) as proxy:
        node = msgspec.structs.replace(settings.config.node, spec=proxy.url)
        config = msgspec.structs.replace(settings.config, node=node)
        await _sync(dataclasses.replace(settings, config=config))
        return len(proxy.requests)
