"""HAMT shards: Kubo's are read and rebuilt byte for byte, and whatever is not one is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link, encode_node
from ipwhl_mirror.ipld.directories import DirectoryReader, Lookup
from ipwhl_mirror.ipld.errors import ForbiddenBlock, UnbuildableTree
from ipwhl_mirror.ipld.hamt import build_shards, level_key, parse_shard
from ipwhl_mirror.ipld.unixfs import Kind, encode_shard_data, parse_unixfs
from tests.ipld.conftest import DIGEST, V0, names, some_links
from tests.simulators.vectors import feed_all, load_bad, load_release

if TYPE_CHECKING:
    import random

COLLIDING = ("collides-with-another-name-of-32", "2ymtbh8t6iptt7s4bDE1:5=@J}-Oz[0i")


def shard(*links: Link, bits: int | None = None, hash_type: int = 0x22, fanout: int = 256) -> bytes:
    """A shard's block; the bitfield is that of the links' prefixes unless it is given."""
    if bits is None:
        bits = sum(1 << int(link.name[:2], 16) for link in links)
    bitfield = bits.to_bytes((bits.bit_length() + 7) // 8, "big")
    return encode_node(links, encode_shard_data(bitfield, hash_type=hash_type, fanout=fanout))


def entry(prefix: str, name: str = "p") -> Link:
    return Link(V0, prefix + name, 1)


def read(links: list[tuple[Cid, bytes, int]]) -> tuple[Link, ...]:
    reader = DirectoryReader(links[-1][0])
    feed_all(reader, {cid.digest: block for cid, block, _ in links})
    return reader.links()


def test_kubos_shards_are_rebuilt_byte_for_byte() -> None:
    """6,000 projects give the root of Kubo's HAMT and every one of its shards."""
    release = load_release("sharded-v0")
    reader = DirectoryReader(release.root)
    feed_all(reader, release.blocks)
    links = reader.links()
    assert len(links) == release.projects == 6000
    built = build_shards({link.name: link for link in links}, cid_version=0)
    assert built[-1][0] == release.root
    assert {cid for cid, _, _ in built[:-1]} == reader.shards
    for cid, block, _ in built:
        assert block == release.blocks[cid.digest]


def test_every_sharded_project_is_rebuilt() -> None:
    """The HAMT projects of the vectors made by hand come out the same, in both versions."""
    for name in ("edge-v0", "edge-v1"):
        release = load_release(name)
        root = DirectoryReader(release.root)
        feed_all(root, release.blocks)
        sharded = 0
        for link in root.links():
            block = release.blocks.get(link.cid.digest, b"")
            if link.cid.codec == RAW or not block or parse_unixfs(block).kind is not Kind.HAMT_SHARD:
                continue
            sharded += 1
            reader = DirectoryReader(link.cid)
            feed_all(reader, release.blocks)
            built = build_shards(
                {entry.name: entry for entry in reader.links()}, cid_version=link.cid.version
            )
            assert built[-1][:2] == (link.cid, block)
        assert sharded == 1


def test_the_key_is_the_first_half_of_murmur3() -> None:
    """Big-endian, seed 0; the name of the vectors' bad HAMTs is in bucket C3."""
    assert level_key("p").hex() == "c35aa6ce76f0b293"


@settings(max_examples=20)
@given(st.lists(names, unique=True, max_size=60), st.randoms(use_true_random=False))
def test_shuffled_links_give_one_root(entries: list[str], rng: random.Random) -> None:
    """The tree depends on the set of links; reading it gives them back."""
    links = {name: Link(Cid.of(name.encode()), name, len(name)) for name in entries}
    built = build_shards(links, cid_version=1)
    shuffled = list(links.items())
    rng.shuffle(shuffled)
    assert build_shards(dict(shuffled), cid_version=1)[-1] == built[-1]
    assert read(built) == tuple(sorted(links.values(), key=lambda link: link.name.encode()))


def test_sizes_add_up_over_all_levels() -> None:
    """The top's size is that of every shard and of every entry."""
    links = {link.name: link for link in some_links(2000)}
    built = build_shards(links, cid_version=1)
    assert built[-1][2] == sum(len(block) for _, block, _ in built) + sum(
        link.tsize or 0 for link in links.values()
    )
    assert len(built) > 200


def test_an_empty_hamt_has_no_entries() -> None:
    """No link, no bit."""
    assert read(build_shards({}, cid_version=1)) == ()


