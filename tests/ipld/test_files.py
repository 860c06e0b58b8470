"""Files: the CIDs of `ipfs add`, blocks that read back to the content, and nodes whose numbers agree."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.ipld.cid import MAX_BLOCK, RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link, encode_node, parse_node
from ipwhl_mirror.ipld.errors import ForbiddenBlock, IpldError, MalformedBlock
from ipwhl_mirror.ipld.files import (
    CHUNK,
    WIDTH,
    BuiltFile,
    FileBuilder,
    Wrapper,
    leaf_block,
    leaf_frame,
    parse_file_node,
)
from ipwhl_mirror.ipld.protobuf import encode_bytes
from ipwhl_mirror.ipld.unixfs import Kind, encode_file_data
from tests.ipld.conftest import DIGEST, V0
from tests.ipld.test_dagpb import SHA1, a_link
from tests.simulators.vectors import FileVector, content, file_vectors

LARGEST = max(case.size for case in file_vectors())


def build(size: int, version: int, piece: int | None = None) -> BuiltFile:
    data = memoryview(content(LARGEST))[:size]
    builder = FileBuilder(version)
    for at in range(0, size, piece or max(size, 1)):
        builder.update(data[at : at + (piece or size)])
    return builder.finish()


def blocks_of(file: BuiltFile) -> dict[bytes, bytes]:
    """Every block of a built file, by digest."""
    data = content(LARGEST)
    blocks = {cid.digest: block for cid, block in file.inner}
    for leaf in file.leaves:
        blocks[leaf.digest] = leaf_block(data[leaf.offset : leaf.offset + leaf.length], file.wrapper)
    return blocks


@pytest.mark.parametrize("case", file_vectors(), ids=lambda case: str(case.size))
def test_files_have_the_cids_of_ipfs_add(case: FileVector) -> None:
    """With its defaults, and with --cid-version=1 --raw-leaves; the size is that of the content."""
    for version, expected in ((0, case.v0), (1, case.v1)):
        file = build(case.size, version)
        assert file.cid == expected
        assert file.size == case.size == sum(leaf.length for leaf in file.leaves)
        assert file.wrapper is (Wrapper.NONE if version else Wrapper.UNIXFS_FILE)


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, CHUNK * (WIDTH + 1) + 5])
def test_blocks_read_back_to_the_content(size: int, version: int) -> None:
    """From the root down every block is there under its hash, sizes agree, and Tsize counts every block."""
    file = build(size, version)
    blocks = blocks_of(file)
    payload, total = sha256(), 0
    waiting = [(file.cid, size)]
    while waiting:
        cid, length = waiting.pop()
        block = blocks[cid.digest]
        cid.check(block)
        total += len(block)
        node = parse_file_node(cid, block)
        assert node.size == length
        assert node.is_leaf == (not node.children)
        payload.update(node.payload or b"")
        waiting += reversed(node.children)
        if cid.codec != RAW:
            assert all(link.name == "" for link in parse_node(block).links)
    assert total == file.tsize
    assert payload.digest() == sha256(content(LARGEST)[:size]).digest()


def test_inner_nodes_come_children_first() -> None:
    """175 chunks are two rows of links and a root; the root is the last."""
    file = build(CHUNK * (WIDTH + 1), 0)
    assert [len(parse_node(block).links) for _, block in file.inner] == [WIDTH, 1, 2]
    assert file.inner[-1][0] == file.cid
    assert len(build(CHUNK * WIDTH, 0).inner) == 1
    assert build(CHUNK, 0).inner == ()


@pytest.mark.parametrize("piece", [1000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_pieces_of_any_length_give_one_file(piece: int) -> None:
    """Where the pieces end is no matter."""
    size = 5 * CHUNK + 17
    assert build(size, 0, piece) == build(size, 0)


@given(st.lists(st.integers(0, 2 * CHUNK), max_size=4))
def test_empty_and_uneven_pieces_give_one_file(sizes: list[int]) -> None:
    """Likewise for any sequence of lengths, none included."""
    builder, at = FileBuilder(1), 0
    for size in sizes:
        builder.update(content(LARGEST)[at : at + size])
        at += size
    assert builder.finish() == build(at, 1)


def test_content_is_not_kept() -> None:
    """Of what came in, less than a chunk stays."""
    builder = FileBuilder(0)
    for _ in range(10):
        builder.update(content(CHUNK + 1000))
        assert len(builder._rest) < CHUNK


@given(st.binary(max_size=300))
def test_a_leaf_is_its_frame_around_the_payload(payload: bytes) -> None:
    """Header and trailer depend on the length only, and the block reads back."""
    header, trailer = leaf_frame(len(payload))
    block = leaf_block(payload, Wrapper.UNIXFS_FILE)
    assert block == header + payload + trailer
    assert parse_file_node(Cid.of(block), block).payload == payload
    assert leaf_block(payload, Wrapper.NONE) == payload


def test_the_frame_of_a_full_chunk_has_14_bytes() -> None:
    """10 before 256 KiB and 4 after."""
    assert [len(part) for part in leaf_frame(CHUNK)] == [10, 4]


@pytest.mark.parametrize("cid_version", [0, 1])
def test_a_leaf_of_another_writer_is_read(cid_version: int) -> None:
    """Type Raw, no size, or no data at all: a leaf is what has no links."""
    for data, payload in (
        (b"\x08\x00\x12\x02ab\x18\x02", b"ab"),
        (b"\x08\x02\x12\x02ab", b"ab"),
        (b"\x08\x02", b""),
    ):
        block = encode_node([], data)
        node = parse_file_node(Cid.of(block, version=cid_version), block)
        assert (node.payload, node.size, node.children) == (payload, len(payload), ())


def inner(sizes: list[int], filesize: int, count: int = 2) -> bytes:
    return encode_node([Link(V0, "", 9)] * count, encode_file_data(filesize, sizes))


def test_an_inner_node_lists_its_children_with_their_lengths() -> None:
    """In the order of the content, each as often as it is linked."""
    block = inner([3, 4], 7)
    node = parse_file_node(Cid.of(block), block)
    assert (node.size, node.payload, node.children) == (7, None, ((V0, 3), (V0, 4)))


BROKEN = [
    pytest.param(inner([3], 3), "a file with 2 links and 1 sizes for them", id="too few sizes"),
    pytest.param(inner([3, 3, 3], 9), "a file with 2 links and 3 sizes for them", id="too many sizes"),
    pytest.param(inner([3], 3, count=0), "a file with 0 links and 1 sizes for them", id="sizes, no links"),
    pytest.param(inner([3, 4], 8), "a file of 8 bytes whose links have 7", id="sum"),
    pytest.param(inner([7, 0], 7), "a file with a link to no bytes", id="empty child"),
    pytest.param(inner([2**63, 2**63], 2**63), "whose links have 18446744073709551616", id="past 64 bits"),
    pytest.param(inner([2**63 - 1, 1], 2**63), "a file of 9223372036854775808 bytes", id="past 63 bits"),
    pytest.param(
        encode_node([Link(V0, "", 9)], b"\x08\x02\x20\x07"),
        "a file of None bytes whose links have 7",
        id="no size",
    ),
    pytest.param(
        encode_node([Link(V0, "", 9)], b"\x08\x02\x12\x01a\x18\x07\x20\x07"),
        "a file with bytes and links in one node",
        id="bytes and links",
    ),
    pytest.param(
        encode_node([], b"\x08\x02\x12\x02ab\x18\x03"), "a file of 3 bytes that has 2", id="leaf size"
    ),
    pytest.param(
        encode_node([], b"\x08\x02\x18\x03"), "a file of 3 bytes that has 0", id="leaf without data"
    ),
    *(
        pytest.param(encode_node([], bytes((8, kind.value))), f"a {words}, not a file", id=words)
        for kind, words in (
            (Kind.DIRECTORY, "directory"),
            (Kind.SYMLINK, "symlink"),
            (Kind.METADATA, "metadata"),
            (Kind.HAMT_SHARD, "hamt shard"),
        )
    ),
    pytest.param(b"hello", "which no node has", id="no dag-pb"),
]


@pytest.mark.parametrize(("block", "words"), BROKEN)
def test_files_whose_numbers_do_not_agree_are_malformed(block: bytes, words: str) -> None:
    """Offsets are taken from these numbers, so none is believed that another one contradicts."""
    with pytest.raises(MalformedBlock, match=words) as caught:
        parse_file_node(Cid.of(block), block)
    assert type(caught.value) is MalformedBlock
    assert caught.value.cid == Cid.of(block)


def test_forbidden_things_in_a_file_are_forbidden() -> None:
    """A foreign CID and an oversized block, raw or not, are refused as everywhere."""
    for cid, block in (
        (V0, a_link(encode_bytes(0x0A, SHA1)) + b"\x0a\x06" + encode_file_data(7, [7])),
        (V0, bytes(MAX_BLOCK + 1)),
        (Cid(1, RAW, DIGEST), bytes(MAX_BLOCK + 1)),
    ):
        with pytest.raises(ForbiddenBlock):
            parse_file_node(cid, block)


@given(st.data())
def test_mutated_nodes_raise_only_our_errors(draw: st.DataObject) -> None:
    """Bytes changed in a leaf or an inner node give a node whose children add up, or an IpldError."""
    block = bytearray(
        draw.draw(st.sampled_from([inner([300, 4], 304), leaf_block(b"abc" * 50, Wrapper.UNIXFS_FILE)]))
    )
    for _ in range(draw.draw(st.integers(1, 3))):
        block[draw.draw(st.integers(0, len(block) - 1))] = draw.draw(st.integers(0, 255))
    try:
        node = parse_file_node(V0, bytes(block))
    except IpldError:
        return
    assert node.size == (
        sum(size for _, size in node.children) if node.payload is None else len(node.payload)
    )
