"""Reading a large index, planning a selection of it, and the status of many releases."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from itertools import cycle
from typing import TYPE_CHECKING

from ipwhl_mirror.config import Config, NodeConfig
from ipwhl_mirror.domain.plans import plan_pin
from ipwhl_mirror.domain.reading import IndexReader
from ipwhl_mirror.domain.selections import Selection, accepts_tags
from ipwhl_mirror.domain.subsets import subset_tree
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.ipld.dagpb import parse_node
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.services import overview, releases
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from tests.benchmarks.made import WHEELS_EACH, make_index
from tests.benchmarks.measuring import Figure, Goal, clocked, in_turns, require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ipwhl_mirror.domain.releases import Release
    from tests.benchmarks.made import MadeIndex
    from tests.benchmarks.measuring import Size

SELECTIONS = (
    {"platforms": ["linux-x86_64"]},
    {"platforms": ["linux-x86_64", "macos-arm64"]},
    {"platforms": ["linux-aarch64"], "pythons": ["3.12"]},
    {"environments": ["cp311 manylinux_2_28_x86_64"]},
    {"excludes": ["project-000*", "*7"]},
    {"platforms": ["linux-x86_64"], "no_any": True},
)


def read(index: MadeIndex) -> Release:
    """The release of an index, read from its blocks."""
    reader = IndexReader(index.root)
    while wanted := reader.needed():
        for cid in wanted:
            reader.feed(cid, index.blocks[cid.digest])
    return reader.finish()


def parse(size: Size) -> Iterator[Figure]:
    """From blocks to a release, beside the mere decoding of the same blocks."""
    index = make_index(size.projects)
    blocks = list(index.blocks.values())

    def ours() -> None:
        release = read(index)
        require(len(release.wheels) == size.projects * WHEELS_EACH, "wheels are lost")

    def other() -> None:
        links = sum(len(parse_node(block).links) for block in blocks)
        require(links >= size.projects * (1 + WHEELS_EACH), "links are lost")

    taken, floor = in_turns(size.rounds, clocked(ours), clocked(other))
    yield Figure(
        name="index: from blocks to a release",
        work=f"{size.projects} projects, {len(read(index).wheels)} wheels, {len(blocks)} blocks",
        ours=taken,
        other=floor,
        other_way="decoding the same blocks as dag-pb",
    )


def plan(size: Size) -> Iterator[Figure]:
    """The totals of a changed selection, and its subset tree."""
    release = read(make_index(size.projects))
    chosen = [Selection.parse(**options) for options in SELECTIONS]
    here = {wheel.cid.digest for wheel in release.wheels[::3]}
    changing, changing_too = cycle(chosen), cycle(chosen)

    def totals(selection: Selection) -> tuple[int, int]:
        made = plan_pin(release, selection, here=here, pinned=set())
        require(made.fetch + made.shared == made.amount, "a plan does not add up")
        return made.amount.wheels, made.fetch.bytes

    def one_by_one(selection: Selection) -> tuple[int, int]:
        names = _names(release, selection)
        wheels = [
            wheel
            for wheel in release.wheels
            if wheel.project in names and accepts_tags(selection, wheel.tags)
        ]
        return len(wheels), sum(wheel.bytes for wheel in wheels if wheel.cid.digest not in here)

    for selection in chosen:
        require(totals(selection) == one_by_one(selection), f"totals of {selection.cli_text()} differ")
    rounds = size.rounds * len(chosen)
    taken, other = in_turns(
        rounds, clocked(lambda: totals(next(changing))), clocked(lambda: one_by_one(next(changing_too)))
    )
    yield Figure(
        name="plan: totals of a changed selection",
        work=f"{len(release.wheels)} wheels",
        ours=taken,
        other=other,
        other_way="every wheel tested by itself",
        goal=Goal(at_most=0.05),
    )
    yield _subset(release, chosen[0], size)


def _names(release: Release, selection: Selection) -> set[str]:
    """The projects that a selection's patterns leave, by the plans of one wheel each."""
    wheels = plan_pin(release, Selection(projects=selection.projects, excludes=selection.excludes),
                      here=set(), pinned=set()).wheels  # fmt: skip
    return {wheel.project for wheel in wheels}


def _subset(release: Release, selection: Selection, size: Size) -> Figure:
    wheels = plan_pin(release, selection, here=set(), pinned=set()).wheels
    blocks = [block for _, block in subset_tree(release, wheels).blocks]
    taken, other = in_turns(
        size.rounds,
        clocked(lambda: subset_tree(release, wheels)),
        clocked(lambda: [sha256(block).digest() for block in blocks]),
    )
    return Figure(
        name="plan: the subset tree",
        work=f"{len(wheels)} of {len(release.wheels)} wheels, {len(blocks)} blocks",
        ours=taken,
        other=other,
        other_way="hashing the same blocks",
    )


def status(size: Size) -> Iterator[Figure]:
    """The status of many releases, each the successor of the one before it."""
    settings = Settings(
        data_dir=size.directory / "status", config=Config(node=NodeConfig(spec="embedded", gateways=()))
    )
    asyncio.run(_track(settings, [make_index(size.status_projects, at) for at in range(size.releases)]))

    def ours() -> None:
        found = asyncio.run(_status(settings))
        require(found == (size.releases, size.status_projects * WHEELS_EACH), f"found {found}")

    ours()
    taken, other = in_turns(
        size.rounds,
        clocked(ours),
        clocked(lambda: asyncio.run(_load(settings))),
    )
    yield Figure(
        name="status",
        work=f"{size.releases} releases of {size.status_projects * WHEELS_EACH} wheels",
        ours=taken,
        other=other,
        other_way="reading one of the indexes",
        goal=Goal(at_most=1.0),
    )


async def _track(settings: Settings, made: Sequence[MadeIndex]) -> None:
    async with Session.open(settings) as session:
        for number, index in enumerate(made):
            blocks = ((Cid(0, DAG_PB, digest), block) for digest, block in index.blocks.items())
            await session.node.put_blocks(blocks)
            recognised = await releases.read_tree(session.node, index.root, Reach.LOCAL)
            async with session.exclusive("track"):
                await releases.remember(
                    session, recognised.release, named=index.root, label=f"release-{number}"
                )


async def _status(settings: Settings) -> tuple[int, int]:
    async with Session.open(settings) as session:
        report = await overview.status(session)
        return len(report.releases), max(release.tracked.wheels for release in report.releases)


async def _load(settings: Settings) -> None:
    async with Session.open(settings) as session:
        await releases.load(session, "release-0")
