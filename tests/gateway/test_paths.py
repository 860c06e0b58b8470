"""Request targets are read once, and what no directory entry can be named is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.gateway.errors import BadRequest
from ipwhl_mirror.gateway.paths import MAX_PATH_BYTES, MAX_SEGMENTS, Target, encode_path, parse_target


@pytest.mark.parametrize(
    ("raw", "segments", "slash"),
    [
        pytest.param("/", (), True, id="root"),
        pytest.param("/ipfs/x", ("ipfs", "x"), False, id="no-slash"),
        pytest.param("/ipfs/x/", ("ipfs", "x"), True, id="slash"),
        pytest.param("/a%20b/%C3%A9", ("a b", "é"), False, id="escapes"),
        pytest.param("/é", ("é",), False, id="plain-utf-8"),
        pytest.param("/a+b/%2B", ("a+b", "+"), False, id="plus-is-plus"),
        pytest.param("/%252e%252e", ("%2e%2e",), False, id="decoded-once"),
        pytest.param("/...", ("...",), False, id="three-dots"),
        pytest.param("http://host:1/a?x=1", ("a",), False, id="absolute-form"),
        pytest.param("http://host", (), True, id="absolute-form-without-path"),
    ],
)
def test_target_is_split_into_names(raw: str, segments: tuple[str, ...], slash: bool) -> None:
    """A path becomes its names, each decoded once."""
    target = parse_target(raw)
    assert (target.segments, target.slash) == (segments, slash)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        pytest.param("/a/../b", "empty name, or . or ..", id="dot-dot"),
        pytest.param("/a/%2e%2E/b", "empty name, or . or ..", id="escaped-dot-dot"),
        pytest.param("/./a", "empty name, or . or ..", id="dot"),
        pytest.param("/a//b", "empty name, or . or ..", id="empty-name"),
        pytest.param("//evil/a", "empty name, or . or ..", id="two-slashes"),
        pytest.param("//", "empty name, or . or ..", id="only-slashes"),
        pytest.param("/a%2fb", "slash or a control character", id="escaped-slash"),
        pytest.param("/a%00", "slash or a control character", id="nul"),
        pytest.param("/a%0d%0aSet-Cookie:x", "slash or a control character", id="line-break"),
        pytest.param("/a%7f", "slash or a control character", id="delete"),
        pytest.param("/a%", "bad percent-escape", id="cut-escape"),
        pytest.param("/a%zz", "bad percent-escape", id="no-hex"),
        pytest.param("/a%ff", "not UTF-8", id="not-utf-8"),
        pytest.param("/a\udcff", "not UTF-8", id="raw-not-utf-8"),
        pytest.param("/%c0%ae%c0%ae", "not UTF-8", id="overlong-dots"),
        pytest.param("/%ed%a0%80", "not UTF-8", id="surrogate"),
        pytest.param("/" + "a" * MAX_PATH_BYTES, "longer than 4096 bytes", id="too-long"),
        pytest.param("/a" * (MAX_SEGMENTS + 1), "more than 32 names", id="too-deep"),
        pytest.param("*", "neither a path nor an http URL", id="asterisk"),
        pytest.param("ftp://host/a", "neither a path nor an http URL", id="other-scheme"),
        pytest.param("/a#b", "fragment", id="fragment"),
        pytest.param("/a?x=%zz", "bad percent-escape in the query", id="query-escape"),
        pytest.param("/a?x=%ff", "the query is not UTF-8", id="query-not-utf-8"),
        pytest.param("/a?format=raw&format=car", "format is given twice", id="query-twice"),
        pytest.param("/a?" + "&".join(f"a{n}" for n in range(17)), "more than 16 fields", id="query-fields"),
    ],
)
def test_path_tricks_are_refused(raw: str, words: str) -> None:
    """What is no name of an entry is a bad request that says so."""
    with pytest.raises(BadRequest, match=words):
        parse_target(raw)


def test_authority_of_an_absolute_target_is_kept() -> None:
    """The host of an absolute-form target is there to be checked."""
    assert parse_target("http://evil.example:80/ipfs/x").authority == "evil.example:80"
    assert parse_target("/ipfs/x").authority is None


@pytest.mark.parametrize(
    ("query", "value"),
    [("format=raw", "raw"), ("x=1&format=raw", "raw"), ("format=", None), ("", None), ("format", None)],
)
def test_query_field_has_its_value(query: str, value: str | None) -> None:
    """A field that is absent or empty is None."""
    assert parse_target(f"/a?{query}").field("format") == value


@given(st.lists(st.text(min_size=1), max_size=5).map(tuple), st.booleans())
def test_encoded_names_come_back_whole(names: tuple[str, ...], slash: bool) -> None:
    """Encoding and reading a path gives the same names, or is refused; and it is plain ASCII."""
    try:
        path = encode_path(names, slash=slash)
    except UnicodeEncodeError:
        return
    assert path.isascii() and path.isprintable() and not set(path) & set(" \"'<>&?#\\")
    try:
        target = parse_target(path)
    except BadRequest:
        return
    assert target.segments == names


@given(st.text(st.characters(codec="utf-8") | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)))
def test_any_text_is_a_target_or_refused(raw: str) -> None:
    """No target makes anything but names or a bad request; no name is a step out of its directory."""
    try:
        target = parse_target(raw)
    except BadRequest:
        return
    assert isinstance(target, Target)
    assert all(name not in ("", ".", "..") and "/" not in name for name in target.segments)
