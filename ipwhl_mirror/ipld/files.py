"""UnixFS files: split and hashed as `ipfs add` does, and the nodes of any file's DAG read.

Chunks of 256 KiB, a balanced tree of at most 174 links a node. CIDv0: every leaf is a dag-pb File node, a
header, the chunk and a trailer, a pure function of the chunk (`leaf_frame`). CIDv1: as with `--raw-leaves`,
a leaf is the chunk. `FileBuilder` holds no more than one chunk of the content, and copies none that comes
in large pieces.

Reading accepts any chunker and layout whose numbers agree, except that a node has either bytes or links and
each link holds at least one byte; so a walk by offset always moves on.

Spec: https://specs.ipfs.tech/unixfs/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import DAG_PB, MAX_BLOCK, RAW, Cid
from ipwhl_mirror.ipld.dagpb import MAX_TSIZE, Link, encode_node
from ipwhl_mirror.ipld.errors import ForbiddenBlock, MalformedBlock
from ipwhl_mirror.ipld.protobuf import encode_varint
from ipwhl_mirror.ipld.unixfs import Kind, encode_file_data, parse_unixfs

if TYPE_CHECKING:
    from collections.abc import Sequence

CHUNK = 262144
"""The payload of every leaf but the last, in bytes."""
WIDTH = 174
"""The most links of an inner node."""


class Wrapper(Enum):
    """How a leaf's block is made of its payload."""

    NONE = 0
    UNIXFS_FILE = 1


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf of a file: the block with this digest holds `length` bytes of payload from `offset` on."""

    digest: bytes
    offset: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltFile:
    """A file that was read to its end.

    Attributes:
        cid: its root; a file of one chunk is its leaf.
        size: the content's bytes.
        tsize: the bytes of all blocks, each counted as often as it is linked.
        inner: (CID, block) of the inner nodes, children first, the root last; none for a single leaf.
        leaves: in the order of the content.
        wrapper: how the leaves are made.
    """

    cid: Cid
    size: int
    tsize: int
    inner: tuple[tuple[Cid, bytes], ...] = field(repr=False)
    leaves: tuple[Leaf, ...] = field(repr=False)
    wrapper: Wrapper


def leaf_frame(length: int) -> tuple[bytes, bytes]:
    """What stands before and after a payload of this length in a dag-pb leaf."""
    size = encode_varint(length)
    trailer = b"\x18" + size
    begin = b"\x08\x02\x12" + size if length else b"\x08\x02"
    return b"\x0a" + encode_varint(len(begin) + length + len(trailer)) + begin, trailer


def leaf_block(payload: bytes, wrapper: Wrapper) -> bytes:
    """The block of a leaf."""
    if wrapper is Wrapper.NONE:
        return payload
    header, trailer = leaf_frame(len(payload))
    return b"".join((header, payload, trailer))


_FULL_FRAME = leaf_frame(CHUNK)


class FileBuilder:
    """Finds a file's CID and blocks from its content, piece by piece."""

    def __init__(self, cid_version: int = 0) -> None:
        """Begin a file as `ipfs add` (version 0) or `ipfs add --cid-version=1 --raw-leaves` (1) would."""
        self._version = cid_version
        self._wrapper = Wrapper.NONE if cid_version else Wrapper.UNIXFS_FILE
        self._rest = bytearray()
        self._size = 0
        self._leaves: list[Leaf] = []
        self._inner: list[tuple[Cid, bytes]] = []
        self._levels: list[list[_Child]] = []

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the content, any number of them."""
        with memoryview(data).cast("B") as view:
            at = 0
            if self._rest:
                at = min(CHUNK - len(self._rest), len(view))
                self._rest += view[:at]
                if len(self._rest) < CHUNK:
                    return
                self._add_leaf(self._rest)
                self._rest.clear()
            while len(view) - at >= CHUNK:
                self._add_leaf(view[at : at + CHUNK])
                at += CHUNK
            self._rest += view[at:]

    def finish(self) -> BuiltFile:
        """The file; the builder is not to be used again."""
        if self._rest or not self._leaves:
            self._add_leaf(self._rest)
        level = 0
        while level < len(self._levels) - 1 or len(self._levels[level]) > 1:
            if self._levels[level]:
                self._close_node(level)
            level += 1
        root = self._levels[level][0]
        return BuiltFile(
            cid=root.link.cid,
            size=self._size,
            tsize=root.link.tsize or 0,
            inner=tuple(self._inner),
            leaves=tuple(self._leaves),
            wrapper=self._wrapper,
        )

    def _add_leaf(self, payload: bytearray | memoryview) -> None:
        length = len(payload)
        if self._wrapper is Wrapper.NONE:
            cid = Cid(1, RAW, sha256(payload).digest())
            total = length
        else:
            header, trailer = _FULL_FRAME if length == CHUNK else leaf_frame(length)
            digest = sha256(header)
            digest.update(payload)
            digest.update(trailer)
            cid = Cid(0, DAG_PB, digest.digest())
            total = len(header) + length + len(trailer)
        self._leaves.append(Leaf(cid.digest, self._size, length))
        self._size += length
        self._add_child(0, _Child(Link(cid, "", total), length))

    def _add_child(self, level: int, child: _Child) -> None:
        """Put a node among its siblings; a full row is closed by the sibling that no longer fits."""
        if level == len(self._levels):
            self._levels.append([])
        if len(self._levels[level]) == WIDTH:
            self._close_node(level)
        self._levels[level].append(child)

    def _close_node(self, level: int) -> None:
        children = self._levels[level]
        self._levels[level] = []
        size = sum(child.size for child in children)
        links = [child.link for child in children]
        block = encode_node(links, encode_file_data(size, [child.size for child in children]))
        cid = Cid.of(block, version=self._version)
        self._inner.append((cid, block))
        tsize = len(block) + sum(link.tsize or 0 for link in links)
        self._add_child(level + 1, _Child(Link(cid, "", tsize), size))


@dataclass(frozen=True, slots=True)
class _Child:
    link: Link
    size: int


@dataclass(frozen=True, slots=True)
class FileNode:
    """A block of a file's DAG: a leaf with its bytes, or an inner node with its children.

    Attributes:
        size: the content's bytes at and below it.
        payload: a leaf's bytes; None for an inner node.
        children: (CID, content's bytes below it, at least 1) in the order of the content; () for a leaf.
    """

    size: int
    payload: bytes | None = field(repr=False)
    children: tuple[tuple[Cid, int], ...] = field(repr=False)

    @property
    def is_leaf(self) -> bool:
        """Whether it holds bytes and not links."""
        return self.payload is not None


def parse_file_node(cid: Cid, block: bytes) -> FileNode:
    """Read a block of a file's DAG; the block is not hashed.

    Raises:
        MalformedBlock: it is no file, its numbers do not agree, it has bytes and links, or a link without
            bytes below.
        ForbiddenBlock: it has what no release may have (see `dagpb`).
    """
    if cid.codec == RAW:
        if len(block) > MAX_BLOCK:
            raise ForbiddenBlock(f"{len(block)} bytes, of at most {MAX_BLOCK}", cid=cid)
        return FileNode(len(block), block, ())
    if _is_full_leaf(block):
        return FileNode(CHUNK, block[len(_FULL_FRAME[0]) : -len(_FULL_FRAME[1])], ())
    node = parse_unixfs(block, cid)
    if node.kind not in (Kind.FILE, Kind.RAW):
        raise MalformedBlock(f"a {node.kind.label}, not a file", cid=cid)
    if not node.links and not node.blocksizes:
        payload = node.data or b""
        if node.filesize not in (None, len(payload)):
            raise MalformedBlock(f"a file of {node.filesize} bytes that has {len(payload)}", cid=cid)
        return FileNode(len(payload), payload, ())
    if node.data:
        raise MalformedBlock("a file with bytes and links in one node", cid=cid)
    _check_sizes(node.blocksizes, len(node.links), node.filesize, cid)
    links = zip(node.links, node.blocksizes, strict=True)
    return FileNode(sum(node.blocksizes), None, tuple((link.cid, size) for link, size in links))


def _is_full_leaf(block: bytes) -> bool:
    """True for what most blocks of a wheel are; field by field, the chunk would be copied once more."""
    header, trailer = _FULL_FRAME
    is_so_long = len(block) == len(header) + CHUNK + len(trailer)
    return is_so_long and block.startswith(header) and block.endswith(trailer)


def _check_sizes(sizes: Sequence[int], links: int, filesize: int | None, cid: Cid) -> None:
    if len(sizes) != links:
        raise MalformedBlock(f"a file with {links} links and {len(sizes)} sizes for them", cid=cid)
    if 0 in sizes:
        raise MalformedBlock("a file with a link to no bytes", cid=cid)
    if filesize != sum(sizes) or filesize > MAX_TSIZE:
        raise MalformedBlock(f"a file of {filesize} bytes whose links have {sum(sizes)}", cid=cid)
