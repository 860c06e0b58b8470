"""Signed feeds, over http and from a file, signed by the real ssh-keygen."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.sources.announcements import (
    FEED_LIMIT,
    Announcement,
    SignedStatement,
    feed_bytes,
    statement_text,
)
from ipwhl_mirror.sources.errors import SourceMalformed, SourceUnreachable
from ipwhl_mirror.sources.feed import NEWEST, FeedSource
from ipwhl_mirror.sources.keys import read_keys
from ipwhl_mirror.sources.signing import sign
from ipwhl_mirror.sources.trust import SourceTrust, Standing, accept, judge
from tests.sources.git_world import make_key
from tests.sources.test_documents import served

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("key") / "id")


@pytest.fixture
def trust(key: Path) -> SourceTrust:
    keys = read_keys(key.with_suffix(".pub").read_text())
    return SourceTrust(name="campus", url="https://example.org/feed.json", keys=keys)


def release(sequence: int) -> Announcement:
    return Announcement(
        repository="campus",
        sequence=sequence,
        label=f"r{sequence}",
        cid=Cid.of(str(sequence).encode(), DAG_PB),
        published_at=NOW - timedelta(days=1),
    )


async def signed(announcement: Announcement, key: Path) -> SignedStatement:
    text = statement_text(announcement)
    return SignedStatement(text, await sign(text.encode(), key))


async def test_a_signed_feed_over_http(trust: SourceTrust, key: Path) -> None:
    """Asked twice it is one answer and one "unchanged"; a new release is seen, in whatever order."""
    entries = [await signed(release(2), key), await signed(release(1), key)]
    requests = []

    async def answer(request: web.Request) -> web.StreamResponse:
        data = feed_bytes(entries)
        etag = f'"{len(data)}"'
        requests.append(request.headers.get("If-None-Match"))
        if requests[-1] == etag:
            return web.Response(status=304)
        return web.Response(body=data, headers={"ETag": etag})

    async with served(answer) as url:
        source = FeedSource(f"{url}/feed.json")
        first = await source.ask(trust)
        assert [said.label for said in first.announcements] == ["r1", "r2"]
        assert {said.signer for said in first.announcements} == {trust.keys[0].fingerprint}
        assert (await source.ask(trust, first.memory)).unchanged
        entries.append(await signed(release(3), key))
        grown = accept(trust, first.announcements[-1], NOW)
        second = await source.ask(grown, first.memory)
        assert judge(grown, second.announcements[-1], NOW).standing is Standing.NEW
    assert len(requests) == 3


async def test_a_feed_in_a_file(trust: SourceTrust, key: Path, tmp_path: Path) -> None:
    """Unchanged as long as its bytes are."""
    path = tmp_path / "feed.json"
    source = FeedSource(f"file://{path}")
    with pytest.raises(SourceUnreachable):
        await source.ask(trust)
    path.write_bytes(feed_bytes([await signed(release(1), key)]))
    answer = await source.ask(trust)
    assert [said.label for said in answer.announcements] == ["r1"]
    assert (await source.ask(trust, answer.memory)).unchanged
    assert not (await source.ask(trust, "what is this")).unchanged


async def test_what_is_not_signed_well_is_a_hint_with_a_problem(
    trust: SourceTrust, key: Path, tmp_path: Path
) -> None:
    """A statement under another's signature, by another key, without one; the good one beside them counts."""
    good, stranger = await signed(release(1), key), make_key(tmp_path / "stranger")
    entries = [
        good,
        SignedStatement(statement_text(release(2)), good.signature),
        await signed(release(3), stranger),
        SignedStatement(statement_text(release(4)), ""),
        SignedStatement("{}", good.signature),
    ]
    path = tmp_path / "feed.json"
    path.write_bytes(feed_bytes(entries))
    answer = await FeedSource(f"file://{path}").ask(trust)
    assert [(said.label, said.signer is not None) for said in answer.announcements] == [
        ("r1", True),
        ("r2", False),
        ("r3", False),
        ("r4", False),
    ]
    assert sorted(problem.label for problem in answer.problems) == ["", "r2", "r3", "r4"]
    standings = [judge(trust, said, NOW).standing for said in answer.announcements]
    assert standings == [Standing.NEW, *[Standing.UNSIGNED] * 3]


async def test_fields_of_two_statements_do_not_mix(trust: SourceTrust, key: Path, tmp_path: Path) -> None:
    """Each field of a signed statement with another statement's value is not signed."""
    one = await signed(release(1), key)
    two = release(2)
    path = tmp_path / "feed.json"
    for changes in (
        {"sequence": two.sequence},
        {"label": two.label},
        {"cid": two.cid},
        {"repository": "lab"},
        {"published_at": NOW},
        {"expires_at": NOW},
        {"subsets": {"-p linux-x86_64": two.cid}},
    ):
        text = statement_text(replace(release(1), **changes))
        path.write_bytes(feed_bytes([SignedStatement(text, one.signature)]))
        (said,) = (await FeedSource(f"file://{path}").ask(trust)).announcements
        assert said.signer is None, changes


async def test_a_long_feed_is_read_from_its_newest(trust: SourceTrust, key: Path, tmp_path: Path) -> None:
    """Not more than that many signatures are checked, whatever the order."""
    unsigned = [SignedStatement(statement_text(release(number)), "") for number in range(1, NEWEST + 20)]
    path = tmp_path / "feed.json"
    path.write_bytes(feed_bytes(unsigned[::-1]))
    answer = await FeedSource(f"file://{path}").ask(trust)
    assert len(answer.announcements) == NEWEST
    assert answer.announcements[-1].sequence == NEWEST + 19


async def test_a_feed_without_end_is_read_no_further_than_a_feed_may_be(trust: SourceTrust) -> None:
    """Nor kept."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * (1 << 16))

    async with served(answer) as url:
        with pytest.raises(SourceMalformed, match=f"longer than {FEED_LIMIT} bytes"):
            await FeedSource(f"{url}/feed.json").ask(trust)


async def test_a_feed_is_not_looked_for_inside(trust: SourceTrust) -> None:
    """A server that sends its readers to what runs on their machine."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": f"http://localhost:{request.url.port}/inside"})

    async with served(answer) as url:
        with pytest.raises(SourceMalformed, match="private network"):
            await FeedSource(f"{url}/feed.json").ask(trust)
    assert asked == ["/feed.json"]


async def test_what_is_no_feed_is_refused(trust: SourceTrust, tmp_path: Path) -> None:
    """As a whole."""
    path = tmp_path / "feed.json"
    path.write_bytes(b"<html></html>")
    with pytest.raises(SourceMalformed, match="no feed"):
        await FeedSource(f"file://{path}").ask(trust)
