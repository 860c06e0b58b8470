"""What each address answers: a table over requests."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipwhl_mirror.ipld.cid import Cid
from tests.gateway.conftest import BIG, BIG_SIZE, SIX, serving
from tests.gateway.local_node import Shelf
from tests.simulators.vectors import content, load_release

if TYPE_CHECKING:
    from tests.gateway.conftest import Site

ABSENT = Cid.of(b"not here")


def fill(template: str, site: Site) -> str:
    """A target with the names of the site in it."""
    return template.format(
        root=site.root, six=site.six, big=site.big, SIX=SIX, BIG=quote(BIG, safe=""), absent=ABSENT
    )


@pytest.mark.parametrize(
    ("template", "status", "words"),
    [
        pytest.param("/ipfs/{root}/", 200, ">six<", id="release"),
        pytest.param("/ipfs/{root}/six/", 200, SIX, id="project"),
        pytest.param("/ipfs/{root}/six/{SIX}", 200, "six wheel", id="wheel"),
        pytest.param("/ipfs/{root}/six/{SIX}?download=true", 200, "six wheel", id="other-query"),
        pytest.param("/ipfs/{six}", 200, "six wheel", id="wheel-by-cid"),
        pytest.param("/ipfs/{root}/README.md", 200, "hello", id="file-in-root"),
        pytest.param("/ipfs/{root}", 301, "", id="release-without-slash"),
        pytest.param("/ipfs/{root}/six", 301, "", id="project-without-slash"),
        pytest.param("/ipfs/{root}/odd-name/", 301, "", id="project-by-normalized-name"),
        pytest.param("/ipfs/{root}/SIX/", 301, "", id="project-in-capitals"),
        pytest.param("/ipfs/{root}/seven/", 404, "seven is not in", id="no-project"),
        pytest.param("/ipfs/{root}/six/x.whl", 404, "x.whl is not in", id="no-wheel"),
        pytest.param("/ipfs/{root}/SIX/{SIX}", 404, "SIX is not in", id="wheel-of-other-spelling"),
        pytest.param("/ipfs/{root}/six/{SIX}/", 404, "leave the last slash away", id="wheel-with-slash"),
        pytest.param("/ipfs/{root}/six/{SIX}/x", 404, "is no directory", id="below-a-wheel"),
        pytest.param("/ipfs/{absent}/", 404, "is not on this node", id="absent"),
        pytest.param("/ipfs/{absent}/six/", 404, "is not on this node", id="below-absent"),
        pytest.param("/ipfs/{absent}?format=raw", 404, "is not on this node", id="absent-block"),
        pytest.param("/ipfs/{root}/seven?format=car", 404, "seven is not in", id="car-of-nothing"),
        pytest.param("/ipfs/nonsense/", 400, "nonsense is no CID", id="no-cid"),
        pytest.param("/ipfs/Qm{root}/", 400, "is no CID", id="no-cid-either"),
        pytest.param(
            "/ipfs/bafyreigaknpexyvxt76zgkitavbwx6ejgfheup5oybpm77f3pxzrvwpfdi",
            400,
            "is no CID",
            id="dag-cbor",
        ),
        pytest.param("/ipfs/%1b%5b2J/", 400, "control character", id="escape-in-cid"),
        pytest.param("/ipfs/{root}/%E2%80%AE/", 404, "\\u202e is not in", id="bidi-is-shown"),
        pytest.param("/ipfs/", 404, "no such address", id="no-cid-at-all"),
        pytest.param("/ipns/example.org/", 404, "no such address", id="ipns"),
        pytest.param("/api/v0/id", 404, "no such address", id="rpc"),
        pytest.param("/", 404, "no such address", id="top"),
        pytest.param("/healthz", 200, "ok\n", id="health"),
        pytest.param("/healthz/", 404, "no such address", id="health-with-slash"),
        pytest.param("/simple/", 200, "<title>mirrors</title>", id="no-mirrors"),
        pytest.param("/simple", 301, "", id="mirrors-without-slash"),
        pytest.param("/simple/main/", 404, "no mirror named main", id="no-mirror"),
        pytest.param("/ipfs/{root}/../{root}/", 400, "..", id="dot-dot"),
        pytest.param("/ipfs/{root}%2fsix/", 400, "slash", id="escaped-slash"),
        pytest.param("/ipfs/{root}?format=tar", 406, "raw and car", id="tar"),
        pytest.param("/ipfs/{root}?format=car&car-version=2", 400, "version 2", id="car-version"),
    ],
)
async def test_address_answers(site: Site, template: str, status: int, words: str) -> None:
    """Each address has its status and words; HEAD has the same head."""
    target = fill(template, site)
    answer = await site.client.get(target)
    assert (answer.status, answer.is_whole) == (status, True)
    assert words in answer.text
    head = await site.client.head(target)
    different = {"date", "content-length", "transfer-encoding"}
    assert head.status == status
    assert {k: v for k, v in head.headers.items() if k not in different} == {
        k: v for k, v in answer.headers.items() if k not in different
    }
    if status == 200:
        assert head.headers["content-length"] == str(len(answer.body))


@pytest.mark.parametrize(
    ("template", "location"),
    [
        ("/ipfs/{root}", "/ipfs/{root}/"),
        ("/ipfs/{root}/six", "/ipfs/{root}/six/"),
        ("/ipfs/{root}/odd-name/", "/ipfs/{root}/Odd_Name/"),
        ("/ipfs/{root}/ODD.NAME", "/ipfs/{root}/Odd_Name/"),
        ("/ipfs/{root}/Six/", "/ipfs/{root}/six/"),
    ],
)
async def test_redirect_leads_to_the_listing(site: Site, template: str, location: str) -> None:
    """The slash, and the release's own spelling of a project, are one redirect away."""
    answer = await site.client.get(fill(template, site))
    assert answer.headers["location"] == fill(location, site)
    assert (await site.client.get(answer.headers["location"])).status == 200


