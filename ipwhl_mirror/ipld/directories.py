"""Directories, flat or HAMT: read without I/O, searched for one name, and built.

`DirectoryReader` and `Lookup` ask for blocks with `needed()` and take them with `feed()`, in any order; the
caller has hashed them. They read one directory, never what its entries lead to, and each block once, so a
DAG that meets itself many times costs no more than its blocks. The top block may be malformed
(MalformedBlock: the entry that led to it is no directory); anything wrong inside a directory is a
ForbiddenBlock: duplicate names, names that are not UTF-8, a HAMT that is not what Kubo makes.

`build_directory` depends on the set of links only: flat up to 256 KiB of names and CIDs, HAMT above.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.ipld.dagpb import Link, encode_node
from ipwhl_mirror.ipld.errors import ForbiddenBlock, MalformedBlock, MissingBlock, UnbuildableTree
from ipwhl_mirror.ipld.hamt import build_shards, find_in_shard, parse_shard, total_size
from ipwhl_mirror.ipld.unixfs import DIRECTORY_DATA, Kind, UnixfsNode, parse_unixfs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_FLAT = 262144
"""A directory whose names and CIDs have more bytes than this is a HAMT."""

_CID_BYTES = (34, 36)
_by_name = attrgetter("name")


class NotADirectory(MalformedBlock):
    """A block is a valid node of another kind.

    Attributes:
        kind: which; `Kind.RAW` for a raw block.
    """

    def __init__(self, kind: Kind, *, cid: Cid) -> None:
        self.kind = kind
        super().__init__(f"a {kind.label}, not a directory", cid=cid)


def _parse_top(block: bytes, cid: Cid) -> UnixfsNode:
    node = parse_unixfs(block, cid)
    if not node.is_directory:
        raise NotADirectory(node.kind, cid=cid)
    if node.kind is Kind.DIRECTORY:
        _check_names_differ(node.links, cid)
    return node


def _parse_sub_shard(block: bytes, cid: Cid) -> UnixfsNode:
    try:
        node = parse_unixfs(block, cid)
    except ForbiddenBlock:
        raise
    except MalformedBlock as error:
        raise ForbiddenBlock(f"a HAMT sub-shard that cannot be read: {error.reason}", cid=cid) from error
    if node.kind is not Kind.HAMT_SHARD:
        raise ForbiddenBlock(f"a HAMT sub-shard that is a {node.kind.label}", cid=cid)
    return node


def _check_names_differ(links: Sequence[Link], cid: Cid) -> None:
    if len({link.name for link in links}) == len(links):
        return
    seen: set[str] = set()
    for link in links:
        if link.name in seen:
            raise ForbiddenBlock(f"the name {link.name[:64]!r} twice", cid=cid)
        seen.add(link.name)


class DirectoryReader:
    """Reads one directory whole.

    Attributes:
        cid: the top block.
        shards: the HAMT's blocks below the top, as far as they are known.
    """

    def __init__(self, cid: Cid) -> None:
        """Begin at a top block.

        Raises:
            NotADirectory: the CID is of a raw block.
        """
        if cid.codec != DAG_PB:
            raise NotADirectory(Kind.RAW, cid=cid)
        self.cid = cid
        self.shards: set[Cid] = set()
        self._wanted: dict[bytes, tuple[bytes, Cid]] = {cid.digest: (b"", cid)}
        self._known = {cid.digest}
        self._links: list[Link] = []

    def needed(self) -> list[Cid]:
        """The blocks that are known to be missing; [] when the directory is whole."""
        return [cid for _, cid in self._wanted.values()]

    @property
    def is_complete(self) -> bool:
        """Whether every block was fed."""
        return not self._wanted

    def feed(self, cid: Cid, block: bytes) -> None:
        """Take a block, hashed by the caller; one that is not needed is ignored.

        Raises:
            NotADirectory: the top block is a valid node of another kind.
            ForbiddenBlock: it breaks a rule for which a release is refused.
            MalformedBlock: the top block is no UnixFS node.
        """
        path, name = self._wanted.get(cid.digest, (None, cid))
        if path is None:
            return
        node = _parse_sub_shard(block, name) if path else _parse_top(block, name)
        if node.kind is Kind.DIRECTORY:
            self._links = list(node.links)
        else:
            shard = parse_shard(node, path, name)
            for below, child in shard.children:
                if child.digest in self._known:
                    raise ForbiddenBlock(f"a HAMT with the sub-shard {child} twice", cid=name)
                self._known.add(child.digest)
                self._wanted[child.digest] = (below, child)
                self.shards.add(child)
            self._links += shard.entries
        del self._wanted[cid.digest]

    def links(self) -> tuple[Link, ...]:
        """The entries, sorted by the bytes of their names.

        Raises:
            MissingBlock: a block was not fed.
        """
        for _, cid in self._wanted.values():
            raise MissingBlock(cid)
        # UTF-8 sorts as its code points do, which is how str compares.
        return tuple(sorted(self._links, key=_by_name))


class Lookup:
    """Finds one entry of a directory, reading only the blocks on the way to it.

    Attributes:
        found: the entry; None until it is found, and when there is none.
    """

    def __init__(self, cid: Cid, name: str) -> None:
        """Begin at a top block.

        Raises:
            NotADirectory: the CID is of a raw block.
        """
        if cid.codec != DAG_PB:
            raise NotADirectory(Kind.RAW, cid=cid)
        self.found: Link | None = None
        self._name = name
        self._path = b""
        self._next: Cid | None = cid

    def needed(self) -> Cid | None:
        """The block to feed next; None when the search is over."""
        return self._next

    def feed(self, cid: Cid, block: bytes) -> None:
        """Take a block, hashed by the caller; one that is not needed is ignored.

        Raises:
            NotADirectory, ForbiddenBlock, MalformedBlock: as `DirectoryReader.feed`.
        """
        name = self._next
        if name is None or cid.digest != name.digest:
            return
        node = _parse_sub_shard(block, name) if self._path else _parse_top(block, name)
        step: Link | tuple[bytes, Cid] | None
        if node.kind is Kind.DIRECTORY:
            step = next((link for link in node.links if link.name == self._name), None)
        else:
            step = find_in_shard(node, self._path, self._name, name)
        if isinstance(step, Link) or step is None:
            self._next, self.found = None, step
        else:
            self._path, self._next = step


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory that was built.

    Attributes:
        cid: its top block.
        tsize: the block and all that its links claim, in bytes.
        blocks: (CID, bytes) of the new blocks, children first, the top last.
    """

    cid: Cid
    tsize: int
    blocks: tuple[tuple[Cid, bytes], ...] = field(repr=False)

    def link(self, name: str) -> Link:
        """A link to it."""
        return Link(self.cid, name, self.tsize)


def build_directory(links: Iterable[Link], *, cid_version: int = 1) -> Tree:
    """The directory of these entries, in any order: an absent Tsize is written as 0.

    Args:
        links: the entries.
        cid_version: of the new blocks' CIDs; 0 is what `ipfs add -r` makes unless told.

    Raises:
        UnbuildableTree: a name comes twice, the sizes pass 2^63-1, or it must be a HAMT and has two names
            with the same key or one that is empty.
    """
    by_name: dict[str, Link] = {}
    names_and_cids = 0
    for link in links:
        if link.name in by_name:
            raise UnbuildableTree(f"a directory has no place for the name {link.name[:64]!r} twice")
        by_name[link.name] = link
        names_and_cids += len(link.name.encode()) + _CID_BYTES[link.cid.version]
    if names_and_cids > MAX_FLAT:
        shards = build_shards(by_name, cid_version=cid_version)
        cid, _, tsize = shards[-1]
        return Tree(cid, tsize, tuple((shard, block) for shard, block, _ in shards))
    ordered = sorted(by_name.values(), key=_by_name)
    block = encode_node(ordered, DIRECTORY_DATA)
    cid = Cid.of(block, version=cid_version)
    return Tree(cid, total_size(block, ordered), ((cid, block),))
