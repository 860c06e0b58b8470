"""Listings link what an installer may use, and nothing a name can smuggle in."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.domain.wheel_facts import WheelFacts
from ipwhl_mirror.gateway.listing import (
    Entry,
    facts_tag,
    project_entries,
    release_entries,
    render,
    render_project,
    render_projects,
)
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


FACTS = WheelFacts(size=7, sha256=b"\1" * 32, metadata_sha256=b"\2" * 32, requires_python=">=3,<4")
SIX = "six-1.0-py3-none-any.whl"


def of_six(facts: WheelFacts | None) -> tuple[Entry, ...]:
    """The lines of a project with one wheel of which this is known."""
    return project_entries([Link(DAG, SIX, 0)], "six", facts={} if facts is None else {SIX: facts})


@pytest.mark.parametrize(
    ("facts", "line", "file"),
    [
        pytest.param(None, f'<a href="{SIX}">', {}, id="nothing"),
        pytest.param(WheelFacts(size=7), f'<a href="{SIX}">', {"size": 7}, id="size"),
        pytest.param(
            replace(FACTS, metadata_sha256=None),
            f'<a href="{SIX}#sha256={"01" * 32}" data-requires-python="&gt;=3,&lt;4">',
            {"size": 7, "hashes": {"sha256": "01" * 32}, "requires-python": ">=3,<4"},
            id="no-metadata",
        ),
        pytest.param(
            replace(FACTS, sha256=None, requires_python=None),
            f'<a href="{SIX}" data-core-metadata="sha256={"02" * 32}" '
            f'data-dist-info-metadata="sha256={"02" * 32}">',
            {
                "size": 7,
                "core-metadata": {"sha256": "02" * 32},
                "dist-info-metadata": {"sha256": "02" * 32},
            },
            id="not-hashed-yet",
        ),
    ],
)
def test_what_is_known_of_a_wheel_is_said(
    facts: WheelFacts | None, line: str, file: dict[str, object]
) -> None:
    """In HTML by a fragment and attributes, in JSON by keys; what is not known is left out."""
    listed = of_six(facts)
    assert line in render("six", listed).decode()
    assert json.loads(render_project("six", listed))["files"] == [
        {"filename": SIX, "url": SIX, "hashes": {}} | file
    ]


def test_listings_that_say_other_things_have_other_tags() -> None:
    """A page that a client keeps is not taken for one that says more."""
    known = [None, FACTS, replace(FACTS, sha256=None), replace(FACTS, metadata_sha256=None)]
    tags = [facts_tag(of_six(facts)) for facts in known]
    assert tags[0] == "" and len(set(tags)) == len(tags)


@given(st.lists(st.text() | st.sampled_from(HOSTILE), max_size=8))
def test_hostile_names_are_not_in_json(names: list[str]) -> None:
    """It is ASCII, and has the names that are linked in HTML too, and no others."""
    found = release_entries(Link(DAG, name, 0) for name in names)
    projects = json.loads(render_projects(found).decode("ascii"))["projects"]
    assert projects == [{"name": entry.name} for entry in found if entry.is_project]
    wheels = project_entries([Link(DAG, name, 0) for name in names], "six")
    files = json.loads(render_project("six", wheels).decode("ascii"))["files"]
    assert [(file["filename"], file["url"]) for file in files] == [(w.name, w.href) for w in wheels]
