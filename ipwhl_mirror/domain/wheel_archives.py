"""METADATA of a wheel, read from a few ranges of its file.

`MetadataReader` does no I/O: it says which bytes it needs, is fed them, and gives the one member's content.
Of most wheels the last 64 KiB are all it needs. Promised: nothing else is unpacked, METADATA has at most
METADATA_LIMIT bytes, its length and CRC are those of the archive, and what is read is what Python's zipfile
and the installers read of the same file; where these could disagree (two members of the name, two
`.dist-info` directories, bytes before the archive), the wheel is refused.

Left out: encryption, and compression other than deflate.

Spec: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT 4.3 and
https://packaging.python.org/specifications/binary-distribution-format/.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.errors import InvalidWheel
from ipwhl_mirror.domain.wheels import normalize_name

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

METADATA_LIMIT = 1 << 20
"""Bytes of METADATA, at most."""
DIRECTORY_LIMIT = 16 << 20
"""Bytes of an archive's central directory, at most."""

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_TAIL = _END.size + 0xFFFF + _LOCATOR_64.size + _END_64.size
_FULL = 0xFFFFFFFF
_ENCRYPTED = 1
_STORED, _DEFLATED = 0, 8
_MOST_PACKED = METADATA_LIMIT + (1 << 12)
_SUFFIX = b".dist-info"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A member as the central directory has it; sizes and the offset of its local header in bytes."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


