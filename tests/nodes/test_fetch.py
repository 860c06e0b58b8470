"""Files over real sockets: whatever a gateway does, what arrives is right, or the error says why not."""

from __future__ import annotations

import asyncio
import random

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.dagpb import encode_node
from ipwhl_mirror.ipld.errors import MalformedBlock
from ipwhl_mirror.nodes.base import Transfer
from ipwhl_mirror.nodes.embedded.fetch import fetch_file
from ipwhl_mirror.nodes.errors import BlockNotFound, NodeRefused, NoSource
from tests.nodes.gateway_setup import Body, patience, scripted, setup
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
from tests.simulators.gateway import CAR_TYPE

BLOCK = random.Random(1).randbytes(5000)
CID = Cid.of(BLOCK, RAW)
FILE = file_dag(random.Random(2).randbytes(2950))
LEAF = file_dag(b"a file of one block")


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
    async with setup(FILE.blocks, transfer=patience(fault(2000))) as s:
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
    async with setup(FILE.blocks, FILE.blocks, transfer=patience(fault)) as s:
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


@pytest.mark.parametrize("width", [2, 3, 30])
async def test_gateway_without_the_next_block_is_asked_again_further_on(width: int) -> None:
    """That a gateway had nothing at one place of a file does not mean that it has nothing after it."""
    dag = file_dag(FILE.payload, width=width)
    without_first = {d: b for d, b in dag.blocks.items() if d != dag.leaves[0].digest}
    only_first = {d: b for d, b in dag.blocks.items() if d not in {c.digest for c in dag.leaves[1:]}}
    async with setup(without_first, only_first) as s:
        assembly = MemoryAssembly(dag.root)
        assert await s.file(assembly) == len(dag.payload)
        assert assembly.payload == dag.payload


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


async def test_end_of_a_whole_file_is_read() -> None:
    """What follows the last block is waited for a moment, so that the connection can serve again."""
    (leaf,) = LEAF.leaves
    body = Body(car_header([leaf]) + car_section(leaf, LEAF.blocks[leaf.digest]))
    headers = {"content-type": f"{CAR_TYPE}; order=dfs"}
    async with scripted(
        lambda _: httpx.Response(200, headers=headers, stream=body), "https://a.example"
    ) as pool:
        await fetch_file(pool, MemoryAssembly(leaf), lambda _: None)
    assert body.was_read


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
