"""pip and uv install from a real Kubo that keeps only a part of a release, by its gateway and by ours.

A release that `ipfs add -r` made is published on one daemon, flat or with a HAMT root; another one, with our
services on it, tracks it and pins a subset. Then the publisher stops, and what is not pinned is collected.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httpx
import pytest

from ipwhl_mirror.config import Config, NodeConfig, StorageConfig
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.unixfs import Kind, parse_unixfs
from ipwhl_mirror.nodes.base import NodeGateway
from ipwhl_mirror.services import pinning, releases, verifying
from ipwhl_mirror.services.serving import serving
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from tests.gateway.request_relay import RequestRelay
from tests.gateway.test_installers import both, run
from tests.gateway.test_resolving import chosen, pip_resolve, uv_resolve
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.simulators.wheels import ANY, WINDOWS, add_file, wheel_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid
    from tests.gateway.test_installers import Installer
    from tests.gateway.test_resolving import Resolver
    from tests.nodes.running_kubo import KuboDaemon

pytestmark = pytest.mark.kubo

INSIDE = Selection.parse(platforms=["linux-x86_64"], excludes=["outside"])
"""What the mirror keeps: `inside`, and the wheels for everything of `many`."""

WHEELS = {
    ("inside", f"inside-1.0-{ANY}.whl"): wheel_bytes("inside", "1.0", ANY, padding=600_000),
    ("many", f"many-2.0-{ANY}.whl"): wheel_bytes("many", "2.0", ANY),
    ("many", f"many-2.0-{WINDOWS}.whl"): wheel_bytes("many", "2.0", WINDOWS, padding=300_000),
    ("outside", f"outside-3.0-{ANY}.whl"): wheel_bytes("outside", "3.0", ANY, padding=300_000),
}
MISSING = [("many", f"many-2.0-{WINDOWS}.whl"), ("outside", f"outside-3.0-{ANY}.whl")]
FILLING = {"flat": 0, "HAMT": 1500}
"""Projects beside those of WHEELS, with names so long that 1,500 make a HAMT."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """A daemon that keeps a subset, and the one it came from.

    Attributes:
        publisher: has all of the release; stopped.
        projects: the names of all projects of the release.
        official: the release.
        subset: what is pinned of it.
    """

    repo: KuboRepo
    daemon: KuboDaemon
    publisher: KuboDaemon
    data_dir: Path
    projects: frozenset[str]
    official: Cid
    subset: Cid

    def session(self) -> AbstractAsyncContextManager[Session]:
        """Our services on the daemon."""
        return open_session(self.daemon, self.data_dir)


def open_session(daemon: KuboDaemon, data_dir: Path) -> AbstractAsyncContextManager[Session]:
    """A session on a daemon, told by the address of its RPC."""
    node = NodeConfig(spec=daemon.rpc_maddr, gateways=(), stall_timeout=20.0)
    config = Config(node=node, storage=StorageConfig(reserve_free=0))
    return Session.open(Settings(data_dir=data_dir, config=config))


def write_release(directory: Path, filling: int) -> frozenset[str]:
    """The files of a release; the names of its projects."""
    files = dict(WHEELS)
    for number in range(filling):
        project = f"project-{number:04}-" + "with-a-long-name" * 9
        filename = f"{project.replace('-', '_')}-1.0-{WINDOWS}.whl"
        files[project, filename] = b"wheel %d" % number
    for (project, filename), data in files.items():
        (directory / project).mkdir(parents=True, exist_ok=True)
        (directory / project / filename).write_bytes(data)
    return frozenset(project for project, _ in files)


async def pin_subset(daemon: KuboDaemon, data_dir: Path, official: Cid) -> Cid:
    """Track the release and pin the part that is kept; its CID."""
    async with open_session(daemon, data_dir) as session:
        await releases.track(session, official, label="one")
        report = await pinning.pin(session, "one", INSIDE)
        (part,) = report.forecast.plan.parts
        assert len(part.wheels) == 2
        return part.tree.cid


@pytest.fixture(scope="module", params=FILLING)
def mirror(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    """A subset pinned from the publisher; then the publisher stopped, and the rest collected."""
    directory = tmp_path_factory.mktemp("installs")
    repos = {name: KuboRepo.make(ipfs_command(), directory / name) for name in ("publisher", "mirror")}
    projects = write_release(directory / "release", FILLING[request.param])
    with repos["publisher"].start() as publisher, repos["mirror"].start() as daemon:
        official = repos["publisher"].add(directory / "release")
        root = parse_unixfs(repos["publisher"].read("block", "get", str(official)), official)
        assert root.kind is (Kind.HAMT_SHARD if FILLING[request.param] else Kind.DIRECTORY)
        daemon.connect(publisher)
        subset = asyncio.run(pin_subset(daemon, directory / "data", official))
        publisher.stop()
        repos["mirror"].run("repo", "gc")
        yield Mirror(repos["mirror"], daemon, publisher, directory / "data", projects, official, subset)


@contextlib.asynccontextmanager
async def gateway_of(mirror: Mirror, whose: str) -> AsyncIterator[str]:
    """The address of the daemon's own gateway, or of ours in front of it."""
    if whose == "kubo":
        yield mirror.daemon.gateway_url
        return
    async with mirror.session() as session, serving(session, "127.0.0.1:0") as gateway:
        yield gateway.url


