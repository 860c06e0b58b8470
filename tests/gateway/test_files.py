"""Wheels: ranges, conditions, and never fewer bytes than announced."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from ipwhl_mirror.ipld.files import parse_file_node
from tests.gateway.conftest import BIG, BIG_SIZE, SIX, serving
from tests.gateway.local_node import Shelf
from tests.simulators.vectors import content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid
    from tests.gateway.conftest import Site

CONTENT = content(BIG_SIZE)


def big(site: Site) -> str:
    """The address of the large wheel."""
    return f"/ipfs/{site.root}/big/{quote(BIG, safe='')}"


@pytest.fixture(params=["stream", "sendfile"])
def kept(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> str:
    """The large wheel as blocks, or as one file on disk."""
    if request.param == "sendfile":
        path = tmp_path / "wheel"
        path.write_bytes(CONTENT)
        site.shelf.files[site.big.digest] = path
        for digest in set(site.shelf.blocks) - {site.big.digest}:
            if len(site.shelf.blocks[digest]) > 100_000:
                del site.shelf.blocks[digest]
    return str(request.param)


@pytest.mark.usefixtures("kept")
async def test_wheel_has_every_header(site: Site) -> None:
    """Type, length, tag, disposition, caching and safety of a wheel."""
    answer = await site.client.get(big(site))
    assert (answer.status, answer.body) == (200, CONTENT)
    del answer.headers["date"]
    roots = answer.headers.pop("x-ipfs-roots").split(",")
    assert (roots[0], roots[2]) == (str(site.root), str(site.big))
    assert answer.headers == {
        "content-type": "application/octet-stream",
        "content-length": str(BIG_SIZE),
        "content-disposition": f'attachment; filename="{BIG}"',
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
        "cache-control": "public, max-age=29030400, immutable",
        "accept-ranges": "bytes",
        "etag": f'"{site.big}"',
        "vary": "Accept",
        "x-ipfs-path": big(site),
        "server": answer.headers["server"],
        "connection": "close",
    }


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=262143-262145", 262143, 262146),
        ("bytes=1999990-", 1999990, BIG_SIZE),
        ("bytes=-22", BIG_SIZE - 22, BIG_SIZE),
        ("bytes=0-99999999", 0, BIG_SIZE),
    ],
)
async def test_range_is_answered_with_its_bytes(site: Site, asked: str, start: int, end: int) -> None:
    """Also across blocks, at the end, and as a suffix (how pip reads a zip's directory)."""
    answer = await site.client.get(big(site), Range=asked)
    assert (answer.status, answer.is_whole) == (206, True)
    assert answer.body == CONTENT[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{BIG_SIZE}"
    assert answer.headers["etag"] == f'"{site.big}"'


@pytest.mark.usefixtures("kept")
async def test_range_outside_is_416_with_the_size(site: Site) -> None:
    """So that a client can correct itself."""
    answer = await site.client.get(big(site), Range=f"bytes={BIG_SIZE}-")
    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{BIG_SIZE}")


@pytest.mark.usefixtures("kept")
async def test_head_has_the_size_and_ignores_ranges(site: Site) -> None:
    """As uv asks before it reads a wheel's metadata by ranges."""
    answer = await site.client.head(big(site), Range="bytes=0-0")
    assert (answer.status, answer.headers["content-length"]) == (200, str(BIG_SIZE))
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"If_None_Match": '"{six}"'}, 304, id="has-it"),
        pytest.param({"If_None_Match": 'W/"{six}"'}, 304, id="has-it-weakly"),
        pytest.param({"If_None_Match": "*"}, 304, id="has-any"),
        pytest.param({"If_None_Match": '"x"'}, 200, id="has-another"),
        pytest.param({"If_Match": '"{six}"'}, 200, id="wants-it"),
        pytest.param({"If_Match": '"x"'}, 412, id="wants-another"),
        pytest.param({"If_None_Match": '"{six}"', "Range": "bytes=0-1"}, 304, id="has-it-and-range"),
        pytest.param({"Range": "bytes=0-1", "If_Range": '"{six}"'}, 206, id="resumes"),
        pytest.param({"Range": "bytes=0-1", "If_Range": '"x"'}, 200, id="resumes-another"),
        pytest.param({"Range": "bytes=0-1,3-4"}, 200, id="several-ranges"),
        pytest.param({"If_Modified_Since": "Sun, 22 Nov 2099 00:00:00 GMT"}, 200, id="dates-mean-nothing"),
        pytest.param({"Cache_Control": "only-if-cached"}, 200, id="only-if-cached"),
    ],
)
async def test_conditions(site: Site, headers: dict[str, str], status: int) -> None:
    """A CID is the one thing that tells whether a client has a file."""
    fields = {name: value.format(six=site.six) for name, value in headers.items()}
    answer = await site.client.get(f"/ipfs/{site.root}/six/{SIX}", **fields)
    assert answer.status == status
    assert answer.headers.get("etag", f'"{site.six}"') == f'"{site.six}"'


