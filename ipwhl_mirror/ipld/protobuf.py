"""The protobuf wire format, as far as dag-pb and UnixFS need it: varints, keys, lengths, skipping.

Accepts what Go's protowire accepts: varints of at most 10 bytes and 64 bits, not necessarily the shortest;
field numbers from 1 to 2^29-1; matched groups. Every function reads `data[at:end]` only and raises
MalformedBlock, without a CID, for anything else.

Spec: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from enum import IntEnum

from ipwhl_mirror.ipld.errors import MalformedBlock

_MAX_FIELD = (1 << 29) - 1


class WireType(IntEnum):
    """How a field's value is written."""

    VARINT = 0
    FIXED64 = 1
    BYTES = 2
    GROUP_START = 3
    GROUP_END = 4
    FIXED32 = 5


def encode_varint(value: int) -> bytes:
    """The shortest varint of a number from 0 to 2^64-1."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_bytes(key: int, value: bytes) -> bytes:
    """A length-delimited field: the one-byte key, the length, the value."""
    return bytes((key,)) + encode_varint(len(value)) + value


def read_varint(data: bytes | memoryview, at: int, end: int) -> tuple[int, int]:
    """The number at `at` and the place after it.

    Raises:
        MalformedBlock: it is cut, or has more than 64 bits.
    """
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        if byte < 0x80:
            value |= byte << shift
            if shift > 56 and value >> 64:
                break
            return value, at
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63:
            break
    else:
        raise MalformedBlock("it ends inside a number", offset=end)
    raise MalformedBlock("a number of more than 64 bits", offset=at)


def read_key(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """The field number, the wire type and the place after them.

    Raises:
        MalformedBlock: it is cut, or the field number is not between 1 and 2^29-1.
    """
    key, after = read_varint(data, at, end)
    field = key >> 3
    if not 1 <= field <= _MAX_FIELD:
        raise MalformedBlock(f"a field number of {field}", offset=at)
    return field, key & 7, after


def read_span(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Where the length-delimited value at `at` begins and ends.

    Raises:
        MalformedBlock: it is cut.
    """
    length, start = read_varint(data, at, end)
    if length > end - start:
        raise MalformedBlock(f"a field of {length} bytes where {end - start} are left", offset=start)
    return start, start + length


def skip_value(data: bytes, at: int, end: int, *, field: int, wire: int) -> int:
    """The place after a value that is not wanted; a group is skipped with all it holds.

    Raises:
        MalformedBlock: it is cut, a group is not closed by its own number, or the wire type does not exist.
    """
    groups: list[int] = []
    while True:
        if wire == WireType.GROUP_START:
            groups.append(field)
        elif wire == WireType.GROUP_END:
            if not groups or groups.pop() != field:
                raise MalformedBlock(f"the end of a group {field} that was not begun", offset=at)
        else:
            at = _skip_plain(data, at, end, wire)
        if not groups:
            return at
        field, wire, at = read_key(data, at, end)


def _skip_plain(data: bytes, at: int, end: int, wire: int) -> int:
    if wire == WireType.VARINT:
        return read_varint(data, at, end)[1]
    if wire == WireType.BYTES:
        return read_span(data, at, end)[1]
    if wire not in (WireType.FIXED32, WireType.FIXED64):
        raise MalformedBlock(f"wire type {wire}, which does not exist", offset=at)
    after = at + (4 if wire == WireType.FIXED32 else 8)
    if after > end:
        raise MalformedBlock("it ends inside a number", offset=end)
    return after
