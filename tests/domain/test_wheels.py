"""Wheel file names: every clause of trees.md 1."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from ipwhl_mirror.domain.errors import InvalidWheelName
from ipwhl_mirror.domain.wheels import normalize_name, parse_wheel_name


@pytest.mark.parametrize(
    ("filename", "project", "version", "build", "tags"),
    [
        pytest.param("six-1.16.0-py2.py3-none-any.whl", "six", "1.16.0", "", "py2.py3-none-any", id="plain"),
        pytest.param("a-1-2b.c_d-py3-none-any.whl", "a", "1", "2b.c_d", "py3-none-any", id="build"),
        pytest.param(
            "Ruamel.Yaml__clib-0.2-cp312-cp312-win_amd64.whl",
            "ruamel-yaml.clib",
            "0.2",
            "",
            "cp312-cp312-win_amd64",
            id="names that normalize alike",
        ),
        pytest.param("a-1!2.0+local.1-PY3-None-ANY.whl", "A", "1!2.0+local.1", "", "py3-none-any", id="case"),
        pytest.param(
            "a-1.0.post1.dev2-py3-none-any.whl", "a", "1.0.post1.dev2", "", "py3-none-any", id="dev"
        ),
        pytest.param("a-v1.0RC1-py3-none-any.whl", "a", "v1.0RC1", "", "py3-none-any", id="v, upper case"),
        pytest.param("1-1-py3-none-any.whl", "1", "1", "", "py3-none-any", id="a name of one digit"),
        pytest.param("a-" + "1" * 5000 + "-py3-none-any.whl", "a", "1" * 5000, "", "py3-none-any", id="huge"),
    ],
)
def test_a_wheels_name_is_read(filename: str, project: str, version: str, build: str, tags: str) -> None:
    """Version and build as spelt, tags in lower case."""
    name = parse_wheel_name(filename, project)
    assert (name.version, name.build, name.tags.text) == (version, build, tags)


@pytest.mark.parametrize(
    ("filename", "reason"),
    [
        pytest.param("a-1-py3-none-any.whl.metadata", "does not end in .whl", id="metadata"),
        pytest.param("a-1-py3-none-any.WHL", "does not end in .whl", id="suffix in upper case"),
        pytest.param("a-1-py3-none-any.whl\n", "does not end in .whl", id="newline at the end"),
        pytest.param("a-1-py3-any.whl", "4 parts", id="four parts"),
        pytest.param("a-1-1-py3-none-any-x.whl", "7 parts", id="seven parts"),
        pytest.param(".whl", "1 parts", id="nothing"),
        pytest.param("_a-1-py3-none-any.whl", "project name", id="name begins with _"),
        pytest.param("a_-1-py3-none-any.whl", "project name", id="name ends with _"),
        pytest.param("-1-py3-none-any.whl", "project name", id="no name"),
        pytest.param("\u0430-1-py3-none-any.whl", "'\\u0430' is no project name", id="cyrillic name"),
        pytest.param("a-\u0661-py3-none-any.whl", "version", id="arabic digit"),
        pytest.param("a-notaversion!-py3-none-any.whl", "PEP 440", id="no version"),
        pytest.param("a-1.0_x-py3-none-any.whl", "PEP 440", id="underscore x"),
        pytest.param("a- 1-py3-none-any.whl", "version", id="space, which packaging strips"),
        pytest.param("a--py3-none-any.whl", "version", id="empty version"),
        pytest.param("a-1-b1-py3-none-any.whl", "'b1' is no build tag", id="build begins with a letter"),
        pytest.param("a-1--py3-none-any.whl", "build tag", id="empty build"),
        pytest.param("a-1-py2..py3-none-any.whl", "'py2..py3' is no tag", id="empty python"),
        pytest.param("a-1-py3-none-.whl", "'' is no tag", id="no platform"),
        pytest.param("a-1-py3-none-any..whl", "'any.' is no tag", id="platform ends with a dot"),
        pytest.param("a-1-py3-none-any\x1b.whl", "'any\\x1b' is no tag", id="esc in a tag"),
        pytest.param("a-1-py3-none-any\n.whl", "'any\\x0a' is no tag", id="newline in a tag"),
        pytest.param("b-1-py3-none-any.whl", "a wheel of 'b'", id="of another project"),
    ],
)
def test_anything_else_is_refused_with_the_reason(filename: str, reason: str) -> None:
    """The reason is in words, and safe to show."""
    with pytest.raises(InvalidWheelName) as refused:
        parse_wheel_name(filename, "a")
    assert reason in refused.value.reason
    assert refused.value.filename == filename
    assert str(refused.value).isprintable()
    assert str(refused.value).isascii()


def test_tags_are_all_combinations() -> None:
    """A compressed tag set stands for each python with each abi on each platform."""
    tags = parse_wheel_name("a-1-py2.py3-none.abi3-any.win32.py2.whl", "a").tags
    assert sorted(tags.triples()) == sorted(
        (py, abi, plat)
        for py in ("py2", "py3")
        for abi in ("none", "abi3")
        for plat in ("any", "win32", "py2")
    )
    assert tags.families == {"any", "windows-x86", "py2"}
    assert not tags.only_any


def test_equal_tags_are_one_object() -> None:
    """50,000 wheels share a few hundred tag sets, whatever the case of their names."""
    one = parse_wheel_name("a-1-cp312-cp312-win_amd64.whl", "a").tags
    assert parse_wheel_name("b-2-CP312-cp312-Win_AMD64.whl", "b").tags is one


def test_a_name_that_means_a_great_many_tags_costs_its_length() -> None:
    """150,000 platforms, pythons and abis are three sets, not 10^15 triples."""
    many = ".".join(f"t{number}" for number in range(50_000))
    tags = parse_wheel_name(f"a-1-{many}-{many}-{many}.whl", "a").tags
    assert len(tags.pythons) == len(tags.abis) == len(tags.platforms) == 50_000


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param("a" * 200_000, id="letters"),
        pytest.param("a." * 100_000 + "-1-py3-none-any.whl", id="dots in the name"),
        pytest.param("a-" + "1." * 100_000 + "x-py3-none-any.whl", id="dots in the version"),
        pytest.param("a-1+" + "1." * 100_000 + "-py3-none-any.whl", id="dots in the local version"),
        pytest.param("a-1-" + "a." * 100_000 + "-none-any.whl", id="dots in a tag"),
        pytest.param("a-1" + "-1" * 100_000 + ".whl", id="dashes"),
    ],
)
def test_long_names_are_refused_in_linear_time(hostile: str) -> None:
    """A pattern that backtracked more than once over a name would take hours here."""
    with pytest.raises(InvalidWheelName) as refused:
        parse_wheel_name(hostile, "a")
    assert len(str(refused.value)) < 400


@given(st.text(), st.text())
def test_any_text_is_a_wheel_or_an_invalid_name(filename: str, project: str) -> None:
    """No other error, and what is accepted is ASCII without controls."""
    try:
        parse_wheel_name(filename, project)
    except InvalidWheelName as error:
        assert str(error).isascii()
    else:
        assert filename.isascii()
        assert filename.isprintable()


@given(st.text(string.digits + "abcdevrpost.!+_-", min_size=1, max_size=12))
def test_versions_are_those_of_packaging(version: str) -> None:
    """A version is accepted exactly when packaging reads it (PEP 440) and it has no dash."""
    try:
        Version(version)
        valid = "-" not in version
    except InvalidVersion:
        valid = False
    try:
        parse_wheel_name(f"a-{version}-py3-none-any.whl", "a")
    except InvalidWheelName:
        assert not valid
    else:
        assert valid or "-" in version


WORDS = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=6)
TAGS = st.lists(WORDS, min_size=1, max_size=3).map(".".join)


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._]{0,5}[A-Za-z0-9])?", fullmatch=True), TAGS, TAGS, TAGS)
def test_what_the_form_allows_is_read_back(name: str, python: str, abi: str, platform: str) -> None:
    """Parts go in, parts come out, in lower case where they are tags."""
    parsed = parse_wheel_name(f"{name}-1.0-{python}-{abi}-{platform}.whl", name)
    assert parsed.name == name
    assert parsed.tags.text == f"{python}-{abi}-{platform}".lower()
    assert parsed.tags.platforms == set(platform.lower().split("."))


@pytest.mark.parametrize(
    ("name", "compared"), [("A__b", "a-b"), ("a.-_b", "a-b"), ("a", "a"), ("Ruamel.Yaml", "ruamel-yaml")]
)
def test_names_are_compared_as_pep_503_says(name: str, compared: str) -> None:
    """Runs of dash, dot and underscore are one dash."""
    assert normalize_name(name) == compared
