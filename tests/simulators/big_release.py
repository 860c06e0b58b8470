"""A release as large as they come, for a real Kubo: 10,000 projects, a HAMT root, and 50,000 wheels that are
there, though each is a single small block.

    release = big_release(10_000)
    release.write_car(path)             # directories and wheels, for one `ipfs dag import`
    newer = big_release(10_000, 1)      # its successor: one project of twenty has newer wheels

Left out: wheels of many blocks, and what is in them. Their bytes are their names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.files import FileBuilder, Wrapper, leaf_block
from tests.benchmarks.made import make_index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.made import MadeIndex


@dataclass(frozen=True, slots=True)
class BigRelease:
    """A release of which every block is here.

    Attributes:
        index: its directory blocks and its root.
        wheels: the block of each wheel, by digest.
    """

    index: MadeIndex
    wheels: dict[bytes, bytes] = field(repr=False)

    @property
    def root(self) -> Cid:
        """The release."""
        return self.index.root

    def blocks(self) -> Iterator[tuple[Cid, bytes]]:
        """All of them: wheels, then directories."""
        for blocks in (self.wheels, self.index.blocks):
            for digest, block in blocks.items():
                yield Cid(0, DAG_PB, digest), block

    def write_car(self, path: Path) -> None:
        """Write them to a CAR."""
        with path.open("wb") as file:
            file.write(car_header([self.root]))
            for cid, block in self.blocks():
                file.write(car_section(cid, block))


def big_release(projects: int, generation: int = 0) -> BigRelease:
    """The release of `make_index`, with wheels that are there."""
    wheels: dict[bytes, bytes] = {}

    def small_wheel(name: str, size: int) -> Link:
        content = name.encode()
        builder = FileBuilder()
        builder.update(content)
        built = builder.finish()
        wheels[built.cid.digest] = leaf_block(content, Wrapper.UNIXFS_FILE)
        return Link(built.cid, name, built.tsize)

    return BigRelease(make_index(projects, generation, wheel=small_wheel), wheels)