class MetadataReader:
    """Reads METADATA of one wheel: `needed()`, `feed()`, and at the end `finish()`."""

    def __init__(self, size: int, filename: str) -> None:
        """Begin.

        Args:
            size: of the file, in bytes.
            filename: of the wheel; its project is checked against the archive.

        Raises:
            InvalidWheel: a file of this size is no archive.
        """
        self._size = size
        self._filename = filename
        self._kept = (size, b"")
        self._metadata: bytes | None = None
        self._steps = self._read()
        self._needed: tuple[int, int] | None = next(self._steps)

    def needed(self) -> tuple[int, int] | None:
        """The bytes [start, end) of the file to feed next; None when there is nothing more to read."""
        return self._needed

    def feed(self, data: bytes) -> None:
        """Take the bytes of the last `needed()`.

        Raises:
            InvalidWheel: the archive or METADATA in it cannot be used; the reader is not to be used again.
            RuntimeError: none were needed, or not so many.
        """
        if self._needed is None or len(data) != self._needed[1] - self._needed[0]:
            raise RuntimeError(f"{len(data)} bytes were fed, needed was {self._needed}")
        try:
            self._needed = self._steps.send(data)
        except StopIteration as end:
            self._needed, self._metadata = None, end.value

    def finish(self) -> bytes:
        """METADATA, as it is in the wheel.

        Raises:
            RuntimeError: not everything was fed.
        """
        if self._metadata is None:
            raise RuntimeError("METADATA was not read to its end")
        return self._metadata

    def _read(self) -> Generator[tuple[int, int], bytes, bytes]:
        if self._size < _END.size:
            raise self._invalid("it is no zip archive: too short")
        start = max(0, self._size - _TAIL)
        self._kept = (start, (yield start, self._size))
        first, end = yield from self._directory_span()
        entry = self._metadata_entry((yield from self._span(first, end)))
        return (yield from self._member(entry, first))

    def _span(self, start: int, end: int) -> Generator[tuple[int, int], bytes, bytes]:
        """The bytes [start, end), from the kept tail where they are in it."""
        kept, data = self._kept
        if start >= kept:
            return data[start - kept : end - kept]
        return (yield start, end)

    def _directory_span(self) -> Generator[tuple[int, int], bytes, tuple[int, int]]:
        """Where the central directory is."""
        at = self._end_record()
        kept, tail = self._kept
        _, disk, first_disk, _, _, length, first, _ = _END.unpack_from(tail, at - kept)
        locator = at - _LOCATOR_64.size
        if locator >= kept and tail.startswith(b"PK\6\7", locator - kept):
            at = locator - _END_64.size
            record = yield from self._span(max(0, at), locator)
            if _LOCATOR_64.unpack_from(tail, locator - kept)[2] != at or not record.startswith(b"PK\6\6"):
                raise self._invalid("its ZIP64 records cannot be read")
            _, _, _, _, disk, first_disk, _, _, length, first = _END_64.unpack(record)
        if disk or first_disk:
            raise self._invalid("it is a part of an archive of several files")
        if first + length != at:
            raise self._invalid("its central directory is not where the archive says")
        if length > DIRECTORY_LIMIT:
            raise self._invalid(f"its central directory has {length} bytes, of at most {DIRECTORY_LIMIT}")
        return first, at

    def _end_record(self) -> int:
        """Where the end record is: the last one in the file, as zipfile finds it."""
        kept, tail = self._kept
        at = len(tail) - _END.size
        if not (tail.startswith(b"PK\5\6", at) and tail.endswith(b"\0\0")):
            at = tail.rfind(b"PK\5\6", 0, at + 4)
        if at < 0:
            raise self._invalid("it is no zip archive: it has no end record")
        if at + _END.size + _END.unpack_from(tail, at)[-1] != len(tail):
            raise self._invalid("bytes stand after the end of the archive")
        return kept + at

    def _metadata_entry(self, directory: bytes) -> _Entry:
        """METADATA of the only `.dist-info` directory, which is of the wheel's project."""
        found: list[_Entry] = []
        information = set[bytes]()
        for entry in self._entries(directory):
            top, slash, rest = entry.name.partition(b"/")
            if slash and top.endswith(_SUFFIX):
                information.add(top)
                if rest == b"METADATA":
                    found.append(entry)
        if len(information) != 1:
            raise self._invalid(f"it has {len(information)} .dist-info directories, not one")
        name = normalize_name(information.pop().decode("ascii", "replace"))
        if not name.startswith(normalize_name(self._filename.partition("-")[0])):
            raise self._invalid("its .dist-info directory is of another project")
        if len(found) != 1:
            raise self._invalid(f"it has METADATA {len(found)} times, not once")
        return found[0]

    def _entries(self, directory: bytes) -> Iterator[_Entry]:
        at = 0
        while at < len(directory):
            if len(directory) - at < _ENTRY.size or not directory.startswith(b"PK\1\2", at):
                raise self._invalid("its central directory cannot be read")
            fields = _ENTRY.unpack_from(directory, at)
            _, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment = fields[:13]
            begin = at + _ENTRY.size
            name = directory[begin : begin + name_length]
            extra = directory[begin + name_length : begin + name_length + extra_length]
            at = begin + name_length + extra_length + comment
            if at > len(directory):
                raise self._invalid("its central directory cannot be read")
            size, packed, offset = self._wide(size, packed, fields[-1], extra)
            yield _Entry(
                name=name, flags=flags, method=method, crc=crc, packed=packed, size=size, offset=offset
            )

    def _wide(self, size: int, packed: int, offset: int, extra: bytes) -> tuple[int, int, int]:
        """These numbers, each from the ZIP64 field where it does not fit in four bytes."""
        numbers = [size, packed, offset]
        if _FULL not in numbers:
            return size, packed, offset
        wide = _extra_field(extra, 1)
        for place, number in enumerate(numbers):
            if number == _FULL:
                if len(wide) < 8:
                    raise self._invalid("a ZIP64 field of a member cannot be read")
                numbers[place], wide = int.from_bytes(wide[:8], "little"), wide[8:]
        return numbers[0], numbers[1], numbers[2]

    def _member(self, entry: _Entry, directory: int) -> Generator[tuple[int, int], bytes, bytes]:
        """The content of a member, checked."""
        if entry.flags & _ENCRYPTED or entry.method not in (_STORED, _DEFLATED):
            raise self._invalid("METADATA is encrypted, or compressed in an unusual way")
        if entry.size > METADATA_LIMIT or entry.packed > _MOST_PACKED:
            raise self._invalid(f"METADATA is longer than {METADATA_LIMIT} bytes")
        begin = entry.offset + _LOCAL.size + len(entry.name)
        if begin > directory:
            raise self._invalid("METADATA is not where the archive says")
        header = yield from self._span(entry.offset, begin)
        name_length, extra_length = _LOCAL.unpack_from(header)[-2:]
        if not header.startswith(b"PK\3\4") or header[_LOCAL.size :][:name_length] != entry.name:
            raise self._invalid("METADATA is not where the archive says")
        begin = entry.offset + _LOCAL.size + name_length + extra_length
        if begin + entry.packed > directory:
            raise self._invalid("METADATA is not where the archive says")
        packed = yield from self._span(begin, begin + entry.packed)
        return self._unpacked(packed, entry)

    def _unpacked(self, packed: bytes, entry: _Entry) -> bytes:
        content = packed
        if entry.method == _DEFLATED:
            try:
                content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, entry.size + 1)
            except zlib.error:
                raise self._invalid("METADATA cannot be unpacked") from None
        if len(content) != entry.size or zlib.crc32(content) != entry.crc:
            raise self._invalid("METADATA is damaged: its length or CRC is another")
        return content

    def _invalid(self, reason: str) -> InvalidWheel:
        return InvalidWheel(self._filename, reason)


def _extra_field(extra: bytes, wanted: int) -> bytes:
    """The content of an extra field; empty where there is none."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == wanted:
            return extra[4 : 4 + length]
        extra = extra[4 + length :]
    return b""
