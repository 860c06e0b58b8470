"""Statements and feeds: what they say, and that foreign bytes end in one kind of error."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.sources.announcements import (
    FEED_LIMIT,
    SIGNATURE_LIMIT,
    STATEMENT_LIMIT,
    Announcement,
    SignedStatement,
    feed_bytes,
    read_feed,
    read_statement,
    statement_text,
)
from ipwhl_mirror.sources.errors import SourceMalformed

ROOT = Cid.of(b"root", DAG_PB)
ELEVENTH = Announcement(
    repository="campus",
    sequence=12,
    label="2026.11",
    cid=ROOT,
    previous=Cid.of(b"before", DAG_PB),
    published_at=datetime(2026, 11, 22, 10, tzinfo=UTC),
    expires_at=datetime(2027, 2, 22, tzinfo=UTC),
    subsets={"-p linux-x86_64": Cid.of(b"subset", DAG_PB)},
)


def said(**changes: object) -> str:
    """The statement of ELEVENTH with other values; None leaves one out."""
    values = {**json.loads(statement_text(ELEVENTH)), **changes}
    return json.dumps({name: value for name, value in values.items() if value is not None})


@pytest.mark.parametrize(
    "announcement",
    [ELEVENTH, replace(ELEVENTH, previous=None, expires_at=None, subsets={})],
    ids=["everything", "the least"],
)
def test_a_statement_says_what_was_put_into_it(announcement: Announcement) -> None:
    """Written and read again it is the same."""
    assert read_statement(statement_text(announcement)) == announcement


def test_fields_that_are_not_known_are_left_aside() -> None:
    """A later version may say more."""
    assert read_statement(said(colour="blue")) == ELEVENTH


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no statement"),
        ("[]", "no statement"),
        ("[" * 100_000, "no statement"),
        ('{"schema": "ipwhl-mirror/release/1"}', "missing required field"),
        (said(schema="ipwhl-mirror/release/2"), "schema"),
        (said(schema="\x1b[2J"), r"\x1b"),
        (said(label="../etc"), "label"),
        (said(label=""), "label"),
        (said(source="a b"), "source"),
        (said(sequence=0), "sequence 0"),
        (said(sequence=-1), "sequence"),
        (said(sequence=1 << 53), "sequence"),
        (said(sequence=1.5), "sequence"),
        (said(sequence="12"), "sequence"),
        (said(cid="Qm"), "cid"),
        (said(previous="bafy"), "previous"),
        (said(subsets={"-p linux-x86_64": "x"}), "subset"),
        (said(subsets={str(number): str(ROOT) for number in range(257)}), "257"),
        (said(published_at="2026-11-22T10:00:00"), "no time zone"),
        (said(published_at="yesterday"), "published_at"),
        (said(expires_at=17), "expires_at"),
        (said(expires_at="9999-12-31T23:59:59-23:00"), "no date"),
    ],
)
def test_what_is_no_statement_is_refused(text: str, words: str) -> None:
    """In words that name what is wrong."""
    with pytest.raises(SourceMalformed, match=words.replace("\\", r"\\").replace(".", r"\.")):
        read_statement(text)


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_text_is_a_statement_or_refused(text: str) -> None:
    """Nothing else comes out of it."""
    try:
        read_statement(text)
    except SourceMalformed as error:
        assert str(error).isprintable()


@given(st.binary())
def test_any_bytes_are_a_feed_or_refused(data: bytes) -> None:
    """Nothing else comes out of them."""
    try:
        read_feed(data)
    except SourceMalformed as error:
        assert str(error).isprintable()


def test_a_feed_holds_statements_and_signatures_to_the_byte() -> None:
    """What was signed is what is read."""
    entries = (SignedStatement(statement_text(ELEVENTH), "sig é\n"), SignedStatement("{ }", ""))
    assert read_feed(feed_bytes(entries)) == entries


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<html>", "no feed"),
        (b'{"schema": "ipwhl-mirror/feed/2", "releases": []}', "schema"),
        (feed_bytes([SignedStatement("x" * (STATEMENT_LIMIT + 1), "")]), "statement"),
        (feed_bytes([SignedStatement("", "x" * (SIGNATURE_LIMIT + 1))]), "signature"),
        (b" " * (FEED_LIMIT + 1), "longer"),
        (b'{"a":' * 50_000, "no feed"),
    ],
)
def test_what_is_no_feed_is_refused(data: bytes, words: str) -> None:
    """Other formats, other versions and whatever is too long."""
    with pytest.raises(SourceMalformed, match=words):
        read_feed(data)


def test_a_statement_needs_what_binds_it() -> None:
    """Without a repository, a sequence or a date nothing is written."""
    for missing in ("repository", "sequence", "published_at"):
        with pytest.raises(ValueError, match="needs"):
            statement_text(replace(ELEVENTH, **{missing: None}))  # type: ignore[arg-type]
