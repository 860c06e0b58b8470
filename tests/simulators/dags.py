"""Releases of generated wheels, as blocks: a directory of project directories of files.

`add_bytes` makes a file's blocks as `ipfs add` does; `small_release` a whole one, with a wheel of several
chunks, one of a single chunk and one that is empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.directories import build_directory
from ipwhl_mirror.ipld.files import FileBuilder, Wrapper, leaf_block
from tests.simulators.vectors import content

if TYPE_CHECKING:
    from collections.abc import Mapping

BIG = "big/big-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"
SMALL = "small/small-1.0-py3-none-any.whl"
EMPTY = "empty/empty-1.0-py3-none-any.whl"


@dataclass(frozen=True, slots=True)
class Dag:
    """A DAG with all its blocks.

    Attributes:
        root: its root.
        blocks: by CID, the root last.
        files: (root, content) of its files, by path.
    """

    root: Cid
    blocks: dict[Cid, bytes] = field(repr=False)
    files: dict[str, tuple[Cid, bytes]] = field(repr=False)

    def by_digest(self) -> dict[bytes, bytes]:
        """The blocks, keyed as stores key them."""
        return {cid.digest: block for cid, block in self.blocks.items()}


def add_bytes(data: bytes, version: int, blocks: dict[Cid, bytes]) -> Link:
    """A file's blocks, put into `blocks`, and a link to it without a name."""
    builder = FileBuilder(version)
    builder.update(data)
    built = builder.finish()
    for leaf in built.leaves:
        cid = Cid(1, RAW, leaf.digest) if built.wrapper is Wrapper.NONE else Cid(version, DAG_PB, leaf.digest)
        blocks[cid] = leaf_block(data[leaf.offset : leaf.offset + leaf.length], built.wrapper)
    blocks.update(built.inner)
    return Link(built.cid, "", built.tsize)


def make_release(files: Mapping[str, bytes], version: int = 0) -> Dag:
    """A release of these files, by `project/filename`."""
    blocks: dict[Cid, bytes] = {}
    roots: dict[str, tuple[Cid, bytes]] = {}
    projects: dict[str, list[Link]] = {}
    for path, data in files.items():
        project, _, filename = path.partition("/")
        link = add_bytes(data, version, blocks)
        roots[path] = (link.cid, data)
        projects.setdefault(project, []).append(link._replace(name=filename))
    tops = []
    for project, links in projects.items():
        tree = build_directory(links)
        blocks.update(tree.blocks)
        tops.append(tree.link(project))
    tree = build_directory(tops)
    blocks.update(tree.blocks)
    return Dag(tree.cid, blocks, roots)


def small_release(version: int = 0) -> Dag:
    """Three wheels: of four chunks, of one, of none."""
    return make_release({BIG: content(900_000), SMALL: content(1000), EMPTY: b""}, version)
