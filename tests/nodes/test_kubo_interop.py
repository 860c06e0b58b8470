"""The embedded node, our gateway and our CARs beside a real Kubo: each reads what the other wrote."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.domain.subsets import subset_tree
from ipwhl_mirror.gateway.server import start_gateway
from ipwhl_mirror.gateway.settings import GatewaySettings
from ipwhl_mirror.ipld.car import CarParser
from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.ipld.dagpb import parse_node
from ipwhl_mirror.nodes.base import Transfer
from ipwhl_mirror.nodes.car_blocks import CarBlocks
from ipwhl_mirror.nodes.embedded.node import EmbeddedNode
from ipwhl_mirror.nodes.errors import NodeRefused
from ipwhl_mirror.services import pinning, releases, transfer, verifying
from ipwhl_mirror.services.serving import serving
from tests.gateway.client import Client
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.simulators.releases import read_release
from tests.simulators.vectors import load_release
from tests.simulators.wheels import SampleRelease, sample_release, sample_wheels

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from ipwhl_mirror.ipld.directories import Tree
    from ipwhl_mirror.services.session import Session
    from tests.conftest import OpenSession
    from tests.gateway.client import Answer

pytestmark = pytest.mark.kubo

LINUX = Selection.parse(platforms=["linux-x86_64"])
BOTH = Selection.parse(platforms=["linux-x86_64", "macos-arm64"])
EVERYTHING = Selection.parse()
CHUNK = 256 * 1024
WHEELS = sample_wheels(padding=1_500_000)
NATIVE = "native/native-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"
PURE = "pure/pure-1.0-py3-none-any.whl"
FORMS = {0: (), 1: ("--cid-version=1", "--raw-leaves")}
"""The options of `ipfs add` for each CID version."""
SHARDED = load_release("sharded-v0")
SHARDED_PROJECT = sorted(project.name for project in read_release("sharded-v0").projects)[1234]


@dataclass(frozen=True, slots=True)
class Kubo:
    """A repository with the daemon that runs on it.

    Attributes:
        port: of its gateway.
        samples: the sample release as it was added, by CID version.
    """

    repo: KuboRepo
    port: int
    samples: Mapping[int, SampleRelease]

    @property
    def url(self) -> str:
        """Its gateway."""
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def kubo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubo]:
    """A daemon that has the sample release in both forms, and the directories of a large one."""
    directory = tmp_path_factory.mktemp("kubo")
    repo = KuboRepo.make(ipfs_command(), directory / "repo")
    for (project, filename), data in WHEELS.items():
        path = directory / "release" / project / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    with repo.daemon() as port:
        samples = {}
        for version, options in FORMS.items():
            samples[version] = sample_release(WHEELS, cid_version=version)
            assert repo.add(directory / "release", *options) == samples[version].root
        repo.put((Cid(0, DAG_PB, digest), block) for digest, block in SHARDED.blocks.items())
        yield Kubo(repo, port, samples)


@pytest.fixture
def empty_repo(tmp_path: Path) -> KuboRepo:
    """A repository without a daemon, with nothing in it."""
    return KuboRepo.make(ipfs_command(), tmp_path / "repo")


@contextlib.asynccontextmanager
async def counted(port: int) -> AsyncIterator[tuple[str, list[int]]]:
    """An address that passes everything on to a port, and the sizes of what came back."""
    sizes: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        asking = asyncio.create_task(_pass_on(reader, behind_writer, []))
        await _pass_on(behind_reader, writer, sizes)
        asking.cancel()
        behind_writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", sizes


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sizes: list[int]) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(1 << 16):
            sizes.append(len(piece))
            writer.write(piece)
            await writer.drain()
    writer.close()


# What Kubo added, fetched by us.


@pytest.mark.parametrize("version", FORMS, ids=["v0", "v1 raw leaves"])
async def test_a_release_added_by_kubo_is_mirrored(
    version: int, kubo: Kubo, open_session: OpenSession
) -> None:
    """One platform of what `ipfs add -r` made is tracked, pinned and verified from Kubo's own gateway."""
    sample = kubo.samples[version]
    async with open_session(kubo.url) as session:
        loaded = await releases.track(session, sample.root, label="one")
        report = await pinning.pin(session, "one", LINUX)
        assert report.notes == ()
        assert (await verifying.verify(session)).broken == ()
        kept = {wheel.cid.digest for wheel in report.forecast.plan.wheels}
        assert await session.node.whole(wheel.cid for wheel in loaded.release.wheels) == kept
        for wheel in report.forecast.plan.wheels:
            pieces = [piece async for piece in session.node.read_file(wheel.cid)]
            assert b"".join(pieces) == WHEELS[wheel.project, wheel.filename]


