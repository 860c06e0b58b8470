"""The RPC client beside an RPC that misbehaves; no Kubo is needed here.

Whatever comes, or does not come: a typed error within the deadline, never an empty or shortened result.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.nodes.errors import NodeError, NodeRefused, NodeUnreachable
from ipwhl_mirror.nodes.kubo.address import Credentials, RpcAddress
from ipwhl_mirror.nodes.kubo.rpc import ANSWER_LIMIT, Rpc, RpcFailed
from tests.simulators.faults import Cut, Stall
from tests.simulators.rpc_faults import (
    Answer,
    CutRequest,
    Hangup,
    LongLine,
    StallRequest,
    forbidden,
    json_answer,
    kubo_error,
    page,
)
from tests.simulators.rpc_proxy import Moment, RpcProxy, Step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.simulators.faults import Fault

STALL_S = 0.2
"""Of a client beside an RPC that falls silent: nothing else is asked within it."""
PATIENT_S = 30.0
SOON_S = 10.0
LINES = [{"Keys": {f"cid-{number}": {"Type": "recursive"}}} for number in range(100)]
SECRET = "s3cr3t-t0ken"
MIB = 1 << 20


@pytest.fixture
async def proxy() -> AsyncIterator[RpcProxy]:
    """An RPC with nothing behind it; `pin/ls` has 100 lines."""
    async with RpcProxy() as proxy:
        proxy.answers["pin/ls"] = json_answer(*LINES)
        proxy.answers["add"] = json_answer({"Hash": "cid"})
        yield proxy


@pytest.fixture
async def rpc(proxy: RpcProxy) -> AsyncIterator[Rpc]:
    """A client of it that a slow machine does not make fail."""
    rpc = Rpc(RpcAddress.parse(proxy.url), stall_s=PATIENT_S)
    yield rpc
    await rpc.aclose()


async def call(rpc: Rpc) -> object:
    """The whole answer."""
    return await rpc.call("pin/ls")


async def lines(rpc: Rpc) -> object:
    """Its lines."""
    return [line async for line in rpc.lines("pin/ls")]


async def content(rpc: Rpc) -> object:
    """Its bytes."""
    return b"".join([piece async for piece in rpc.content("pin/ls")])


WAYS = {"call": call, "lines": lines, "content": content}
BROKEN: dict[str, tuple[Fault, type[NodeError], str]] = {
    "cut before the answer": (Hangup(), NodeUnreachable, "broke off in pin/ls"),
    "cut after the head": (Cut(0), NodeUnreachable, "broke off in pin/ls"),
    "cut in a line": (Cut(10), NodeUnreachable, "broke off in pin/ls"),
    "cut after a line": (Cut(41), NodeUnreachable, "broke off in pin/ls"),
    "cut before the end is told": (Cut(10**6), NodeUnreachable, "broke off in pin/ls"),
    "no answer": (Stall(-1), NodeUnreachable, f"silent for {STALL_S:g} s in pin/ls"),
    "silent after the head": (Stall(0), NodeUnreachable, f"silent for {STALL_S:g} s in pin/ls"),
    "silent in a line": (Stall(10), NodeUnreachable, f"silent for {STALL_S:g} s in pin/ls"),
    "silent before the end is told": (Stall(10**6), NodeUnreachable, f"silent for {STALL_S:g} s in pin/ls"),
    "kubo's own error": (kubo_error("pin: \x1b[31mno"), RpcFailed, "kubo pin/ls: pin: "),
    "a page": (page(), NodeRefused, "no Kubo RPC: HTTP 200, text/html to pin/ls"),
    "a page with 500": (page(500), NodeRefused, "no Kubo RPC: HTTP 500, text/html to pin/ls"),
    "a page with 502": (page(502), NodeRefused, "no Kubo RPC: HTTP 502"),
    "forbidden": (forbidden(), NodeRefused, "does not let us use pin/ls: HTTP 403"),
    "unauthorized": (Answer(b"", 401), NodeRefused, "does not let us use pin/ls: HTTP 401"),
    "not found": (Answer(b"404 page not found", 404, "text/plain"), NodeRefused, "no Kubo RPC: HTTP 404"),
    "a redirect": (Answer(b"", 302, "text/plain"), NodeRefused, "no Kubo RPC: HTTP 302"),
    "500 without words": (Answer(b"", 500), NodeRefused, "no Kubo RPC: HTTP 500"),
    "500 with no UTF-8": (Answer(b'{"Message":"\xff","Type":"error"}', 500), NodeRefused, "HTTP 500"),
    "500 with wrong JSON": (json_answer([1], status=500), NodeRefused, "HTTP 500"),
    "500 with deep JSON": (
        Answer(b'{"Message":"m","Type":"error","x":' + b"[" * 60_000, 500), NodeRefused, "HTTP 500",
    ),
    "500 without an end": (LongLine(status=500), NodeRefused, "HTTP 500"),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", BROKEN)
async def test_what_is_broken_is_a_typed_error_in_time(
    rpc: Rpc, proxy: RpcProxy, case: str, way: str
) -> None:
    """The class says whose fault it is, the words what happened; the connection is given back."""
    fault, error, words = BROKEN[case]
    proxy.faults["pin/ls"] = fault
    rpc.stall_s = STALL_S if isinstance(fault, Stall) else PATIENT_S
    began = time.monotonic()
    with pytest.raises(error, match=words) as caught:
        await WAYS[way](rpc)
    assert time.monotonic() - began < SOON_S
    rpc.stall_s = PATIENT_S
    assert type(caught.value) is error
    assert str(caught.value).isprintable()
    await proxy.wait_until(lambda: isinstance(fault, Stall) or proxy.open == 0)
    del proxy.faults["pin/ls"]
    assert await call(rpc) == b"".join([piece async for piece in json_answer(*LINES).pieces()])


async def test_a_refused_connection_is_no_node(rpc: Rpc, proxy: RpcProxy) -> None:
    """The error says how to start one."""
    await proxy.stop_listening()
    with pytest.raises(NodeUnreachable, match=r"no node answers at http://127\.0\.0\.1:") as caught:
        await call(rpc)
    assert "ipfs daemon" in (caught.value.hint or "")


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.7\r\n", b"\x13/multistream/1.0.0\n", b"\x00" * 40])
async def test_what_does_not_speak_http_is_a_typed_error(greeting: bytes) -> None:
    """A swarm port or anything else that listens."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        rpc = Rpc(RpcAddress.parse(f"http://127.0.0.1:{port}"), stall_s=STALL_S)
        with pytest.raises((NodeUnreachable, NodeRefused)) as caught:
            await rpc.call("version")
        await rpc.aclose()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("way", WAYS)
