"""CAR files: every block hashed, every cut noticed, memory bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.ipld.car import (
    MAX_HEADER,
    CarBlock,
    CarParser,
    SalvagingCarParser,
    car_header,
    car_section,
)
from ipwhl_mirror.ipld.cid import DAG_PB, MAX_BLOCK, RAW, Cid
from ipwhl_mirror.ipld.errors import HashMismatch, IpldError, MalformedCar
from ipwhl_mirror.ipld.protobuf import encode_varint
from tests.ipld.conftest import V0, cids
from tests.simulators.vectors import BAD, RELEASES, VECTORS, load_release

BLOCKS = [(Cid.of(data, version=i % 2), data) for i, data in enumerate((b"first", b"", b"third" * 30))]
ROOT = BLOCKS[0][0]
CAR = car_header([ROOT]) + b"".join(car_section(*block) for block in BLOCKS)
BOUNDARIES = [len(car_header([ROOT]))]
for cid_, data_ in BLOCKS:
    BOUNDARIES.append(BOUNDARIES[-1] + len(car_section(cid_, data_)))


def parse(data: bytes, step: int | None = None) -> list[CarBlock]:
    """All blocks of a CAR pushed in pieces of `step` bytes, and checked to be whole."""
    parser = CarParser()
    step = step or max(len(data), 1)
    blocks = [block for at in range(0, len(data), step) for block in parser.feed(data[at : at + step])]
    parser.finish()
    return blocks


@pytest.mark.parametrize("name", RELEASES)
def test_every_vector_parses(name: str) -> None:
    """Root, blocks and their places are those of the file, and writing them gives the file again."""
    data = (VECTORS / f"{name}.car").read_bytes()
    parser = CarParser()
    blocks = parser.feed(data)
    parser.finish()
    assert parser.roots == (load_release(name).root,)
    for block in blocks[:: len(blocks) // 10]:
        assert data[block.offset : block.offset + len(block.data)] == block.data
    written = car_header(parser.roots) + b"".join(car_section(block.cid, block.data) for block in blocks)
    assert written == data


@pytest.mark.parametrize("step", [1, 2, 7, 36, 37, 1000])
def test_pieces_of_any_length_give_the_same_blocks(step: int) -> None:
    """Where the pieces end is no matter."""
    assert parse(CAR, step) == parse(CAR)
    assert [(block.cid, block.data) for block in parse(CAR, step)] == BLOCKS


def test_a_cut_is_noticed_at_every_byte() -> None:
    """A file that ends between two blocks is whole; one that ends anywhere else is not."""
    for cut in range(len(CAR)):
        if cut in BOUNDARIES:
            assert len(parse(CAR[:cut])) == BOUNDARIES.index(cut)
            continue
        where = "inside the header" if cut < BOUNDARIES[0] else "inside a block"
        with pytest.raises(MalformedCar, match=f"CAR at byte {cut}: it ends {where}"):
            parse(CAR[:cut], 5)


def test_a_flipped_bit_is_noticed_at_every_byte() -> None:
    """Wherever a bit of a block, its name or its length is wrong, an error says so."""
    for at in range(BOUNDARIES[0], len(CAR)):
        flipped = bytearray(CAR)
        flipped[at] ^= 1
        with pytest.raises((HashMismatch, MalformedCar)):
            parse(bytes(flipped))


def test_a_flipped_bit_in_a_block_is_a_mismatch() -> None:
    """The block is named by the CID that it does not have; those before it were given."""
    for at in range(BOUNDARIES[2] + 38, len(CAR)):
        flipped = bytearray(CAR)
        flipped[at] ^= 0x80
        parser = CarParser()
        assert len(parser.feed(flipped[: BOUNDARIES[2]])) == 2
        with pytest.raises(HashMismatch) as caught:
            parser.feed(flipped[BOUNDARIES[2] :])
        assert caught.value.cid == BLOCKS[2][0]


def test_a_fault_ends_the_file() -> None:
    """After an error every call raises it again, whatever comes."""
    parser = CarParser()
    with pytest.raises(MalformedCar) as first:
        parser.feed(b"\x00")
    for call in (lambda: parser.feed(CAR), parser.finish):
        with pytest.raises(MalformedCar) as again:
            call()
        assert again.value is first.value


@given(st.lists(cids, max_size=30))
def test_roots_read_as_they_were_written(roots: list[Cid]) -> None:
    """Any number of roots, none included."""
    parser = CarParser()
    assert parser.roots is None
    parser.feed(car_header(roots))
    parser.finish()
    assert parser.roots == tuple(roots)


def test_many_roots_are_written_as_cbor_wants() -> None:
    """Counts of 24, 256 and 65536 roots take longer numbers."""
    for count in (23, 24, 255, 256, 20_000):
        parser = CarParser()
        parser.feed(car_header([V0] * count))
        assert parser.roots == (V0,) * count


def header(cbor: bytes) -> bytes:
    return encode_varint(len(cbor)) + cbor


def a_map(*fields: bytes) -> bytes:
    return bytes((0xA0 | len(fields),)) + b"".join(fields)


ROOTS = b"\x65roots\x80"
VERSION = b"\x67version\x01"
A_ROOT = b"\xd8\x2a\x58\x23\x00" + V0.to_bytes()


@pytest.mark.parametrize(
    "cbor",
    [
        pytest.param(a_map(ROOTS, VERSION), id="no roots"),
        pytest.param(a_map(VERSION, ROOTS), id="version first"),
        pytest.param(a_map(ROOTS, b"\x67version\x18\x01"), id="long number"),
        pytest.param(a_map(b"\x65roots\x81\xd8\x2a\x45\x00\x01\x55\x00\x00", VERSION), id="identity root"),
    ],
)
def test_other_headers_are_read(cbor: bytes) -> None:
    """Gateways that know no root write none or an empty identity CID; both are no root."""
    parser = CarParser()
    assert parser.feed(header(cbor) + car_section(*BLOCKS[0])) == [
        CarBlock(*BLOCKS[0], len(header(cbor)) + 35)
    ]
    assert parser.roots == ()


BAD_HEADERS = [
    pytest.param(b"\x00", "a header of 0 bytes", id="empty"),
    pytest.param(encode_varint(MAX_HEADER + 1), "a header of 1048577 bytes, of at most", id="huge"),
    pytest.param(b"\xff" * 10, "the length of a section: a number of more than 64 bits", id="ten bytes"),
    pytest.param(b"\xff" * 11, "the length of a section: a number of more than 64 bits", id="eleven bytes"),
    pytest.param(header(b"\x01"), "byte 0x01 where a map is expected", id="a number"),
    pytest.param(header(b"\xa0"), "version None, not 1", id="empty map"),
    pytest.param(header(a_map(b"\x67version\x02")), "version 2, not 1", id="CARv2"),
    pytest.param(header(a_map(VERSION)), "no roots", id="no roots"),
    pytest.param(header(a_map(ROOTS, ROOTS)), "a field named b'roots'", id="roots twice"),
    pytest.param(header(a_map(ROOTS, VERSION, b"\x61x\x00")), "a field named b'x'", id="a third field"),
    pytest.param(header(b"\xbf" + ROOTS + VERSION + b"\xff"), "of no definite length", id="indefinite"),
    pytest.param(header(b"\xbb" + b"\xff" * 8), "it ends too early", id="2^64 fields"),
    pytest.param(
        header(a_map(b"\x65roots\x9b\x00\x00\x00\xff\xff\xff\xff\xff")),
        "1099511627775 roots in 16 bytes",
        id="2^40 roots",
    ),
    pytest.param(
        header(a_map(b"\x65roots\x83" + A_ROOT, VERSION)), "a root that is no CID", id="root missing"
    ),
    pytest.param(header(a_map(b"\x65roots\x81\x01", VERSION)), "a root that is no CID", id="root a number"),
    pytest.param(
        header(a_map(b"\x65roots\x81\xd8\x2a\x41\x01", VERSION)),
        "without its multibase",
        id="root no multibase",
    ),
    pytest.param(header(a_map(ROOTS, VERSION) + b"\x00"), "1 bytes after its end", id="more after it"),
    pytest.param(header(a_map(ROOTS, VERSION)[:-1]), "it ends too early", id="cut"),
    pytest.param(b"<html>404</html>" * 9, "a header that is no CARv1", id="a web page"),
]


@pytest.mark.parametrize(("data", "words"), BAD_HEADERS)
def test_bad_headers_are_refused(data: bytes, words: str) -> None:
    """A header that is no CARv1 is refused as soon as it is there."""
    with pytest.raises(MalformedCar, match=words):
        CarParser().feed(data)


BAD_SECTIONS = [
    pytest.param(b"\x00", "a block whose CID is not sha2-256 dag-pb or raw", id="empty section"),
    pytest.param(b"\x05hello", "a block whose CID is not sha2-256 dag-pb or raw: 68656c6c6f", id="no CID"),
    pytest.param(
        encode_varint(26) + b"\x01\x70\x11\x14" + bytes(22), "not sha2-256 dag-pb or raw: 01701114", id="sha1"
    ),
    pytest.param(encode_varint(33) + V0.to_bytes()[:33], "whose CID is not sha2-256", id="cut CID"),
    pytest.param(
        encode_varint(2**63) + V0.to_bytes() + bytes(2),
        f"block {V0} has 9223372036854775774 bytes, of at most 2097152",
        id="2^63 bytes",
    ),
    pytest.param(
        encode_varint(MAX_BLOCK + 35) + V0.to_bytes() + bytes(MAX_BLOCK + 1),
        f"block {V0} has 2097153 bytes, of at most 2097152",
        id="v0 of 2 MiB and a byte",
    ),
    pytest.param(
        encode_varint(MAX_BLOCK + 37) + V0.as_version(1).to_bytes(),
        f"block {V0.as_version(1)} has 2097153 bytes",
        id="v1 of 2 MiB and a byte",
    ),
    pytest.param(b"\xff" * 10, "the length of a section: a number of more than 64 bits", id="endless length"),
]


@pytest.mark.parametrize(("data", "words"), BAD_SECTIONS)
def test_bad_sections_are_refused(data: bytes, words: str) -> None:
    """A section is refused as soon as it can be named, not when all its bytes have come."""
    parser = CarParser()
    parser.feed(car_header([V0]))
    with pytest.raises(MalformedCar, match=words) as caught:
        parser.feed(data)
    assert caught.value.offset >= len(car_header([V0]))


@pytest.mark.parametrize("codec", [DAG_PB, RAW])
def test_a_block_of_2_mib_is_read(codec: int) -> None:
    """The limit is the largest block everyone must accept."""
    data = bytes(MAX_BLOCK)
    cid = Cid.of(data, codec)
    assert parse(car_header([cid]) + car_section(cid, data), 1 << 20)[0].data == data


@pytest.mark.parametrize("name", BAD)
def test_the_bad_vectors_are_cars_but_for_three(name: str) -> None:
    """A CAR shows a wrong hash, a foreign CID and an oversized block; the rest is in its directories."""
    data = (VECTORS / "bad" / f"{name}.car").read_bytes()
    expected = {
        "flipped": (HashMismatch, "block QmQ66Ab24pRLP7qoHBA7G6rcPDSNGXg6aBazbseUArtjpU does not match"),
        "sha1": (MalformedCar, "at byte 130: a block whose CID is not sha2-256 dag-pb or raw: 01701114b645"),
        "big-block": (MalformedCar, "block QmdA2KK8r2U8h2eFYBXMR2A8A4Nw2ksRDg8LYiiXeNFuNf has 2986547 bytes"),
    }
    if name not in expected:
        assert parse(data)
        return
    error, words = expected[name]
    with pytest.raises(error, match=words):
        parse(data, 100)


def test_memory_is_one_section() -> None:
    """After each piece the parser keeps less than a section, however many blocks have passed."""
    data = bytes(100_000)
    section = car_section(Cid.of(data), data)
    parser = CarParser()
    parser.feed(car_header([]))
    for _ in range(50):
        parser.feed(section[:60_000])
        assert len(parser.feed(section[60_000:])) == 1
        assert len(parser._buffer) == 0
    parser.finish()


@given(st.binary(max_size=120), st.integers(1, 20))
def test_garbage_raises_only_our_errors(data: bytes, step: int) -> None:
    """No bytes make anything but blocks or an IpldError, at the beginning or after a block."""
    for prefix in (b"", CAR[: BOUNDARIES[1]]):
        try:
            parse(prefix + data, step)
        except IpldError as error:
            assert error.args


@given(st.data())
def test_mutated_cars_raise_only_our_errors(draw: st.DataObject) -> None:
    """Nor does a CAR with bytes changed, cut out or put in."""
    data = bytearray(CAR)
    for _ in range(draw.draw(st.integers(1, 3))):
        at = draw.draw(st.integers(0, len(data) - 1))
        data[at : at + draw.draw(st.integers(0, 2))] = draw.draw(st.binary(max_size=2))
    try:
        blocks = parse(bytes(data), draw.draw(st.integers(1, 300)))
    except IpldError:
        return
    for block in blocks:
        block.cid.check(block.data)


# what can be saved of a file


def salvage(data: bytes, step: int) -> tuple[list[CarBlock], IpldError | None]:
    """The blocks that are given, pushed in pieces of `step` bytes, and why there are no more."""
    parser = SalvagingCarParser()
    blocks = [block for at in range(0, len(data), step) for block in parser.feed(data[at : at + step])]
    parser.finish()
    return blocks, parser.fault


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_every_whole_block_of_a_cut_file_is_saved(step: int) -> None:
    """And the fault is where the file ends, if that is no boundary."""
    for cut in range(BOUNDARIES[0], len(CAR) + 1):
        blocks, fault = salvage(CAR[:cut], step)
        assert len(blocks) == sum(cut >= boundary for boundary in BOUNDARIES[1:])
        if cut in BOUNDARIES:
            assert fault is None
        else:
            assert isinstance(fault, MalformedCar)
            assert fault.offset == cut


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_damaged_block_does_not_end_the_file(step: int) -> None:
    """It is given as it is, unhashed, and all others too."""
    flipped = bytearray(CAR)
    flipped[BOUNDARIES[1] - 1] ^= 1
    blocks, fault = salvage(bytes(flipped), step)
    assert [block.cid for block in blocks] == [cid for cid, _ in BLOCKS]
    assert [block.cid.is_of(block.data) for block in blocks] == [False, True, True]
    assert fault is None


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_nothing_is_given_after_a_place_where_no_block_begins(step: int) -> None:
    """All before it is, in whatever pieces it came; more pieces change nothing."""
    damaged = CAR[: BOUNDARIES[1]] + bytes(40) + CAR[BOUNDARIES[1] :]
    blocks, fault = salvage(damaged, step)
    assert [(block.cid, block.data) for block in blocks] == BLOCKS[:1]
    assert isinstance(fault, MalformedCar)
    assert fault.offset in range(BOUNDARIES[1], BOUNDARIES[1] + 2)


def test_a_header_that_cannot_be_read_saves_nothing() -> None:
    """It is no CAR, or nobody can tell of what."""
    for data in (b"", CAR[:5], b"PK\x03\x04" * 20):
        with pytest.raises(MalformedCar):
            salvage(data, 1000)


@given(st.data())
def test_nothing_else_is_raised_of_a_mutated_file(draw: st.DataObject) -> None:
    """Whatever is changed behind the header."""
    data = bytearray(CAR)
    for _ in range(draw.draw(st.integers(1, 3))):
        at = draw.draw(st.integers(BOUNDARIES[0], len(data) - 1))
        data[at : at + draw.draw(st.integers(0, 2))] = draw.draw(st.binary(max_size=2))
    salvage(bytes(data), draw.draw(st.integers(1, 300)))
