"""Directories: read whole or by name without I/O, and built flat or sharded by one rule."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link, encode_node, parse_node
from ipwhl_mirror.ipld.directories import (
    MAX_FLAT,
    DirectoryReader,
    Lookup,
    NotADirectory,
    Tree,
    build_directory,
)
from ipwhl_mirror.ipld.errors import ForbiddenBlock, IpldError, MalformedBlock, MissingBlock, UnbuildableTree
from ipwhl_mirror.ipld.unixfs import Kind, parse_unixfs
from tests.ipld.conftest import DIGEST, V0, links, some_links
from tests.simulators.vectors import RELEASES, feed_all, load_bad, load_release

if TYPE_CHECKING:
    import random

EMPTY = encode_node([], b"\x08\x01")


def read(tree: Tree) -> tuple[Link, ...]:
    reader = DirectoryReader(tree.cid)
    feed_all(reader, {cid.digest: block for cid, block in tree.blocks})
    return reader.links()


def flat(*names: str) -> bytes:
    return encode_node([Link(V0, name, 1) for name in names], b"\x08\x01")


@pytest.mark.parametrize("name", RELEASES)
def test_every_vector_reads(name: str) -> None:
    """The root of every release lists its projects, and each name is found with the same link."""
    release = load_release(name)
    reader = DirectoryReader(release.root)
    assert reader.needed() == [release.root]
    feed_all(reader, release.blocks)
    assert reader.is_complete
    found = reader.links()
    assert [link.name for link in found] == sorted(link.name for link in found)
    assert len(found) >= release.projects
    for link in found[:: len(found) // 4 or 1]:
        lookup = Lookup(release.root, link.name)
        while (needed := lookup.needed()) is not None:
            lookup.feed(needed, release.blocks[needed.digest])
        assert lookup.found == link


def test_the_empty_directory_is_the_one_everybody_knows() -> None:
    """Its CIDv0 is that of `ipfs add` of an empty folder."""
    tree = build_directory([], cid_version=0)
    assert str(tree.cid) == "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
    assert (tree.tsize, tree.blocks[0][1]) == (4, b"\x0a\x02\x08\x01")
    assert read(tree) == ()


@settings(max_examples=30)
@given(st.lists(links, max_size=20, unique_by=lambda link: link.name), st.randoms(use_true_random=False))
def test_any_order_of_links_gives_one_root(entries: list[Link], rng: random.Random) -> None:
    """A directory is a set of links; they come back sorted by the bytes of their names."""
    entries = [link._replace(tsize=(link.tsize or 0) >> 8) for link in entries]
    tree = build_directory(entries)
    rng.shuffle(entries)
    assert build_directory(entries) == tree
    assert read(tree) == tuple(sorted(entries, key=lambda link: link.name.encode()))
    assert tree.tsize == len(tree.blocks[0][1]) + sum(link.tsize or 0 for link in entries)


@pytest.mark.parametrize(("name", "kind"), [("flat", Kind.DIRECTORY), ("sharded", Kind.HAMT_SHARD)])
def test_the_hamt_begins_strictly_above_256_kib(name: str, kind: Kind) -> None:
    """The projects of the index have 262144 bytes of names and CIDs in one vector, and more in the other."""
    release = load_release(f"boundary-{name}")
    reader = DirectoryReader(release.root)
    feed_all(reader, release.blocks)
    tree = build_directory(Link(link.cid.as_raw(), link.name, 0) for link in reader.links())
    assert parse_unixfs(tree.blocks[-1][1]).kind is kind


@pytest.mark.parametrize("version", [0, 1])
def test_the_bytes_of_names_and_cids_decide(version: int) -> None:
    """34 bytes a CIDv0, 36 a CIDv1, UTF-8 bytes of the names: at 262144 flat, at one more a HAMT."""
    size = 34 if version == 0 else 36
    filler = [Link(V0.as_version(version), f"é{i:0998d}", 1) for i in range(MAX_FLAT // (1000 + size))]
    left = MAX_FLAT - len(filler) * (1000 + size)
    for extra, kind in ((0, Kind.DIRECTORY), (1, Kind.HAMT_SHARD)):
        tree = build_directory([*filler, Link(V0.as_version(version), "x" * (left - size + extra), 1)])
        assert parse_unixfs(tree.blocks[-1][1]).kind is kind
        assert len(read(tree)) == len(filler) + 1


def test_a_built_hamt_has_its_children_first() -> None:
    """Every block comes before those that link to it, so storing in order never leaves a hole."""
    tree = build_directory(some_links(5000, prefix="x" * 40))
    assert tree.blocks[-1][0] == tree.cid
    known: set[bytes] = set()
    for cid, block in tree.blocks:
        cid.check(block)
        shards = [link.cid.digest for link in parse_node(block).links if len(link.name) == 2]
        assert known.issuperset(shards)
        known.add(cid.digest)


def test_a_link_to_a_tree_carries_its_size() -> None:
    """The Tsize of a link is the block and what it links to."""
    tree = build_directory([Link(V0, "a", 100)])
    assert tree.link("d") == Link(tree.cid, "d", 100 + len(tree.blocks[0][1]))


def test_a_name_twice_is_not_built() -> None:
    """A directory that readers must refuse is not written."""
    with pytest.raises(UnbuildableTree, match="the name 'a' twice"):
        build_directory([Link(V0, "a", 1), Link(V0, "a", 1)])


def test_sizes_past_63_bits_are_not_built() -> None:
    """The sum may reach 2^63-1 and not pass it."""
    block = len(flat("a")) + 8
    assert build_directory([Link(V0, "a", 2**63 - 1 - block)]).tsize == 2**63 - 1
    with pytest.raises(UnbuildableTree, match="past 9223372036854775807"):
        build_directory([Link(V0, "a", 2**63 - block)])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("name-twice", "block QmXRZkRYDa41Fm3VX4zqDyjCtFjSBwwsy9TLNGEFRp4GEz: the name 'p' twice"),
        ("not-utf8", r"a name that is not UTF-8: b'p\\xff'"),
        ("tsize", "a Tsize of 9223372036854775808, of at most 9223372036854775807"),
        ("sha1", "not a sha2-256 dag-pb or raw CID: 01701114"),
    ],
)
def test_the_bad_vectors_are_forbidden(name: str, words: str) -> None:
    """Roots with names, sizes or CIDs that no release may have are refused whole."""
    root, blocks, _ = load_bad(name)
    with pytest.raises(ForbiddenBlock, match=words) as caught:
        DirectoryReader(root).feed(root, blocks[root.digest])
    assert caught.value.cid == root
    with pytest.raises(ForbiddenBlock, match=words):
        Lookup(root, "p").feed(root, blocks[root.digest])


def test_a_missing_block_stays_needed() -> None:
    """A release with a hole says which block it is, however often it is asked."""
    root, blocks, fault = load_bad("missing")
    assert fault is None
    top = DirectoryReader(root)
    feed_all(top, blocks)
    project = DirectoryReader(top.links()[0].cid)
    with pytest.raises(MissingBlock, match=f"block {project.cid} is missing"):
        feed_all(project, blocks)
    with pytest.raises(MissingBlock, match=f"block {project.cid} is missing"):
        project.links()
    assert project.needed() == [project.cid]
    assert not project.is_complete


@pytest.mark.parametrize("kind", [Kind.RAW, Kind.FILE, Kind.METADATA, Kind.SYMLINK])
def test_another_kind_is_not_a_directory(kind: Kind) -> None:
    """It is malformed as an entry, not forbidden: a file beside the projects is left out."""
    block = encode_node([], bytes((8, kind.value)))
    for search in (DirectoryReader(Cid.of(block)), Lookup(Cid.of(block), "a")):
        with pytest.raises(NotADirectory, match=f"a {kind.name.lower()}, not a directory") as caught:
            search.feed(Cid.of(block), block)
        assert caught.value.kind is kind
        assert not isinstance(caught.value, ForbiddenBlock)


def test_a_raw_cid_is_not_a_directory() -> None:
    """It is told before anything is fetched."""
    cid = Cid(1, RAW, DIGEST)
    for search in (DirectoryReader, lambda cid: Lookup(cid, "a")):
        with pytest.raises(NotADirectory, match="a raw, not a directory"):
            search(cid)


@pytest.mark.parametrize("block", [b"hello", b"", encode_node([], None), encode_node([], b"\x08\x09")])
def test_a_top_that_is_no_node_is_malformed(block: bytes) -> None:
    """Only the top may be; it means that its entry is no directory."""
    with pytest.raises(MalformedBlock) as caught:
        DirectoryReader(Cid.of(block)).feed(Cid.of(block), block)
    assert type(caught.value) is MalformedBlock


def test_blocks_nobody_asked_for_are_ignored() -> None:
    """Neither a foreign block nor one that was fed before changes anything."""
    block = flat("a", "b")
    reader = DirectoryReader(Cid.of(block))
    reader.feed(Cid.of(EMPTY), EMPTY)
    assert reader.needed() == [Cid.of(block)]
    reader.feed(Cid.of(block), block)
    reader.feed(Cid.of(block), block)
    assert [link.name for link in reader.links()] == ["a", "b"]
    lookup = Lookup(Cid.of(block), "b")
    lookup.feed(Cid.of(EMPTY), EMPTY)
    assert lookup.needed() == Cid.of(block)


def test_a_block_may_come_under_any_of_its_names() -> None:
    """Blocks are known by multihash: a v0 root is fed from its raw alias."""
    block = flat("a")
    reader = DirectoryReader(Cid.of(block, version=0))
    reader.feed(Cid.of(block).as_raw(), block)
    assert reader.is_complete


def test_a_directory_that_meets_itself_is_read_once() -> None:
    """64 levels of two links each to the next are 2^64 paths and 65 blocks; a reader reads one of them."""
    blocks = {Cid.of(EMPTY).digest: EMPTY}
    cid = Cid.of(EMPTY)
    for _ in range(64):
        block = encode_node([Link(cid, "a", 1), Link(cid, "b", 1)], b"\x08\x01")
        cid = Cid.of(block)
        blocks[cid.digest] = block
    walked: set[Cid] = set()
    waiting = [cid]
    while waiting:
        reader = DirectoryReader(waiting.pop())
        feed_all(reader, blocks)
        assert len(reader.links()) in (0, 2)
        walked.add(reader.cid)
        waiting += {link.cid for link in reader.links()} - walked
    assert len(walked) == 65


def test_the_worst_two_mib_are_read_in_a_moment() -> None:
    """The most links that fit into a block, all of one name, are refused in bounded time."""
    block = encode_node([Link(V0, "", 0)] * 49_900, b"\x08\x01")
    begin = time.process_time()
    with pytest.raises(ForbiddenBlock, match="the name '' twice"):
        DirectoryReader(Cid.of(block)).feed(Cid.of(block), block)
    assert time.process_time() - begin < 5


@given(st.data())
def test_mutated_directories_raise_only_our_errors(draw: st.DataObject) -> None:
    """Bytes changed in a flat directory or a shard give links or an IpldError."""
    tree = draw.draw(st.sampled_from([_SMALL_FLAT, _SMALL_HAMT]))
    block = bytearray(tree.blocks[-1][1])
    for _ in range(draw.draw(st.integers(1, 3))):
        block[draw.draw(st.integers(0, len(block) - 1))] = draw.draw(st.integers(0, 255))
    reader, lookup = DirectoryReader(tree.cid), Lookup(tree.cid, "project-1")
    for search in (reader, lookup):
        try:
            search.feed(tree.cid, bytes(block))
        except IpldError as error:
            assert error.args


_SMALL_FLAT = build_directory(some_links(3))
_SMALL_HAMT = build_directory(some_links(3, prefix="x" * 90_000))
