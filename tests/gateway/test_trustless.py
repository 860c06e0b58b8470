"""Raw blocks and CARs, as a mirror that trusts nobody fetches them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.car import CarParser
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.files import parse_file_node
from tests.gateway.conftest import BIG_SIZE, SIX, serving
from tests.gateway.local_node import Shelf
from tests.simulators.files import file_dag
from tests.simulators.vectors import content, load_release

if TYPE_CHECKING:
    from tests.gateway.client import Answer
    from tests.gateway.conftest import Site

CAR = "application/vnd.ipld.car"
RAW = "application/vnd.ipld.raw"


def blocks_of(answer: Answer) -> list[Cid]:
    """The CIDs of a CAR's blocks, every one hashed."""
    parser = CarParser()
    found = [block.cid for block in parser.feed(answer.body)]
    parser.finish()
    assert parser.roots is not None
    return found


@pytest.mark.parametrize("by", ["query", "accept"])
async def test_raw_block_is_its_bytes(site: Site, by: str) -> None:
    """One block, hashed by whoever asked, with its headers."""
    target = f"/ipfs/{site.big}" + ("?format=raw" if by == "query" else "")
    answer = await site.client.get(target, Accept=RAW if by == "accept" else "")
    assert answer.status == 200
    site.big.check(answer.body)
    headers = answer.headers
    assert headers["content-type"] == RAW
    assert headers["content-disposition"] == f'attachment; filename="{site.big}.bin"'
    assert headers["etag"] == f'"{site.big}.raw"'
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-ipfs-path"] == f"/ipfs/{site.big}"
    assert headers["vary"] == "Accept"
    assert headers.get("content-location") == (f"/ipfs/{site.big}?format=raw" if by == "accept" else None)
    again = await site.client.get(target, Accept=RAW if by == "accept" else "", If_None_Match=headers["etag"])
    assert again.status == 304


