"""The blocks of a scope come depth first, each once, and only those."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipwhl_mirror.gateway.dag import walk_dag
from ipwhl_mirror.gateway.formats import EntityBytes, Scope
from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link, encode_node
from ipwhl_mirror.ipld.directories import DirectoryReader
from ipwhl_mirror.ipld.errors import ForbiddenBlock, MalformedBlock
from ipwhl_mirror.ipld.files import parse_file_node
from ipwhl_mirror.ipld.unixfs import DIRECTORY_DATA
from ipwhl_mirror.nodes.errors import BlockNotFound
from tests.gateway.local_node import Shelf
from tests.simulators.files import file_dag
from tests.simulators.vectors import content, feed_all, load_release

if TYPE_CHECKING:
    from collections.abc import Mapping


async def walk(
    blocks: Mapping[bytes, bytes], root: Cid, scope: Scope, part: EntityBytes | None = None
) -> list[Cid]:
    """The CIDs of a walk; every block is checked."""
    found = []
    async for cid, block in walk_dag(Shelf(dict(blocks)).node(), root, blocks[root.digest], scope, part):
        cid.check(block)
        found.append(cid)
    return found


def read_part(blocks: Mapping[bytes, bytes], root: Cid, start: int, end: int) -> bytes:
    """The bytes [start, end) of a file, from these blocks."""
    node = parse_file_node(root, blocks[root.digest])
    if node.payload is not None:
        return node.payload[max(0, start) : max(0, end)]
    payload, offset = b"", 0
    for child, size in node.children:
        if offset < end and start < offset + size:
            payload += read_part(blocks, child, start - offset, end - offset)
        offset += size
    return payload


FILE = file_dag(content(2500), chunk=100, width=3)


async def test_block_is_the_one_block() -> None:
    """`block` never goes below."""
    assert await walk(FILE.blocks, FILE.root, Scope.BLOCK) == [FILE.root]


@pytest.mark.parametrize("version", [0, 1])
async def test_file_is_whole_parents_first_leaves_in_order(version: int) -> None:
    """A file's walk is its DAG, and its leaves come as a reader needs them."""
    dag = file_dag(content(2500), chunk=100, width=3, version=version)
    for scope in (Scope.ENTITY, Scope.ALL):
        found = await walk(dag.blocks, dag.root, scope)
        assert {cid.digest for cid in found} == set(dag.blocks)
        assert len(found) == len(dag.blocks)
        assert [cid for cid in found if cid in dag.leaves] == list(dag.leaves)
        order = {cid.digest: place for place, cid in enumerate(found)}
        for cid in found:
            for child, _ in parse_file_node(cid, dag.blocks[cid.digest]).children:
                assert order[cid.digest] < order[child.digest]


@given(st.integers(0, 2600), st.integers(0, 2600))
@settings(max_examples=60, deadline=None)
async def test_byte_range_has_the_blocks_it_needs_and_no_others(first: int, last: int) -> None:
    """The blocks of a range are enough to read it, and no leaf is outside."""
    found = await walk(FILE.blocks, FILE.root, Scope.ENTITY, EntityBytes(first, last))
    start, end = EntityBytes(first, last).within(2500)
    here = {cid.digest: FILE.blocks[cid.digest] for cid in found}
    assert read_part(here, FILE.root, start, end) == content(2500)[start:end]
    assert len([cid for cid in found if cid in FILE.leaves]) == (
        (end - 1) // 100 - start // 100 + 1 if start < end else 0
    )


async def test_range_in_a_file_that_repeats_itself_lacks_nothing() -> None:
    """A node met twice, with another part each time, gives both parts."""
    dag = file_dag(content(300) * 6, chunk=100, width=3)
    found = await walk(dag.blocks, dag.root, Scope.ENTITY, EntityBytes(250, 349))
    here = {cid.digest: dag.blocks[cid.digest] for cid in found}
    assert read_part(here, dag.root, 250, 350) == (content(300) * 2)[250:350]
    assert len(found) == len(set(found))


@pytest.mark.parametrize("name", ["small-v0", "sharded-v0", "edge-v1"])
async def test_directory_entity_is_what_lists_it(name: str) -> None:
    """`entity` of a directory is its blocks, HAMT shards included, and nothing of its entries."""
    release = load_release(name)
    reader = DirectoryReader(release.root)
    feed_all(reader, release.blocks)
    found = await walk(release.blocks, release.root, Scope.ENTITY)
    assert {cid.digest for cid in found} == {release.root.digest} | {cid.digest for cid in reader.shards}


