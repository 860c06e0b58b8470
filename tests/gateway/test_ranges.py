"""Ranges and conditions by RFC 9110."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.gateway.errors import RangeNotSatisfiable
from ipwhl_mirror.gateway.ranges import (
    ByteRange,
    if_range_holds,
    parse_range,
    strong_tag_matches,
    tag_matches,
)

TAG = '"QmTag"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(None, None, id="none"),
        pytest.param("bytes=0-0", (0, 1), id="first-byte"),
        pytest.param("bytes=2-5", (2, 6), id="middle"),
        pytest.param("bytes=2-", (2, 10), id="to-the-end"),
        pytest.param("bytes=2-99", (2, 10), id="past-the-end"),
        pytest.param("bytes=-3", (7, 10), id="suffix"),
        pytest.param("bytes=-99", (0, 10), id="suffix-longer-than-the-file"),
        pytest.param("Bytes = 2-5", (2, 6), id="case-and-space"),
        pytest.param("bytes=5-2", None, id="backwards"),
        pytest.param("bytes=0-1,3-4", None, id="several"),
        pytest.param("bytes=-", None, id="neither-end"),
        pytest.param("items=0-1", None, id="other-unit"),
        pytest.param("bytes=a-b", None, id="no-numbers"),
        pytest.param("bytes=٣-٤", None, id="other-digits"),
        pytest.param("bytes=0-" + "9" * 19, (0, 10), id="large-number"),
        pytest.param("bytes=0-" + "9" * 20, None, id="too-large-number"),
    ],
)
def test_range_of_ten_bytes(header: str | None, expected: tuple[int, int] | None) -> None:
    """A single range is cut to the file; anything else is the whole file."""
    assert parse_range(header, 10) == (ByteRange(*expected) if expected else None)


@pytest.mark.parametrize(
    ("header", "size"),
    [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-5", 0)],
)
def test_range_without_a_byte_of_the_file_is_not_satisfiable(header: str, size: int) -> None:
    """The error tells the size."""
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_range(header, size)
    assert ("Content-Range", f"bytes */{size}") in caught.value.headers


@given(st.text(max_size=30), st.integers(0, 1 << 40))
def test_any_range_header_gives_a_part_of_the_file(header: str, size: int) -> None:
    """A range is never empty and never outside."""
    try:
        part = parse_range("bytes=" + header, size)
    except RangeNotSatisfiable:
        return
    assert part is None or 0 <= part.start < part.end <= size


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        (None, False),
        (TAG, True),
        ("*", True),
        (f"W/{TAG}", True),
        (f'"other", {TAG}', True),
        ('"other"', False),
        ("QmTag", False),
        ("", False),
    ],
)
def test_if_none_match_compares_weakly(header: str | None, matches: bool) -> None:
    """A tag in quotes, weak or not, among others, or `*`."""
    assert tag_matches(header, TAG) is matches


def test_weak_tag_matches_its_strong_spelling() -> None:
    """A CAR's weak tag is found by both spellings."""
    assert tag_matches(TAG, f"W/{TAG}")
    assert tag_matches(f"W/{TAG}", f"W/{TAG}")


@pytest.mark.parametrize(
    ("header", "matches"),
    [(None, True), (TAG, True), ("*", True), (f"W/{TAG}", False), ('"other"', False), (f'"o",{TAG}', True)],
)
def test_if_match_compares_strongly(header: str | None, matches: bool) -> None:
    """A weak tag proves nothing."""
    assert strong_tag_matches(header, TAG) is matches


@pytest.mark.parametrize(
    ("header", "holds"),
    [
        (None, True),
        (TAG, True),
        (f"W/{TAG}", False),
        ('"other"', False),
        ("Sun, 22 Nov 2026 00:00:00 GMT", False),
    ],
)
def test_if_range_needs_the_exact_tag(header: str | None, holds: bool) -> None:
    """A date or a weak tag asks for the whole file."""
    assert if_range_holds(header, TAG) is holds


def test_weak_tag_is_nothing_to_resume_by() -> None:
    """Even the same one: two answers of one weak tag may differ in bytes."""
    assert not if_range_holds(f"W/{TAG}", f"W/{TAG}")