class Links(HTMLParser):
    """The last parts of the paths that a page links to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href")
        if tag == "a" and target:
            self.names.add(unquote(re.sub(r"[?#].*", "", target).rstrip("/").rpartition("/")[2]))


async def get(url: str) -> httpx.Response:
    """The answer, without proxies."""
    async with httpx.AsyncClient(trust_env=False, timeout=60.0) as client:
        return await client.get(url)


NO_SUCH_PROJECT = "no matching distribution|not found in the package registry"
"""How pip and uv say it."""

by_both = pytest.mark.parametrize("whose", ["kubo", "ours"])


@both
@by_both
@pytest.mark.parametrize("which", ["official", "subset"])
async def test_what_is_kept_is_installed(
    mirror: Mirror, installer: Installer, whose: str, which: str, tmp_path: Path
) -> None:
    """By either CID, with no other node in reach."""
    root = mirror.official if which == "official" else mirror.subset
    async with gateway_of(mirror, whose) as gateway:
        code, said = await run([*installer(f"{gateway}/ipfs/{root}/", tmp_path, "inside"), "many"])
    assert code == 0, said
    for name, version in (("inside", "1.0"), ("many", "2.0")):
        assert (tmp_path / f"{name}.py").read_text() == f'__version__ = "{version}"\n'


@both
@by_both
async def test_what_is_not_kept_fails_cleanly(
    mirror: Mirror, installer: Installer, whose: str, tmp_path: Path
) -> None:
    """By the official CID the wheel is listed and is a 404; by the subset's there is no such project."""
    async with gateway_of(mirror, whose) as gateway:
        urls = [f"{gateway}/ipfs/{root}/" for root in (mirror.official, mirror.subset)]
        by_official, by_subset = await asyncio.gather(
            *(run(installer(url, tmp_path, "outside")) for url in urls)
        )
    assert by_official[0] != 0 and "404" in by_official[1], by_official
    assert by_subset[0] != 0 and re.search(NO_SUCH_PROJECT, by_subset[1], re.I), by_subset
    assert not list(tmp_path.glob("outside*"))


@by_both
async def test_the_official_root_lists_everything(mirror: Mirror, whose: str) -> None:
    """All projects, and in each its wheels, kept or not; those that are not kept are 404."""
    async with gateway_of(mirror, whose) as gateway:
        official = f"{gateway}/ipfs/{mirror.official}"
        assert mirror.projects <= Links((await get(f"{official}/")).text).names
        for project, filename in WHEELS:
            assert filename in Links((await get(f"{official}/{project}/")).text).names
            expected = 404 if (project, filename) in MISSING else 200
            assert (await get(f"{official}/{project}/{filename}")).status_code == expected


