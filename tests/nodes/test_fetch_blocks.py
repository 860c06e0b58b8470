"""Blocks over real sockets: whatever a gateway does, what arrives is right, or the error says why not."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import aclosing
from typing import TYPE_CHECKING

import httpx
import pytest

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.nodes.base import Transfer
from ipwhl_mirror.nodes.embedded.fetch import BLOCKS_AT_ONCE, fetch_block, fetch_blocks
from ipwhl_mirror.nodes.embedded.gateways import GatewayPool
from ipwhl_mirror.nodes.errors import BlockNotFound, NoSource
from tests.nodes.gateway_setup import Body, patience, raw_answer, scripted, setup
from tests.simulators.faults import (
    Compressed,
    Cut,
    Endless,
    Fault,
    Html,
    Lie,
    Redirect,
    Stall,
    Status,
)
from tests.simulators.gateway import RAW_TYPE, SimulatedGateway
from tests.simulators.time import FakeTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BLOCK = random.Random(1).randbytes(5000)
CID = Cid.of(BLOCK, RAW)


@pytest.mark.parametrize(
    "cid",
    [
        pytest.param(Cid.of(BLOCK, version=0), id="v0"),
        pytest.param(Cid.of(BLOCK), id="v1"),
        pytest.param(Cid.of(BLOCK, RAW), id="raw"),
    ],
)
async def test_block_is_asked_for_in_the_form_given(cid: Cid) -> None:
    """The CID is not rewritten; the format is asked for in both ways; nothing compressed is wanted."""
    async with setup({cid.digest: BLOCK}) as s:
        assert await fetch_block(s.pool, cid) == BLOCK
        (request,) = s.gateways[0].requests
        assert request.path == f"/ipfs/{cid}"
        assert (request.format, request.accept) == ("raw", RAW_TYPE)
        assert request.headers["Accept-Encoding"] == "identity"
        assert request.headers["User-Agent"].startswith("ipwhl-mirror/")
        assert s.pool.bytes_received == len(BLOCK)
        assert s.pool.notes == ()


@pytest.mark.parametrize(
    ("fault", "banned", "reason"),
    [
        pytest.param(Lie(), True, f"sent bytes that are not block {CID}", id="flipped-bit"),
        pytest.param(Endless(), True, f"sent more than 2097152 bytes as block {CID}", id="endless"),
        pytest.param(Cut(1000), False, "broke off (RemoteProtocolError)", id="cut"),
        pytest.param(Cut(0), False, "broke off (RemoteProtocolError)", id="cut-before-the-body"),
        pytest.param(Stall(0), False, "sent nothing until the stall time-out", id="stall-at-once"),
        pytest.param(Stall(1000), False, "sent nothing until the stall time-out", id="stall-in-the-body"),
        pytest.param(Stall(-1), False, "sent nothing until the stall time-out", id="no-answer"),
        pytest.param(Html(), False, "answered with text/html instead of a block", id="html"),
        pytest.param(Redirect(), False, "redirects more than 5 times", id="redirect-loop"),
        pytest.param(Redirect("ftp://x/"), False, "redirects to what is no http or https", id="redirect-ftp"),
        pytest.param(Compressed(), False, "answers compressed", id="compressed"),
        pytest.param(Status(400), False, "refused (HTTP 400)", id="400"),
        pytest.param(Status(403), False, "refused (HTTP 403)", id="403"),
        pytest.param(Status(204), False, "refused (HTTP 204)", id="204"),
        pytest.param(Status(429), False, "is busy (HTTP 429)", id="429"),
        pytest.param(Status(503, "9"), False, "is busy (HTTP 503)", id="503-retry-after"),
        pytest.param(Status(500), False, "failed (HTTP 500)", id="500"),
        pytest.param(Status(504), False, "failed (HTTP 504)", id="504"),
    ],
)
async def test_block_comes_from_another_gateway(fault: Fault, banned: bool, reason: str) -> None:
    """Whatever the first gateway does, the second gives the block, and the notes say why."""
    async with setup({CID.digest: BLOCK}, {CID.digest: BLOCK}, transfer=patience(fault)) as s:
        s.gateways[0].always = fault
        assert await fetch_block(s.pool, CID) == BLOCK
        assert len(s.gateways[1].requests) == 1
        assert (s.pool.gateways[0].banned is not None) is banned
        (note,) = s.pool.notes
        assert note.startswith(f"gateway {s.gateways[0].url} ")
        assert reason in note
        assert s.time.slept == []


@pytest.mark.parametrize("code", [404, 410, 451])
async def test_absent_here_is_asked_elsewhere(code: int) -> None:
    """One gateway without the block is no fault of it, and no end."""
    async with setup({}, {CID.digest: BLOCK}) as s:
        s.gateways[0].always = Status(code)
        assert await fetch_block(s.pool, CID) == BLOCK
        assert s.pool.notes == ()


async def test_absent_everywhere_is_not_found() -> None:
    """When all said no, it is not found, and each is asked once."""
    async with setup({}, {}) as s:
        with pytest.raises(BlockNotFound) as caught:
            await fetch_block(s.pool, CID)
        assert all(gateway.url in str(caught.value) for gateway in s.gateways)
        assert [len(gateway.requests) for gateway in s.gateways] == [1, 1]


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        pytest.param(Lie(), 1, id="liar-once"),
        pytest.param(Status(403), 1, id="refused-once"),
        pytest.param(Status(500), 4, id="failing-four-times"),
        pytest.param(Status(503), 4, id="away-four-times"),
        pytest.param(Stall(10), 4, id="stalling-four-times"),
        pytest.param(Status(429), 3, id="busy-three-times"),
        pytest.param(Status(503, "3600"), 3, id="away-for-an-hour"),
    ],
)
async def test_asking_ends(fault: Fault, tries: int) -> None:
    """A gateway that never gives anything is asked so many times, and then there is no source."""
    async with setup({CID.digest: BLOCK}, transfer=patience(fault)) as s:
        s.gateways[0].always = fault
        with pytest.raises(NoSource) as caught:
            await fetch_block(s.pool, CID)
        assert len(s.gateways[0].requests) == tries
        assert s.gateways[0].url in str(caught.value)
        assert "--gateway URL" in (caught.value.hint or "")
        assert sum(s.time.slept) <= (120 if isinstance(fault, Status) and fault.retry_after else 7)


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        pytest.param(Status(500), 6, id="failing-six-times"),
        pytest.param(Status(429), 20, id="busy-twenty-times"),
    ],
)
async def test_one_that_gave_something_is_waited_for_longer(fault: Fault, tries: int) -> None:
    """What was begun with it is likely to be had from it again."""
    async with setup({CID.digest: BLOCK}, transfer=patience(fault)) as s:
        assert await fetch_block(s.pool, CID) == BLOCK
        s.gateways[0].requests.clear()
        s.gateways[0].always = fault
        with pytest.raises(NoSource):
            await fetch_block(s.pool, CID)
        assert len(s.gateways[0].requests) == tries


@pytest.mark.parametrize("fault", [Status(503), Status(503, "3600")], ids=["503", "busy"])
async def test_others_are_not_held_back(fault: Fault) -> None:
    """Blocks come from the one that gives them, without a rest, whatever the other says all the time."""
    blocks = {cid.digest: block for cid, block in ((Cid.of(b"%d" % n, RAW), b"%d" % n) for n in range(30))}
    async with setup(blocks, blocks, transfer=patience(fault)) as s:
        s.gateways[0].always = fault
        fetched = await asyncio.gather(*(fetch_block(s.pool, Cid(1, RAW, digest)) for digest in blocks))
        assert fetched == list(blocks.values())
        assert s.time.slept == []
        assert len(s.gateways[1].requests) == 30
        assert len(s.gateways[0].requests) <= 15


async def test_gateway_that_is_not_there_is_left() -> None:
    """A refused connection is told in the notes."""
    async with SimulatedGateway({}) as gone:
        pass
    async with (
        SimulatedGateway({CID.digest: BLOCK}) as here,
        GatewayPool([gone.url, here.url], Transfer()) as pool,
    ):
        assert await fetch_block(pool, CID) == BLOCK
        assert "cannot be reached" in pool.notes[0]


@pytest.mark.parametrize(
    ("headers", "slept"),
    [
        pytest.param({"retry-after": "12"}, 12, id="seconds"),
        pytest.param({"retry-after": "99999"}, 60, id="bounded"),
        pytest.param({"retry-after": "soon"}, 1, id="words"),
        pytest.param({"retry-after": "-5"}, 1, id="negative"),
        pytest.param({"retry-after": "9" * 400}, 1, id="too-many-digits"),
        pytest.param(
            {"retry-after": "Sun, 06 Nov 1994 08:49:57 GMT", "date": "Sun, 06 Nov 1994 08:49:37 GMT"},
            20,
            id="date",
        ),
        pytest.param({"retry-after": "Sun, 06 Nov 1994 08:49:57 GMT"}, 1, id="date-without-date"),
        pytest.param(
            {"retry-after": "Sun, 06 Nov 1994 08:49:57", "date": "Sun, 06 Nov 1994 08:49:37 GMT"},
            1,
            id="date-without-zone",
        ),
    ],
)
async def test_retry_after_is_honoured(headers: dict[str, str], slept: float) -> None:
    """Seconds, or a date by the gateway's own clock; never more than a minute."""
    time = FakeTime()
    answers = [httpx.Response(429, headers=headers), raw_answer(BLOCK)]
    async with scripted(lambda _: answers.pop(0), "https://a.example", time=time) as pool:
        assert await fetch_block(pool, CID) == BLOCK
    assert time.slept == [slept]


