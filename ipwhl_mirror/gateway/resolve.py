"""From a content path to the block it ends at, over local blocks only.

A path is followed one name at a time; of a HAMT directory only the blocks on the way to that name are read.
What is not on this node is an error at once: nothing here makes the node fetch.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.wheels import normalize_name
from ipwhl_mirror.gateway.errors import NotFound
from ipwhl_mirror.gateway.listing import is_project_name
from ipwhl_mirror.ipld.cid import RAW
from ipwhl_mirror.ipld.directories import DirectoryReader, Lookup
from ipwhl_mirror.ipld.unixfs import parse_unixfs
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.nodes.errors import BlockNotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.ipld.dagpb import Link
    from ipwhl_mirror.nodes.base import Node

_T = TypeVar("_T")

_SHOWN = 80
_KEPT_ROOTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Where a content path leads.

    Attributes:
        cid: of the content at its end.
        block: its root block.
        roots: the CID of each name of the path, the first and `cid` included.
        way: the blocks read on the way, in order, without `block`: directories and HAMT shards.
    """

    cid: Cid
    block: bytes
    roots: tuple[Cid, ...]
    way: tuple[tuple[Cid, bytes], ...]

    @property
    def is_directory(self) -> bool:
        """Whether it is a flat or HAMT directory.

        Raises:
            MalformedBlock: it is a dag-pb block that cannot be read.
        """
        return _is_directory(self.cid, self.block)


@asynccontextmanager
async def closing_stream(stream: AsyncIterator[_T]) -> AsyncIterator[AsyncIterator[_T]]:
    """Iterate over a stream of the node and let go of it at the end, wherever that is."""
    try:
        yield stream
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


async def read_blocks(node: Node, cids: Iterable[Cid]) -> dict[bytes, bytes]:
    """These blocks, by digest, from this node only.

    Raises:
        BlockNotFound: one is not here.
        BlockCorrupt: one is damaged.
    """
    wanted = list(cids)
    blocks: dict[bytes, bytes] = {}
    async with closing_stream(node.get_blocks(wanted, Reach.LOCAL)) as stream:
        async for cid, block in stream:
            blocks[cid.digest] = block
    for cid in wanted:
        if cid.digest not in blocks:
            raise BlockNotFound(cid)
    return blocks


async def read_block(node: Node, cid: Cid) -> bytes:
    """One block, from this node only.

    Raises:
        BlockNotFound, BlockCorrupt: as `read_blocks`.
    """
    return (await read_blocks(node, [cid]))[cid.digest]


async def resolve(node: Node, root: Cid, names: Iterable[str]) -> Resolved:
    """Follow a path.

    Raises:
        NotFound: a directory on the way has no such entry, or what is on the way is no directory.
        MalformedBlock: a block on the way is no directory that can be read.
        BlockNotFound, BlockCorrupt: as `read_blocks`.
    """
    cid, roots = root, [root]
    way: list[tuple[Cid, bytes]] = []
    block = await read_block(node, cid)
    for name in names:
        if not _is_directory(cid, block):
            raise NotFound(f"{safe_text(name, _SHOWN)} is looked for in {cid}, which is no directory")
        lookup = Lookup(cid, name)
        lookup.feed(cid, block)
        way.append((cid, block))
        while (needed := lookup.needed()) is not None:
            shard = await read_block(node, needed)
            lookup.feed(needed, shard)
            way.append((needed, shard))
        if lookup.found is None:
            raise NotFound(f"{safe_text(name, _SHOWN)} is not in {cid}")
        cid = lookup.found.cid
        roots.append(cid)
        block = await read_block(node, cid)
    return Resolved(cid=cid, block=block, roots=tuple(roots), way=tuple(way))


async def read_directory(node: Node, resolved: Resolved) -> tuple[Link, ...]:
    """All entries of a directory, sorted by name.

    Raises:
        MalformedBlock: one of its blocks is no directory that can be read.
        BlockNotFound, BlockCorrupt: as `read_blocks`.
    """
    reader = DirectoryReader(resolved.cid)
    reader.feed(resolved.cid, resolved.block)
    while needed := reader.needed():
        blocks = await read_blocks(node, needed)
        for cid in needed:
            reader.feed(cid, blocks[cid.digest])
    return reader.links()


def _is_directory(cid: Cid, block: bytes) -> bool:
    return cid.codec != RAW and parse_unixfs(block, cid).is_directory


class ProjectNames:
    """Finds the directory of a project whose name a release spells otherwise than the client.

    Installers ask for the PEP 503 form. Kept for the roots asked about last: what a root holds never changes.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._kept: OrderedDict[bytes, Mapping[str, str]] = OrderedDict()
        self._reading = asyncio.Lock()

    async def spelling(self, root: Cid, asked: str) -> str | None:
        """The root's entry whose name normalizes as `asked` does: the normalized name itself, else the first.

        Returns:
            None without such an entry; it need not be a directory.

        Raises:
            MalformedBlock, BlockNotFound, BlockCorrupt: the root cannot be read.
        """
        if not is_project_name(asked):
            return None
        async with self._reading:
            if root.digest not in self._kept:
                resolved = await resolve(self._node, root, ())
                self._kept[root.digest] = _spellings(await read_directory(self._node, resolved))
            self._kept.move_to_end(root.digest)
            if len(self._kept) > _KEPT_ROOTS:
                self._kept.popitem(last=False)
            return self._kept[root.digest].get(normalize_name(asked))


def _spellings(links: Iterable[Link]) -> Mapping[str, str]:
    """Normalized name -> an entry's own, of project-shaped names."""
    spellings: dict[str, str] = {}
    for link in links:
        if is_project_name(link.name):
            normal = normalize_name(link.name)
            if normal == link.name or normal not in spellings:
                spellings[normal] = link.name
    return spellings
