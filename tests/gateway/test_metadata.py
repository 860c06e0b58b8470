"""Listings say what resolvers need, of wheels that are here, and METADATA is served beside them."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from ipwhl_mirror.gateway.fact_reading import AT_ONCE, FactReader
from ipwhl_mirror.gateway.server import start_gateway
from ipwhl_mirror.gateway.settings import GatewaySettings
from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.files import CHUNK
from tests.gateway.client import Client, page_tags
from tests.gateway.conftest import serving
from tests.gateway.local_node import Shelf
from tests.simulators.wheels import ANY, LINUX, wheel_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from ipwhl_mirror.domain.wheel_facts import WheelFacts
    from ipwhl_mirror.gateway.wheel_facts import WheelKey

JSON = "application/vnd.pypi.simple.v1+json"
SMALL = f"pack_age-1.0-{ANY}.whl"
LARGE = f"pack_age-1.0-{LINUX}.whl"
PROJECT = "pack-age"
SMALL_BYTES = wheel_bytes("pack-age", "1.0", ANY, requires=["other>=1; python_version<'4'"])
LARGE_BYTES = wheel_bytes("pack-age", "1.0", LINUX, padding=AT_ONCE)


def shelf_of(files: Mapping[str, bytes], *, version: int = 0) -> tuple[Shelf, Cid]:
    """A release of one project."""
    shelf = Shelf()
    return shelf, shelf.release({PROJECT: files}, version=version)


def metadata_of(wheel: bytes) -> bytes:
    """METADATA of a wheel of `wheel_bytes`, which are not compressed."""
    begin = wheel.index(b"Metadata-Version")
    return wheel[begin : wheel.index(b"PK\3\4", begin)]


async def files(client: Client, root: Cid, project: str = PROJECT) -> dict[str, dict[str, Any]]:
    """The files of a project's JSON, by name."""
    answer = await client.get(f"/ipfs/{root}/{project}/", Accept=JSON)
    assert (answer.status, answer.headers["content-type"]) == (200, JSON)
    return {file["filename"]: file for file in json.loads(answer.body)["files"]}


async def files_when_known(client: Client, root: Cid) -> dict[str, dict[str, Any]]:
    """The same as soon as all hashes are in it: what is read in the background takes a moment."""
    async with asyncio.timeout(20):
        while True:
            found = await files(client, root)
            if all(file["hashes"] for file in found.values()):
                return found


@pytest.mark.parametrize("version", [0, 1])
async def test_page_says_hash_metadata_and_pythons_of_a_wheel_that_is_here(version: int) -> None:
    """In HTML and in JSON, under the name that is used now and the older one."""
    shelf, root = shelf_of({SMALL: SMALL_BYTES}, version=version)
    digest, metadata = sha256(SMALL_BYTES).hexdigest(), sha256(metadata_of(SMALL_BYTES)).hexdigest()
    async with serving(shelf) as (_, client):
        page = await client.get(f"/ipfs/{root}/{PROJECT}/")
        assert page.links() == {SMALL: f"{SMALL}#sha256={digest}"}
        assert ("a", ("data-core-metadata", "data-dist-info-metadata", "href")) in page_tags(page.text)
        assert page.text.count(f'-metadata="sha256={metadata}"') == 2
        assert (await files(client, root))[SMALL] == {
            "filename": SMALL,
            "url": SMALL,
            "hashes": {"sha256": digest},
            "size": len(SMALL_BYTES),
            "core-metadata": {"sha256": metadata},
            "dist-info-metadata": {"sha256": metadata},
        }
        answer = await client.get(f"/ipfs/{root}/{PROJECT}/{SMALL}.metadata")
        assert (answer.status, answer.body) == (200, metadata_of(SMALL_BYTES))
        assert answer.headers["content-type"] == "application/octet-stream"