async def test_dripping_gateway_is_left() -> None:
    """A byte now and then is not progress: 4 KiB in the stall time-out is the least."""
    time = FakeTime()

    class Drip(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for at in range(len(BLOCK)):
                time.now += 1
                yield BLOCK[at : at + 1]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "slow.example":
            return httpx.Response(200, headers={"content-type": RAW_TYPE}, stream=Drip())
        return raw_answer(BLOCK)

    async with scripted(answer, "https://slow.example", "https://b.example", time=time) as pool:
        assert await fetch_block(pool, CID) == BLOCK
        assert "sent only 31 bytes in 30 s" in pool.notes[0]


async def test_five_redirects_are_followed() -> None:
    """The answer after five redirects counts."""
    async with setup({CID.digest: BLOCK}) as s:
        s.gateways[0].script = [Redirect()] * 5
        assert await fetch_block(s.pool, CID) == BLOCK
        assert len(s.gateways[0].requests) == 6


async def test_sixth_redirect_is_not_followed() -> None:
    """The block would be one redirect away."""
    async with setup({CID.digest: BLOCK}) as s:
        s.gateways[0].script = [Redirect()] * 6
        with pytest.raises(NoSource, match="redirects more than 5 times"):
            await fetch_block(s.pool, CID)
        assert len(s.gateways[0].requests) == 6


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://a.example/", "redirects from https to http"),
        ("https://127.0.0.1:5001/api/v0/shutdown", "redirects into a private network"),
        ("https://u:p@b.example/", "redirects to an address with credentials"),
    ],
)
async def test_redirect_is_not_followed_there(location: str, reason: str) -> None:
    """No request is made to where a redirect may not lead."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(302, headers={"location": location})

    async with scripted(answer, "https://a.example") as pool:
        with pytest.raises(NoSource, match=reason):
            await fetch_block(pool, CID)
    assert asked == [f"https://a.example/ipfs/{CID}?format=raw"]


async def test_credentials_go_to_their_gateway_only(caplog: pytest.LogCaptureFixture) -> None:
    """They are sent to the gateway they were given for, not to where it redirects, and shown nowhere."""
    caplog.set_level(logging.DEBUG)
    async with SimulatedGateway({}) as first, SimulatedGateway({}) as second:
        first.always = Redirect(f"{second.url}/ipfs/{CID}?format=raw")
        url = first.url.replace("http://", "http://me:secret@")
        async with GatewayPool([url], Transfer()) as pool:
            with pytest.raises(BlockNotFound) as caught:
                await fetch_block(pool, CID)
    assert first.requests[0].headers["Authorization"].startswith("Basic ")
    assert "Authorization" not in second.requests[0].headers
    assert "secret" not in f"{caught.value} {caplog.text} {pool.notes}"


async def test_connection_is_used_again_after_an_absent_block() -> None:
    """A 404 does not cost a new connection."""
    async with setup({CID.digest: BLOCK}) as s:
        with pytest.raises(BlockNotFound):
            await fetch_block(s.pool, Cid.of(b"other"))
        await fetch_block(s.pool, CID)
        assert len(s.gateways[0].connections) == 1


async def test_body_of_an_error_is_read() -> None:
    """The little text that comes with a 404 is taken, so that the connection can serve again."""
    body = Body(b"not here")
    async with scripted(lambda _: httpx.Response(404, stream=body), "https://a.example") as pool:
        with pytest.raises(BlockNotFound):
            await fetch_block(pool, CID)
    assert body.was_read


async def test_blocks_come_many_at_once_and_each_once() -> None:
    """As many as there are at once are asked for together; a repeated digest is fetched once."""
    blocks = {Cid.of(block).digest: block for block in (b"%d" % n for n in range(100))}
    cids = [Cid(1, RAW, digest) for digest in blocks]
    async with setup(blocks, transfer=Transfer()) as s:
        s.gateways[0].hold()
        task = asyncio.create_task(collect(fetch_blocks(s.pool, [*cids, *cids])))
        await s.gateways[0].wait_for_requests(BLOCKS_AT_ONCE)
        s.gateways[0].release()
        got = await task
        assert dict(got) == {cid: blocks[cid.digest] for cid in cids}
        assert len(got) == len(s.gateways[0].requests) == 100
        assert s.gateways[0].busiest == BLOCKS_AT_ONCE


async def test_missing_one_of_many_blocks_is_named() -> None:
    """The error names the block, and those that were yielded are good."""
    blocks = {Cid.of(block).digest: block for block in (b"%d" % n for n in range(10))}
    missing = Cid.of(b"missing")
    async with setup(blocks) as s:
        got = []
        with pytest.raises(BlockNotFound) as caught:
            async for cid, block in fetch_blocks(
                s.pool, [*(Cid(1, RAW, digest) for digest in blocks), missing]
            ):
                got.append((cid, block))
        assert caught.value.cid == missing
        assert all(blocks[cid.digest] == block for cid, block in got)


async def test_leaving_early_stops_the_requests() -> None:
    """Closing the iterator cancels what is under way."""
    blocks = {Cid.of(block).digest: block for block in (b"%d" % n for n in range(200))}
    async with setup(blocks) as s:
        s.gateways[0].script, s.gateways[0].always = [None], Stall(-1)
        async with aclosing(fetch_blocks(s.pool, [Cid(1, RAW, digest) for digest in blocks])) as iterator:
            async for _ in iterator:
                break
        assert s.pool.gateways[0].in_flight == 0
        assert len(s.gateways[0].requests) <= BLOCKS_AT_ONCE + 1


async def collect(blocks: AsyncIterator[tuple[Cid, bytes]]) -> list[tuple[Cid, bytes]]:
    """All of them."""
    return [pair async for pair in blocks]