async def test_a_line_without_an_end_is_given_up_early(rpc: Rpc, proxy: RpcProxy, way: str) -> None:
    """64 MiB on one line are refused long before they came; a stream of bytes is the caller's to bound."""
    handed = 0

    async def count(step: Step) -> None:
        nonlocal handed
        handed = max(handed, step.done)

    proxy.faults["pin/ls"] = LongLine()
    proxy.watch = count
    if way == "content":
        assert len(str(await content(rpc))) > 64 * MIB
        return
    with pytest.raises(NodeRefused, match=f"more than {ANSWER_LIMIT} bytes"):
        await WAYS[way](rpc)
    await proxy.wait_until(lambda: proxy.open == 0)
    assert handed < ANSWER_LIMIT + 8 * MIB


async def test_an_answer_that_only_trickles_is_whole(rpc: Rpc, proxy: RpcProxy) -> None:
    """The deadline is of silence, not of the call."""
    rpc.stall_s = 2.0

    async def slow(step: Step) -> None:
        if step.moment in (Moment.ANSWERED, Moment.ANSWERING):
            await asyncio.sleep(rpc.stall_s * 0.6)

    proxy.watch = slow
    began = time.monotonic()
    assert await lines(rpc) == [line async for line in _split(json_answer(*LINES))]
    assert time.monotonic() - began > rpc.stall_s


async def _split(answer: Answer) -> AsyncIterator[bytes]:
    async for piece in answer.pieces():
        for line in piece.splitlines():
            yield line


