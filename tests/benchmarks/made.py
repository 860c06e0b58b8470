"""What the benchmarks work on: the index of a large release as blocks, and wheels on disk."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.directories import build_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WHEELS_EACH = 5
_PLATFORMS = (
    "manylinux_2_28_x86_64",
    "manylinux_2_17_aarch64.manylinux2014_aarch64",
    "macosx_11_0_arm64",
    "win_amd64",
)
_CHANGED = 20


@dataclass(frozen=True, slots=True)
class MadeIndex:
    """The directory blocks of a release, by digest, and its root."""

    root: Cid
    blocks: dict[bytes, bytes] = field(repr=False)

    def write_car(self, path: Path) -> None:
        """Write them to a CAR."""
        with path.open("wb") as file:
            file.write(car_header([self.root]))
            for digest, block in self.blocks.items():
                file.write(car_section(Cid(0, DAG_PB, digest), block))


def claimed(name: str, size: int) -> Link:
    """A wheel that nobody has."""
    return Link(Cid(0, DAG_PB, sha256(name.encode()).digest()), name, size)


def make_index(
    projects: int, generation: int = 0, *, wheel: Callable[[str, int], Link] = claimed
) -> MadeIndex:
    """A release of five wheels a project: four platforms and `any`; in the next generation one project of
    twenty has newer ones.

    Args:
        wheel: makes a wheel of this name and about this many bytes, and links to it.
    """
    blocks: dict[bytes, bytes] = {}
    links = []
    for number in range(projects):
        names = _wheels(number, _version(number, generation))
        tree = build_directory((wheel(name, size) for name, size in names), cid_version=0)
        blocks.update((cid.digest, block) for cid, block in tree.blocks)
        links.append(tree.link(f"project-{number:05}"))
    root = build_directory(links, cid_version=0)
    blocks.update((cid.digest, block) for cid, block in root.blocks)
    return MadeIndex(root.cid, blocks)


def _version(number: int, generation: int) -> str:
    newer = sum(number % _CHANGED == past % _CHANGED for past in range(1, generation + 1))
    return f"{number % 7}.{newer}"


def _wheels(number: int, version: str) -> Iterator[tuple[str, int]]:
    python = f"cp3{9 + number % 6}"
    tags = [f"{python}-{python}-{platform}" for platform in _PLATFORMS]
    for at, tag in enumerate([*tags, "py3-none-any"]):
        yield f"project_{number:05}-{version}-{tag}.whl", 10_000 * (at + 1) + number


def write_wheels(directory: Path, files: int, file_bytes: int) -> list[Path]:
    """Files with wheels' names and bytes that do not compress, in the order of their names."""
    directory.mkdir(parents=True)
    paths = []
    for number in range(files):
        path = directory / f"wheel{number:03}-1.0-py3-none-any.whl"
        noise = random.Random(number)
        with path.open("wb") as file:
            left = file_bytes
            while left:
                piece = min(left, 1 << 20)
                file.write(noise.randbytes(piece))
                left -= piece
        paths.append(path)
    return paths
