"""Which form of a content is asked for, by query and by Accept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.gateway.errors import BadRequest, NotAcceptable, Refused
from ipwhl_mirror.gateway.formats import EntityBytes, Format, Scope, negotiate
from ipwhl_mirror.gateway.paths import parse_target

CAR = "application/vnd.ipld.car"
RAW = "application/vnd.ipld.raw"
PIP = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        pytest.param("", None, Format.FILES, id="nothing"),
        pytest.param("", "*/*", Format.FILES, id="anything"),
        pytest.param("", PIP, Format.FILES, id="pip"),
        pytest.param("", "text/html,application/xhtml+xml,*/*;q=0.8", Format.FILES, id="browser"),
        pytest.param("", "application/json, */*;q=0.1", Format.FILES, id="json-or-anything"),
        pytest.param("", RAW, Format.RAW, id="raw-by-accept"),
        pytest.param("", CAR, Format.CAR, id="car-by-accept"),
        pytest.param("", f"{CAR};version=1;order=dfs;dups=n", Format.CAR, id="car-parameters"),
        pytest.param("", f'{CAR}; version="1"; order=unk', Format.CAR, id="any-order"),
        pytest.param("", f"{RAW};q=0.5, {CAR}", Format.CAR, id="weights"),
        pytest.param("", f"{CAR};order=foo, {CAR};order=dfs;q=0.5", Format.CAR, id="second-choice"),
        pytest.param("", f"{CAR};q=0, */*", Format.FILES, id="weight-zero"),
        pytest.param("", f"{CAR};q=0", Format.FILES, id="only-weight-zero"),
        pytest.param("format=raw", CAR, Format.RAW, id="query-wins"),
        pytest.param("format=car", f"{RAW}, {CAR}", Format.CAR, id="car-wins"),
        pytest.param("format=car", "text/html", Format.CAR, id="car-whatever-accept"),
        pytest.param("format=car&car-order=dfs", f"{CAR};order=foo", Format.CAR, id="query-parameter-wins"),
    ],
)
def test_form_that_is_made(query: str, accept: str | None, expected: Format) -> None:
    """The query wins over Accept; then the best weight."""
    assert negotiate(parse_target(f"/a?{query}"), accept).format is expected


@pytest.mark.parametrize(
    ("query", "accept", "error"),
    [
        pytest.param("format=tar", None, NotAcceptable, id="tar"),
        pytest.param("format=dag-json", None, NotAcceptable, id="dag-json"),
        pytest.param("format=x", RAW, NotAcceptable, id="unknown"),
        pytest.param("", "application/x-tar", NotAcceptable, id="tar-by-accept"),
        pytest.param("", "application/vnd.ipfs.ipns-record", NotAcceptable, id="ipns-record"),
        pytest.param("", f"{CAR};dups=y", NotAcceptable, id="duplicates"),
        pytest.param("format=car&car-dups=y", None, NotAcceptable, id="duplicates-in-query"),
        pytest.param("format=car&car-order=bfs", None, NotAcceptable, id="order"),
        pytest.param("format=car", f"{CAR};version=2", BadRequest, id="version-2"),
        pytest.param("format=car&car-version=2", None, BadRequest, id="version-2-in-query"),
        pytest.param("format=car&dag-scope=some", None, BadRequest, id="scope"),
        pytest.param("format=car&entity-bytes=1", None, BadRequest, id="range"),
        pytest.param("format=car&entity-bytes=*:5", None, BadRequest, id="range-from-anywhere"),
        pytest.param("format=car&entity-bytes=5:4", None, BadRequest, id="range-backwards"),
        pytest.param("format=car&entity-bytes=-4:-5", None, BadRequest, id="range-backwards-from-end"),
    ],
)
def test_form_that_is_not_made(query: str, accept: str | None, error: type[Refused]) -> None:
    """What is unknown is a bad request, what is known and not made is not acceptable."""
    with pytest.raises(error):
        negotiate(parse_target(f"/a?{query}"), accept)


@pytest.mark.parametrize(
    ("query", "scope", "entity_bytes"),
    [
        ("format=car", Scope.ALL, None),
        ("format=car&dag-scope=block", Scope.BLOCK, None),
        ("format=car&dag-scope=entity", Scope.ENTITY, None),
        ("format=car&dag-scope=entity&entity-bytes=5:*", Scope.ENTITY, EntityBytes(5, None)),
        ("format=car&entity-bytes=-5:-1", Scope.ENTITY, EntityBytes(-5, -1)),
        ("format=car&dag-scope=all&entity-bytes=5:-9", Scope.ENTITY, EntityBytes(5, -9)),
    ],
)
def test_entity_bytes_implies_entity(query: str, scope: Scope, entity_bytes: EntityBytes | None) -> None:
    """A byte range makes the scope `entity`, as the specification has it."""
    wanted = negotiate(parse_target(f"/a?{query}"), None)
    assert (wanted.scope, wanted.entity_bytes) == (scope, entity_bytes)


@pytest.mark.parametrize(
    ("text", "size", "part"),
    [
        ("0:*", 10, (0, 10)),
        ("0:0", 10, (0, 1)),
        ("3:5", 10, (3, 6)),
        ("3:99", 10, (3, 10)),
        ("-3:*", 10, (7, 10)),
        ("-99:*", 10, (0, 10)),
        ("4:-2", 10, (4, 9)),
        ("-5:-2", 10, (5, 9)),
        ("10:*", 10, (0, 0)),
        ("8:-5", 10, (0, 0)),
        ("0:*", 0, (0, 0)),
        ("0:-99", 10, (0, 0)),
    ],
)
def test_entity_bytes_within_a_file(text: str, size: int, part: tuple[int, int]) -> None:
    """Both ends are inclusive, `*` and negative numbers count from the end of the file."""
    wanted = negotiate(parse_target(f"/a?format=car&entity-bytes={text}"), None)
    assert wanted.entity_bytes is not None
    assert wanted.entity_bytes.within(size) == part
    assert str(wanted.entity_bytes) == text


def test_query_that_says_the_same_asks_for_the_same() -> None:
    """The query of a Content-Location leads to the answer that Accept led to."""
    by_header = negotiate(parse_target("/a?entity-bytes=5:*"), CAR)
    by_query = negotiate(parse_target(f"/a?{by_header.query}"), None)
    assert not by_header.named and by_query.named
    assert (by_header.scope, by_header.entity_bytes) == (by_query.scope, by_query.entity_bytes)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_accept_gives_a_form_or_a_refusal(accept: str, parameter: str) -> None:
    """No header makes anything else."""
    for header in (accept, f"{CAR};{parameter}", f"{CAR};q={parameter}"):
        try:
            wanted = negotiate(parse_target("/a"), header)
        except Refused:
            continue
        assert wanted.format in Format
