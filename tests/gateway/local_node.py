"""A node that is a dict of blocks, with the faults a gateway must bear, and what puts releases into it.

    shelf = Shelf()
    release = shelf.release({"six": {"six-1.0-py3-none-any.whl": b"..."}})
    del shelf.blocks[digest]            # a block that is not here
    shelf.node()                        # what the gateway is given

It has the reading half of the Node protocol. Asking it to fetch is an error: a gateway never may.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.directories import build_directory
from ipwhl_mirror.ipld.files import FileBuilder, leaf_block, parse_file_node
from ipwhl_mirror.nodes.base import NodeStatus, Reach
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound, NodeUnreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Node

_PIECE = 1 << 20


@dataclass(slots=True)
class Shelf:
    """Blocks by digest.

    Attributes:
        blocks: what is here.
        damaged: digests whose block is not what it should be.
        files: digest of a file's root -> where it lies whole on disk.
        is_away: nothing answers.
        reads: every block that was asked for, in order.
    """

    blocks: dict[bytes, bytes] = field(default_factory=dict)
    damaged: set[bytes] = field(default_factory=set)
    files: dict[bytes, Path] = field(default_factory=dict)
    is_away: bool = False
    reads: list[Cid] = field(default_factory=list)

    def node(self) -> Node:
        """It as a node."""
        return cast("Node", self)

    def add_file(self, name: str, content: bytes, *, version: int = 0) -> Link:
        """Put a file in as `ipfs add` would."""
        builder = FileBuilder(version)
        builder.update(content)
        built = builder.finish()
        self.blocks.update((cid.digest, block) for cid, block in built.inner)
        for leaf in built.leaves:
            payload = content[leaf.offset : leaf.offset + leaf.length]
            self.blocks[leaf.digest] = leaf_block(payload, built.wrapper)
        return Link(built.cid, name, built.tsize)

    def add_directory(self, name: str, links: Iterable[Link]) -> Link:
        """Put a directory in."""
        tree = build_directory(links)
        self.blocks.update((cid.digest, block) for cid, block in tree.blocks)
        return tree.link(name)

    def release(self, projects: Mapping[str, Mapping[str, bytes]], *, version: int = 0) -> Cid:
        """Put a release in: project -> file name -> content."""
        links = [
            self.add_directory(
                project, [self.add_file(name, data, version=version) for name, data in files.items()]
            )
            for project, files in projects.items()
        ]
        return self.add_directory("", links).cid

    async def status(self) -> NodeStatus:
        """As the protocol says."""
        self._answer()
        size = sum(map(len, self.blocks.values()))
        return NodeStatus(kind="embedded", version="0", repo_bytes=size, free_bytes=1 << 30)

    async def get_blocks(self, cids: Iterable[Cid], reach: Reach) -> AsyncIterator[tuple[Cid, bytes]]:
        """As the protocol says, and never for `Reach.NETWORK`; those that are missing last."""
        self._answer()
        assert reach is Reach.LOCAL
        wanted = {cid.digest: cid for cid in cids}
        self.reads += wanted.values()
        for digest, cid in sorted(wanted.items(), key=lambda item: item[0] not in self.blocks):
            yield cid, self._block(digest, cid)

    async def read_file(self, cid: Cid, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """As the protocol says."""
        self._answer()
        steps = [(cid, 0)]
        while steps:
            child, offset = steps.pop()
            node = parse_file_node(child, self._block(child.digest, child))
            stop = node.size if end is None else end
            if node.payload is not None:
                yield node.payload[max(0, start - offset) : max(0, stop - offset)]
            below = []
            for grandchild, size in node.children:
                if offset < stop and start < offset + size:
                    below.append((grandchild, offset))
                offset += size
            steps += reversed(below)

    def local_path(self, cid: Cid) -> Path | None:
        """As the protocol says."""
        return self.files.get(cid.digest)

    async def whole(self, cids: Iterable[Cid]) -> set[bytes]:
        """As the protocol says: it never knows."""
        return set()

    def _block(self, digest: bytes, cid: Cid) -> bytes:
        if digest in self.damaged:
            raise BlockCorrupt(cid)
        if digest not in self.blocks:
            raise BlockNotFound(cid)
        return self.blocks[digest]

    def _answer(self) -> None:
        if self.is_away:
            raise NodeUnreachable("the node does not answer")
