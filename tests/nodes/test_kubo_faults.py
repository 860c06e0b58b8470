"""A real Kubo behind a proxy that misbehaves: every call of the node against every fault of the RPC.

Always a typed error within the deadline, or the truth: nothing is believed that is not so. What other
programs keep on the daemon is the same afterwards.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
from contextlib import aclosing
from functools import cache
from hashlib import shake_128
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.nodes.base import PinHints, Reach
from ipwhl_mirror.nodes.errors import NodeError, NodeRefused, NodeUnreachable
from tests.nodes.kubo_calls import CALLS, Call, Site
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.nodes.kubo_proxied import THEIRS, daemon, node_behind_a_proxy
from tests.nodes.running_kubo import KuboDaemon, wait_until
from tests.nodes.world import blocks_of
from tests.simulators.dags import BIG, Dag, make_release
from tests.simulators.faults import CleanEnd, Cut, Fault, Stall
from tests.simulators.rpc_faults import (
    Answer,
    Hangup,
    LongLine,
    forbidden,
    json_answer,
    kubo_error,
    page,
)
from tests.simulators.rpc_proxy import Moment, Step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from ipwhl_mirror.nodes.kubo.node import KuboNode

__all__ = ["daemon"]

pytestmark = pytest.mark.kubo

PATIENCE_S = 15.0
"""For the slowest of all deadlines on a busy machine: that of a block from the network, 10 s and STALL_S."""
AT_ONCE = 24
NUMBERS = itertools.count()
ABSENT = make_release(
    {f"p{number}/p{number}-1-py3-none-any.whl": b"nobody has %d" % number for number in range(12)}
    | {BIG: b"nobody has this"}
)

DISK_ERROR = kubo_error("read blocks/AA/BB.data: input/output error")
LONG = "a line without an end"
LONG_IS_TRIED = {"status", "pins", "pin", "walk", "read_file", "put_blocks"}
"""One call of each way of reading an answer: 64 MiB take a while."""

FAULTS: dict[str, Callable[[int], Fault]] = {
    "no answer": lambda size: Stall(-1),
    "silent in the middle": lambda size: Stall(size // 2),
    "hung up": lambda size: Hangup(),
    "cut after the head": lambda size: Cut(0),
    "cut in the middle": lambda size: Cut(size // 2),
    "cut before the end is told": lambda size: Cut(10**9),
    "ended before the first byte": lambda size: CleanEnd(0),
    "ended in the middle": lambda size: CleanEnd(size // 2),
    "ended one byte too early": lambda size: CleanEnd(max(0, size - 1)),
    "kubo's disk fails": lambda size: DISK_ERROR,
    "kubo is stopped": lambda size: kubo_error("context canceled"),
    "forbidden": lambda size: forbidden(),
    "a page": lambda size: page(),
    "a page with 500": lambda size: page(500),
    "wrong JSON": lambda size: json_answer({"Unexpected": 1}),
    "a number": lambda size: json_answer(1),
    "no JSON": lambda size: Answer(b"\xff\x00{"),
    LONG: lambda size: LongLine(),
}
UNMARKED = {
    ("preview_gc", "refs/local"), ("preview_gc", "refs"), ("get_blocks, fetched", "pin/add"),
    ("collect_garbage", "refs/local"), ("collect_garbage", "refs"), ("collect_garbage", "repo/gc"),
}  # fmt: skip
"""Streams whose end Kubo does not mark, in calls that believe nothing but numbers from them."""


async def answers_of(call: Call, site: Site) -> dict[str, int]:
    """The commands that a call uses, with the length of their longest answers; the call is right."""
    sizes: dict[str, int] = {}

    async def measure(step: Step) -> None:
        if step.moment is Moment.ANSWERED:
            sizes[step.request.path] = max(sizes.get(step.request.path, 0), step.done)

    async with node_behind_a_proxy(site.daemon, stall_s=30) as (node, proxy):
        proxy.watch = measure
        call.believed(site, await call.run(node, site))
    return sizes


async def judge(name: str, site: Site, path: str, fault: Fault) -> str | None:
    """Run a call against a fault; what is wrong with how it ended, None when all is well."""
    call = CALLS[name]
    # a block that the daemon cannot read, while it answers otherwise, may be told as damaged
    is_damage = path == "block/get" and fault == DISK_ERROR
    async with node_behind_a_proxy(site.daemon) as (node, proxy):
        proxy.faults[path] = fault
        try:
            async with asyncio.timeout(PATIENCE_S):
                result = await call.run(node, site)
        except (NodeRefused, NodeUnreachable) as error:
            return None if str(error).isprintable() else f"says {error!r}"
        except NodeError as error:
            return None if is_damage else f"{error!r}"
        except TimeoutError:
            return f"not done after {PATIENCE_S:g} s"
        if is_damage or (name, path) in UNMARKED:
            return None
        try:
            call.believed(site, result)
        except AssertionError as error:
            return f"believed: {str(error)[:300]}"
        return None


@pytest.mark.parametrize("name", CALLS)
async def test_a_fault_is_a_typed_error_or_harmless(daemon: KuboDaemon, tmp_path: Path, name: str) -> None:
    """Whichever of its requests meets whichever fault."""
    call = CALLS[name]

    def site() -> Site:
        made = Site(daemon, tmp_path, next(NUMBERS))
        call.prepare(made)
        return made

    sizes = await answers_of(call, site())
    paths = sizes.keys() if name == "status" else sizes.keys() - {"version", "repo/stat"}
    if call.commands is not None:
        paths &= call.commands
        assert paths == call.commands
    room = asyncio.Semaphore(AT_ONCE)

    async def one(path: str, words: str, at: Site) -> tuple[str, str, str | None]:
        async with room:
            return path, words, await judge(name, at, path, FAULTS[words](sizes[path]))

    tried = [words for words in FAULTS if words != LONG or name in LONG_IS_TRIED]
    runs = [one(path, words, site()) for words in tried for path in sorted(paths)]
    wrong = [(path, words, what) for path, words, what in await asyncio.gather(*runs) if what]
    assert not wrong
    assert daemon.pins()[THEIRS.root] == "photos"


@pytest.mark.parametrize("name", ["walk", "pin", "pins", "dag_blocks", "get_blocks, a few", "read_file"])
async def test_a_daemon_that_is_killed_is_unreachable(tmp_path: Path, name: str) -> None:
    """The call that meets it says so, and the next one: nothing is missing, damaged or no longer pinned."""
    repo = KuboRepo.make(ipfs_command(), tmp_path / "repo")
    with repo.start() as daemon:
        site = Site(daemon, tmp_path, next(NUMBERS))
        CALLS[name].prepare(site)

        async def kill(step: Step) -> None:
            daemon.kill()

        async with node_behind_a_proxy(daemon, stall_s=10) as (node, proxy):
            await node.status()
            proxy.watch = kill
            with pytest.raises(NodeUnreachable, match="broke off"):
                await CALLS[name].run(node, site)
            with pytest.raises(NodeUnreachable):
                await node.pins()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_daemon_that_goes_away_in_a_walk_is_no_damage(tmp_path: Path, number: signal.Signals) -> None:
    """What came was good, and what did not come is not told as missing."""
    repo = KuboRepo.make(ipfs_command(), tmp_path / "repo")
    big = large_release()
    with repo.start() as daemon:
        daemon.put(big.blocks.items())
        seen = []
        async with node_behind_a_proxy(daemon, stall_s=10) as (node, _):
            with pytest.raises(NodeUnreachable):
                async for block in node.walk(big.root):
                    seen.append(block.fault)
                    if len(seen) == 8:
                        os.kill(daemon.pid, number)
        assert 8 <= len(seen) < len(big.blocks)
        assert set(seen) == {None}


@cache
def large_release() -> Dag:
    """More than the sockets between a node and its daemon hold."""
    return make_release({BIG: shake_128(b"large").digest(24_000_000)})


CANCELLED: dict[str, tuple[str, Callable[[KuboNode], Awaitable[object]]]] = {
    "pin": ("pin/add", lambda node: node.pin(ABSENT.root, "ours")),
    "pin, with hints": (
        "pin/add",
        lambda node: node.pin(ABSENT.root, "ours", hints=PinHints(files=((ABSENT.files[BIG][0], 10**6),))),
    ),
    "get_blocks, one": ("block/get", lambda node: blocks_of(node.get_blocks([ABSENT.root], Reach.NETWORK))),
    "get_blocks, many": (
        "pin/add", lambda node: blocks_of(node.get_blocks(list(ABSENT.blocks), Reach.NETWORK)),
    ),
    "repair": ("block/get", lambda node: node.repair([ABSENT.root])),
}  # fmt: skip


@pytest.mark.parametrize("name", CANCELLED)
async def test_a_cancelled_call_frees_the_daemon(daemon: KuboDaemon, name: str) -> None:
    """It works on it no more, wants nothing any more, and keeps no pin of it."""
    command, start = CANCELLED[name]
    before = daemon.pins()
    async with node_behind_a_proxy(daemon, stall_s=30) as (node, proxy):
        task = asyncio.ensure_future(start(node))
        await proxy.wait_until(lambda: bool(proxy.asked(command)))
        await asyncio.to_thread(wait_until, lambda: command in active(daemon) and bool(daemon.wants()))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(wait_until, lambda: command not in active(daemon) and not daemon.wants())
    assert daemon.pins() == before


def active(daemon: KuboDaemon) -> set[str]:
    """What it is working on."""
    return {entry["Command"] for entry in json.loads(daemon.call("diag/cmds")) if entry["Active"]}


async def test_a_walk_that_is_left_frees_the_daemon(daemon: KuboDaemon) -> None:
    """The export stops where nobody reads on."""
    big = large_release()
    daemon.put(big.blocks.items())
    async with node_behind_a_proxy(daemon, stall_s=30) as (node, _):
        async with aclosing(node.walk(big.root)) as blocks:
            assert (await anext(blocks)).cid == big.root
        await asyncio.to_thread(wait_until, lambda: "dag/export" not in active(daemon))
