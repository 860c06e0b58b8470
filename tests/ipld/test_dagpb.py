"""dag-pb: what go-codec-dagpb reads is read, what no release may have is told apart from what is no node."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipwhl_mirror.ipld.cid import MAX_BLOCK, RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link, PbNode, encode_node, parse_node
from ipwhl_mirror.ipld.errors import ForbiddenBlock, IpldError, MalformedBlock
from ipwhl_mirror.ipld.protobuf import encode_bytes, encode_varint
from tests.ipld.conftest import DIGEST, V0, links
from tests.simulators.vectors import RELEASES, load_release

HASH = b"\x0a\x22\x12\x20" + DIGEST
NAME = b"\x12\x01p"
TSIZE = b"\x18\x09"
DATA = b"\x0a\x02\x08\x01"


def a_link(*fields: bytes) -> bytes:
    return encode_bytes(0x12, b"".join(fields))


LINK = a_link(HASH, NAME, TSIZE)
A_LINK = Link(V0, "p", 9)
SHA1 = b"\x01\x70\x11\x14" + DIGEST[:20]


@given(st.lists(links, max_size=8), st.none() | st.binary(max_size=64))
@example([Link(V0, "", 0)], b"")
@example([Link(V0, "n" * 127, 2**63 - 1), Link(V0, "n" * 128, 2**56)], None)
def test_a_node_reads_as_it_was_written(entries: list[Link], data: bytes | None) -> None:
    """Decoding inverts encoding, whatever the names, versions and sizes."""
    assert parse_node(encode_node(entries, data)) == PbNode(tuple(entries), data)


@pytest.mark.parametrize("name", RELEASES)
def test_every_block_of_the_vectors_is_written_the_same(name: str) -> None:
    """Blocks of real nodes and of Kubo come out byte for byte, unless a Tsize was absent."""
    for block in load_release(name).blocks.values():
        node = parse_node(block)
        if all(link.tsize is not None for link in node.links):
            assert encode_node(node.links, node.data) == block


def test_an_absent_tsize_is_written_as_zero() -> None:
    """All three fields of a link are always written."""
    assert encode_node([Link(V0, "p", None)], b"\x08\x01") == a_link(HASH, NAME, b"\x18\x00") + DATA


@pytest.mark.parametrize(
    ("block", "node"),
    [
        pytest.param(b"", PbNode((), None), id="nothing"),
        pytest.param(DATA, PbNode((), b"\x08\x01"), id="data only"),
        pytest.param(b"\x0a\x00", PbNode((), b""), id="empty data"),
        pytest.param(LINK + DATA, PbNode((A_LINK,), b"\x08\x01"), id="links first"),
        pytest.param(DATA + LINK + LINK, PbNode((A_LINK, A_LINK), b"\x08\x01"), id="data first"),
        pytest.param(a_link(HASH), PbNode((Link(V0, "", None),), None), id="hash only"),
        pytest.param(a_link(HASH, TSIZE), PbNode((Link(V0, "", 9),), None), id="no name"),
        pytest.param(a_link(HASH, NAME), PbNode((Link(V0, "p", None),), None), id="no Tsize"),
        pytest.param(
            a_link(b"\x0a\x24\x01\x55\x12\x20" + DIGEST, NAME, TSIZE),
            PbNode((Link(Cid(1, RAW, DIGEST), "p", 9),), None),
            id="raw",
        ),
        pytest.param(
            b"\x92\x00" + encode_varint(len(HASH)) + HASH, PbNode((Link(V0, "", None),), None), id="long key"
        ),
        pytest.param(a_link(HASH, NAME, b"\x18\x89\x00"), PbNode((A_LINK,), None), id="long number"),
        pytest.param(
            a_link(HASH, NAME, b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
            PbNode((Link(V0, "p", 2**63 - 1),), None),
            id="largest Tsize",
        ),
    ],
)
def test_what_go_reads_is_read(block: bytes, node: PbNode) -> None:
    """Order of data and links, absent fields and long numbers are no matter."""
    assert parse_node(block) == node


MALFORMED = [
    pytest.param(DATA + DATA, "data twice", id="data twice"),
    pytest.param(LINK + DATA + LINK, "links before and after the data", id="links twice"),
    pytest.param(b"\x18\x01", "field 3 of wire type 0, which no node has", id="unknown field"),
    pytest.param(b"\x08\x01", "field 1 of wire type 0, which no node has", id="data as a number"),
    pytest.param(b"\x13\x14", "field 2 of wire type 3, which no node has", id="a group"),
    pytest.param(b"\x0a\x05ab", "a field of 5 bytes where 2 are left", id="cut data"),
    pytest.param(LINK[:-1], "a link of 41 bytes where 40 are left", id="cut link"),
    pytest.param(b"\x0a" + encode_varint(2**63), "a field of 9223372036854775808 bytes", id="huge length"),
    pytest.param(b"\x12" + b"\xff" * 11, "a number of more than 64 bits", id="length of 11 bytes"),
    pytest.param(b"\x12", "it ends inside a number", id="key only"),
    pytest.param(a_link(), "a link without a CID", id="empty link"),
    pytest.param(a_link(NAME, TSIZE), "a link without a CID", id="no hash"),
    pytest.param(a_link(HASH, HASH), "fields twice, or not in the order", id="hash twice"),
    pytest.param(a_link(HASH, NAME, NAME), "fields twice, or not in the order", id="name twice"),
    pytest.param(a_link(HASH, NAME, TSIZE, TSIZE), "fields twice, or not in the order", id="Tsize twice"),
    pytest.param(a_link(NAME, HASH), "fields twice, or not in the order", id="name before hash"),
    pytest.param(a_link(HASH, TSIZE, NAME), "fields twice, or not in the order", id="Tsize before name"),
    pytest.param(a_link(HASH, b"\x22\x00"), "field 4 of wire type 2, which no link has", id="field 4"),
    pytest.param(a_link(HASH, b"\x1a\x00"), "field 3 of wire type 2, which no link has", id="Tsize as bytes"),
    pytest.param(a_link(HASH, b"\x1b\x1c"), "field 3 of wire type 3, which no link has", id="Tsize a group"),
    pytest.param(a_link(HASH, b"\x12\x09p"), "a field of 9 bytes where 1 are left", id="name past its link"),
    pytest.param(a_link(HASH, NAME, b"\x18"), "it ends inside a number", id="no number"),
    pytest.param(a_link(HASH, NAME, b"\x18\x80"), "it ends inside a number", id="cut number"),
    pytest.param(
        a_link(HASH, NAME, b"\x18" + b"\x80" * 10 + b"\x00"),
        "a number of more than 64 bits",
        id="Tsize of 11",
    ),
    pytest.param(a_link(b"\x0a\x00", NAME), "a link whose hash is no CID", id="empty hash"),
    pytest.param(a_link(HASH[:2] + HASH[2:20]), "a field of 34 bytes where 18 are left", id="cut hash"),
    pytest.param(a_link(encode_bytes(0x0A, HASH[2:20])), "a link whose hash is no CID", id="short v0"),
    pytest.param(a_link(encode_bytes(0x0A, b"\x02" + SHA1[1:])), "whose hash is no CID", id="version 2"),
    pytest.param(a_link(encode_bytes(0x0A, SHA1[:-1])), "whose hash is no CID", id="short sha1"),
    pytest.param(a_link(encode_bytes(0x0A, b"\x01\x70\x80")), "whose hash is no CID", id="cut CID"),
    pytest.param(a_link(encode_bytes(0x0A, b"\x81\x00" + SHA1[1:])), "hash is no CID", id="long version"),
]


@pytest.mark.parametrize(("block", "words"), MALFORMED)
def test_what_go_refuses_is_malformed(block: bytes, words: str) -> None:
    """It is named by what is wrong, and is not forbidden: the entry that led to it is no directory."""
    with pytest.raises(MalformedBlock, match=words) as caught:
        parse_node(block, V0)
    assert type(caught.value) is MalformedBlock
    assert caught.value.cid == V0
    assert str(V0) in str(caught.value)


FORBIDDEN = [
    pytest.param(a_link(HASH, b"\x12\x02p\xff", TSIZE), r"a name that is not UTF-8: b'p\\xff'", id="name"),
    pytest.param(a_link(HASH, b"\x12\x03\xed\xa0\x80"), "a name that is not UTF-8", id="surrogate"),
    pytest.param(
        a_link(HASH, NAME, b"\x18" + encode_varint(2**63)),
        "a Tsize of 9223372036854775808, of at most 9223372036854775807",
        id="Tsize",
    ),
    pytest.param(
        a_link(HASH, NAME, b"\x18" + encode_varint(2**64 - 1)),
        "a Tsize of 18446744073709551615",
        id="negative",
    ),
    pytest.param(a_link(encode_bytes(0x0A, SHA1)), "not a sha2-256 dag-pb or raw CID: 01701114", id="sha1"),
    pytest.param(a_link(encode_bytes(0x0A, SHA1), NAME, TSIZE), "not a sha2-256", id="sha1 with a name"),
    pytest.param(a_link(encode_bytes(0x0A, b"\x01\x55\x00\x00")), "not a sha2-256", id="identity"),
    pytest.param(a_link(encode_bytes(0x0A, b"\x01\x71\x12\x20" + DIGEST)), "not a sha2-256", id="dag-cbor"),
    pytest.param(a_link(encode_bytes(0x0A, HASH[2:] + b"\x00")), "not a sha2-256", id="bytes after v0"),
    pytest.param(bytes(MAX_BLOCK + 1), "2097153 bytes, of at most 2097152", id="2 MiB and a byte"),
]


@pytest.mark.parametrize(("block", "words"), FORBIDDEN)
def test_what_no_release_may_have_is_forbidden(block: bytes, words: str) -> None:
    """Go reads these nodes; a release with one is refused whole, with the block named."""
    with pytest.raises(ForbiddenBlock, match=words) as caught:
        parse_node(block, V0)
    assert caught.value.cid == V0


@pytest.mark.parametrize("tail", [DATA + DATA, b"\x0a\x05ab", a_link(NAME)])
def test_a_block_that_is_no_node_is_malformed_whatever_else_it_has(tail: bytes) -> None:
    """Forbidden links do not make a release of what no node can read."""
    with pytest.raises(MalformedBlock) as caught:
        parse_node(a_link(encode_bytes(0x0A, SHA1)) + tail)
    assert type(caught.value) is MalformedBlock


def test_a_block_of_2_mib_is_read() -> None:
    """The limit is the largest block everyone must accept."""
    block = encode_node([], bytes(MAX_BLOCK - 4))
    assert len(block) == MAX_BLOCK
    assert parse_node(block).data == bytes(MAX_BLOCK - 4)


@given(st.binary(max_size=200))
def test_garbage_raises_only_our_errors(block: bytes) -> None:
    """No bytes make anything but a node or an IpldError."""
    try:
        node = parse_node(block)
    except IpldError:
        return
    assert parse_node(encode_node(node.links, node.data)).data == node.data


@given(st.lists(links, min_size=1, max_size=4), st.data())
def test_mutated_blocks_raise_only_our_errors(entries: list[Link], draw: st.DataObject) -> None:
    """Nor does a real block with bytes changed, cut out or put in."""
    block = bytearray(encode_node(entries, b"\x08\x01"))
    for _ in range(draw.draw(st.integers(1, 3))):
        at = draw.draw(st.integers(0, len(block) - 1))
        block[at : at + draw.draw(st.integers(0, 2))] = draw.draw(st.binary(max_size=2))
        if not block:
            return
    try:
        parse_node(bytes(block))
    except IpldError as error:
        assert error.args
