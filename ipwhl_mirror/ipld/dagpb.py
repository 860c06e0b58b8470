"""dag-pb nodes: links with a name and a claimed size, and opaque data.

Reads what go-codec-dagpb reads: Links before or after Data but in one run, Data once, and in a link Hash,
Name, Tsize in that order, each at most once. Of that, it refuses as ForbiddenBlock what no release may have:
a block above 2 MiB, a name that is not UTF-8, a Tsize above 2^63-1, a CID that is not sha2-256 dag-pb or
raw. Anything else is a MalformedBlock. Duplicate names are `directories`' business: a file's links all have
the same empty name. Writes Links first, and in each link Hash, Name and Tsize, always all three.

Spec: https://ipld.io/specs/codecs/dag-pb/spec/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ipwhl_mirror.ipld.cid import DAG_PB, MAX_BLOCK, RAW, Cid
from ipwhl_mirror.ipld.errors import ForbiddenBlock, InvalidCid, MalformedBlock
from ipwhl_mirror.ipld.protobuf import WireType, encode_bytes, encode_varint, read_key, read_span, read_varint

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_TSIZE = (1 << 63) - 1

_DATA, _LINKS = 1, 2
_HASH, _NAME, _TSIZE = 1, 2, 3
_DATA_KEY, _LINKS_KEY = 0x0A, 0x12
_HASH_KEY, _NAME_KEY, _TSIZE_KEY = 0x0A, 0x12, 0x18
_new_link = tuple.__new__
_HASH_V0 = b"\x0a\x22\x12\x20"
_HASH_V1 = b"\x0a\x24\x01\x70\x12\x20"
_HASH_RAW = b"\x0a\x24\x01\x55\x12\x20"


class Link(NamedTuple):
    """A link of a node: a tuple, because a release has tens of thousands.

    Attributes:
        cid: what it leads to.
        name: "" where there is none.
        tsize: the claimed bytes of all that is below, or None where it is not said.
    """

    cid: Cid
    name: str
    tsize: int | None


@dataclass(frozen=True, slots=True)
class PbNode:
    """A node: its links in the order of the block, and its data (None where there is none)."""

    links: tuple[Link, ...]
    data: bytes | None


def parse_node(block: bytes, cid: Cid | None = None) -> PbNode:
    """Read a block.

    Args:
        block: its bytes.
        cid: its name, for messages only; the block is not hashed.

    Raises:
        MalformedBlock: it is no dag-pb.
        ForbiddenBlock: it is, and has what no release may have.
    """
    node, fault = scan_node(block, cid)
    if fault is not None:
        raise fault
    return node


def scan_node(block: bytes, cid: Cid | None = None) -> tuple[PbNode, ForbiddenBlock | None]:
    """Read a block to its end, forbidden things included.

    Returns:
        the node, without the links that are forbidden, and the first forbidden thing.

    Raises:
        MalformedBlock: it is no dag-pb.
        ForbiddenBlock: it is larger than 2 MiB, and was not looked at.
    """
    if len(block) > MAX_BLOCK:
        raise ForbiddenBlock(f"{len(block)} bytes, of at most {MAX_BLOCK}", cid=cid)
    try:
        links, data, fault = _read_fields(block)
    except MalformedBlock as error:
        raise MalformedBlock(error.reason, cid=cid, offset=error.offset) from None
    if fault is not None:
        fault = ForbiddenBlock(fault.reason, cid=cid, offset=fault.offset)
    return PbNode(tuple(links), data), fault


def _read_fields(block: bytes) -> tuple[list[Link], bytes | None, ForbiddenBlock | None]:
    links: list[Link] = []
    data: bytes | None = None
    fault: ForbiddenBlock | None = None
    links_before_data = False
    at, end = 0, len(block)
    while at < end:
        # The one-byte forms of key and length are read here: a call for each would double the time.
        if block[at] == _LINKS_KEY and at + 1 < end and (length := block[at + 1]) < 0x80:
            field, start, stop = _LINKS, at + 2, at + 2 + length
            if stop > end:
                raise MalformedBlock(f"a link of {length} bytes where {end - start} are left", offset=start)
        else:
            field, wire, start = read_key(block, at, end)
            if wire != WireType.BYTES or field not in (_DATA, _LINKS):
                raise MalformedBlock(f"field {field} of wire type {wire}, which no node has", offset=at)
            start, stop = read_span(block, start, end)
        if field == _LINKS:
            if data is not None and links_before_data:
                raise MalformedBlock("links before and after the data", offset=at)
            try:
                links.append(_read_link(block, start, stop))
            except ForbiddenBlock as error:
                fault = fault or error
        else:
            if data is not None:
                raise MalformedBlock("data twice", offset=at)
            data = block[start:stop]
            links_before_data = bool(links) or fault is not None
        at = stop
    return links, data, fault


def _read_link(block: bytes, at: int, stop: int) -> Link:
    """Read a link in the form that every encoder writes; leave any other to `_read_odd_link`."""
    name_at = at + 38
    if block.startswith(_HASH_V0, at):
        name_at = at + 36
        version, codec = 0, DAG_PB
    elif block.startswith(_HASH_V1, at):
        version, codec = 1, DAG_PB
    elif block.startswith(_HASH_RAW, at):
        version, codec = 1, RAW
    else:
        return _read_odd_link(block, at, stop)
    if name_at + 1 >= stop or block[name_at] != _NAME_KEY:
        return _read_odd_link(block, at, stop)
    tsize_at = name_at + 2 + block[name_at + 1]
    if tsize_at + 1 >= stop or block[name_at + 1] > 0x7F or block[tsize_at] != _TSIZE_KEY:
        return _read_odd_link(block, at, stop)
    tsize = shift = 0
    for byte in block[tsize_at + 1 : stop - 1]:
        if byte < 0x80:
            return _read_odd_link(block, at, stop)
        tsize |= (byte & 0x7F) << shift
        shift += 7
    if shift > 56 or (last := block[stop - 1]) > 0x7F:
        return _read_odd_link(block, at, stop)
    try:
        name = block[name_at + 2 : tsize_at].decode()
    except UnicodeDecodeError:
        return _read_odd_link(block, at, stop)
    return _new_link(Link, (Cid(version, codec, block[name_at - 32 : name_at]), name, tsize | last << shift))


def _read_odd_link(block: bytes, at: int, stop: int) -> Link:
    cid_bytes: bytes | None = None
    name: tuple[int, int] | None = None
    tsize: int | None = None
    begin, last = at, 0
    while at < stop:
        field, wire, after = read_key(block, at, stop)
        if field > _TSIZE or wire != (WireType.VARINT if field == _TSIZE else WireType.BYTES):
            raise MalformedBlock(f"field {field} of wire type {wire}, which no link has", offset=at)
        if field <= last:
            raise MalformedBlock("a link's fields twice, or not in the order Hash, Name, Tsize", offset=at)
        last = field
        if field == _TSIZE:
            tsize, at = read_varint(block, after, stop)
            continue
        start, at = read_span(block, after, stop)
        if field == _HASH:
            cid_bytes = block[start:at]
        else:
            name = (start, at)
    if cid_bytes is None:
        raise MalformedBlock("a link without a CID", offset=begin)
    cid = _decode_cid(cid_bytes, begin)
    if tsize is not None and tsize > MAX_TSIZE:
        raise ForbiddenBlock(f"a Tsize of {tsize}, of at most {MAX_TSIZE}", offset=begin)
    return Link(cid, _decode_name(block, *name) if name is not None else "", tsize)


def _decode_name(block: bytes, start: int, stop: int) -> str:
    try:
        return block[start:stop].decode()
    except UnicodeDecodeError:
        name = block[start:stop][:64]
        raise ForbiddenBlock(f"a name that is not UTF-8: {name!r}", offset=start) from None


def _decode_cid(data: bytes, offset: int) -> Cid:
    try:
        return Cid.from_bytes(data)
    except InvalidCid as error:
        if not _is_foreign_cid(data):
            raise MalformedBlock("a link whose hash is no CID", offset=offset) from None
        raise ForbiddenBlock(str(error), offset=offset) from None


def _is_foreign_cid(data: bytes) -> bool:
    """Whether go-cid would read it: of any version, codec and hash it knows, with bytes left over or not."""
    if data.startswith(b"\x12\x20"):
        return len(data) >= 34
    at = 0
    numbers = []
    for _ in range(4):  # version, codec, hash function, length of the hash
        start = at
        try:
            number, at = read_varint(data, at, len(data))
        except MalformedBlock:
            return False
        is_shortest = at - start == 1 or data[at - 1] != 0
        if not is_shortest or number >> 63:
            return False
        numbers.append(number)
    return numbers[0] == 1 and numbers[3] <= len(data) - at


def encode_node(links: Iterable[Link], data: bytes | None) -> bytes:
    """The block of these links, in the order given, and this data; an absent Tsize is written as 0."""
    parts = []
    for cid, name, tsize in links:
        body = b"".join(
            (
                _HASH_V0 if cid.version == 0 else _HASH_V1 if cid.codec == DAG_PB else _HASH_RAW,
                cid.digest,
                encode_bytes(_NAME_KEY, name.encode()),
                b"\x18",
                encode_varint(tsize or 0),
            )
        )
        parts.append(encode_bytes(_LINKS_KEY, body))
    if data is not None:
        parts.append(encode_bytes(_DATA_KEY, data))
    return b"".join(parts)
