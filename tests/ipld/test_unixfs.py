"""UnixFS: a node's kind and numbers, read as Go's protobuf reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.ipld.cid import MAX_BLOCK
from ipwhl_mirror.ipld.dagpb import Link, encode_node
from ipwhl_mirror.ipld.errors import ForbiddenBlock, IpldError, MalformedBlock
from ipwhl_mirror.ipld.unixfs import (
    Kind,
    encode_file_data,
    encode_shard_data,
    is_directory,
    parse_unixfs,
)
from tests.ipld.conftest import V0
from tests.ipld.test_dagpb import SHA1, a_link
from tests.simulators.vectors import load_bad


def node_of(data: str) -> bytes:
    return encode_node([], bytes.fromhex(data))


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_is_told(kind: Kind) -> None:
    """A node's kind is the first thing its data says; two of them are directories."""
    block = encode_node([], bytes((8, kind.value)))
    assert parse_unixfs(block).kind is kind
    assert is_directory(block) == (kind in (Kind.DIRECTORY, Kind.HAMT_SHARD))
    assert parse_unixfs(block).is_directory == is_directory(block)


@given(st.integers(0, 2**64 - 1), st.lists(st.integers(0, 2**64 - 1), max_size=5))
def test_a_file_reads_as_it_was_written(filesize: int, sizes: list[int]) -> None:
    """Sizes of 64 bits come back."""
    node = parse_unixfs(encode_node([], encode_file_data(filesize, sizes)))
    assert (node.kind, node.filesize, node.blocksizes) == (Kind.FILE, filesize, tuple(sizes))


@given(st.binary(max_size=32), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_a_shard_reads_as_it_was_written(bitfield: bytes, hash_type: int, fanout: int) -> None:
    """Bitfield, hash and fanout come back."""
    block = encode_node([], encode_shard_data(bitfield, hash_type=hash_type, fanout=fanout))
    node = parse_unixfs(block)
    assert (node.kind, node.data) == (Kind.HAMT_SHARD, bitfield)
    assert (node.hash_type, node.fanout) == (hash_type, fanout)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("18 05 20 02 20 03 08 02", id="type last"),
        pytest.param("08 82 80 80 80 10 18 05 20 02 20 03", id="a type of more than 32 bits"),
        pytest.param("08 02 18 05 22 02 02 03", id="packed sizes"),
        pytest.param("08 00 18 09 08 02 18 05 20 02 20 03", id="the last one holds"),
        pytest.param("08 02 18 05 20 02 20 03 38 a4 03 42 02 08 01", id="mode and mtime"),
        pytest.param("08 02 18 05 20 02 20 03 ba 06 00 9d 06 01 02 03 04", id="unknown fields"),
        pytest.param("08 02 18 05 20 02 20 03 a3 06 08 01 a4 06", id="unknown group"),
        pytest.param("08 02 18 05 20 02 20 03 2a 00", id="a known field of another wire type"),
    ],
)
def test_what_go_reads_is_read(data: str) -> None:
    """Order, packing and fields that nobody knows are no matter."""
    node = parse_unixfs(node_of(data))
    assert (node.kind, node.filesize, node.blocksizes, node.hash_type) == (Kind.FILE, 5, (2, 3), None)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        pytest.param(b"", "a node without data, which is no UnixFS", id="no data"),
        pytest.param(node_of(""), "UnixFS data of type nothing", id="empty data"),
        pytest.param(node_of("08 06"), "UnixFS data of type 6", id="type 6"),
        pytest.param(node_of("0a 01 01"), "UnixFS data of type nothing", id="type as bytes"),
        pytest.param(node_of("08 01 12 05"), "its UnixFS data: a field of 5 bytes where 0", id="cut"),
        pytest.param(node_of("08 01 a3 06"), "its UnixFS data: it ends inside a number", id="open group"),
        pytest.param(node_of("08 01 a4 06"), "the end of a group 100 that was not begun", id="group end"),
        pytest.param(node_of("08 01 22 01 80"), "its UnixFS data: it ends inside a number", id="cut packed"),
        pytest.param(node_of("08 01 42 01 08"), "its UnixFS data: it ends inside a number", id="cut mtime"),
        pytest.param(node_of("08 01 42 00"), "its UnixFS data: an mtime without seconds", id="empty mtime"),
        pytest.param(node_of("68 65 6c 6c 6f"), "its UnixFS data", id="text"),
        pytest.param(b"hello", "which no node has", id="no dag-pb"),
    ],
)
def test_what_is_no_unixfs_is_malformed(block: bytes, words: str) -> None:
    """It is malformed, not forbidden, and no directory."""
    with pytest.raises(MalformedBlock, match=words) as caught:
        parse_unixfs(block, V0)
    assert type(caught.value) is MalformedBlock
    assert caught.value.cid == V0
    assert not is_directory(block)


def test_a_forbidden_link_counts_in_unixfs_nodes_only() -> None:
    """The same sha1 link is forbidden in a directory, and malformed in a node that is no UnixFS."""
    sha1 = a_link(b"\x0a" + bytes((len(SHA1),)) + SHA1)
    with pytest.raises(ForbiddenBlock, match="not a sha2-256"):
        parse_unixfs(sha1 + b"\x0a\x02\x08\x01")
    assert is_directory(sha1 + b"\x0a\x02\x08\x01")
    with pytest.raises(MalformedBlock, match="of type 9") as caught:
        parse_unixfs(sha1 + b"\x0a\x02\x08\x09")
    assert type(caught.value) is MalformedBlock


def test_an_oversized_block_is_forbidden_unread() -> None:
    """2 MiB is the limit whatever the bytes are."""
    with pytest.raises(ForbiddenBlock, match="of at most 2097152"):
        parse_unixfs(bytes(MAX_BLOCK + 1))
    assert not is_directory(bytes(MAX_BLOCK + 1))


@pytest.mark.parametrize("data", [b"\x20\x01", b"\xa3\x06", b"\x38\x01"])
def test_two_mib_of_small_fields_are_read_once(data: bytes) -> None:
    """Reading is linear in the block: no field makes it start again."""
    block = encode_node([], (data * (MAX_BLOCK // 16 // len(data))) + b"\x08\x02")
    try:
        node = parse_unixfs(block)
    except MalformedBlock:
        assert data == b"\xa3\x06"
    else:
        assert node.kind is Kind.FILE


@given(st.binary(max_size=100))
def test_garbage_raises_only_our_errors(data: bytes) -> None:
    """No data makes anything but a node or an IpldError."""
    for block in (data, encode_node([Link(V0, "p", 1)], data)):
        try:
            parse_unixfs(block)
        except IpldError as error:
            assert error.args


def test_the_sha1_vector_is_forbidden() -> None:
    """Its root reads in a Go node, so the release is refused and not its entry left out."""
    root, blocks, _ = load_bad("sha1")
    with pytest.raises(ForbiddenBlock, match="not a sha2-256 dag-pb or raw CID"):
        parse_unixfs(blocks[root.digest], root)
