"""Listings link what an installer may use, and nothing a name can smuggle in."""

from __future__ import annotations

from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.gateway.listing import Entry, project_entries, release_entries, render
from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link
from tests.gateway.client import page_tags

HERE = "http://127.0.0.1:8085/ipfs/bafy/"
DAG, FILE = Cid.of(b"dag"), Cid.of(b"file", RAW)
PAGE_TAGS = [
    ("html", ()),
    ("head", ()),
    ("meta", ("charset",)),
    ("meta", ("content", "name")),
    ("title", ()),
    ("body", ()),
]
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'onclick='alert(1)",
    "javascript:alert(1)",
    "..",
    "../../../etc/passwd",
    "//evil.example/x",
    "\x1b]0;owned\x07",
    "\u202egnp.whl",
    "a\r\nSet-Cookie: x",
    "&lt;b&gt;",
    'six-1.0-py3-none-any.whl"onmouseover="x',
    "six-1.0-py3-none-any.whl\n",
    "s\u0456x-1.0-py3-none-any.whl",
)


def entries(*names: str, project: str | None = None, cid: Cid = DAG) -> dict[str, str]:
    """Name -> href of what is linked."""
    links = [Link(cid, name, 0) for name in names]
    found = release_entries(links) if project is None else project_entries(links, project)
    return {entry.name: entry.href for entry in found}


@pytest.mark.parametrize(
    ("name", "href"),
    [
        pytest.param("six", "six/", id="project"),
        pytest.param("A_B.c-d", "A_B.c-d/", id="unusual-project"),
        pytest.param("six-1.0-py3-none-any.whl", "six-1.0-py3-none-any.whl", id="wheel"),
        pytest.param("six-1.0+l-py3-none-any.whl", "six-1.0%2Bl-py3-none-any.whl", id="local-version"),
        pytest.param(".ipwhl", None, id="kept-index"),
        pytest.param(".hidden", None, id="dot-name"),
        pytest.param("six-1.0.tar.gz", None, id="sdist"),
        pytest.param("six.whl", None, id="no-wheel-name"),
        pytest.param("six-1.0-py3-none-any.whl.metadata", None, id="metadata"),
        pytest.param("a b", None, id="space"),
        *(pytest.param(name, None, id=f"hostile-{n}") for n, name in enumerate(HOSTILE)),
    ],
)
def test_directory_reached_by_its_cid_links_projects_and_wheels(name: str, href: str | None) -> None:
    """Only names of the shape of a project or wheel are linked."""
    assert entries(name) == ({name: href} if href else {})


def test_raw_block_is_never_linked_as_a_project() -> None:
    """A raw-codec link leads to a file."""
    assert entries("six", cid=FILE) == {}
    assert entries("six-1.0-py3-none-any.whl", cid=FILE) != {}


@pytest.mark.parametrize(
    ("project", "linked"), [("six", True), ("Six", True), ("SIX_", False), ("seven", False)]
)
def test_project_links_only_its_own_wheels(project: str, linked: bool) -> None:
    """A wheel of another project is none of this one's."""
    wheel = "six-1.0-py3-none-any.whl"
    assert entries(wheel, "six", "six-1.0.tar.gz", project=project) == ({wheel: wheel} if linked else {})


def test_base_stands_before_every_href() -> None:
    """A mirror's page can point at the fixed address."""
    (entry,) = project_entries([Link(DAG, "a-1-py3-none-any.whl", 0)], "a", base="../../../ipfs/x/a/")
    assert entry.href == "../../../ipfs/x/a/a-1-py3-none-any.whl"


@given(st.lists(st.text() | st.sampled_from(HOSTILE), max_size=8))
def test_hostile_names_make_no_tag_and_no_link_elsewhere(names: list[str]) -> None:
    """Whatever names a directory has, a parser finds the page's own tags and <a> with safe hrefs."""
    for found in (
        release_entries(Link(DAG, name, 0) for name in names),
        project_entries([Link(DAG, name, 0) for name in names], "six"),
    ):
        page = render("title", found).decode()
        tags = page_tags(page)
        assert tags[: len(PAGE_TAGS)] == PAGE_TAGS
        assert all(tag in (("a", ("href",)), ("br", ())) for tag in tags[len(PAGE_TAGS) :])
        for entry in found:
            target = urljoin(HERE, entry.href)
            assert target.startswith(HERE) and urlsplit(target).query == ""
            assert unquote(entry.href).removesuffix("/") == entry.name


@given(st.text(st.characters(codec="utf-8")) | st.sampled_from(HOSTILE))
def test_title_and_names_are_text(text: str) -> None:
    """Even what is not filtered is escaped: page text never becomes a tag."""
    page = render(text, [Entry(text, "x")]).decode()
    assert page_tags(page) == [*PAGE_TAGS, ("a", ("href",)), ("br", ())]