async def test_whole_release_is_every_block_once() -> None:
    """`all` of a release is its directories and its files' blocks; a file that two names share comes once."""
    shelf = Shelf()
    root = shelf.release({"a": {"a-1-py3-none-any.whl": b"same"}, "b": {"b-1-py3-none-any.whl": b"same"}})
    found = await walk(shelf.blocks, root, Scope.ALL)
    assert sorted(cid.digest for cid in found) == sorted(shelf.blocks)


async def test_name_of_a_directory_as_a_raw_block_hides_nothing_below_it() -> None:
    """An index tree names official directories raw; beside it the same directory is walked."""
    shelf = Shelf()
    project = shelf.add_directory("six", [shelf.add_file("six-1-py3-none-any.whl", b"wheel")])
    top = shelf.add_directory("", [Link(project.cid.as_raw(), ".ipwhl", 0), project])
    assert {cid.digest for cid in await walk(shelf.blocks, top.cid, Scope.ALL)} == set(shelf.blocks)


async def test_diamond_of_many_paths_is_walked_once() -> None:
    """2^64 paths over 65 blocks are 65 blocks."""
    blocks: dict[bytes, bytes] = {}
    cid = Cid.of(b"end", RAW)
    blocks[cid.digest] = b"end"
    for _ in range(64):
        block = encode_node([Link(cid, "a", 0), Link(cid, "b", 0)], DIRECTORY_DATA)
        cid = Cid.of(block)
        blocks[cid.digest] = block
    assert len(await walk(blocks, cid, Scope.ALL)) == 65


async def test_blocks_before_a_missing_one_are_given() -> None:
    """The walk ends at the first block that is not here, not earlier."""
    blocks = dict(FILE.blocks)
    del blocks[FILE.leaves[10].digest]
    expected = await walk(FILE.blocks, FILE.root, Scope.ALL)
    found = []
    with pytest.raises(BlockNotFound) as caught:
        async for cid, _ in walk_dag(Shelf(blocks).node(), FILE.root, blocks[FILE.root.digest], Scope.ALL):
            found.append(cid)
    assert caught.value.cid == FILE.leaves[10]
    assert found == expected[: expected.index(FILE.leaves[10])]


async def test_garbage_below_a_directory_is_a_block_without_links() -> None:
    """A block that is no dag-pb is sent, and nothing is looked for below it."""
    shelf = Shelf({Cid.of(b"\xffgarbage").digest: b"\xffgarbage"})
    top = shelf.add_directory("", [Link(Cid.of(b"\xffgarbage"), "bad", 0)])
    assert len(await walk(shelf.blocks, top.cid, Scope.ALL)) == 2


@pytest.mark.parametrize(
    ("block", "scope", "error"),
    [
        pytest.param(
            b"\x12\x26\x0a\x24\x01\x71\x12\x20" + bytes(32), Scope.ALL, ForbiddenBlock, id="foreign-link"
        ),
        pytest.param(
            encode_node([Link(Cid.of(b"x", RAW), "", 1)], b"\x08\x02\x18\x05\x20\x04"),
            Scope.ENTITY,
            MalformedBlock,
            id="sizes-disagree",
        ),
    ],
)
async def test_what_cannot_be_walked_is_an_error_before_the_first_block(
    block: bytes, scope: Scope, error: type[Exception]
) -> None:
    """A DAG of which a client could not know that something lacks is refused."""
    cid = Cid.of(block)
    with pytest.raises(error):
        await walk({cid.digest: block}, cid, scope)


async def test_reads_ahead_in_batches_of_bounded_size() -> None:
    """Many small blocks take few calls of the node, and large ones are not piled up."""
    shelf = Shelf()
    big = shelf.add_file("", content(8_000_000))
    calls: list[int] = []

    class Counting(Shelf):
        async def get_blocks(self, cids, reach):  # type: ignore[no-untyped-def]
            calls.append(len(list(cids)))
            async for found in Shelf.get_blocks(self, cids, reach):
                yield found

    node = Counting(shelf.blocks).node()
    blocks = [cid async for cid, _ in walk_dag(node, big.cid, shelf.blocks[big.cid.digest], Scope.ALL)]
    assert len(blocks) == 1 + 31
    assert max(calls) == 16 and len(calls) == 2
