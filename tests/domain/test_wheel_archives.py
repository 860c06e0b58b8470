"""METADATA is read from a few ranges of a wheel, as zipfile reads it, or the wheel is refused."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.domain.errors import InvalidWheel
from ipwhl_mirror.domain.wheel_archives import DIRECTORY_LIMIT, METADATA_LIMIT, MetadataReader
from tests.simulators.wheels import ANY, wheel_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = f"six-1.0-{ANY}.whl"
PLACE = "six-1.0.dist-info/METADATA"
METADATA = b"Metadata-Version: 2.1\nName: six\nVersion: 1.0\n" + b"x" * 500
WHEEL = wheel_bytes("six", "1.0", ANY)


def archive(
    members: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b""
) -> bytes:
    """A zip archive of these members, in this order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in members.items():
            file.writestr(zipfile.ZipInfo(name), data, method)
        file.comment = comment
    return buffer.getvalue()


def read(data: bytes, filename: str = NAME) -> tuple[bytes, list[tuple[int, int]]]:
    """METADATA, and the ranges that were asked for."""
    reader = MetadataReader(len(data), filename)
    ranges = []
    while (needed := reader.needed()) is not None:
        ranges.append(needed)
        reader.feed(data[slice(*needed)])
    return reader.finish(), ranges


def with_zip64(data: bytes) -> bytes:
    """The same archive with ZIP64 records at its end, as a large one has them."""
    begin, end = data[:-22], data[-22:]
    _, _, _, _, entries, length, offset, _ = struct.unpack("<4s4H2LH", end)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, length, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(begin), 1)
    return (
        begin
        + record
        + locator
        + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
    )


NOISE = random.Random(1).randbytes(300_000)
MANY = {f"six/module_{number:05}_with_a_longer_name.py": b"" for number in range(1500)}


@pytest.mark.parametrize(
    ("data", "rounds"),
    [
        pytest.param(archive({PLACE: METADATA}, method=zipfile.ZIP_STORED), 1, id="stored"),
        pytest.param(archive({PLACE: METADATA}), 1, id="deflated"),
        pytest.param(archive({PLACE: METADATA}, comment=b"of a person"), 1, id="comment"),
        pytest.param(archive({PLACE: METADATA}, comment=b"c" * 65535), 3, id="longest-comment"),
        pytest.param(archive({"six.bin": NOISE, PLACE: METADATA}), 1, id="at-the-end-of-a-large-file"),
        pytest.param(archive({PLACE: METADATA, "six.bin": NOISE}), 3, id="at-its-beginning"),
        pytest.param(archive({PLACE: METADATA, **MANY}), 4, id="long-directory"),
        pytest.param(with_zip64(archive({PLACE: METADATA})), 1, id="zip64"),
        pytest.param(archive({PLACE: METADATA, "six.dist-info.txt": b""}), 1, id="file-of-similar-name"),
        pytest.param(archive({PLACE: METADATA, "a/b.dist-info/METADATA": b""}), 1, id="deeper-one"),
    ],
)
def test_metadata_is_read_in_few_ranges(data: bytes, rounds: int) -> None:
    """Mostly one: the tail. They are inside the file, and together much less than it where it is large."""
    metadata, ranges = read(data)
    assert metadata == METADATA
    assert len(ranges) == rounds
    assert all(0 <= start < end <= len(data) for start, end in ranges)
    assert sum(end - start for start, end in ranges) < 200_000
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.read(PLACE) == METADATA


def test_empty_metadata_is_read() -> None:
    """A member of no bytes is one."""
    assert read(archive({PLACE: b""}, method=zipfile.ZIP_STORED))[0] == b""


def patched(data: bytes, at: int, value: bytes) -> bytes:
    """The data with other bytes at an offset; a negative one counts from the end."""
    at = at % len(data)
    return data[:at] + value + data[at + len(value) :]


