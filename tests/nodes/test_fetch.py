"""Fetch over real sockets: whatever a gateway does, what arrives is right, or the error says why not."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.dagpb import encode_node
from ipwhl_mirror.ipld.errors import MalformedBlock
from ipwhl_mirror.nodes.base import Transfer
from ipwhl_mirror.nodes.embedded.fetch import BLOCKS_AT_ONCE, fetch_block, fetch_blocks, fetch_file
from ipwhl_mirror.nodes.embedded.gateways import GatewayPool
from ipwhl_mirror.nodes.errors import BlockNotFound, NodeRefused, NoSource
from tests.simulators.faults import (
    CleanEnd,
    Compressed,
    Cut,
    Dribble,
    Endless,
    Fault,
    Foreign,
    Html,
    Lie,
    NoCar,
    Redirect,
    Stall,
    Status,
    Unordered,
    WholeFile,
)
from tests.simulators.files import MemoryAssembly, file_dag
from tests.simulators.gateway import CAR_TYPE, RAW_TYPE, SimulatedGateway
from tests.simulators.time import FakeTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

STALL_S = 0.1
BLOCK = random.Random(1).randbytes(5000)
CID = Cid.of(BLOCK, RAW)
FILE = file_dag(random.Random(2).randbytes(2950))


class Setup:
    """Some gateways, and a pool of them whose waits take no time."""

    def __init__(self, gateways: list[SimulatedGateway], pool: GatewayPool, time: FakeTime) -> None:
        self.gateways = gateways
        self.pool = pool
        self.time = time

    async def file(self, assembly: MemoryAssembly) -> int:
        """Fetch a file; the payload bytes told."""
        told: list[int] = []
        await fetch_file(self.pool, assembly, told.append)
        return sum(told)


@asynccontextmanager
async def setup(*having: Mapping[bytes, bytes], transfer: Transfer | None = None) -> AsyncIterator[Setup]:
    """One gateway for each set of blocks."""
    time = FakeTime()
    async with AsyncExitStack() as stack:
        gateways = [await stack.enter_async_context(SimulatedGateway(blocks)) for blocks in having]
        pool = GatewayPool(
            [gateway.url for gateway in gateways],
            transfer or Transfer(stall_timeout_s=STALL_S),
            clock=time.clock,
            sleep=time.sleep,
        )
        await stack.enter_async_context(pool)
        yield Setup(gateways, pool, time)


@asynccontextmanager
async def scripted(
    handler: Callable[[httpx.Request], httpx.Response], *urls: str, time: FakeTime | None = None
) -> AsyncIterator[GatewayPool]:
    """A pool over gateways that are a function."""
    time = time or FakeTime()
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client,
        GatewayPool(urls, Transfer(), clock=time.clock, sleep=time.sleep, client=client) as pool,
    ):
        yield pool


# Blocks


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
    async with setup({CID.digest: BLOCK}, {CID.digest: BLOCK}) as s:
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
        pytest.param(Status(500), 6, id="failing-six-times"),
        pytest.param(Stall(10), 6, id="stalling-six-times"),
        pytest.param(Status(429), 20, id="busy-twenty-times"),
    ],
)
async def test_asking_ends(fault: Fault, tries: int) -> None:
    """A gateway that never gives it is asked so many times, and then there is no source."""
    async with setup({CID.digest: BLOCK}, transfer=Transfer(stall_timeout_s=0.02)) as s:
        s.gateways[0].always = fault
        with pytest.raises(NoSource) as caught:
            await fetch_block(s.pool, CID)
        assert len(s.gateways[0].requests) == tries
        assert s.gateways[0].url in str(caught.value)


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


async def test_redirects_are_followed_five_times() -> None:
    """Five redirects are followed, the sixth is not."""
    async with setup({CID.digest: BLOCK}) as s:
        again = Redirect(f"{s.gateways[0].url}/ipfs/{CID}?format=raw")
        s.gateways[0].script = [again] * 5
        assert await fetch_block(s.pool, CID) == BLOCK
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


async def test_proxies_of_the_environment_do_not_serve_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is not asked for what is on this machine."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with setup({CID.digest: BLOCK}) as s:
        assert await fetch_block(s.pool, CID) == BLOCK


async def test_connection_is_used_again_after_an_absent_block() -> None:
    """A 404 does not cost a new connection."""
    async with setup({CID.digest: BLOCK}) as s:
        with pytest.raises(BlockNotFound):
            await fetch_block(s.pool, Cid.of(b"other"))
        await fetch_block(s.pool, CID)
        assert len(s.gateways[0].connections) == 1


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
        async with aclosing(fetch_blocks(s.pool, [Cid(1, RAW, digest) for digest in blocks])) as iterator:
            async for _ in iterator:
                break
        assert s.pool.gateways[0].in_flight == 0
        assert len(s.gateways[0].requests) < 200


# Files


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("size", [0, 1, 100, 101, 300, 301, 2950])
async def test_file_comes_as_one_car(size: int, version: int) -> None:
    """One request brings a file of any shape; the bytes told are its length."""
    dag = file_dag(random.Random(size).randbytes(size), version=version)
    async with setup(dag.blocks) as s:
        assembly = MemoryAssembly(dag.root)
        assert await s.file(assembly) == size
        assert assembly.payload == dag.payload
        (request,) = s.gateways[0].requests
        assert (request.format, request.scope, request.entity_bytes) == ("car", "entity", "")
        assert request.accept == f"{CAR_TYPE};version=1;order=dfs;dups=n"


async def test_whole_file_is_not_asked_for() -> None:
    """No gateway is needed for what is here."""
    async with setup() as s:
        assert await s.file(MemoryAssembly(FILE.root, *FILE.blocks.values())) == 0


async def test_file_resumes_at_its_first_gap() -> None:
    """What is here already is not sent again, but for the inner blocks on the way."""
    inner = [block for digest, block in FILE.blocks.items() if digest not in {c.digest for c in FILE.leaves}]
    here = [FILE.blocks[cid.digest] for cid in FILE.leaves[:20]]
    async with setup(FILE.blocks) as s:
        assembly = MemoryAssembly(FILE.root, *inner, *here)
        assert await s.file(assembly) == 950
        assert assembly.payload == FILE.payload
        assert [request.entity_bytes for request in s.gateways[0].requests] == ["2000:*"]
        assert s.gateways[0].requests[0].scope == "entity"
        whole = sum(len(block) for block in FILE.blocks.values())
        assert s.gateways[0].bytes_served < whole * 2 / 3


@pytest.mark.parametrize("fault", [Cut, Stall, CleanEnd])
async def test_file_goes_on_where_it_was_broken_off(fault: type[Cut | Stall | CleanEnd]) -> None:
    """However a stream ends, the next request begins at the first gap, and nothing is fetched twice."""
    async with setup(FILE.blocks) as s:
        s.gateways[0].script = [fault(2000)]
        assembly = MemoryAssembly(FILE.root)
        assert await s.file(assembly) == len(FILE.payload)
        assert assembly.payload == FILE.payload
        first, second = s.gateways[0].requests
        assert first.entity_bytes == ""
        assert second.entity_bytes == "600:*"
        assert s.time.slept == [1]


@pytest.mark.parametrize("after", range(0, 900, 53))
async def test_file_cut_anywhere_becomes_whole(after: int) -> None:
    """Cut after any number of bytes, in a header or in a block, the rest is fetched and all is right."""
    dag = file_dag(FILE.payload[:600])
    async with setup(dag.blocks) as s:
        s.gateways[0].script = [Cut(after)]
        assembly = MemoryAssembly(dag.root)
        assert await s.file(assembly) == 600
        assert assembly.payload == dag.payload


async def test_gateway_that_breaks_off_each_time_still_gives_the_file() -> None:
    """As long as each answer brings something, the fetch goes on."""
    async with setup(FILE.blocks) as s:
        s.gateways[0].always = Cut(900)
        assembly = MemoryAssembly(FILE.root)
        assert await s.file(assembly) == len(FILE.payload)
        assert len(s.gateways[0].requests) > 6


@pytest.mark.parametrize(
    ("fault", "banned", "reason"),
    [
        pytest.param(Lie(0), True, "sent bytes that are not block", id="false-root"),
        pytest.param(Lie(7), True, "sent bytes that are not block", id="false-leaf"),
        pytest.param(Foreign(CID, BLOCK), True, f"sent block {CID}, which was not asked for", id="foreign"),
        pytest.param(Endless(), True, "sent a CAR that cannot be read", id="endless"),
        pytest.param(Stall(-1), False, "sent nothing until the stall time-out", id="no-answer"),
        pytest.param(Stall(500), False, "sent nothing until the stall time-out", id="stall"),
        pytest.param(Cut(500), False, "broke off", id="cut"),
        pytest.param(CleanEnd(500), False, "ended in the middle of a block", id="clean-end"),
        pytest.param(Html(), False, "answered with text/html instead of a block", id="html"),
        pytest.param(Redirect(), False, "redirects more than 5 times", id="redirect-loop"),
        pytest.param(Status(429, "30"), False, "is busy (HTTP 429)", id="429"),
        pytest.param(Status(500), False, "failed (HTTP 500)", id="500"),
        pytest.param(Compressed(), False, "answers compressed", id="compressed"),
    ],
)
async def test_file_comes_from_another_gateway(fault: Fault, banned: bool, reason: str) -> None:
    """Whatever the first gateway does, the second one makes the file whole, without a wait."""
    async with setup(FILE.blocks, FILE.blocks) as s:
        s.gateways[0].always = fault
        assembly = MemoryAssembly(FILE.root)
        assert await s.file(assembly) == len(FILE.payload)
        assert assembly.payload == FILE.payload
        assert (s.pool.gateways[0].banned is not None) is banned
        assert [note for note in s.pool.notes if reason in note]
        assert s.time.slept == []


async def test_liar_is_not_asked_for_the_next_file() -> None:
    """A ban holds for the run."""
    async with setup(FILE.blocks, FILE.blocks) as s:
        s.gateways[0].always = Lie(3)
        for _ in range(3):
            await s.file(MemoryAssembly(FILE.root))
        assert [len(gateway.requests) for gateway in s.gateways] == [1, 3]
        assert len(s.pool.notes) == 1


@pytest.mark.parametrize("code", [400, 404, 406, 415, 501])
async def test_gateway_without_cars_gives_single_blocks(code: int) -> None:
    """The file comes block by block, and the next one is not asked for as a CAR."""
    async with setup(FILE.blocks) as s:
        s.gateways[0].always = NoCar(code)
        for _ in range(2):
            assembly = MemoryAssembly(FILE.root)
            assert await s.file(assembly) == len(FILE.payload)
            assert assembly.payload == FILE.payload
        formats = [request.format for request in s.gateways[0].requests]
        assert formats.count("car") == 1
        assert formats.count("raw") == 2 * len(FILE.blocks)
        assert s.pool.notes == (
            f"gateway {s.gateways[0].url} is asked for single blocks: gives no CAR (HTTP {code})",
        )


async def test_gateway_without_car_order_gives_single_blocks() -> None:
    """Blocks before their parents cannot be told from foreign ones: no ban, but no CAR either."""
    async with setup(FILE.blocks) as s:
        s.gateways[0].always = Unordered()
        assembly = MemoryAssembly(FILE.root)
        assert await s.file(assembly) == len(FILE.payload)
        assert s.pool.gateways[0].banned is None
        assert "in no known order" in s.pool.notes[0]


async def test_gateway_that_ignores_the_range_is_asked_for_single_blocks() -> None:
    """A resumed file is not sent as a whole again: after 8 MiB of what is here the stream is left."""
    dag = file_dag(random.Random(3).randbytes(24 * 1024 * 1024), chunk=1024 * 1024, width=100)
    here = [dag.blocks[dag.root.digest], *(dag.blocks[cid.digest] for cid in dag.leaves[:23])]
    async with setup(dag.blocks) as s:
        s.gateways[0].always = WholeFile()
        assembly = MemoryAssembly(dag.root, *here)
        assert await s.file(assembly) == 1024 * 1024
        assert [request.format for request in s.gateways[0].requests] == ["car", "raw"]
        assert s.pool.bytes_received < 12 * 1024 * 1024
        assert s.pool.gateways[0].gives_car


async def test_file_nobody_has_is_not_found() -> None:
    """The error names the file's root and every gateway."""
    async with setup({}, {}) as s:
        with pytest.raises(BlockNotFound) as caught:
            await s.file(MemoryAssembly(FILE.root))
        assert caught.value.cid == FILE.root
        assert all(gateway.url in str(caught.value) for gateway in s.gateways)