@pytest.mark.parametrize("version", FORMS, ids=["v0", "v1 raw leaves"])
async def test_a_wheel_cut_in_the_middle_is_gone_on_with(version: int, kubo: Kubo, tmp_path: Path) -> None:
    """The second attempt asks Kubo only for the rest of the wheel, and gets no more."""
    wheel = kubo.samples[version].file_cid(*NATIVE.split("/"))
    size = len(WHEELS["native", NATIVE.partition("/")[2]])
    async with counted(kubo.port) as (url, sizes):
        node = EmbeddedNode(tmp_path / "node", [url])
        with pytest.raises(NodeRefused, match="budget"):
            await node.pin(wheel, "cut", transfer=Transfer(byte_budget=size // 2))
        assert await node.pins() == []
        sizes.clear()
        fetched: list[int] = []
        await node.pin(wheel, "whole", on_progress=lambda progress: fetched.append(progress.bytes))
        assert 0 < fetched[-1] <= size // 2 + CHUNK
        assert sum(sizes) < fetched[-1] + 20_000
        assert [block.fault async for block in node.walk(wheel) if block.fault] == []
        assert b"".join([piece async for piece in node.read_file(wheel)]) == WHEELS["native", NATIVE[7:]]
        await node.aclose()


# What we wrote, read by Kubo.


@pytest.fixture
async def mirror(kubo: Kubo, open_session: OpenSession) -> AsyncIterator[Session]:
    """A session with the sample release in both forms, pinned whole, and the directories of the large one."""
    async with open_session(kubo.url) as session:
        for version, sample in kubo.samples.items():
            await releases.track(session, sample.root, label=f"v{version}")
            await pinning.pin(session, f"v{version}", EVERYTHING)
        blocks = ((Cid(0, DAG_PB, digest), block) for digest, block in SHARDED.blocks.items())
        await session.node.put_blocks(blocks)
        yield session


@pytest.mark.parametrize("label", ["v0", "v1"])
@pytest.mark.parametrize("chosen", [LINUX, BOTH, EVERYTHING], ids=["part", "parts", "whole"])
async def test_kubo_imports_what_we_export(
    label: str, chosen: Selection, mirror: Session, empty_repo: KuboRepo, tmp_path: Path
) -> None:
    """`ipfs dag import` pins every root of our CAR, and has all that is below it, block for block."""
    report = await transfer.export(mirror, label, tmp_path / "release.car", chosen)
    empty_repo.run("dag", "import", str(tmp_path / "release.car"))
    assert empty_repo.recursive_pins() >= set(report.roots)
    car = CarBlocks.scan(tmp_path / "release.car")
    for root in report.roots:
        # A directory that is also in the index has two names: Kubo tells both, we each block once.
        ours = {cid.digest: len(block) for cid, block in car.dags([root])}
        refs = empty_repo.refs(root)
        assert {cid.digest for cid in refs} == ours.keys()
        told = json.loads(empty_repo.run("dag", "stat", "--progress=false", "--enc=json", str(root)))
        (stat,) = told["DagStats"]
        assert (stat["NumBlocks"], stat["Size"]) == (len(refs), sum(ours[cid.digest] for cid in refs))
    car.close()


CARS = [
    pytest.param("", "", "true", id="release"),
    pytest.param("/" + NATIVE, "", "true", id="wheel"),
    pytest.param("/native", "&dag-scope=all", "true", id="project"),
    pytest.param("/" + NATIVE, "&dag-scope=entity&entity-bytes=300000:600000", "false", id="part of a wheel"),
]


@pytest.mark.parametrize("version", FORMS, ids=["v0", "v1"])
@pytest.mark.parametrize(("path", "query", "pin"), CARS)
async def test_kubo_imports_the_answers_of_our_gateway(
    version: int, path: str, query: str, pin: str, kubo: Kubo, mirror: Session, empty_repo: KuboRepo
) -> None:
    """`ipfs dag import` takes every block of a CAR that our gateway sent, and pins what is whole in it."""
    async with serving(mirror, "127.0.0.1:0") as gateway:
        root = kubo.samples[version].root
        answer = await Client(gateway.port).get(f"/ipfs/{root}{path}?format=car{query}")
    assert (answer.status, answer.is_whole) == (200, True)
    empty_repo.run("dag", "import", f"--pin-roots={pin}", data=answer.body)
    asked_for = Cid.parse(answer.headers["x-ipfs-roots"].rpartition(",")[2])
    assert (asked_for in empty_repo.recursive_pins()) is (pin == "true")
    sent = {cid.digest for cid in car_blocks(answer.body)}
    kept = {Cid.parse(line).digest for line in empty_repo.lines("refs", "local")}
    assert len(sent) > 1
    assert sent <= kept


async def test_we_import_what_kubo_exports(kubo: Kubo, open_session: OpenSession, tmp_path: Path) -> None:
    """A subset whose tree we built, pinned on Kubo, travels by `ipfs dag export`, and is ours at the end."""
    sample = kubo.samples[0]
    async with open_session(kubo.url) as session:
        loaded = await releases.track(session, sample.root)
        wheels = (await pinning.pin(session, str(sample.root), LINUX)).forecast.plan.wheels
    tree = subset_tree(loaded.release, wheels)
    kubo.repo.put([*loaded.release.index.blocks, *tree.blocks])
    kubo.repo.run("pin", "add", str(tree.cid))
    (tmp_path / "subset.car").write_bytes(kubo.repo.read("dag", "export", "--progress=false", str(tree.cid)))
    async with open_session(directory="other side") as other:
        report = await transfer.import_car(other, tmp_path / "subset.car", label="carried")
        assert report.pinned == (tree.cid,)
        assert report.loaded.tracked.cid == sample.root
        assert [pin.selection for pin in other.state.known_pins()] == ["-p linux-x86_64"]
        verified = await verifying.verify(other)
        assert (verified.broken, verified.pins, verified.wheels) == ((), 1, len(wheels))


# The two gateways, side by side.


@dataclass(frozen=True, slots=True)
class Pair:
    """Our gateway and Kubo's, over the same blocks."""

    ours: Client
    kubos: Client

    async def get(self, target: str, **headers: str) -> tuple[Answer, Answer]:
        """What both answer."""
        return await self.ours.get(target, **headers), await self.kubos.get(target, **headers)


@pytest.fixture
async def pair(kubo: Kubo, mirror: Session) -> AsyncIterator[Pair]:
    """Both gateways."""
    gateway = await start_gateway(mirror.node, GatewaySettings("127.0.0.1:0"))
    yield Pair(Client(gateway.port), Client(kubo.port))
    await gateway.aclose()


def car_blocks(body: bytes) -> dict[Cid, bytes]:
    """The blocks of a CAR, each hashed; none twice."""
    parser = CarParser()
    found = parser.feed(body)
    parser.finish()
    blocks = {block.cid: block.data for block in found}
    assert len(blocks) == len(found)
    return blocks


PATHS = ["", "/native", "/" + NATIVE, "/" + PURE]
SCOPES = ["block", "entity", "all"]
PARTS = ["0:*", "0:0", "1:1", "262143:262144", "300000:900000", "1300000:*", "-10:*", "-400000:-300000"]


@pytest.mark.parametrize("version", FORMS, ids=["v0", "v1"])
async def test_raw_blocks_are_the_same(version: int, kubo: Kubo, pair: Pair) -> None:
    """`?format=raw` of every path."""
    for path in PATHS:
        ours, kubos = await pair.get(f"/ipfs/{kubo.samples[version].root}{path}?format=raw")
        assert (ours.status, kubos.status) == (200, 200)
        assert ours.body == kubos.body
        assert ours.headers["content-type"] == kubos.headers["content-type"] == "application/vnd.ipld.raw"


@pytest.mark.parametrize("version", FORMS, ids=["v0", "v1"])
async def test_cars_have_the_same_blocks(version: int, kubo: Kubo, pair: Pair) -> None:
    """Every scope of every path: directories, a wheel of several blocks, a wheel of one."""
    for path, scope in product(PATHS, SCOPES):
        target = f"/ipfs/{kubo.samples[version].root}{path}?format=car&dag-scope={scope}"
        await check_same_car(pair, target)


@pytest.mark.parametrize("version", FORMS, ids=["v0", "v1"])
async def test_parts_of_a_wheel_have_the_same_blocks(version: int, kubo: Kubo, pair: Pair) -> None:
    """`entity-bytes` beside `dag-scope=entity`, of a wheel by its path and by its own CID."""
    sample = kubo.samples[version]
    places = [f"{sample.root}/{NATIVE}", str(sample.file_cid(*NATIVE.split("/")))]
    for place, part in product(places, PARTS):
        await check_same_car(pair, f"/ipfs/{place}?format=car&dag-scope=entity&entity-bytes={part}")


@pytest.mark.parametrize("scope", ["block", "entity"])
@pytest.mark.parametrize("path", ["", "/" + SHARDED_PROJECT], ids=["root", "project"])
async def test_cars_of_a_sharded_release_have_the_same_blocks(scope: str, path: str, pair: Pair) -> None:
    """A HAMT's entity is its shards; a path through it has only those on the way."""
    blocks = await check_same_car(pair, f"/ipfs/{SHARDED.root}{path}?format=car&dag-scope={scope}")
    assert (len(blocks) > 1) is ((scope, path) != ("block", ""))


async def check_same_car(pair: Pair, target: str) -> dict[Cid, bytes]:
    """Both gateways send the same CAR, to the byte; its blocks."""
    ours, kubos = await pair.get(target)
    assert (ours.status, kubos.status) == (200, 200), target
    blocks = car_blocks(ours.body)
    assert blocks == car_blocks(kubos.body), target
    assert ours.body == kubos.body, target
    return blocks


RANGES = ["0-0", "0-99", "262140-262150", "1000000-", "-100", "0-99999999", "99999999-"]


@pytest.mark.parametrize("version", FORMS, ids=["v0", "v1"])
@pytest.mark.parametrize("path", [NATIVE, PURE])
async def test_wheels_are_the_same(version: int, path: str, kubo: Kubo, pair: Pair) -> None:
    """Whole, and every range of them."""
    target = f"/ipfs/{kubo.samples[version].root}/{path}"
    ours, kubos = await pair.get(target)
    project, filename = path.split("/")
    assert ours.body == kubos.body == WHEELS[project, filename]
    for wanted in RANGES:
        ours, kubos = await pair.get(target, Range=f"bytes={wanted}")
        assert (ours.status, ours.headers.get("content-range")) == (
            kubos.status,
            kubos.headers.get("content-range"),
        ), wanted
        assert ours.status == 416 or ours.body == kubos.body, wanted


@pytest.mark.parametrize(
    ("target", "status"),
    [
        pytest.param(f"/{NATIVE}-missing", 404, id="no such wheel"),
        pytest.param(f"/{NATIVE}/inside", 404, id="below a wheel"),
        pytest.param(f"/{NATIVE}?format=car&dag-scope=some", 400, id="unknown scope"),
        pytest.param(f"/{NATIVE}?format=car&entity-bytes=x", 400, id="no byte range"),
    ],
)
async def test_refusals_are_the_same(target: str, status: int, kubo: Kubo, pair: Pair) -> None:
    """What is not there, and what means nothing, have the same status."""
    ours, kubos = await pair.get(f"/ipfs/{kubo.samples[0].root}{target}")
    assert (ours.status, kubos.status) == (status, status)


# Trees that we built.


def tree_links(repo: KuboRepo, cid: Cid) -> list[tuple[str, str, int]]:
    """The links of one node as Kubo reads it: name, CID, Tsize."""
    node = json.loads(repo.run("dag", "get", "--offline", str(cid)))
    return [(link["Name"], link["Hash"]["/"], link["Tsize"]) for link in node["Links"]]


def listing(repo: KuboRepo, cid: Cid) -> dict[str, str]:
    """Name -> CID of the entries of a directory as `ipfs ls` says, without looking at them."""
    lines = repo.lines("ls", "--offline", "--size=false", "--resolve-type=false", str(cid))
    return {name.removesuffix("/"): found for found, name in (line.split(maxsplit=1) for line in lines)}


def check_nodes(repo: KuboRepo, tree: Tree) -> None:
    """Kubo reads every new node of a tree with the links that it was built of."""
    for cid, block in tree.blocks[-4:]:
        links = [(link.name, str(link.cid), link.tsize) for link in parse_node(block).links]
        assert tree_links(repo, cid) == links


@pytest.mark.parametrize("name", ["small-v0", "small-v1", "edge-v0", "sharded-v0"])
def test_kubo_reads_an_index_tree(name: str, empty_repo: KuboRepo) -> None:
    """Its projects, root and shards are those of the release, flat and HAMT."""
    release = read_release(name)
    empty_repo.put(release.index.blocks)
    check_nodes(empty_repo, release.index)
    top = listing(empty_repo, release.index.cid)
    raw = {cid.digest: str(Cid(1, RAW, cid.digest)) for cid in release.index_blocks}
    assert top["root"] == raw[release.root.digest]
    projects = {project.name: raw[project.link.cid.digest] for project in release.projects}
    assert listing(empty_repo, Cid.parse(top["projects"])) == projects
    shards = {raw[cid.digest]: raw[cid.digest] for cid in release.shards}
    assert (listing(empty_repo, Cid.parse(top["shards"])) if shards else {}) == shards


@pytest.mark.parametrize("name", ["small-v0", "small-v1", "sharded-v0"])
def test_kubo_reads_a_subset_tree(name: str, empty_repo: KuboRepo) -> None:
    """Its projects hold the selected wheels, and `.ipwhl` is the index."""
    release = read_release(name)
    wheels = tuple(wheel for wheel in release.wheels if "linux-x86_64" in wheel.tags.families)
    tree = subset_tree(release, wheels)
    official = load_release(name).blocks
    empty_repo.put([*release.index.blocks, *tree.blocks])
    empty_repo.put((cid, official[cid.digest]) for cid in release.index_blocks)
    check_nodes(empty_repo, tree)
    top = listing(empty_repo, tree.cid)
    assert top.pop(".ipwhl") == str(release.index.cid)
    selected: dict[str, dict[str, str]] = {}
    for wheel in wheels:
        selected.setdefault(wheel.project, {})[wheel.filename] = str(wheel.cid)
    assert top.keys() == selected.keys()
    for project in sorted(selected)[:10]:
        assert listing(empty_repo, Cid.parse(top[project])) == selected[project]


def test_a_damaged_block_is_refused_by_kubo_too(empty_repo: KuboRepo) -> None:
    """So that an import that Kubo takes means something."""
    cid = Cid.of(b"block", RAW)
    with pytest.raises(subprocess.CalledProcessError):
        empty_repo.put([(cid, b"other")])
