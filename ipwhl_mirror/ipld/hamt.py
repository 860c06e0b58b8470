"""UnixFS HAMT shards, byte for byte as Kubo makes them.

Fanout 256, so a level takes 8 of the 64 bits of a name's murmur3 key and a path has at most 8 shards. A link
is named by its bucket in two upper-case hex digits, followed by the name for an entry and by nothing for a
sub-shard. The tree depends on the set of links only. A shard that is anything else is a ForbiddenBlock:
other readers would find other entries in it.

Flat or HAMT is decided in `directories`. Spec: https://specs.ipfs.tech/unixfs/#dag-pb-hamtdirectory
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmh3 import mmh3_x64_128_utupledigest

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.ipld.dagpb import MAX_TSIZE, Link, encode_node
from ipwhl_mirror.ipld.errors import ForbiddenBlock, UnbuildableTree
from ipwhl_mirror.ipld.unixfs import encode_shard_data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ipwhl_mirror.ipld.unixfs import UnixfsNode

FANOUT = 256
MURMUR3_X64_64 = 0x22
MAX_LEVELS = 8

_BUCKETS = {f"{bucket:02X}": bucket for bucket in range(FANOUT)}


def level_key(name: str) -> bytes:
    """The 8 bytes of a name's key: level n of the tree (the top is 0) goes by byte n."""
    key: int = mmh3_x64_128_utupledigest(name.encode(errors="surrogatepass"))[0]
    return key.to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard, in the order of the block.

    Attributes:
        entries: (name, link) of the directory's entries, with their own names.
        children: (path, CID) of the sub-shards; a path is the buckets from the top.
    """

    entries: tuple[Link, ...]
    children: tuple[tuple[bytes, Cid], ...]


def parse_shard(node: UnixfsNode, path: bytes, cid: Cid) -> Shard:
    """Read a node of kind HAMT_SHARD.

    Args:
        node: the shard.
        path: its buckets from the top: b"" for the top, one byte more for each level.
        cid: its name, for messages only.

    Raises:
        ForbiddenBlock: the fanout or the hash is another, a link's prefix is not its bucket, the bitfield
            is not the set of prefixes, or a sub-shard would be the ninth on its path.
    """
    if node.fanout != FANOUT:
        raise ForbiddenBlock(f"a HAMT with a fanout of {node.fanout}, not {FANOUT}", cid=cid)
    if node.hash_type != MURMUR3_X64_64:
        raise ForbiddenBlock(
            f"a HAMT with hash function {node.hash_type}, not murmur3-x64-64 ({MURMUR3_X64_64})", cid=cid
        )
    entries: list[Link] = []
    children: list[tuple[bytes, Cid]] = []
    buckets = 0
    for link in node.links:
        bucket = _BUCKETS.get(link.name[:2])
        if bucket is None:
            raise ForbiddenBlock(f"a HAMT link named {link.name[:64]!r}, without a bucket", cid=cid)
        if buckets >> bucket & 1:
            raise ForbiddenBlock(f"two HAMT links in bucket {bucket:02X}", cid=cid)
        buckets |= 1 << bucket
        below = path + bytes((bucket,))
        name = link.name[2:]
        if not name:
            children.append((below, _check_child(link, below, cid)))
        elif not level_key(name).startswith(below):
            raise ForbiddenBlock(
                f"HAMT entry {name[:64]!r} under {below.hex().upper()}, but its key is"
                f" {level_key(name).hex().upper()}",
                cid=cid,
            )
        else:
            entries.append(Link(link.cid, name, link.tsize))
    if int.from_bytes(node.data or b"", "big") != buckets:
        raise ForbiddenBlock("a HAMT whose bitfield is not the set of its links' buckets", cid=cid)
    return Shard(tuple(entries), tuple(children))


def _check_child(link: Link, path: bytes, cid: Cid) -> Cid:
    if len(path) >= MAX_LEVELS:
        raise ForbiddenBlock(f"a HAMT with more than {MAX_LEVELS} shards on a path", cid=cid)
    if link.cid.codec != DAG_PB:
        raise ForbiddenBlock(f"a HAMT sub-shard that is not dag-pb: {link.cid}", cid=cid)
    return link.cid


def find_in_shard(node: UnixfsNode, path: bytes, name: str, cid: Cid) -> Link | tuple[bytes, Cid] | None:
    """Where the search for a name goes on from a shard.

    Returns:
        the entry, or (path, CID) of the sub-shard to look in, or None where there is no such name.

    Raises:
        ForbiddenBlock: as `parse_shard`.
    """
    shard = parse_shard(node, path, cid)
    for link in shard.entries:
        if link.name == name:
            return link
    below = level_key(name)[: len(path) + 1]
    for child in shard.children:
        if child[0] == below:
            return child
    return None


def build_shards(links: Mapping[str, Link], *, cid_version: int) -> list[tuple[Cid, bytes, int]]:
    """Build the HAMT of these entries, keyed by name.

    Returns:
        (CID, block, bytes of the block and all that its links claim) of each shard, children first, the top
        last.

    Raises:
        UnbuildableTree: two names have the same key, a name is empty, or the sizes pass 2^63-1.
    """
    if "" in links:
        raise UnbuildableTree("a HAMT has no place for an entry without a name")
    blocks: list[tuple[Cid, bytes, int]] = []
    entries = [(level_key(name), link) for name, link in links.items()]
    _build_level(entries, 0, blocks, cid_version)
    return blocks


def _build_level(
    entries: Sequence[tuple[bytes, Link]], level: int, blocks: list[tuple[Cid, bytes, int]], cid_version: int
) -> Link:
    """Append the shard of these entries after those below it; the link to it, yet without a name."""
    buckets: dict[int, list[tuple[bytes, Link]]] = {}
    if level == MAX_LEVELS:
        names = ", ".join(repr(link.name[:64]) for _, link in entries[:2])
        raise UnbuildableTree(f"a HAMT has no place for two entries with the same key: {names}")
    for entry in entries:
        buckets.setdefault(entry[0][level], []).append(entry)
    links = []
    bitfield = 0
    for bucket in sorted(buckets):
        bitfield |= 1 << bucket
        if len(buckets[bucket]) == 1:
            cid, name, tsize = buckets[bucket][0][1]
        else:
            cid, name, tsize = _build_level(buckets[bucket], level + 1, blocks, cid_version)
        links.append(Link(cid, f"{bucket:02X}{name}", tsize))
    bits = bitfield.to_bytes((bitfield.bit_length() + 7) // 8, "big")
    block = encode_node(links, encode_shard_data(bits, hash_type=MURMUR3_X64_64, fanout=FANOUT))
    total = total_size(block, links)
    cid = Cid.of(block, version=cid_version)
    blocks.append((cid, block, total))
    return Link(cid, "", total)


def total_size(block: bytes, links: Sequence[Link]) -> int:
    """The Tsize of a link to a node: its block and all that its links claim, in bytes.

    Raises:
        UnbuildableTree: it passes 2^63-1.
    """
    total = len(block) + sum(link.tsize or 0 for link in links)
    if total > MAX_TSIZE:
        raise UnbuildableTree(f"the sizes of a directory's entries add up to {total}, past {MAX_TSIZE}")
    return total
