"""UnixFS nodes: what a dag-pb block is, a file, a directory, a HAMT shard or something else.

Reads what Go's protobuf reads: fields in any order, the last of a repeated one holds, blocksizes packed or
not, unknown fields are skipped. Mode and mtime are ignored, but an mtime that is no message makes the node
malformed. What a kind demands of its fields and links is checked in `directories`, `hamt` and `files`.

Spec: https://specs.ipfs.tech/unixfs/
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.dagpb import scan_node
from ipwhl_mirror.ipld.errors import MalformedBlock
from ipwhl_mirror.ipld.protobuf import WireType, encode_varint, read_key, read_span, read_varint, skip_value

if TYPE_CHECKING:
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.ipld.dagpb import Link
    from ipwhl_mirror.ipld.errors import ForbiddenBlock

DIRECTORY_DATA = b"\x08\x01"
"""The Data of a flat directory."""

_TYPE, _DATA, _FILESIZE, _BLOCKSIZES, _HASH_TYPE, _FANOUT = range(1, 7)
_MTIME = 8
_SECONDS = 1
_NUMBERS = (_TYPE, _FILESIZE, _HASH_TYPE, _FANOUT)


class Kind(Enum):
    """What a node is; the values are the format's."""

    RAW = 0
    DIRECTORY = 1
    FILE = 2
    METADATA = 3
    SYMLINK = 4
    HAMT_SHARD = 5

    @property
    def label(self) -> str:
        """Its name in messages."""
        return self.name.lower().replace("_", " ")


_KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnixfsNode:
    """A node, fields that are not there being None, or () for the lists.

    Attributes:
        kind: what it is.
        data: a file's bytes, a shard's bitfield.
        filesize: the bytes of the whole file below.
        blocksizes: the bytes of the file below each link.
        fanout: of a shard.
        hash_type: of a shard.
        links: in the order of the block.
    """

    kind: Kind
    data: bytes | None
    filesize: int | None
    blocksizes: tuple[int, ...]
    fanout: int | None
    hash_type: int | None
    links: tuple[Link, ...]

    @property
    def is_directory(self) -> bool:
        """Whether it has named entries, flat or sharded."""
        return self.kind is Kind.DIRECTORY or self.kind is Kind.HAMT_SHARD


def parse_unixfs(block: bytes, cid: Cid | None = None) -> UnixfsNode:
    """Read a dag-pb block as UnixFS.

    Args:
        block: its bytes.
        cid: its name, for messages only; the block is not hashed.

    Raises:
        MalformedBlock: it is no dag-pb, or its data is no UnixFS.
        ForbiddenBlock: it is both, and has what no release may have (see `dagpb`).
    """
    node, fault = _scan(block, cid)
    if fault is not None:
        raise fault
    return node


def is_directory(block: bytes) -> bool:
    """Whether a dag-pb block is a directory, flat or sharded; False for what is no UnixFS node."""
    try:
        return _scan(block, None)[0].is_directory
    except MalformedBlock:
        return False


def _scan(block: bytes, cid: Cid | None) -> tuple[UnixfsNode, ForbiddenBlock | None]:
    node, fault = scan_node(block, cid)
    if node.data is None:
        raise MalformedBlock("a node without data, which is no UnixFS", cid=cid)
    if node.data == DIRECTORY_DATA:
        fields = _Fields({_TYPE: Kind.DIRECTORY.value}, None, ())
    else:
        try:
            fields = _read_fields(node.data)
        except MalformedBlock as error:
            raise MalformedBlock(f"its UnixFS data: {error.reason}", cid=cid) from None
    # An enum is a 32-bit number: Go drops what is above.
    kind = _KINDS.get(fields.numbers.get(_TYPE, -1) & 0xFFFFFFFF)
    if kind is None:
        raise MalformedBlock(f"UnixFS data of type {fields.numbers.get(_TYPE, 'nothing')}", cid=cid)
    unixfs = UnixfsNode(
        kind=kind,
        data=fields.data,
        filesize=fields.numbers.get(_FILESIZE),
        blocksizes=fields.blocksizes,
        fanout=fields.numbers.get(_FANOUT),
        hash_type=fields.numbers.get(_HASH_TYPE),
        links=node.links,
    )
    return unixfs, fault


@dataclass(frozen=True, slots=True)
class _Fields:
    numbers: dict[int, int]
    data: bytes | None
    blocksizes: tuple[int, ...]


def _read_fields(message: bytes) -> _Fields:
    numbers: dict[int, int] = {}
    data: bytes | None = None
    blocksizes: list[int] = []
    mtimes: list[bool] = []
    at, end = 0, len(message)
    while at < end:
        field, wire, at = read_key(message, at, end)
        if wire == WireType.VARINT and field in _NUMBERS:
            numbers[field], at = read_varint(message, at, end)
        elif wire == WireType.BYTES and field == _DATA:
            start, at = read_span(message, at, end)
            data = message[start:at]
        elif wire == WireType.VARINT and field == _BLOCKSIZES:
            size, at = read_varint(message, at, end)
            blocksizes.append(size)
        elif wire == WireType.BYTES and field == _BLOCKSIZES:
            start, stop = read_span(message, at, end)
            while start < stop:
                size, start = read_varint(message, start, stop)
                blocksizes.append(size)
            at = stop
        elif wire == WireType.BYTES and field == _MTIME:
            start, at = read_span(message, at, end)
            mtimes.append(_has_seconds(message, start, at))
        else:
            at = skip_value(message, at, end, field=field, wire=wire)
    if mtimes and not any(mtimes):
        raise MalformedBlock("an mtime without seconds")
    return _Fields(numbers, data, tuple(blocksizes))


def _has_seconds(message: bytes, at: int, end: int) -> bool:
    found = False
    while at < end:
        field, wire, at = read_key(message, at, end)
        found = found or (wire == WireType.VARINT and field == _SECONDS)
        at = skip_value(message, at, end, field=field, wire=wire)
    return found


def encode_shard_data(bitfield: bytes, *, hash_type: int, fanout: int) -> bytes:
    """The Data of a HAMT shard."""
    return b"".join(
        (
            b"\x08\x05\x12",
            encode_varint(len(bitfield)),
            bitfield,
            b"\x28",
            encode_varint(hash_type),
            b"\x30",
            encode_varint(fanout),
        )
    )


def encode_file_data(filesize: int, blocksizes: list[int]) -> bytes:
    """The Data of an inner node of a file."""
    parts = [b"\x08\x02\x18", encode_varint(filesize)]
    for size in blocksizes:
        parts += (b"\x20", encode_varint(size))
    return b"".join(parts)