async def test_pythons_of_a_wheel_are_escaped() -> None:
    """Text of a wheel makes no tag and no attribute."""
    wheel = wheel_bytes("pack-age", "1.0", ANY, requires_python=">=3.9,<4")
    shelf, root = shelf_of({SMALL: wheel})
    async with serving(shelf) as (_, client):
        page = (await client.get(f"/ipfs/{root}/{PROJECT}/")).text
        assert ' data-requires-python="&gt;=3.9,&lt;4"' in page
        assert (await files(client, root))[SMALL]["requires-python"] == ">=3.9,<4"


@pytest.mark.parametrize("lost", ["all", "root", "leaf", "tail"])
async def test_what_is_not_held_is_listed_by_its_name(lost: str) -> None:
    """None of it, or only a part of it: no hash, no size, nothing that an installer would rely on."""
    shelf, root = shelf_of({LARGE: LARGE_BYTES})
    before = dict(shelf.blocks)
    wheel = shelf.add_file(LARGE, LARGE_BYTES)
    leaves = [digest for digest, block in before.items() if len(block) > CHUNK]
    tail = next(digest for digest, block in before.items() if b"PK\5\6" in block)
    for digest in {"root": [wheel.cid.digest], "leaf": leaves[3:4], "tail": [tail]}.get(
        lost, [wheel.cid.digest, *leaves, tail]
    ):
        del shelf.blocks[digest]
    bare = {LARGE: {"filename": LARGE, "url": LARGE, "hashes": {}}}
    async with serving(shelf) as (_, client), asyncio.timeout(20):
        while await files(client, root) != bare:
            assert lost == "leaf"  # it shows only when all of the file was read
        answer = await client.get(f"/ipfs/{root}/{PROJECT}/")
        assert (answer.links(), answer.headers["cache-control"]) == ({LARGE: LARGE}, "no-cache")


async def test_wheel_that_went_is_listed_by_its_name_again() -> None:
    """What is remembered of it is said only while it is here."""
    shelf, root = shelf_of({SMALL: SMALL_BYTES})
    async with serving(shelf) as (_, client):
        assert (await files(client, root))[SMALL]["hashes"]
        del shelf.blocks[shelf_of({})[0].add_file(SMALL, SMALL_BYTES).cid.digest]
        assert (await files(client, root))[SMALL] == {"filename": SMALL, "url": SMALL, "hashes": {}}


async def test_damaged_wheel_gives_no_wrong_hash() -> None:
    """Everything is read through blocks that are hashed."""
    shelf, root = shelf_of({LARGE: LARGE_BYTES})
    shelf.damaged.add(next(digest for digest, block in shelf.blocks.items() if b"PK\5\6" in block))
    async with serving(shelf) as (_, client):
        assert not (await files(client, root))[LARGE]["hashes"]
        assert (await client.get(f"/ipfs/{root}/{PROJECT}/{LARGE}.metadata")).status == 500


async def test_large_wheel_is_hashed_in_the_background() -> None:
    """Its METADATA is in the first page, which is asked about anew, its hash in a later, which is kept."""
    shelf, root = shelf_of({LARGE: LARGE_BYTES})
    async with serving(shelf) as (_, client):
        first = await client.get(f"/ipfs/{root}/{PROJECT}/")
        assert first.links() == {LARGE: LARGE} and "data-core-metadata" in first.text
        assert first.headers["cache-control"] == "no-cache"
        (file,) = (await files_when_known(client, root)).values()
        assert file["hashes"] == {"sha256": sha256(LARGE_BYTES).hexdigest()}
        later = await client.get(f"/ipfs/{root}/{PROJECT}/", If_None_Match=first.headers["etag"])
        assert (later.status, later.links()) == (200, {LARGE: f"{LARGE}#sha256={file['hashes']['sha256']}"})
        assert later.headers["cache-control"].startswith("public, max-age=604800")
        again = await client.get(f"/ipfs/{root}/{PROJECT}/", If_None_Match=later.headers["etag"])
        assert again.status == 304


