"""What tests of `export` and `import` share: releases with odd entries, CARs, and runs that are killed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.car import CarParser, car_header, car_section
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.ipld.dagpb import Link, parse_node
from ipwhl_mirror.ipld.directories import build_directory
from tests.simulators.wheels import SampleRelease, add_file, sample_release, sample_wheels

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ipwhl_mirror.ipld.car import CarBlock

LINUX = Selection.parse(platforms=["linux-x86_64"])
BOTH = Selection.parse(platforms=["linux-x86_64", "macos-arm64"])
EVERYTHING = Selection.parse()


def odd_release() -> SampleRelease:
    """The sample release with more in it: a file and a directory beside the projects, a file where a project
    would be, and a file among the wheels of one."""
    made = sample_release(sample_wheels())
    blocks = dict(made.blocks)
    root = parse_node(blocks.pop(made.root.digest), made.root)
    projects = {link.name: link for link in root.links}
    pure = parse_node(blocks.pop(projects["pure"].cid.digest), projects["pure"].cid)

    def file(name: str, data: bytes) -> Link:
        cid, tsize = add_file(data, blocks)
        return Link(cid, name, tsize)

    entries = build_directory([*pure.links, file("pure-1.0.tar.gz", b"sdist" * 60_000)], cid_version=0)
    pages = build_directory([file("page.txt", b"deep")], cid_version=0)
    top = build_directory(
        [
            *(link for name, link in projects.items() if name != "pure"),
            entries.link("pure"),
            pages.link("-pages"),
            file("README.md!", b"read me"),
            file("impostor", b"no directory"),
        ],
        cid_version=0,
    )
    for tree in (entries, pages, top):
        blocks.update((cid.digest, block) for cid, block in tree.blocks)
    return SampleRelease(top.cid, blocks, made.files)


def file_digests(sample: SampleRelease, key: tuple[str, str]) -> set[bytes]:
    """The digests of a wheel's blocks."""
    blocks: dict[bytes, bytes] = {}
    add_file(sample.files[key], blocks)
    return set(blocks)


def directories(sample: SampleRelease) -> list[bytes]:
    """The digests of a sample's directory blocks: all that is of no wheel."""
    wheels = set[bytes]().union(*(file_digests(sample, key) for key in sample.files))
    return [digest for digest in sample.blocks if digest not in wheels]


def car_of(sample: SampleRelease, digests: Iterable[bytes]) -> bytes:
    """A CAR of these blocks with the release as its root."""
    sections = [car_section(Cid(0, DAG_PB, digest), sample.blocks[digest]) for digest in digests]
    return car_header([sample.root]) + b"".join(sections)


def blocks_of(data: bytes) -> list[CarBlock]:
    """The blocks of a CAR, in order."""
    parser = CarParser()
    blocks = parser.feed(data)
    parser.finish()
    return blocks


_CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from ipwhl_mirror.config import Config, NodeConfig, StorageConfig
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.services import transfer
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings

directory, node, verb, car, phase, count = sys.argv[1:]
left = int(count)

def sink(progress):
    global left
    left -= progress.phase.value == phase
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    config = Config(node=NodeConfig(spec=node, gateways=()), storage=StorageConfig(reserve_free=0))
    async with Session.open(Settings(data_dir=Path(directory), config=config)) as session:
        if verb == "export":
            await transfer.export(session, "one", Path(car), Selection.parse(), sink=sink)
        else:
            await transfer.import_car(session, Path(car), label="one", sink=sink)

asyncio.run(main())
"""


def killed_at(directory: Path, verb: str, car: Path, phase: str, count: int, node: str = "embedded") -> bool:
    """Run `export one` or `import` in a child process that kills itself at the `count`-th event of a phase;
    whether it came to that."""
    args = [str(directory), node, verb, str(car), phase, str(count)]
    ran = subprocess.run([sys.executable, "-c", _CHILD, *args], check=False, capture_output=True, text=True)
    assert ran.returncode in (0, -9), ran.stderr
    return ran.returncode == -9