async def test_file_with_a_hole_everywhere_is_not_found() -> None:
    """What there is of the file is kept, and the gateways are told to have only a part."""
    holed = {d: b for d, b in FILE.blocks.items() if d != FILE.leaves[5].digest}
    async with setup(holed) as s:
        assembly = MemoryAssembly(FILE.root)
        with pytest.raises(BlockNotFound, match="has only a part of it"):
            await s.file(assembly)
        assert assembly.payload == FILE.payload[:500]


async def test_gateways_with_different_holes_give_the_file_together() -> None:
    """Where one gateway's stream ends, another's goes on, back and forth."""
    odd = {cid.digest for cid in FILE.leaves[1::2]}
    even = {cid.digest for cid in FILE.leaves[0::2]}
    without_odd = {d: b for d, b in FILE.blocks.items() if d not in odd}
    without_even = {d: b for d, b in FILE.blocks.items() if d not in even}
    async with setup(without_odd, without_even) as s:
        assembly = MemoryAssembly(FILE.root)
        assert await s.file(assembly) == len(FILE.payload)
        assert assembly.payload == FILE.payload


@pytest.mark.parametrize("size", [1, 7])
async def test_file_in_tiny_pieces_is_right(size: int) -> None:
    """How the network cuts the stream into pieces does not matter."""
    async with setup(FILE.blocks) as s:
        s.gateways[0].always = Dribble(size)
        assembly = MemoryAssembly(FILE.root)
        assert await s.file(assembly) == len(FILE.payload)
        assert assembly.payload == FILE.payload
        assert s.pool.bytes_received == s.gateways[0].bytes_served


