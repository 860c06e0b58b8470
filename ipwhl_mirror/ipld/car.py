"""CARv1 files: written block by block, and read by pushing bytes of any length.

The reader hashes every block and holds one section at most, so its memory is bounded whatever it is fed. It
accepts sha2-256 dag-pb and raw blocks of at most 2 MiB, each as often as it comes, and roots that are not
in the file. `finish` tells a file that was cut from one that is whole; whether all wanted blocks were in it
is the caller's question.

Spec: https://ipld.io/specs/transport/car/carv1/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import MAX_BLOCK, Cid
from ipwhl_mirror.ipld.errors import InvalidCid, IpldError, MalformedBlock, MalformedCar
from ipwhl_mirror.ipld.protobuf import encode_varint, read_varint

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_HEADER = 1 << 20
"""The longest header that is read, in bytes."""

_MAX_SECTION = MAX_BLOCK + 36
_MAX_VARINT = 10
_TAG_CID = b"\xd8\x2a"
_MAP, _LIST, _TEXT, _BYTES, _INT = 0xA0, 0x80, 0x60, 0x40, 0x00


def car_header(roots: Sequence[Cid]) -> bytes:
    """The beginning of a CAR with these roots; every block follows as a `car_section`."""
    items = [
        _TAG_CID + _cbor_head(_BYTES, len(root.to_bytes()) + 1) + b"\x00" + root.to_bytes() for root in roots
    ]
    header = b"\xa2\x65roots" + _cbor_head(_LIST, len(items)) + b"".join(items) + b"\x67version\x01"
    return encode_varint(len(header)) + header


def car_section(cid: Cid, block: bytes) -> bytes:
    """One block of a CAR."""
    name = cid.to_bytes()
    return b"".join((encode_varint(len(name) + len(block)), name, block))


def _cbor_head(major: int, value: int) -> bytes:
    if value < 24:
        return bytes((major | value,))
    size = 1 if value < 1 << 8 else 2 if value < 1 << 16 else 4
    return bytes((major | {1: 24, 2: 25, 4: 26}[size],)) + value.to_bytes(size, "big")


@dataclass(frozen=True, slots=True)
class CarBlock:
    """A block of a CAR.

    Attributes:
        cid: its name; `data` was hashed and is what it names.
        data: its bytes.
        offset: where `data` begins in the file, in bytes.
    """

    cid: Cid
    data: bytes
    offset: int


class CarParser:
    """Reads a CAR from pieces of any length.

    The first fault ends it: blocks completed by the same piece are not given, and every later call raises the
    same error.

    Attributes:
        roots: of the header, sha2-256 dag-pb or raw; None before it was read.
    """

    def __init__(self) -> None:
        self.roots: tuple[Cid, ...] | None = None
        self._buffer = bytearray()
        self._offset = 0
        self._fault: IpldError | None = None

    def feed(self, data: bytes | bytearray | memoryview) -> list[CarBlock]:
        """Take the next bytes; the blocks that they complete.

        Raises:
            MalformedCar: the file is no CARv1, has a block of more than 2 MiB, or one whose CID is not
                sha2-256 dag-pb or raw.
            HashMismatch: a block is not what its CID names.
        """
        if self._fault is not None:
            raise self._fault
        self._buffer += data
        blocks: list[CarBlock] = []
        try:
            self._read(blocks)
        except IpldError as fault:
            self._fault = fault
            self._buffer.clear()
            raise
        return blocks

    def finish(self) -> None:
        """Say that the file ends here.

        Raises:
            MalformedCar: it was cut inside the header or a block.
            HashMismatch, MalformedCar: what `feed` raised, again.
        """
        if self._fault is not None:
            raise self._fault
        if self.roots is None:
            raise MalformedCar("it ends inside the header", offset=self._offset + len(self._buffer))
        if self._buffer:
            raise MalformedCar("it ends inside a block", offset=self._offset + len(self._buffer))

    def _read(self, blocks: list[CarBlock]) -> None:
        at = 0
        with memoryview(self._buffer) as view:
            while (span := self._section(view, at)) is not None:
                start, at = span
                if self.roots is None:
                    self.roots = _read_header(bytes(view[start:at]), self._offset + start)
                else:
                    blocks.append(self._block(view, start, at))
        self._offset += at
        del self._buffer[:at]

    def _check(self, cid: Cid, data: bytes) -> None:
        cid.check(data)

    def _section(self, view: memoryview, at: int) -> tuple[int, int] | None:
        """Where the section at `at` begins and ends; None while it is not all there."""
        place = self._offset + at
        try:
            length, start = read_varint(view, at, min(len(view), at + _MAX_VARINT))
        except MalformedBlock as error:
            if len(view) - at < _MAX_VARINT and all(byte > 0x7F for byte in view[at:]):
                return None
            raise MalformedCar(f"the length of a section: {error.reason}", offset=place) from None
        if self.roots is None:
            if not 0 < length <= MAX_HEADER:
                raise MalformedCar(f"a header of {length} bytes, of at most {MAX_HEADER}", offset=place)
        elif length > _MAX_SECTION:
            self._check_oversized(view, start, length)
            return None
        return (start, start + length) if start + length <= len(view) else None

    def _check_oversized(self, view: memoryview, start: int, length: int) -> None:
        if len(view) - start < 36:  # wait until it can be named
            return
        cid, body = _section_cid(view, start, start + 36, self._offset)
        raise MalformedCar(
            f"block {cid} has {length - (body - start)} bytes, of at most {MAX_BLOCK}",
            offset=self._offset + start,
        )

    def _block(self, view: memoryview, start: int, stop: int) -> CarBlock:
        cid, body = _section_cid(view, start, stop, self._offset)
        if stop - body > MAX_BLOCK:
            raise MalformedCar(
                f"block {cid} has {stop - body} bytes, of at most {MAX_BLOCK}", offset=self._offset + start
            )
        data = bytes(view[body:stop])
        self._check(cid, data)
        return CarBlock(cid, data, self._offset + body)


class UncheckedCarParser(CarParser):
    """Reads a CAR without hashing its blocks: for whoever hashes them, and goes on after a damaged one."""

    def _check(self, cid: Cid, data: bytes) -> None:
        pass


class SalvagingCarParser(UncheckedCarParser):
    """Reads all that can be read of a CAR that may be cut or damaged, without hashing its blocks.

    Only a header that cannot be read is raised. What ends it later is in `fault`, and every block before that
    is given.
    """

    @property
    def fault(self) -> IpldError | None:
        """Why it was not read to its end; None where it was, as far as it is known."""
        return self._fault

    def feed(self, data: bytes | bytearray | memoryview) -> list[CarBlock]:
        """See CarParser; after a fault nothing more is given.

        Raises:
            MalformedCar: the header cannot be read.
        """
        blocks: list[CarBlock] = []
        if self._fault is None:
            self._buffer += data
            try:
                self._read(blocks)
            except IpldError as fault:
                self._fault = fault
                self._buffer.clear()
        if self._fault is not None and self.roots is None:
            raise self._fault
        return blocks

    def finish(self) -> None:
        """See CarParser; a cut is a fault like any other.

        Raises:
            MalformedCar: it was cut inside the header.
        """
        try:
            super().finish()
        except IpldError as fault:
            if self.roots is None:
                raise
            self._fault = fault


def _section_cid(view: memoryview, start: int, stop: int, offset: int) -> tuple[Cid, int]:
    length = 34 if bytes(view[start : start + 2]) == b"\x12\x20" else 36
    name = bytes(view[start : min(start + length, stop)])
    try:
        return Cid.from_bytes(name), start + length
    except InvalidCid:
        raise MalformedCar(
            f"a block whose CID is not sha2-256 dag-pb or raw: {name.hex()}", offset=offset + start
        ) from None


def _read_header(header: bytes, offset: int) -> tuple[Cid, ...]:
    try:
        return _Cbor(header).car_roots()
    except ValueError as error:
        raise MalformedCar(f"a header that is no CARv1: {error}", offset=offset) from None


class _Cbor:
    """The dag-cbor of a CAR header: a map with `roots`, a list of CIDs, and `version`, 1."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def car_roots(self) -> tuple[Cid, ...]:
        roots: tuple[Cid, ...] | None = None
        version: int | None = None
        fields = self._head(_MAP, "a map")
        for _ in range(min(fields, 3)):
            key = self._take(self._head(_TEXT, "a text"))
            if key == b"roots" and roots is None:
                count = self._head(_LIST, "a list")
                if count > len(self._data) - self._at:
                    raise ValueError(f"{count} roots in {len(self._data)} bytes")
                roots = tuple(root for _ in range(count) if (root := self._cid()) is not None)
            elif key == b"version" and version is None:
                version = self._head(_INT, "a number")
            else:
                raise ValueError(f"a field named {key[:32]!r}")
        if version != 1:
            raise ValueError(f"version {version}, not 1")
        if roots is None:
            raise ValueError("no roots")
        if self._at != len(self._data):
            raise ValueError(f"{len(self._data) - self._at} bytes after its end")
        return roots

    def _head(self, major: int, what: str) -> int:
        byte = self._take(1)[0]
        if byte & 0xE0 != major:
            raise ValueError(f"byte {byte:#04x} where {what} is expected")
        small = byte & 0x1F
        if small < 24:
            return small
        if small > 27:
            raise ValueError(f"{what} of no definite length")
        return int.from_bytes(self._take(1 << (small - 24)), "big")

    def _cid(self) -> Cid | None:
        """A root; None for one of another hash, which some gateways write when they know none."""
        if self._take(2) != _TAG_CID:
            raise ValueError("a root that is no CID")
        data = self._take(self._head(_BYTES, "a byte string"))
        if data[:1] != b"\x00":
            raise ValueError("a root without its multibase prefix")
        try:
            return Cid.from_bytes(data[1:])
        except InvalidCid:
            return None

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            raise ValueError("it ends too early")
        self._at += count
        return self._data[self._at - count : self._at]