async def test_normalized_name_wins_over_other_spellings(site: Site) -> None:
    """Of names that normalize alike the normalized one is given, else the first by name."""
    wheel = b"wheel"
    both = site.shelf.release(
        {"A_b": {}, "a-b": {"a_b-1-py3-none-any.whl": wheel}, "A.B": {}, "c.D": {}, "C_d": {}}
    )
    answer = await site.client.get(f"/ipfs/{both}/a.b/")
    assert answer.headers["location"] == f"/ipfs/{both}/a-b/"
    answer = await site.client.get(f"/ipfs/{both}/c-d/")
    assert answer.headers["location"] == f"/ipfs/{both}/C_d/"


async def test_listing_of_a_release_links_its_projects(site: Site) -> None:
    """Projects by relative hrefs with a slash; other files are not linked."""
    answer = await site.client.get(f"/ipfs/{site.root}/")
    assert answer.links() == {"Odd_Name": "Odd_Name/", "big": "big/", "six": "six/"}


async def test_listing_of_a_project_links_its_wheels(site: Site) -> None:
    """Wheels by relative, percent-encoded hrefs, with the hash of the file, which is here."""
    answer = await site.client.get(f"/ipfs/{site.root}/big/")
    digest = sha256(content(BIG_SIZE)).hexdigest()
    assert answer.links() == {BIG: f"{quote(BIG, safe='')}#sha256={digest}"}


@pytest.mark.parametrize("name", ["small-v0", "small-v1", "sharded-v0", "boundary-sharded", "edge-v1"])
async def test_releases_of_the_reference_tool_are_listed_whole(name: str) -> None:
    """Flat and sharded, with no wheel on the node: every project is listed, every wheel is 404 at once."""
    release = load_release(name)
    async with serving(Shelf(dict(release.blocks))) as (_, client):
        links = (await client.get(f"/ipfs/{release.root}/")).links()
        assert len(links) >= release.projects
        project = next(iter(links.values()))
        wheels = (await client.get(f"/ipfs/{release.root}/{project}")).links()
        for href in wheels.values():
            answer = await client.get(f"/ipfs/{release.root}/{project}{href}")
            assert answer.status == 404 and "is not on this node" in answer.text


async def test_kept_index_of_a_subset_is_not_listed(site: Site) -> None:
    """`.ipwhl` is for this program, not for installers."""
    shelf = site.shelf
    index = shelf.add_directory(".ipwhl", [])
    six = shelf.add_directory("six", [shelf.add_file(SIX, b"six wheel")])
    subset = shelf.add_directory("", [index, six])
    assert (await site.client.get(f"/ipfs/{subset.cid}/")).links() == {"six": "six/"}


async def test_answer_tells_path_and_roots(site: Site) -> None:
    """The CIDs of each name of the path are in X-Ipfs-Roots."""
    answer = await site.client.get(f"/ipfs/{site.root}/six/{SIX}")
    assert answer.headers["x-ipfs-path"] == f"/ipfs/{site.root}/six/{SIX}"
    roots = answer.headers["x-ipfs-roots"].split(",")
    assert (roots[0], roots[2], len(roots)) == (str(site.root), str(site.six), 3)