def test_names_with_one_key_have_no_hamt() -> None:
    """Two names that murmur3 cannot tell apart are refused with their names, not by running out of levels."""
    assert level_key(COLLIDING[0]) == level_key(COLLIDING[1])
    with pytest.raises(UnbuildableTree, match="two entries with the same key: 'collides-with"):
        build_shards({name: Link(V0, name, 1) for name in COLLIDING}, cid_version=1)


def test_an_entry_without_a_name_has_no_place() -> None:
    """It would be read as a sub-shard."""
    with pytest.raises(UnbuildableTree, match="without a name"):
        build_shards({"": Link(V0, "", 1)}, cid_version=1)


def test_sizes_past_63_bits_are_refused() -> None:
    """A size that no reader may accept is not written."""
    links = {name: Link(V0, name, 2**62) for name in ("a", "b")}
    with pytest.raises(UnbuildableTree, match="add up to 9223372036854775"):
        build_shards(links, cid_version=1)


BROKEN = [
    pytest.param(shard(entry("C3"), fanout=16), "a HAMT with a fanout of 16, not 256", id="fanout"),
    pytest.param(shard(entry("C3"), hash_type=0x12), "hash function 18, not murmur3-x64-64", id="hash"),
    pytest.param(shard(entry("C3"), bits=1), "bitfield is not the set of its links' buckets", id="bitfield"),
    pytest.param(shard(entry("C3"), bits=0), "bitfield is not the set", id="no bitfield"),
    pytest.param(shard(entry("C3"), bits=1 << 0xC3 | 1), "bitfield is not the set", id="a bit too many"),
    pytest.param(shard(entry("C3"), bits=1 << 0xC3 | 1 << 256), "bitfield is not the set", id="bit 256"),
    pytest.param(shard(entry("C4")), "entry 'p' under C4, but its key is C35AA6CE76F0B293", id="prefix"),
    pytest.param(shard(entry("c3")), "a HAMT link named 'c3p', without a bucket", id="lower case"),
    pytest.param(shard(entry("C"), bits=0), "a HAMT link named 'Cp', without a bucket", id="half a prefix"),
    pytest.param(shard(entry("", ""), bits=0), "a HAMT link named '', without a bucket", id="no name"),
    pytest.param(shard(entry("é1"), bits=0), "without a bucket", id="no hex"),
    pytest.param(shard(entry("C3"), entry("C3", "q")), "two HAMT links in bucket C3", id="bucket twice"),
    pytest.param(
        shard(Link(Cid(1, RAW, DIGEST), "C3", 1)),
        "a HAMT sub-shard that is not dag-pb: bafkrei",
        id="raw shard",
    ),
    pytest.param(
        encode_node([entry("C3")], b"\x08\x05\x12\x01\x01"), "a fanout of None, not 256", id="no fanout"
    ),
    pytest.param(
        encode_node([entry("C3")], b"\x08\x05\x30\x80\x02"), "hash function None, not murmur3", id="no hash"
    ),
]


@pytest.mark.parametrize(("block", "words"), BROKEN)
def test_broken_shards_are_forbidden(block: bytes, words: str) -> None:
    """Every rule of a shard has its words, and the block is named."""
    cid = Cid.of(block)
    with pytest.raises(ForbiddenBlock, match=words) as caught:
        DirectoryReader(cid).feed(cid, block)
    assert caught.value.cid == cid
    with pytest.raises(ForbiddenBlock, match=words):
        Lookup(cid, "p").feed(cid, block)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hamt-fanout", "a HAMT with a fanout of 16, not 256"),
        ("hamt-hash", "a HAMT with hash function 18, not murmur3-x64-64"),
        ("hamt-bitfield", "a HAMT whose bitfield is not the set of its links' buckets"),
        ("hamt-prefix", "HAMT entry 'p' under C4, but its key is C35AA6CE76F0B293"),
    ],
)
def test_the_bad_vectors_are_forbidden(name: str, words: str) -> None:
    """Roots that are no HAMT of ours are refused, named."""
    root, blocks, fault = load_bad(name)
    assert fault is None
    with pytest.raises(ForbiddenBlock, match=f"block {root}: {words}"):
        DirectoryReader(root).feed(root, blocks[root.digest])


def test_a_bitfield_may_have_leading_zeros_and_links_any_order() -> None:
    """The bitfield is a number and the links a set."""
    found = entry("C3")
    other = next(name for name in ("q", "r", "s") if level_key(name)[0] < 0xC3)
    block = shard(found, entry(f"{level_key(other)[0]:02X}", other))
    node = parse_unixfs(block)
    padded = replace(node, data=b"\x00\x00" + (node.data or b""))
    assert parse_shard(padded, b"", V0).entries == (found._replace(name="p"), entry("", other))