@pytest.mark.parametrize("by", ["query", "accept"])
async def test_car_is_whole_and_says_how_it_is_made(site: Site, by: str) -> None:
    """Every block of the file, its root first, with the headers of the specification."""
    target = f"/ipfs/{site.big}" + ("?format=car" if by == "query" else "")
    answer = await site.client.get(target, Accept=f"{CAR}; order=dfs" if by == "accept" else "")
    found = blocks_of(answer)
    assert (answer.status, answer.is_whole) == (200, True)
    assert found[0] == site.big and len(found) == 1 + -(-BIG_SIZE // 262144)
    headers = answer.headers
    assert headers["content-type"] == "application/vnd.ipld.car; version=1; order=dfs; dups=n"
    assert headers["content-disposition"] == f'attachment; filename="{site.big}.car"'
    assert headers["accept-ranges"] == "none"
    assert headers["etag"].startswith(f'W/"{site.big}.car.all.')
    assert headers["x-ipfs-roots"] == str(site.big)
    location = f"/ipfs/{site.big}?format=car&dag-scope=all" if by == "accept" else None
    assert headers.get("content-location") == location
    again = await site.client.get(f"/ipfs/{site.big}?format=car", If_None_Match=headers["etag"])
    assert (again.status, again.body) == (304, b"")


async def test_car_of_a_path_begins_with_the_blocks_of_the_way(site: Site) -> None:
    """A client can check the path itself; the CAR's root is what was asked for."""
    answer = await site.client.get(f"/ipfs/{site.root}/six/{SIX}?format=car&dag-scope=block")
    found = blocks_of(answer)
    assert (found[0], found[-1], len(found)) == (site.root, site.six, 3)
    roots = CarParser()
    roots.feed(answer.body)
    assert roots.roots == (site.six,)


async def test_car_of_a_name_in_a_sharded_release_has_its_shards_only() -> None:
    """Of 6,000 projects, one costs a few blocks."""
    release = load_release("sharded-v0")
    async with serving(Shelf(dict(release.blocks))) as (_, client):
        whole = blocks_of(await client.get(f"/ipfs/{release.root}?format=car&dag-scope=entity"))
        links = (await client.get(f"/ipfs/{release.root}/")).links()
        name = sorted(links)[0]
        found = blocks_of(await client.get(f"/ipfs/{release.root}/{name}?format=car&dag-scope=block"))
        assert set(found[:-1]) < set(whole)
        assert 2 <= len(found) <= 5 < len(whole)


async def test_tags_differ_with_scope_range_and_path(site: Site) -> None:
    """Caches cannot mix them up."""
    targets = [
        f"/ipfs/{site.root}?format=car",
        f"/ipfs/{site.root}?format=car&dag-scope=block",
        f"/ipfs/{site.root}?format=car&dag-scope=entity",
        f"/ipfs/{site.root}?format=car&entity-bytes=0:1",
        f"/ipfs/{site.root}?format=car&entity-bytes=0:*",
        f"/ipfs/{site.root}/six?format=car",
        f"/ipfs/{site.root}/six/{SIX}?format=car",
        f"/ipfs/{site.root}?format=raw",
        f"/ipfs/{site.root}/",
    ]
    tags = {(await site.client.head(target)).headers["etag"] for target in targets}
    assert len(tags) == len(targets)


@pytest.mark.parametrize("scope", ["", "&dag-scope=entity", "&dag-scope=all"])
async def test_resumed_car_has_the_rest_of_a_file(site: Site, scope: str) -> None:
    """`entity-bytes=<first gap>:*` gives the root and the leaves from there on, whatever the scope says."""
    start = 5 * 262144
    answer = await site.client.get(f"/ipfs/{site.big}?format=car{scope}&entity-bytes={start}:*")
    children = [cid for cid, _ in parse_file_node(site.big, site.shelf.blocks[site.big.digest]).children]
    assert blocks_of(answer) == [site.big, *children[5:]]


async def test_range_past_the_end_is_the_root_block(site: Site) -> None:
    """From which the client learns the size."""
    answer = await site.client.get(f"/ipfs/{site.big}?format=car&dag-scope=entity&entity-bytes={BIG_SIZE}:*")
    assert (answer.status, blocks_of(answer)) == (200, [site.big])


async def test_car_with_a_missing_block_is_cut_after_the_blocks_before_it(site: Site) -> None:
    """No clean end, and no block lost that could have been sent."""
    children = [cid for cid, _ in parse_file_node(site.big, site.shelf.blocks[site.big.digest]).children]
    del site.shelf.blocks[children[3].digest]
    answer = await site.client.get(f"/ipfs/{site.big}?format=car")
    assert (answer.status, answer.is_whole) == (200, False)
    assert blocks_of(answer) == [site.big, *children[:3]]


async def test_small_blocks_before_a_missing_one_are_sent(site: Site) -> None:
    """Also those that were still being gathered for one piece."""
    dag = file_dag(content(2500), chunk=100, width=30)
    site.shelf.blocks.update(dag.blocks)
    del site.shelf.blocks[dag.leaves[10].digest]
    answer = await site.client.get(f"/ipfs/{dag.root}?format=car")
    assert answer.is_whole is False
    assert blocks_of(answer) == [dag.root, *dag.leaves[:10]]


async def test_cut_car_is_seen_by_an_old_client_too(site: Site) -> None:
    """HTTP/1.0 has no chunks: the connection is reset instead of closed."""
    children = parse_file_node(site.big, site.shelf.blocks[site.big.digest]).children
    request = f"GET /ipfs/{site.big}?format=car HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode()
    whole = await site.client.send(request)
    assert whole.was_reset is False and whole.body.endswith(site.shelf.blocks[children[-1][0].digest])
    del site.shelf.blocks[children[-1][0].digest]
    assert (await site.client.send(request)).was_reset


async def test_car_of_a_root_that_is_not_here_is_404(site: Site) -> None:
    """Also for HEAD, and before any byte of a CAR."""
    absent = Cid.of(b"absent")
    for method in ("GET", "HEAD"):
        assert (await site.client.get(f"/ipfs/{absent}?format=car", method)).status == 404


@pytest.mark.parametrize(
    ("query", "content_type", "body"),
    [
        ("?format=raw", RAW, b""),
        ("?format=car", "application/vnd.ipld.car; version=1; order=dfs; dups=n", None),
        ("", "application/octet-stream", b""),
    ],
)
async def test_probe_is_answered(site: Site, query: str, content_type: str, body: bytes | None) -> None:
    """The identity CID of no bytes needs no node."""
    site.shelf.is_away = True
    answer = await site.client.get(f"/ipfs/bafkqaaa{query}")
    assert (answer.status, answer.headers["content-type"]) == (200, content_type)
    expected = bytes.fromhex("19a265726f6f747381d82a4500015500006776657273696f6e01") if body is None else body
    assert answer.body == expected
    assert (await site.client.head(f"/ipfs/bafkqaaa{query}")).status == 200
    assert (await site.client.get(f"/ipfs/bafkqaaa/x{query}")).status == 404


async def test_content_comes_back_whole_through_a_car(site: Site) -> None:
    """The leaves of a CAR are the file."""
    parser = CarParser()
    answer = await site.client.get(f"/ipfs/{site.big}?format=car")
    nodes = [parse_file_node(block.cid, block.data) for block in parser.feed(answer.body)]
    assert b"".join(node.payload or b"" for node in nodes) == content(BIG_SIZE)
