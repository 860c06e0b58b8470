"""IPWHL's metadata repository: it is read as the reference utilities write it, and garbage is refused."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipwhl_mirror.domain.declarations import (
    DECLARATION_LIMIT,
    MOST_ENVIRONMENTS,
    Declaration,
    declaration_path,
    declare,
    declared_wheel,
    format_declaration,
    format_supported,
    parse_declaration,
    parse_supported,
    prefix_of,
)
from ipwhl_mirror.domain.environments import Environment
from ipwhl_mirror.domain.errors import InvalidDeclaration, InvalidSupported
from ipwhl_mirror.domain.wheel_metadata import parse_metadata
from ipwhl_mirror.ipld.cid import Cid
from tests.simulators.repositories import CONTENT_ID, metadata

CID = Cid.parse(CONTENT_ID)
WRITTEN = f"""source = 'https://example.org/six-1.16.0-py2.py3-none-any.whl'
content-id = '{CONTENT_ID}'
requires-python = '!=3.0.*,>=2.7'
extras = ['a', 'b']
dependencies = [
\t'importlib-metadata; python_version < "3.8"',
\t"it's one",
]
"""
"""In the form of ipwhl-declgen 1.1.0."""
READ = Declaration(
    source="https://example.org/six-1.16.0-py2.py3-none-any.whl",
    content_id=CID,
    requires_python="!=3.0.*,>=2.7",
    extras=("a", "b"),
    dependencies=('importlib-metadata; python_version < "3.8"', "it's one"),
)
BARE = f"source = ''\ncontent-id = '{CONTENT_ID}'\nextras = []\ndependencies = []\n"
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


def test_what_the_reference_utilities_write() -> None:
    """It is read, and written again in the same form."""
    assert parse_declaration(WRITTEN, "a") == READ
    assert format_declaration(READ) == WRITTEN


def test_a_wheel_without_dependencies() -> None:
    """What it does not say is not written."""
    said = parse_metadata(metadata("a"), "a-1-py3-none-any.whl")
    assert format_declaration(declare("", CID, said)) == BARE


@given(TEXTS, st.none() | TEXTS, st.lists(TEXTS, max_size=3), st.lists(TEXTS, max_size=3))
@example('"\\\x7f\x00\u2028', "'", ["\r\n"], ["\t'\""])
def test_what_is_written_reads_back(
    source: str, requires_python: str | None, extras: list[str], dependencies: list[str]
) -> None:
    """Whatever is in it."""
    value = Declaration(
        source=source,
        content_id=CID,
        requires_python=requires_python,
        extras=tuple(extras),
        dependencies=tuple(dependencies),
    )
    assert parse_declaration(format_declaration(value), "a") == value


@given(
    TEXTS
    | st.sampled_from([WRITTEN, BARE]).flatmap(lambda text: st.integers(0, 60).map(lambda end: text[:end]))
)
@example("a = " + "[" * 5000)
@example("extras = 1979-99-99")
def test_garbage_is_refused(text: str) -> None:
    """By InvalidDeclaration, and by nothing else."""
    with pytest.raises(InvalidDeclaration):
        parse_declaration(text, "a")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param("source", "sauce", "'sauce' is no field", id="unknown field"),
        pytest.param("source = ''\n", "", "source is missing", id="missing"),
        pytest.param(f"'{CONTENT_ID}'", "'Qm'", "content-id 'Qm' is no CID", id="no CID"),
        pytest.param("extras = []", "extras = 'a'", "extras is missing, or no list of texts", id="no list"),
        pytest.param("extras = []", "extras = [1]", "extras is missing, or no list of texts", id="no texts"),
        pytest.param("''", "'" + "a" * DECLARATION_LIMIT + "'", "longer than", id="long"),
    ],
)
def test_what_is_no_declaration(old: str, new: str, words: str) -> None:
    """Each says what is wrong."""
    with pytest.raises(InvalidDeclaration, match=words):
        parse_declaration(BARE.replace(old, new), "a")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("six/six-1-py3-none-any.toml", "it is not at pkgs/PREFIX/PROJECT/WHEEL.toml"),
        ("pkgs/54/six/six-1-py3-none-any.whl", "it is not at pkgs/PREFIX/PROJECT/WHEEL.toml"),
        ("pkgs/55/six/six-1-py3-none-any.toml", "the prefix of the project is '54', not '55'"),
        ("pkgs/54/six/flask-1-py3-none-any.toml", "it is a wheel of 'flask', not of this project"),
    ],
)
def test_where_no_declaration_lies(path: str, words: str) -> None:
    """The path says which wheel it is of, or what is wrong with it."""
    with pytest.raises(InvalidDeclaration, match=words):
        declared_wheel(path)


def test_where_a_declaration_lies() -> None:
    """Below the prefix of the project: the sum of its letters (as of ipwhl-prefix)."""
    assert prefix_of("flask") == "11"
    path = declaration_path("flask", "Flask-1-py3-none-any.whl")
    assert declared_wheel(path) == ("flask", "Flask-1-py3-none-any.whl")


def test_a_list_of_environments() -> None:
    """Its order is kept, what is twice counts once, and remarks do not count."""
    text = "cp39 win_amd64\n\n# a remark\ncp310  manylinux2014_x86_64\r\ncp39 win_amd64\n"
    found = parse_supported(text)
    assert found == tuple(map(Environment.parse, ("cp39 win_amd64", "cp310 manylinux2014_x86_64")))
    assert parse_supported(format_supported(found)) == found


@given(TEXTS)
@example("this\n")
@example("".join(f"cp39 manylinux_2_{minor}_x86_64\n" for minor in range(MOST_ENVIRONMENTS + 1)))
@example("#" * (DECLARATION_LIMIT + 1))
def test_garbage_is_no_list_of_environments(text: str) -> None:
    """It is refused by InvalidSupported, and by nothing else."""
    with pytest.raises(InvalidSupported):
        parse_supported(text)