async def body(size: int = 8 * MIB) -> AsyncIterator[bytes]:
    """A file to send."""
    for _ in range(size // MIB):
        yield b"x" * MIB


SENDING: dict[str, tuple[Fault, type[NodeError]]] = {
    "cut in the body": (CutRequest(3 * MIB), NodeUnreachable),
    "cut before the body": (CutRequest(0), NodeUnreachable),
    "hung up": (Hangup(), NodeUnreachable),
    "not taken any more": (StallRequest(3 * MIB), NodeUnreachable),
    "never taken": (StallRequest(0), NodeUnreachable),
    "taken and no answer": (Stall(-1), NodeUnreachable),
}


@pytest.mark.parametrize("case", SENDING)
async def test_a_file_that_is_not_taken_is_a_typed_error_in_time(
    rpc: Rpc, proxy: RpcProxy, case: str
) -> None:
    """Sent in part or whole: without an answer it counts as not sent."""
    fault, error = SENDING[case]
    proxy.faults["add"] = fault
    rpc.stall_s = STALL_S if isinstance(fault, (Stall, StallRequest)) else PATIENT_S
    began = time.monotonic()
    with pytest.raises(error, match="in add"):
        await rpc.send("add", body())
    assert time.monotonic() - began < SOON_S
    rpc.stall_s = PATIENT_S
    del proxy.faults["add"]
    assert b"Hash" in await rpc.send("add", body())


async def test_a_file_that_is_refused_before_it_is_taken_is_refused(rpc: Rpc, proxy: RpcProxy) -> None:
    """The answer comes while the file is being sent."""
    proxy.faults["add"] = forbidden()
    with pytest.raises(NodeRefused, match="does not let us use add"):
        await rpc.send("add", body())


async def test_a_source_of_the_file_that_fails_is_its_own_error(rpc: Rpc) -> None:
    """What reads the file says what is wrong with it; it is not the node's fault."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * MIB
        raise FileNotFoundError(2, "gone", "a.whl")

    with pytest.raises(FileNotFoundError, match="gone"):
        await rpc.send("add", broken())


@pytest.mark.parametrize("fault", [Stall(-1), Stall(0), Stall(10)], ids=["head", "body", "middle"])
@pytest.mark.parametrize("way", WAYS)
async def test_a_cancelled_call_leaves_the_rpc_at_once(proxy: RpcProxy, fault: Stall, way: str) -> None:
    """The connection is closed, which is how the daemon learns of it."""
    rpc = Rpc(RpcAddress.parse(proxy.url), stall_s=60)
    proxy.faults["pin/ls"] = fault
    task = asyncio.create_task(WAYS[way](rpc))
    await proxy.wait_until(lambda: proxy.open == 1)
    await asyncio.wait([task], timeout=0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await proxy.wait_until(lambda: proxy.open == 0, within_s=10)
    await rpc.aclose()


async def test_a_stream_that_is_left_leaves_the_rpc(proxy: RpcProxy) -> None:
    """After the first line the rest is not wanted."""
    rpc = Rpc(RpcAddress.parse(proxy.url), stall_s=60)
    proxy.faults["pin/ls"] = Stall(50)
    async with aclosing(rpc.lines("pin/ls")) as found:
        assert b"cid-0" in await anext(found)
    await proxy.wait_until(lambda: proxy.open == 0, within_s=10)
    await rpc.aclose()


@pytest.mark.parametrize(
    ("text", "sent"),
    [(f"bearer:{SECRET}", f"Bearer {SECRET}"), (f"basic:user:{SECRET}", "Basic dXNlcjpzM2NyM3QtdDBrZW4=")],
    ids=["bearer", "basic"],
)
async def test_credentials_are_sent_and_never_told(
    proxy: RpcProxy, text: str, sent: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in an error, its hint, its cause, a repr or a log."""
    caplog.set_level(logging.DEBUG)
    credentials = Credentials.parse(text)
    rpc = Rpc(RpcAddress.parse(proxy.url), credentials, stall_s=PATIENT_S)
    await call(rpc)
    await rpc.send("add", body(MIB))
    assert [request.headers["Authorization"] for request in proxy.requests] == [sent, sent]
    told = [repr(credentials), str(credentials), repr(rpc), repr(vars(rpc)), caplog.text]
    for fault, _, _ in BROKEN.values():
        proxy.faults["pin/ls"] = fault
        rpc.stall_s = STALL_S if isinstance(fault, Stall) else PATIENT_S
        with pytest.raises(NodeError) as caught:
            await lines(rpc)
        error: BaseException | None = caught.value
        while error is not None:
            told += [str(error), repr(error), str(getattr(error, "hint", ""))]
            error = error.__cause__ or error.__context__
    told.append(caplog.text)
    await rpc.aclose()
    secrets = (SECRET, sent.split()[1])
    assert not [text for text in told if any(secret in text for secret in secrets)]