def chain(length: int) -> list[tuple[Cid, bytes]]:
    """So many shards, each the only child of the one before; the top first. The last has the entry p."""
    key = level_key("p")
    blocks = [shard(entry(f"{key[(length - 1) % 8]:02X}"))]
    for level in reversed(range(length - 1)):
        blocks.append(shard(Link(Cid.of(blocks[-1]), f"{key[level % 8]:02X}", 1)))
    return [(Cid.of(block), block) for block in reversed(blocks)]


def test_a_path_has_eight_shards_at_most() -> None:
    """The eighth may hold entries and no ninth."""
    reader = DirectoryReader(chain(8)[0][0])
    feed_all(reader, {cid.digest: block for cid, block in chain(8)})
    assert [link.name for link in reader.links()] == ["p"]
    assert len(reader.shards) == 7
    nine = chain(9)
    for search in (DirectoryReader(nine[0][0]), Lookup(nine[0][0], "p")):
        for cid, block in nine[:7]:
            search.feed(cid, block)
        with pytest.raises(ForbiddenBlock, match="a HAMT with more than 8 shards on a path"):
            search.feed(*nine[7])


def test_an_entry_below_a_foreign_bucket_is_forbidden() -> None:
    """The prefix of every level counts, not only the last."""
    below = shard(entry("5A"))
    top = shard(Link(Cid.of(below), "C2", 1))
    reader = DirectoryReader(Cid.of(top))
    reader.feed(Cid.of(top), top)
    with pytest.raises(ForbiddenBlock, match="entry 'p' under C25A, but its key is C35A"):
        reader.feed(Cid.of(below), below)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        pytest.param(b"hello", "a HAMT sub-shard that cannot be read: field 13", id="no dag-pb"),
        pytest.param(encode_node([], b"\x08\x01"), "a HAMT sub-shard that is a directory", id="directory"),
        pytest.param(encode_node([], b"\x08\x02"), "a HAMT sub-shard that is a file", id="file"),
        pytest.param(shard(fanout=8), "a HAMT with a fanout of 8", id="fanout"),
    ],
)
def test_a_sub_shard_that_is_none_is_forbidden(block: bytes, words: str) -> None:
    """A directory that began as a HAMT is refused whatever its sub-shard is: it is not merely malformed."""
    top = shard(Link(Cid.of(block), "C3", 1))
    for search in (DirectoryReader(Cid.of(top)), Lookup(Cid.of(top), "p")):
        search.feed(Cid.of(top), top)
        with pytest.raises(ForbiddenBlock, match=words) as caught:
            search.feed(Cid.of(block), block)
        assert caught.value.cid == Cid.of(block)


def test_a_sub_shard_linked_twice_is_forbidden() -> None:
    """What a shard holds fits under one path only, so 256 links to one shard on 7 levels cost one block."""
    below = shard()
    top = shard(*(Link(Cid.of(below), f"{bucket:02X}", 1) for bucket in range(256)))
    with pytest.raises(ForbiddenBlock, match=f"a HAMT with the sub-shard {Cid.of(below)} twice"):
        DirectoryReader(Cid.of(top)).feed(Cid.of(top), top)


def test_searching_finds_what_listing_lists() -> None:
    """Each name of Kubo's HAMT is found on its own path, and names that are not there are not."""
    release = load_release("sharded-v0")
    reader = DirectoryReader(release.root)
    feed_all(reader, release.blocks)
    links = {link.name: link for link in reader.links()}
    names_sought = [*sorted(links)[::40], *(f"no-such-project-{i}" for i in range(50))]
    for name in names_sought:
        lookup = Lookup(release.root, name)
        steps = 0
        while (needed := lookup.needed()) is not None:
            lookup.feed(needed, release.blocks[needed.digest])
            steps += 1
        assert lookup.found == links.get(name)
        assert 1 <= steps <= 4


def test_the_search_for_a_name_that_is_no_text_finds_nothing() -> None:
    """A lone surrogate, as undecodable bytes of an address become, is only a name that is not there."""
    lookup = Lookup(Cid.of(shard(entry("C3"))), "\udcff")
    lookup.feed(Cid.of(shard(entry("C3"))), shard(entry("C3")))
    assert (lookup.needed(), lookup.found) == (None, None)


def test_shards_of_v0_are_v0() -> None:
    """The version asked for is that of every new block."""
    built = build_shards({link.name: link for link in some_links(600)}, cid_version=0)
    assert {(cid.version, cid.codec) for cid, _, _ in built} == {(0, DAG_PB)}