async def test_several_files_use_several_gateways() -> None:
    """Files fetched at the same time are spread over the gateways."""
    dags = [file_dag(random.Random(n).randbytes(1000)) for n in range(8)]
    blocks = {digest: block for dag in dags for digest, block in dag.blocks.items()}
    async with setup(blocks, blocks) as s:
        assemblies = [MemoryAssembly(dag.root) for dag in dags]
        await asyncio.gather(*(s.file(assembly) for assembly in assemblies))
        assert [a.payload for a in assemblies] == [dag.payload for dag in dags]
        assert [len(gateway.requests) for gateway in s.gateways] == [4, 4]


async def test_connection_is_used_again_after_a_file() -> None:
    """A whole file leaves its connection usable."""
    async with setup(FILE.blocks) as s:
        for _ in range(5):
            await s.file(MemoryAssembly(FILE.root))
        assert len(s.gateways[0].connections) == 1


async def test_file_above_the_budget_is_refused() -> None:
    """The byte budget ends the fetch within one batch of blocks, whatever the file claims."""
    async with setup(FILE.blocks, transfer=Transfer(byte_budget=1000)) as s:
        assembly = MemoryAssembly(FILE.root)
        with pytest.raises(NodeRefused, match="budget of 1000 bytes"):
            await s.file(assembly)
        assert s.pool.gateways[0].in_flight == 0


