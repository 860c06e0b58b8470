"""A mirror's stable address leads to the release it is at, at the moment of each request."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from tests.gateway.conftest import SIX, serving
from tests.gateway.local_node import Shelf

if TYPE_CHECKING:
    from ipwhl_mirror.ipld.cid import Cid

NEXT = "six-1.17.0-py2.py3-none-any.whl"


def shelf_of_two() -> tuple[Shelf, Cid, Cid]:
    """Two releases of one project."""
    shelf = Shelf()
    return shelf, shelf.release({"six": {SIX: b"old"}}), shelf.release({"six": {NEXT: b"new"}})


async def test_mirror_is_its_current_release() -> None:
    """Switched by what the mapping says, between two requests, named in a header."""
    shelf, old, new = shelf_of_two()
    mirrors: dict[str, Cid] = {}
    async with serving(shelf, mirrors=mirrors) as (_, client):
        assert (await client.get("/simple/main/")).status == 404
        mirrors["main"] = old
        first = await client.get("/simple/main/six/")
        assert (first.headers["x-ipwhl-release"], [*first.links()]) == (str(old), [SIX])
        mirrors["main"] = new
        second = await client.get("/simple/main/six/")
        assert (second.headers["x-ipwhl-release"], [*second.links()]) == (str(new), [NEXT])
        assert (await client.get(f"/simple/main/six/{NEXT}")).body == b"new"
        assert (await client.get(f"/simple/main/six/{SIX}")).status == 404


async def test_page_read_before_the_switch_leads_to_the_wheels_it_shows() -> None:
    """Its hrefs name the release, so an installation that is under way is not mixed."""
    shelf, old, new = shelf_of_two()
    mirrors = {"main": old}
    async with serving(shelf, mirrors=mirrors) as (gateway, client):
        page = await client.get("/simple/main/six/")
        mirrors["main"] = new
        wheel = urljoin(f"{gateway.url}/simple/main/six/", page.links()[SIX])
        assert urlsplit(wheel).path == f"/ipfs/{old}/six/{SIX}"
        assert (await client.get(urlsplit(wheel).path)).body == b"old"


async def test_mirror_is_asked_about_anew() -> None:
    """What is kept for ever elsewhere is revalidated here; an unchanged page is a 304, a new one is not."""
    shelf, old, new = shelf_of_two()
    mirrors = {"main": old}
    async with serving(shelf, mirrors=mirrors) as (_, client):
        for target in (
            "/simple/main/",
            "/simple/main/six/",
            f"/simple/main/six/{SIX}",
            "/simple/main?format=raw",
        ):
            answer = await client.get(target)
            assert (answer.status, answer.headers["cache-control"]) == (200, "no-cache")
        page = await client.get("/simple/main/six/")
        tag = page.headers["etag"]
        assert (await client.get("/simple/main/six/", If_None_Match=tag)).status == 304
        mirrors["main"] = shelf.release({"six": {SIX: b"old"}, "more": {}})
        assert (await client.get("/simple/main/six/", If_None_Match=tag)).status == 200
        assert new != old


async def test_redirects_of_a_mirror_are_not_for_ever() -> None:
    """Its next release may spell a project otherwise."""
    shelf = Shelf()
    root = shelf.release({"A_B": {}})
    async with serving(shelf, mirrors={"main": root}) as (_, client):
        for target, location in (
            ("/simple/main", "/simple/main/"),
            ("/simple/main/a-b/", "/simple/main/A_B/"),
        ):
            answer = await client.get(target)
            assert (answer.status, answer.headers["location"]) == (302, location)


async def test_mirrors_are_listed() -> None:
    """By name, linked relatively."""
    shelf, old, new = shelf_of_two()
    async with serving(shelf, mirrors={"main": old, "a+b": new}) as (_, client):
        assert (await client.get("/simple/")).links() == {"a+b": "a%2Bb/", "main": "main/"}
