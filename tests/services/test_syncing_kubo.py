"""A mirror on a Kubo whose wheels come from a peer: what changed travels, what is let go is collected."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.services.retiring import LISTING_PIN
from tests.mirror_world import ARM, LINUX, Campus, release, with_storage
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.services.test_syncing import labels, listed, wheels_of
from tests.simulators.gateway import SimulatedGateway
from tests.simulators.rpc_proxy import RpcProxy
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.nodes.running_kubo import KuboDaemon
    from tests.simulators.wheels import SampleRelease

pytestmark = [
    pytest.mark.kubo,
    pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed"),
]
MOST_REQUESTS = 50
OLD = release("1.0")
NEW = release("1.0", other="1.1")
NEWER = release("1.0", other="1.1", pure="1.2")


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[tuple[KuboDaemon, KuboDaemon]]:
    """A mirror's and a publisher's, which are peers."""
    command = ipfs_command()
    with (
        KuboRepo.make(command, tmp_path / "mirror").start() as mirror,
        KuboRepo.make(command, tmp_path / "publisher").start() as publisher,
    ):
        mirror.connect(publisher)
        yield mirror, publisher


def hand_over(daemon: KuboDaemon, made: SampleRelease) -> None:
    """Have all of a release on a daemon."""
    daemon.put((Cid(0, DAG_PB, digest), block) for digest, block in made.blocks.items())


async def test_three_releases(daemons: tuple[KuboDaemon, KuboDaemon], tmp_path: Path) -> None:
    """Two parts and a listing; each step switches to what is whole, nothing new takes few requests, and pins
    of other programs stay."""
    daemon, publisher = daemons
    foreign = Cid.of(b"photos", RAW)
    daemon.put([(foreign, b"photos")])
    daemon.pin(foreign, "photos")
    async with SimulatedGateway({}) as origin:
        campus = Campus(directory=tmp_path, origin=origin, key=make_key(tmp_path / "id"))
        campus.node = daemon.rpc_url
        campus.configure(platforms=(LINUX, ARM), keep=1)
        with_storage(campus, gc="after-sync")
        await campus.announce("r1", OLD)
        await campus.follow()
        for label, made in (("r1", OLD), ("r2", NEW), ("r3", NEWER)):
            hand_over(publisher, made)
            if label != "r1":
                await campus.announce(label, made)
            report = await campus.sync()
            assert report.error is None and report.changed
            async with campus.session() as session:
                assert await listed(session) == wheels_of(made, "manylinux", "arm64", "-any")
        assert await labels(campus) == ["r3"]
        assert not origin.requests
        async with RpcProxy(daemon.rpc_url) as proxy:
            campus.node = proxy.url
            assert not (await campus.sync()).changed
            assert len(proxy.requests) < MOST_REQUESTS
    assert sorted(filter(None, daemon.pins().values())) == [
        f"ipwhl-mirror/-p {LINUX}",
        f"ipwhl-mirror/-p {ARM}",
        "ipwhl-mirror/index r3",
        f"{LISTING_PIN} campus",
        "photos",
    ]