async def test_listing_has_a_tag_of_its_own_and_is_not_sent_twice(site: Site) -> None:
    """A listing's tag is not its CID alone: the page could change with the program."""
    first = await site.client.get(f"/ipfs/{site.root}/")
    assert first.headers["etag"] == f'"DirIndex-1_CID-{site.root}"'
    again = await site.client.get(f"/ipfs/{site.root}/", If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize(
    "template",
    [
        "/ipfs/{root}/",
        "/ipfs/{root}",
        "/ipfs/{root}/six/{SIX}",
        "/ipfs/{six}?format=raw",
        "/ipfs/{six}?format=car",
        "/ipfs/bafkqaaa",
        "/ipfs/x",
        "/nope",
        "/healthz",
        "/metrics",
        "/simple/",
    ],
)
async def test_no_answer_can_run_in_a_browser(site: Site, template: str) -> None:
    """Every answer is sandboxed, not sniffed, for no other origin, and does not name its libraries."""
    headers = (await site.client.get(fill(template, site), Origin="http://evil.example")).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; sandbox")
    assert headers["x-content-type-options"] == "nosniff"
    assert not [name for name in headers if name.startswith("access-control-")]
    assert headers["server"].startswith("ipwhl-mirror/")


@pytest.mark.parametrize(
    ("template", "cache_control"),
    [
        ("/ipfs/{root}/six/{SIX}", "public, max-age=29030400, immutable"),
        ("/ipfs/{six}?format=raw", "public, max-age=29030400, immutable"),
        ("/ipfs/{six}?format=car", "public, max-age=29030400, immutable"),
        ("/ipfs/{root}/", "public, max-age=604800, stale-while-revalidate=2678400"),
        ("/ipfs/{absent}/", "no-store"),
        ("/healthz", "no-store"),
    ],
)
async def test_only_what_never_changes_is_kept_for_ever(
    site: Site, template: str, cache_control: str
) -> None:
    """What a CID names is immutable; what is not here today may be tomorrow."""
    assert (await site.client.get(fill(template, site))).headers["cache-control"] == cache_control


async def test_node_is_asked_for_local_blocks_only(site: Site) -> None:
    """A request for what is absent reads one block of this node and is answered."""
    site.shelf.reads.clear()
    await site.client.get(f"/ipfs/{ABSENT}/six/{SIX}")
    assert site.shelf.reads == [ABSENT]


async def test_node_that_is_away_is_a_503_to_retry(site: Site) -> None:
    """So pip tries again and a monitor sees it."""
    site.shelf.is_away = True
    for target in (f"/ipfs/{site.root}/", "/healthz"):
        answer = await site.client.get(target)
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "ipwhl_mirror_node_up 0" in (await site.client.get("/metrics")).text


async def test_damaged_block_is_a_500_that_names_it(site: Site) -> None:
    """Damage on disk is the server's fault and is not hidden as absence."""
    site.shelf.damaged.add(site.six.digest)
    answer = await site.client.get(f"/ipfs/{site.root}/six/{SIX}")
    assert answer.status == 500 and str(site.six) in answer.text


@pytest.mark.parametrize(
    "block", [b"", b"\xff", b"garbage", b"\x0a\x02\x08\x04", b"\x0a\x04\x08\x02\x18\x05"]
)
async def test_block_that_is_no_file_or_directory_is_404(site: Site, block: bytes) -> None:
    """A hostile release makes no 5xx."""
    cid = Cid.of(block)
    site.shelf.blocks[cid.digest] = block
    for target in (
        f"/ipfs/{cid}",
        f"/ipfs/{cid}/",
        f"/ipfs/{cid}/a/b",
        f"/ipfs/{cid}/?format=car&dag-scope=entity",
    ):
        assert (await site.client.get(target)).status in (200, 404)


_NAMES = st.text(st.characters(codec="latin-1", exclude_characters=" \r\n\t\x0b\x0c\x85\xa0"), max_size=40)


@given(
    _NAMES
    | st.lists(st.sampled_from(("/", "..", ".", "%2f", "%00", "six", "%", "?", "#", "é", "\\"))).map("".join)
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_path_makes_a_server_error(site: Site, tail: str) -> None:
    """Whatever the path, the answer is below 500."""
    for target in (f"/{tail}", f"/ipfs/{site.root}/{tail}", f"/simple/{tail}", f"/ipfs/{tail}"):
        assert 200 <= (await site.client.get(target)).status < 500