async def test_wheel_is_read_once() -> None:
    """A second page, in any form, reads the directories and looks whether the wheel is there."""
    shelf, root = shelf_of({SMALL: SMALL_BYTES, LARGE: LARGE_BYTES})
    async with serving(shelf) as (_, client):
        await files_when_known(client, root)
        shelf.reads.clear()
        await client.get(f"/ipfs/{root}/{PROJECT}/")
    assert len(shelf.reads) == 4


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param(SMALL, b"no archive", id="no-archive"),
        pytest.param(SMALL, wheel_bytes("other", "1.0", ANY), id="other-project"),
        pytest.param(SMALL, wheel_bytes("pack-age", "2.0", ANY), id="other-version"),
    ],
)
async def test_wheel_without_usable_metadata_has_its_hash(name: str, content: bytes) -> None:
    """It is listed with what is known of the file, and what an installer would refuse is not announced."""
    shelf, root = shelf_of({name: content})
    async with serving(shelf) as (_, client):
        assert (await files(client, root))[name] == {
            "filename": name,
            "url": name,
            "hashes": {"sha256": sha256(content).hexdigest()},
            "size": len(content),
        }


@pytest.mark.parametrize(
    ("target", "status", "words"),
    [
        (f"/ipfs/{{root}}/{PROJECT}/{SMALL}.metadata", 200, "Name: pack-age"),
        (f"/simple/main/{PROJECT}/{SMALL}.metadata", 200, "Name: pack-age"),
        (f"/ipfs/{{root}}/{PROJECT}/{SMALL}.metadata/", 404, "is not in"),
        (f"/ipfs/{{root}}/{PROJECT}/bad-1-{ANY}.whl.metadata", 404, "is not in"),
        (f"/ipfs/{{root}}/{PROJECT}/pack_age-1.1-{ANY}.whl.metadata", 404, "is not in"),
        (f"/ipfs/{{root}}/{PROJECT}/pack_age-3.0-{ANY}.whl.metadata", 404, "no zip archive"),
        (f"/ipfs/{{root}}/{PROJECT}/.metadata", 404, "is not in"),
        (f"/ipfs/{{root}}/{PROJECT}/{SMALL}.metadata?format=raw", 404, "is not in"),
    ],
)
async def test_address_of_metadata(target: str, status: int, words: str) -> None:
    """Beside wheels that are there and have some; to who asks for blocks there is none."""
    shelf, root = shelf_of({SMALL: SMALL_BYTES, f"pack_age-3.0-{ANY}.whl": b"no archive"})
    async with serving(shelf, mirrors={"main": root}) as (_, client):
        answer = await client.get(target.format(root=root))
        assert answer.status == status and words in answer.text
        head = await client.head(target.format(root=root))
        assert (head.status, head.headers["content-length"]) == (status, str(len(answer.body)))
        if status == 200:
            tag = answer.headers["etag"]
            assert (await client.get(target.format(root=root), If_None_Match=tag)).status == 304
            assert "x-ipfs-path" not in answer.headers


async def test_entry_named_like_metadata_is_served_as_it_is() -> None:
    """What a CID names is not replaced; and METADATA that could not be reached is not announced."""
    shelf, root = shelf_of({SMALL: SMALL_BYTES, f"{SMALL}.metadata": b"of the tree"})
    async with serving(shelf) as (_, client):
        assert (await client.get(f"/ipfs/{root}/{PROJECT}/{SMALL}.metadata")).body == b"of the tree"
        (file,) = (await files(client, root)).values()
        assert file["hashes"] and "core-metadata" not in file


async def test_json_is_of_version_1_1_where_every_size_is_exact() -> None:
    """PEP 700 wants all of them; what is not here has only a claim."""
    shelf, root = shelf_of({SMALL: SMALL_BYTES})
    absent = Link(Cid.of(b"not here", RAW), f"pack_age-0.9-{ANY}.whl", 8)
    partial = shelf.add_directory(PROJECT, [absent, shelf.add_file(SMALL, SMALL_BYTES)])
    other = shelf.add_directory("", [partial]).cid
    async with serving(shelf) as (_, client):
        for of, version, versions in ((root, "1.1", ["1.0"]), (other, "1.0", ["0.9", "1.0"])):
            page = json.loads((await client.get(f"/ipfs/{of}/{PROJECT}/", Accept=JSON)).body)
            assert (page["meta"], page["name"]) == ({"api-version": version}, PROJECT)
            assert page["versions"] == versions


