"""A file put together in any order, killed at any point and gone on with, and what is refused as one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link, encode_node
from ipwhl_mirror.ipld.errors import MalformedBlock
from ipwhl_mirror.ipld.files import Wrapper, parse_file_node
from ipwhl_mirror.ipld.protobuf import encode_varint
from ipwhl_mirror.ipld.unixfs import encode_file_data
from ipwhl_mirror.nodes.embedded.assembly import FileAssembly, no_blocks
from tests.simulators.dags import add_bytes
from tests.simulators.files import FileDag, file_dag
from tests.simulators.vectors import content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Open = Callable[..., FileAssembly]

DEEP = {f"v{version}": file_dag(content(2050), version=version) for version in (0, 1)}


@pytest.fixture
def open_at(tmp_path: Path) -> Iterator[Open]:
    """Opens the assembly of a root in one and the same place; closes all at the end."""
    opened: list[FileAssembly] = []

    def make(root: Cid, lookup: Callable[[Cid], bytes | None] = no_blocks) -> FileAssembly:
        part = tmp_path / "a.part"
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT)
        assembly = FileAssembly(root, part, tmp_path / "a.nodes", descriptor=descriptor, lookup=lookup)
        opened.append(assembly)
        return assembly

    yield make
    for assembly in opened:
        assembly.close()


def fill(assembly: FileAssembly, dag: FileDag, *, blocks: int = 10**6, width: int = 4) -> int:
    """Give it what it wants, up to so many blocks; the payload bytes it took."""
    taken = 0
    while (wanted := assembly.wanted(width)) and blocks:
        for cid in wanted[:blocks]:
            taken += assembly.accept(cid, dag.blocks[cid.digest])
            blocks -= 1
    return taken


@pytest.mark.parametrize("dag", DEEP.values(), ids=DEEP)
def test_a_whole_assembly_has_every_byte_and_block(open_at: Open, dag: FileDag) -> None:
    """The file is the payload; every block is rebuilt from it or kept beside it."""
    assembly = open_at(dag.root)
    assert (assembly.size, assembly.first_gap(), assembly.whole) == (None, 0, False)
    assert fill(assembly, dag) == len(dag.payload)
    assert (assembly.size, assembly.first_gap(), assembly.whole) == (len(dag.payload), None, True)
    assert assembly.path.read_bytes() == dag.payload
    kept = dict(assembly.nodes())
    refs = {ref.digest: ref for ref in assembly.refs()}
    assert kept.keys() | refs.keys() == dag.blocks.keys()
    assert {leaf.digest for leaf in dag.leaves} == refs.keys()
    wrapper = Wrapper.NONE if dag.leaves[0].codec == RAW else Wrapper.UNIXFS_FILE
    assert {ref.wrapper for ref in refs.values()} == {wrapper}
    assert [ref.offset for ref in assembly.refs()] == list(range(0, len(dag.payload), 100))


def test_blocks_that_are_not_wanted_change_nothing(open_at: Open) -> None:
    """A leaf before its parent, a block twice, a foreign one."""
    dag = DEEP["v1"]
    assembly = open_at(dag.root)
    leaf = dag.leaves[0]
    assert assembly.accept(leaf, dag.blocks[leaf.digest]) == 0
    fill(assembly, dag)
    for digest, block in dag.blocks.items():
        assert assembly.accept(Cid(1, RAW, digest), block) == 0
    assert assembly.path.read_bytes() == dag.payload


def test_inner_nodes_are_wanted_before_leaves(open_at: Open) -> None:
    """What is longer than a block must be an inner node."""
    chunk = content(262_144)
    blocks: dict[Cid, bytes] = {}
    link = add_bytes(chunk * 175 + b"tail", 1, blocks)
    assembly = open_at(link.cid)
    assembly.accept(link.cid, blocks[link.cid])
    children = parse_file_node(link.cid, blocks[link.cid]).children
    assert [size > 2 * 1024 * 1024 for _, size in children] == [True, False]
    assembly.accept(children[0][0], blocks[children[0][0]])
    leaf, tail = assembly.wanted(10)
    assert (leaf.codec, tail.codec) == (RAW, DAG_PB)
    assert assembly.first_gap() == 0


def test_the_first_gap_moves_with_what_comes(open_at: Open) -> None:
    """Out of order too: it is the first missing byte, not the first byte after what came."""
    dag = DEEP["v1"]
    assembly = open_at(dag.root)
    fill(assembly, dag, blocks=1)
    while any(cid.codec != RAW for cid in assembly.wanted(100)):
        for cid in assembly.wanted(100):
            if cid.codec != RAW:
                assembly.accept(cid, dag.blocks[cid.digest])
    for number in (3, 1, 0, 2):
        assembly.accept(dag.leaves[number], dag.blocks[dag.leaves[number].digest])
        done = {3: 0, 1: 0, 0: 200, 2: 400}[number]
        assert assembly.first_gap() == done


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), version=st.sampled_from(["v0", "v1"]))
def test_a_killed_assembly_wants_only_what_is_not_on_disk(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, version: str
) -> None:
    """After any number of blocks and any damage to both files: nothing wrong is taken for good."""
    dag = DEEP[version]
    directory = tmp_path_factory.mktemp("assembly")
    part, nodes = directory / "part", directory / "nodes"

    def reopen() -> FileAssembly:
        return FileAssembly(dag.root, part, nodes, descriptor=os.open(part, os.O_RDWR | os.O_CREAT))

    first = reopen()
    fill(first, dag, blocks=data.draw(st.integers(0, 30)), width=data.draw(st.integers(1, 8)))
    had = first.blocks
    first.close()
    for path in (part, nodes):
        raw = bytearray(path.read_bytes())
        for at in data.draw(st.lists(st.integers(0, max(0, len(raw) - 1)), max_size=3)):
            if raw:
                raw[at] ^= 1
        path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) // 2, max(0, len(raw) - 1)]))])
    second = reopen()
    assert second.blocks <= had
    resumed = second.resumed
    assert fill(second, dag) + resumed == len(dag.payload)
    assert part.read_bytes() == dag.payload
    assert dict(second.nodes()).keys() | {ref.digest for ref in second.refs()} == dag.blocks.keys()
    second.close()


@pytest.mark.parametrize("dag", DEEP.values(), ids=DEEP)
def test_an_undamaged_assembly_loses_nothing(open_at: Open, dag: FileDag) -> None:
    """Every block that came before the kill is there after it."""
    for blocks in range(0, len(dag.blocks), 5):
        before = open_at(dag.root)
        fill(before, dag, blocks=5)
        after = open_at(dag.root)
        assert (after.blocks, after.first_gap(), after.size) == (
            before.blocks,
            before.first_gap(),
            before.size,
        ), blocks


def test_blocks_kept_elsewhere_are_not_wanted(open_at: Open) -> None:
    """`lookup` gives inner nodes and leaves; nothing is left to fetch."""
    dag = DEEP["v0"]
    assembly = open_at(dag.root, lambda cid: dag.blocks.get(cid.digest))
    assert assembly.whole
    assert assembly.resumed == len(dag.payload)
    assert assembly.path.read_bytes() == dag.payload


def test_the_trunk_is_what_says_where_found_bytes_belong(open_at: Open, tmp_path: Path) -> None:
    """With the payload on disk and no nodes, only nodes are asked for, and every leaf is found."""
    blocks: dict[Cid, bytes] = {}
    link = add_bytes(content(262_144) + content(300_000)[::-1], 0, blocks)
    (tmp_path / "a.part").write_bytes(content(262_144) + content(300_000)[::-1])
    assembly = open_at(link.cid)
    assert assembly.trunk() == [link.cid]
    assert assembly.accept(link.cid, blocks[link.cid]) == 562_144
    assert assembly.whole


def test_a_small_file_on_disk_needs_no_block_at_all(open_at: Open, tmp_path: Path) -> None:
    """Root and leaf in one is rebuilt from the payload alone, for either version."""
    for version in (0, 1):
        blocks: dict[Cid, bytes] = {}
        link = add_bytes(content(1000), version, blocks)
        (tmp_path / "a.part").write_bytes(content(1000))
        assembly = open_at(link.cid)
        assert (assembly.whole, assembly.size) == (True, 1000)


def test_an_oddly_framed_leaf_is_kept_and_placed(open_at: Open) -> None:
    """A leaf that `ipfs add` would not make: its block beside the file, its bytes in it."""
    payload = b"odd leaf"
    odd = encode_node([], b"\x08\x00\x12" + encode_varint(len(payload)) + payload)
    plain = content(100)
    leaves = [(Cid.of(odd), len(payload)), (Cid.of(plain, RAW), len(plain))]
    root = encode_node(
        [Link(cid, "", size) for cid, size in leaves],
        encode_file_data(108, [size for _, size in leaves]),
    )
    dag = FileDag(
        Cid.of(root), payload + plain, {Cid.of(block).digest: block for block in (odd, plain, root)}, ()
    )
    assembly = open_at(dag.root)
    assert fill(assembly, dag) == 108
    assert assembly.path.read_bytes() == dag.payload
    assert dict(assembly.nodes()) == {Cid.of(block).digest: block for block in (root, odd)}
    assert [ref.digest for ref in assembly.refs()] == [Cid.of(plain).digest]


def test_a_repeated_leaf_is_wanted_once_and_placed_everywhere(open_at: Open) -> None:
    """Also where a second inner node names it after it came."""
    dag = file_dag(b"x" * 2050)
    assembly = open_at(dag.root)
    assert fill(assembly, dag, width=1) == 2050
    assert assembly.path.read_bytes() == dag.payload
    assert len(assembly.refs()) == 21
    again = open_at(dag.root)
    assert (again.whole, again.resumed) == (True, 2050)


def diamond(levels: int, leaf: bytes) -> FileDag:
    """Each node links twice to the next: 2^levels leaves in `levels` + 1 blocks."""
    blocks = {Cid.of(leaf).digest: leaf}
    cid, size = Cid.of(leaf, RAW), len(leaf)
    for _ in range(levels):
        block = encode_node(
            [Link(cid, "", 0)] * 2,
            encode_file_data(2 * size, [size, size]),
        )
        cid, size = Cid.of(block), 2 * size
        blocks[cid.digest] = block
    return FileDag(cid, b"", blocks, ())


def one_block(block: bytes) -> FileDag:
    """A DAG of this block alone."""
    return FileDag(Cid.of(block), b"", {Cid.of(block).digest: block}, ())


HOSTILE = {
    "a directory": one_block(b"\x0a\x02\x08\x01"),
    "no dag-pb": one_block(b"garbage"),
    "2^60 leaves": diamond(60, b"x"),
    "2^30 bytes of one leaf": diamond(10, content(1 << 20)),
    "2^18 leaves": diamond(18, b"x"),
}


@pytest.mark.parametrize("dag", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_honest_file_is_refused(open_at: Open, dag: FileDag) -> None:
    """MalformedBlock, before much of it is on disk."""
    assembly = open_at(dag.root)
    with pytest.raises(MalformedBlock):
        fill(assembly, dag)
    assert os.fstat(assembly.descriptor).st_blocks * 512 <= 80 * 1024 * 1024


def test_a_node_of_another_length_than_its_parent_says_is_refused(open_at: Open) -> None:
    """The claim of the link is checked when the block comes."""
    leaf = b"four"
    root = encode_node([Link(Cid.of(leaf, RAW), "", 5)], encode_file_data(5, [5]))
    assembly = open_at(Cid.of(root))
    assembly.accept(Cid.of(root), root)
    with pytest.raises(MalformedBlock, match="4 bytes of a file, not 5"):
        assembly.accept(Cid.of(leaf, RAW), leaf)


def test_sync_cuts_what_is_behind_the_end(open_at: Open, tmp_path: Path) -> None:
    """A file under repair may have been too long."""
    (tmp_path / "a.part").write_bytes(content(1000) + b"garbage")
    blocks: dict[Cid, bytes] = {}
    link = add_bytes(content(1000), 1, blocks)
    assembly = open_at(link.cid)
    assembly.accept(link.cid, blocks[link.cid])
    assembly.sync()
    assert (tmp_path / "a.part").read_bytes() == content(1000)


def test_leaves_that_are_good_are_not_written_again(tmp_path: Path) -> None:
    """A whole file is checked through a descriptor that cannot write."""
    part = tmp_path / "a.part"
    part.write_bytes(content(600_000))
    blocks: dict[Cid, bytes] = {}
    link = add_bytes(content(600_000), 0, blocks)
    assembly = FileAssembly(
        link.cid, part, tmp_path / "a.nodes", descriptor=os.open(part, os.O_RDONLY), lookup=blocks.get
    )
    assert (assembly.whole, assembly.resumed) == (True, 600_000)
    assembly.close()
