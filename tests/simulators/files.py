"""Small file DAGs with deep trees, and an assembly that keeps them in memory.

`file_dag` makes what an importer with tiny chunks would make, so that a file of a few kB has several levels.
"""

from __future__ import annotations

from dataclasses import dataclass

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link, encode_node
from ipwhl_mirror.ipld.files import parse_file_node


@dataclass(frozen=True, slots=True)
class FileDag:
    """A file: its root, payload, blocks by digest, children first, and leaves in file order."""

    root: Cid
    payload: bytes
    blocks: dict[bytes, bytes]
    leaves: tuple[Cid, ...]


def file_dag(payload: bytes, *, chunk: int = 100, width: int = 3, version: int = 1) -> FileDag:
    """A balanced file DAG; version 1 with raw leaves, version 0 with dag-pb ones."""
    blocks: dict[bytes, bytes] = {}

    def add(block: bytes, codec: int) -> Cid:
        cid = Cid.of(block, codec, version=1 if codec == RAW else version)
        blocks[cid.digest] = block
        return cid

    level: list[tuple[Cid, int]] = []
    for at in range(0, max(1, len(payload)), chunk):
        piece = payload[at : at + chunk]
        leaf = (
            add(piece, RAW) if version == 1 else add(encode_node((), _file_data(len(piece), piece, ())), 0x70)
        )
        level.append((leaf, len(piece)))
    leaves = tuple(cid for cid, _ in level)
    while len(level) > 1:
        groups = [level[at : at + width] for at in range(0, len(level), width)]
        level = []
        for group in groups:
            size = sum(length for _, length in group)
            data = _file_data(size, b"", tuple(length for _, length in group))
            links = [Link(cid, "", length) for cid, length in group]
            level.append((add(encode_node(links, data), 0x70), size))
    return FileDag(level[0][0], payload, blocks, leaves)


def _file_data(size: int, payload: bytes, blocksizes: tuple[int, ...]) -> bytes:
    data = b"\x08\x02"
    if payload:
        data += b"\x12" + _varint(len(payload)) + payload
    data += b"\x18" + _varint(size)
    return data + b"".join(b"\x20" + _varint(length) for length in blocksizes)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


class MemoryAssembly:
    """A file being put together in memory.

    Attributes:
        root: the file.
        blocks: what was accepted, by digest; put some here first to resume.
    """

    def __init__(self, root: Cid, *blocks: bytes) -> None:
        self.root = root
        self.blocks = {Cid.of(block).digest: block for block in blocks}

    @property
    def size(self) -> int | None:
        """The file's length, once its root is here."""
        block = self.blocks.get(self.root.digest)
        return None if block is None else parse_file_node(self.root, block).size

    @property
    def payload(self) -> bytes:
        """The bytes before the first gap."""
        return b"".join(piece for _, piece, _ in self._places() if piece is not None)

    def first_gap(self) -> int | None:
        """Where the first missing byte is; None when whole."""
        return next((offset for offset, piece, _ in self._places() if piece is None), None)

    def wanted(self, limit: int) -> list[Cid]:
        """Missing blocks that are known."""
        wanted = {cid.digest: cid for _, piece, cid in self._places(past_gaps=True) if piece is None}
        return list(wanted.values())[:limit]

    def accept(self, cid: Cid, block: bytes) -> int:
        """Keep a block that is wanted."""
        cid.check(block)
        places = [
            c for _, piece, c in self._places(past_gaps=True) if piece is None and c.digest == cid.digest
        ]
        if not places:
            return 0
        node = parse_file_node(cid, block)
        self.blocks[cid.digest] = block
        return len(places) * len(node.payload or b"")

    def _places(self, *, past_gaps: bool = False) -> list[tuple[int, bytes | None, Cid]]:
        """(offset, payload or None, CID) of the leaves and gaps in file order, up to the first gap."""
        places: list[tuple[int, bytes | None, Cid]] = []
        stack = [(self.root, 0)]
        while stack:
            cid, offset = stack.pop()
            block = self.blocks.get(cid.digest)
            if block is None:
                places.append((offset, None, cid))
                if not past_gaps:
                    break
                continue
            node = parse_file_node(cid, block)
            if node.payload is not None:
                places.append((offset, node.payload, cid))
                continue
            below = []
            for child, length in node.children:
                below.append((child, offset))
                offset += length
            stack.extend(reversed(below))
        return places