@by_both
async def test_the_subset_lists_what_is_kept(mirror: Mirror, whose: str) -> None:
    """Its projects and no others."""
    async with gateway_of(mirror, whose) as gateway:
        names = Links((await get(f"{gateway}/ipfs/{mirror.subset}/")).text).names
    assert names & mirror.projects == {"inside", "many"}


@pytest.mark.parametrize("resolver", [pip_resolve, uv_resolve], ids=["pip", "uv"])
@pytest.mark.parametrize("which", ["official", "subset"])
async def test_no_wheel_is_asked_for_to_resolve_what_is_kept(
    mirror: Mirror, resolver: Resolver, which: str, tmp_path: Path
) -> None:
    """Of a release by either CID, and what is not kept is in no listing more than its name."""
    root = mirror.official if which == "official" else mirror.subset
    async with gateway_of(mirror, "ours") as gateway:
        async with RequestRelay(int(gateway.rpartition(":")[2])) as relay:
            url = f"http://127.0.0.1:{relay.port}/ipfs/{root}/"
            code, said = await run(resolver(url, tmp_path / "report", "inside", "many"))
            assert code == 0, said
            assert chosen(tmp_path / "report") == {"inside": "1.0", "many": "2.0"}
            assert relay.wheels() == []
        page = (await get(f"{gateway}/ipfs/{mirror.official}/outside/")).text
        assert "#sha256" not in page and "metadata" not in page


async def test_what_is_kept_is_verified_after_the_collection(mirror: Mirror) -> None:
    """Every block under the index's pin and the subset's."""
    async with mirror.session() as session:
        assert {pin.cid for pin in await session.node.pins()} >= {mirror.subset}
        assert (await verifying.verify(session)).broken == ()


@contextlib.contextmanager
def reconnected(mirror: Mirror, *, no_fetch: bool) -> Iterator[None]:
    """The publisher is back, and the mirror's daemon runs with this Gateway.NoFetch.

    Afterwards all is as before, and what is not pinned collected.
    """
    settings = {"Gateway.NoFetch": no_fetch}
    mirror.daemon.stop()
    mirror.repo.configure(settings)
    mirror.daemon.restart()
    mirror.publisher.restart()
    try:
        mirror.daemon.connect(mirror.publisher)
        yield
    finally:
        mirror.publisher.stop()
        mirror.daemon.stop()
        mirror.repo.configure({"Gateway.NoFetch": True})
        mirror.daemon.restart()
        mirror.repo.run("repo", "gc")


@both
async def test_a_gateway_that_may_fetch_gets_what_is_not_kept(
    mirror: Mirror, installer: Installer, tmp_path: Path
) -> None:
    """Gateway.NoFetch=false: on demand, by the official CID; ours never fetches.

    It is outside plan and budget, and the next collection removes it.
    """
    filename = f"outside-3.0-{ANY}.whl"
    wheel = f"{mirror.official}/outside/{filename}"
    cid, _ = add_file(WHEELS["outside", filename], {})
    with reconnected(mirror, no_fetch=False):
        async with mirror.session() as session:
            assert await session.node.gateway() == NodeGateway(url=mirror.daemon.gateway_url, fetches=True)
        async with gateway_of(mirror, "ours") as ours:
            assert (await get(f"{ours}/ipfs/{wheel}")).status_code == 404
        url = f"{mirror.daemon.gateway_url}/ipfs/{mirror.official}/"
        code, said = await run(installer(url, tmp_path, "outside"))
        assert code == 0, said
        assert (tmp_path / "outside.py").exists()
        assert mirror.repo.has(cid)
    assert not mirror.repo.has(cid)


async def test_a_gateway_that_may_not_fetch_does_not(mirror: Mirror) -> None:
    """Gateway.NoFetch=true: 404, though the publisher is connected and has it."""
    with reconnected(mirror, no_fetch=True):
        async with mirror.session() as session:
            assert await session.node.gateway() == NodeGateway(url=mirror.daemon.gateway_url, fetches=False)
        for whose in ("kubo", "ours"):
            async with gateway_of(mirror, whose) as gateway:
                for project, filename in MISSING:
                    url = f"{gateway}/ipfs/{mirror.official}/{project}/{filename}"
                    assert (await get(url)).status_code == 404