async def test_only_if_cached_tells_absence_apart(site: Site) -> None:
    """412 where the block is not here; a name that is not in a directory stays 404."""
    del site.shelf.blocks[site.six.digest]
    for target, status in ((f"/ipfs/{site.root}/six/{SIX}", 412), (f"/ipfs/{site.root}/six/x", 404)):
        assert (await site.client.get(target, Cache_Control="only-if-cached")).status == status


def lose_leaf(site: Site, place: int) -> None:
    """Take one of the large wheel's leaves off the node."""
    children = parse_file_node(site.big, site.shelf.blocks[site.big.digest]).children
    del site.shelf.blocks[children[place][0].digest]


@pytest.mark.parametrize("place", [0, -1])
async def test_wheel_that_lacks_its_first_or_last_block_is_404(site: Site, place: int) -> None:
    """Before anything is sent, and for HEAD too."""
    lose_leaf(site, place)
    for method in ("GET", "HEAD"):
        assert (await site.client.get(big(site), method)).status == 404


async def test_wheel_that_lacks_a_block_further_on_is_broken_off(site: Site) -> None:
    """The client gets what is before it, and sees that it is not whole."""
    lose_leaf(site, 4)
    answer = await site.client.get(big(site))
    assert (answer.status, answer.is_whole) == (200, False)
    assert CONTENT.startswith(answer.body) and len(answer.body) <= 4 * 262144
    assert 'http_broken_off_total{kind="file"} 1' in (await site.client.get("/metrics")).text


class Short(Shelf):
    """A node that ends a file early and says nothing."""

    async def read_file(self, cid: Cid, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """All but the last piece."""
        pieces = [piece async for piece in Shelf.read_file(self, cid, start=start, end=end)]
        for piece in pieces[:-1]:
            yield piece


async def test_stream_that_ends_early_does_not_look_whole() -> None:
    """The connection ends; it is not left waiting for the rest."""
    shelf = Short()
    cid = shelf.add_file(BIG, CONTENT).cid
    async with serving(shelf) as (_, client):
        answer = await client.get(f"/ipfs/{cid}", Connection="keep-alive")
        assert (answer.status, answer.is_whole) == (200, False)


async def test_range_beside_the_missing_block_is_served(site: Site) -> None:
    """What is here is here."""
    lose_leaf(site, 4)
    answer = await site.client.get(big(site), Range="bytes=0-99")
    assert (answer.status, answer.body) == (206, CONTENT[:100])


@pytest.mark.parametrize("wrong", ["shorter", "gone", "directory"])
async def test_file_on_disk_that_is_not_the_wheel_is_not_sent(site: Site, tmp_path: Path, wrong: str) -> None:
    """A file that was cut or removed behind the node is passed over for the blocks."""
    path = tmp_path / "wheel"
    if wrong == "shorter":
        path.write_bytes(CONTENT[:-1])
    elif wrong == "directory":
        path.mkdir()
    site.shelf.files[site.big.digest] = path
    answer = await site.client.get(big(site))
    assert (answer.status, answer.body) == (200, CONTENT)


async def test_empty_file_is_served(site: Site) -> None:
    """Zero bytes, and no range of them."""
    empty = site.shelf.add_file("", b"").cid
    answer = await site.client.get(f"/ipfs/{empty}")
    assert (answer.status, answer.headers["content-length"]) == (200, "0")
    assert (await site.client.get(f"/ipfs/{empty}", Range="bytes=0-")).status == 416


async def test_name_in_a_header_is_harmless(site: Site) -> None:
    """A file's name cannot leave the quotes of Content-Disposition."""
    name = 'a"; x="\u202eb.whl'
    root = site.shelf.add_directory("", [site.shelf.add_file(name, b"x")]).cid
    answer = await site.client.get(f"/ipfs/{root}/{quote(name)}")
    assert answer.status == 200
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"a___x___b.whl\"; filename*=UTF-8''a%22%3B%20x%3D%22%E2%80%AEb.whl"
    )


async def test_connection_is_used_again(site: Site) -> None:
    """Listing, wheel from disk, wheel from blocks: one connection."""
    request = f"GET /ipfs/{site.root}/six/{SIX} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    twice = (request + "\r\n" + request + "Connection: close\r\n\r\n").encode()
    answer = await site.client.send(twice)
    assert answer.body.count(b"HTTP/1.1 200 OK") == 1 and answer.body.count(b"six wheel") == 2