async def test_json_lists_the_projects_of_a_release() -> None:
    """And a directory that holds wheels as well is a page of HTML, which can say both."""
    shelf, root = shelf_of({SMALL: SMALL_BYTES})
    wheels = shelf.add_directory("", [shelf.add_file(SMALL, SMALL_BYTES)]).cid
    async with serving(shelf, mirrors={"main": root}) as (_, client):
        for target in (f"/ipfs/{root}/", "/simple/main/"):
            answer = await client.get(target, Accept=JSON)
            assert json.loads(answer.body) == {
                "meta": {"api-version": "1.1"},
                "projects": [{"name": PROJECT}],
            }
            assert answer.headers["etag"] != (await client.get(target)).headers["etag"]
        answer = await client.get(f"/ipfs/{wheels}/", Accept=JSON)
        assert (answer.headers["content-type"], [*answer.links()]) == ("text/html; charset=utf-8", [SMALL])


async def test_json_of_a_mirror_leads_to_the_release() -> None:
    """A page read just before the mirror moves on leads to the wheels, and METADATA, it was of."""
    shelf, root = shelf_of({SMALL: SMALL_BYTES})
    async with serving(shelf, mirrors={"main": root}) as (_, client):
        page = json.loads((await client.get(f"/simple/main/{PROJECT}/", Accept=JSON)).body)
    assert page["files"][0]["url"] == f"../../../ipfs/{root}/{PROJECT}/{SMALL}"


class Shelved:
    """A store of facts that keeps them in a dict."""

    def __init__(self) -> None:
        self.facts: dict[WheelKey, WheelFacts] = {}

    def load(self, keys: Collection[WheelKey]) -> Mapping[WheelKey, WheelFacts]:
        """Those that are there."""
        return {key: self.facts[key] for key in keys if key in self.facts}

    def save(self, facts: Mapping[WheelKey, WheelFacts]) -> None:
        """Keep them."""
        self.facts |= facts


@asynccontextmanager
async def serving_with(shelf: Shelf, store: Shelved) -> AsyncIterator[Client]:
    """A gateway that is told where to keep facts."""
    gateway = await start_gateway(shelf.node(), GatewaySettings("127.0.0.1:0"), facts=store)
    try:
        yield Client(gateway.port)
    finally:
        await gateway.aclose()


async def test_next_gateway_reads_no_wheel_again() -> None:
    """What one found out is in the store when it is closed, and the next one takes it from there."""
    shelf, root = shelf_of({SMALL: SMALL_BYTES, LARGE: LARGE_BYTES})
    store = Shelved()
    async with serving_with(shelf, store) as client:
        told = await files_when_known(client, root)
    assert {name for _, name in store.facts} == {SMALL, LARGE}
    shelf.reads.clear()
    async with serving_with(shelf, store) as client:
        assert await files(client, root) == told
    assert len(shelf.reads) == 4


async def test_closing_ends_what_is_being_read() -> None:
    """A wheel that is being hashed in the background does not hold the gateway up."""
    shelf, root = shelf_of({LARGE: LARGE_BYTES})
    link = shelf.add_file(LARGE, LARGE_BYTES)
    reader = FactReader(shelf.node(), store := Shelved())
    known = await reader.known([link])
    assert known.facts[LARGE].sha256 is None and not known.is_final
    await reader.aclose()
    assert store.facts[link.cid.digest, LARGE].metadata_sha256 is not None
    assert root


async def test_node_that_goes_away_is_no_fault_of_a_wheel() -> None:
    """Nothing is said of it meanwhile, and it is read as soon as the node answers."""
    shelf, _ = shelf_of({})
    link = shelf.add_file(SMALL, SMALL_BYTES)
    reader = FactReader(shelf.node())
    shelf.is_away = True
    assert (await reader.known([link])).facts == {}
    shelf.is_away = False
    assert (await reader.known([link])).is_final
    await reader.aclose()