STORED = archive({PLACE: METADATA}, method=zipfile.ZIP_STORED)
ENTRY = STORED.index(b"PK\1\2")
TWICE = archive({PLACE: METADATA, PLACE.replace("M", "N"): b"other"}).replace(b"NETADATA", b"METADATA")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", "too short", id="empty"),
        pytest.param(b"x" * 1000, "no end record", id="no-archive"),
        pytest.param(STORED[:-1], "no end record|bytes stand after", id="cut"),
        pytest.param(STORED + b"x", "bytes stand after", id="bytes-after"),
        pytest.param(b"#!/bin/sh\n" + STORED, "not where the archive says", id="bytes-before"),
        pytest.param(archive({"six.py": b""}), "0 .dist-info directories", id="no-dist-info"),
        pytest.param(archive({"six-1.0.dist-info/RECORD": b""}), "METADATA 0 times", id="no-metadata"),
        pytest.param(
            archive({PLACE: METADATA, "other-1.0.dist-info/RECORD": b""}), "2 .dist-info", id="two-dist-infos"
        ),
        pytest.param(TWICE, "METADATA 2 times", id="metadata-twice"),
        pytest.param(
            archive({"other-1.0.dist-info/METADATA": METADATA}), "of another project", id="other-project"
        ),
        pytest.param(archive({PLACE: b"x" * (METADATA_LIMIT + 1)}), "longer than 1048576", id="too-long"),
        pytest.param(
            patched(archive({PLACE: b"x" * (METADATA_LIMIT + 1)}), -22 - 46 - len(PLACE) + 24, b"\1\0\0\0"),
            "damaged",
            id="bomb-that-says-one-byte",
        ),
        pytest.param(patched(STORED, 100, b"?"), "damaged", id="other-crc"),
        pytest.param(patched(STORED, ENTRY + 10, b"\x0c"), "unusual way", id="bzip2"),
        pytest.param(patched(STORED, ENTRY + 8, b"\1"), "encrypted", id="encrypted"),
        pytest.param(patched(STORED, ENTRY + 10, b"\x08"), "cannot be unpacked", id="no-deflate"),
        pytest.param(patched(STORED, ENTRY, b"XX"), "directory cannot be read", id="no-entry"),
        pytest.param(
            patched(STORED, ENTRY + 28, b"\xff\xff"), "directory cannot be read", id="name-too-long"
        ),
        pytest.param(
            patched(STORED, ENTRY + 42, b"\1\0\0\0"), "METADATA is not where", id="offset-of-no-member"
        ),
        pytest.param(patched(STORED, ENTRY + 42, b"\xff" * 4), "ZIP64 field", id="zip64-without-field"),
        pytest.param(patched(STORED, 26, b"\xff\xff"), "METADATA is not where", id="local-name-too-long"),
        pytest.param(patched(STORED, -18, b"\1"), "several files", id="of-several-disks"),
        pytest.param(patched(STORED, -10, b"\xff\xff"), "central directory is not where", id="other-length"),
        pytest.param(patched(with_zip64(STORED), -22 - 20 + 8, b"\0"), "ZIP64 records", id="zip64-elsewhere"),
    ],
)
def test_what_installers_could_read_otherwise_is_refused(data: bytes, words: str) -> None:
    """With the file's name and the reason."""
    with pytest.raises(InvalidWheel, match=words) as caught:
        read(data)
    assert caught.value.filename == NAME


def test_long_directory_is_not_read() -> None:
    """Its length is told by the end record, and nothing of it is asked for."""
    size = DIRECTORY_LIMIT + 1
    reader = MetadataReader(size + 22, NAME)
    needed = reader.needed()
    assert needed is not None
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, size, 0, 0)
    with pytest.raises(InvalidWheel, match="of at most 16777216"):
        reader.feed(bytes(needed[1] - needed[0] - 22) + end)


def test_reader_takes_what_it_asked_for_only() -> None:
    """Another length, or more after the end, is a fault of the caller; so is an early end."""
    reader = MetadataReader(len(WHEEL), NAME)
    with pytest.raises(RuntimeError, match="were fed"):
        reader.feed(WHEEL[1:])
    with pytest.raises(RuntimeError, match="not read to its end"):
        reader.finish()
    reader.feed(WHEEL)
    with pytest.raises(RuntimeError, match="were fed"):
        reader.feed(b"")


REFUSED_BY_ZIPFILE = (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError)


@given(st.integers(0, len(WHEEL) - 1), st.integers(0, 255))
def test_changed_byte_is_refused_or_read_as_zipfile_reads_it(at: int, value: int) -> None:
    """What is given is never something else than what an installer gets of the same file, if it gets any."""
    data = patched(WHEEL, at, bytes([value]))
    try:
        metadata, _ = read(data)
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            expected = file.read(PLACE)
    except (InvalidWheel, *REFUSED_BY_ZIPFILE):
        return
    assert metadata == expected


@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    """With no other error than ours."""
    with pytest.raises(InvalidWheel):
        read(data + WHEEL[-22:])