async def test_directory_is_no_file_and_no_fault_of_the_gateway() -> None:
    """A DAG that is no file is the repository's fault: the error passes through and nobody is banned."""
    block = encode_node((), b"\x08\x01")
    cid = Cid.of(block)
    async with setup({cid.digest: block}) as s:
        with pytest.raises(MalformedBlock):
            await s.file(MemoryAssembly(cid))
        assert s.pool.gateways[0].banned is None


async def test_cancelled_fetch_keeps_what_came() -> None:
    """Blocks that arrived before a cancel stay, and the next call goes on from there."""
    async with setup(FILE.blocks) as s:
        s.gateways[0].always = NoCar()
        assembly = MemoryAssembly(FILE.root)

        def cancel(_: int) -> None:
            task.cancel()

        task = asyncio.create_task(fetch_file(s.pool, assembly, cancel))
        with pytest.raises(asyncio.CancelledError):
            await task
        kept = len(assembly.payload)
        assert 0 < kept < len(FILE.payload)
        assert s.pool.gateways[0].in_flight == 0
        assert await s.file(assembly) < len(FILE.payload)
        assert assembly.payload == FILE.payload


@given(body=st.binary(max_size=300), whole_header=st.booleans(), whole_block=st.booleans())
def test_any_bytes_for_a_car_are_an_error_of_ours(body: bytes, whole_header: bool, whole_block: bool) -> None:
    """Garbage after any beginning gives no source, and never a false byte."""
    start = car_header([FILE.root]) if whole_header else b""
    if whole_block:
        start += car_section(FILE.root, FILE.blocks[FILE.root.digest])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params["format"] == "raw":
            return httpx.Response(404)
        headers = {"content-type": f"{CAR_TYPE}; order=dfs"}
        return httpx.Response(200, headers=headers, stream=Body(start + body))

    async def fetch() -> MemoryAssembly:
        assembly = MemoryAssembly(FILE.root)
        async with scripted(answer, "https://a.example") as pool:
            with pytest.raises((NoSource, BlockNotFound)):
                await fetch_file(pool, assembly, lambda _: None)
        return assembly

    assert asyncio.run(fetch()).payload == b""


async def collect(blocks: AsyncIterator[tuple[Cid, bytes]]) -> list[tuple[Cid, bytes]]:
    """All of them."""
    return [pair async for pair in blocks]


class Body(httpx.AsyncByteStream):
    """A body that comes in one piece."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


def raw_answer(block: bytes) -> httpx.Response:
    """A good answer to a request for a block."""
    headers = {"content-type": RAW_TYPE, "content-length": str(len(block))}
    return httpx.Response(200, headers=headers, stream=Body(block))
