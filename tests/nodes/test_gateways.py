"""The pool: who is asked next, who rests, who is banned, and what is said when nobody gives it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.nodes.base import Transfer
from ipwhl_mirror.nodes.embedded.gateways import GatewayPool
from ipwhl_mirror.nodes.embedded.health import (
    REQUESTS_PER_GATEWAY,
    AttemptFailed,
    Errand,
    Gateway,
    Verdict,
)
from ipwhl_mirror.nodes.errors import BlockNotFound, NodeRefused, NoSource
from tests.simulators.time import FakeTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

A, B, C = "https://a.example", "https://b.example", "https://c.example"
CID = Cid.of(b"something")


@asynccontextmanager
async def open_pool(time: FakeTime, *urls: str) -> AsyncIterator[GatewayPool]:
    async with GatewayPool(urls, Transfer(), clock=time.clock, sleep=time.sleep) as pool:
        yield pool


def script(
    asked: list[str], answers: dict[str, list[AttemptFailed | None]]
) -> Callable[[Gateway], Awaitable[str]]:
    """An `ask` that fails as written for each gateway, and gives its address after that."""

    async def ask(gateway: Gateway) -> str:
        url = str(gateway.address)
        asked.append(url)
        failures = answers.get(url, [])
        failure = failures.pop(0) if len(failures) > 1 else (failures[0] if failures else None)
        if failure is not None:
            raise failure
        return url

    return ask


def absent() -> AttemptFailed:
    return AttemptFailed(Verdict.ABSENT, "does not have it (HTTP 404)")


def unwell() -> AttemptFailed:
    return AttemptFailed(Verdict.UNWELL, "failed (HTTP 500)")


def lied() -> AttemptFailed:
    return AttemptFailed(Verdict.LIED, "sent bytes that are not the block")


def busy(wait_s: float | None) -> AttemptFailed:
    return AttemptFailed(Verdict.BUSY, "is busy (HTTP 429)", wait_s=wait_s)


async def test_repeated_addresses_are_one_gateway() -> None:
    """An address given twice, or with `/ipfs`, is one gateway."""
    async with open_pool(FakeTime(), A, A + "/", A + "/ipfs", B) as pool:
        assert [str(gateway.address) for gateway in pool.gateways] == [A, B]


async def test_no_gateway_is_an_error_with_a_hint() -> None:
    """Without gateways nothing can be had, and the error says how to name one."""
    async with open_pool(FakeTime()) as pool:
        with pytest.raises(NoSource, match="no gateway is configured") as caught:
            await pool.run(Errand(CID), script([], {}))
        assert "--gateway" in (caught.value.hint or "")
        assert not pool.is_usable


async def test_different_errands_go_to_different_gateways() -> None:
    """The gateway with the fewest requests in flight is asked."""
    async with open_pool(FakeTime(), A, B, C) as pool:
        hold = asyncio.Event()
        asked: list[str] = []

        async def ask(gateway: Gateway) -> None:
            asked.append(str(gateway.address))
            await hold.wait()

        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(pool.run(Errand(CID), ask))
            await _settled()
            assert sorted(asked) == [A, A, B, B, C, C]
            hold.set()


async def test_a_gateway_gets_so_many_requests_at_once_and_no_more() -> None:
    """What is above the limit of the only gateway waits for a free place."""
    async with open_pool(FakeTime(), A) as pool:
        hold = asyncio.Event()
        running = peak = done = 0

        async def ask(_: Gateway) -> None:
            nonlocal running, peak, done
            running += 1
            peak = max(peak, running)
            await hold.wait()
            running -= 1
            done += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(REQUESTS_PER_GATEWAY + 8):
                group.create_task(pool.run(Errand(CID), ask))
            await _settled()
            assert running == REQUESTS_PER_GATEWAY
            hold.set()
        assert (peak, done) == (REQUESTS_PER_GATEWAY, REQUESTS_PER_GATEWAY + 8)


async def test_not_found_only_when_every_gateway_says_so() -> None:
    """Each gateway is asked once; the error names each with its reason."""
    async with open_pool(FakeTime(), A, B) as pool:
        asked: list[str] = []
        with pytest.raises(BlockNotFound) as caught:
            await pool.run(Errand(CID), script(asked, {A: [absent()], B: [absent()]}))
        assert asked == [A, B]
        assert caught.value.cid == CID
        assert f"{A}: does not have it (HTTP 404); {B}: does not have it (HTTP 404)" in str(caught.value)
        assert pool.notes == ()


async def test_one_absent_and_one_dead_is_no_source() -> None:
    """As long as one gateway could not say, the block may exist."""
    async with open_pool(FakeTime(), A, B) as pool:
        asked: list[str] = []
        with pytest.raises(NoSource) as caught:
            await pool.run(Errand(CID), script(asked, {A: [absent()], B: [unwell()]}))
        assert asked == [A] + 4 * [B]
        assert f"{A}: does not have it" in str(caught.value)
        assert f"{B}: failed (HTTP 500)" in str(caught.value)


async def test_failed_gateway_rests_longer_each_time() -> None:
    """1, 2 and 4 seconds, then it is given up; one that gave something before: 8 and 16 more."""
    for before, slept in (([], [1, 2, 4]), ([None], [1, 2, 4, 8, 16])):
        time = FakeTime()
        async with open_pool(time, A) as pool:
            for _ in before:
                await pool.run(Errand(CID), script([], {}))
            with pytest.raises(NoSource):
                await pool.run(Errand(CID), script([], {A: [unwell()]}))
            assert time.slept == slept
            assert not pool.is_usable


async def test_busy_gateway_is_given_up_for_all() -> None:
    """What is asked for next does not wait for it anew."""
    time = FakeTime()
    async with open_pool(time, A) as pool:
        ask = script([], {A: [busy(3600)]})
        with pytest.raises(NoSource, match="is busy"):
            await pool.run(Errand(CID), ask)
        assert time.slept == [60, 60]
        with pytest.raises(NoSource, match="failed too often in this run"):
            await pool.run(Errand(CID), ask)
        assert time.slept == [60, 60]
        assert not pool.is_usable


async def test_failed_gateway_is_tried_again_later() -> None:
    """A gateway that failed and recovered gives the block, and starts afresh."""
    time = FakeTime()
    async with open_pool(time, A) as pool:
        failures = [unwell(), unwell(), None]
        assert await pool.run(Errand(CID), script([], {A: failures})) == A
        assert time.slept == [1, 2]
        assert pool.gateways[0].unwell == 0
        assert pool.is_usable


async def test_dead_gateway_does_not_hold_up_the_next_errand() -> None:
    """When every gateway failed too often, the next errand fails at once instead of waiting again."""
    time = FakeTime()
    async with open_pool(time, A) as pool:
        ask = script([], {A: [unwell()]})
        with pytest.raises(NoSource):
            await pool.run(Errand(CID), ask)
        waited = len(time.slept)
        with pytest.raises(NoSource, match="failed too often in this run"):
            await pool.run(Errand(CID), ask)
        assert len(time.slept) == waited


async def test_faults_of_one_moment_count_once() -> None:
    """Eight streams that are cut together are one fault of the gateway, not eight."""
    time = FakeTime()
    async with open_pool(time, A) as pool:
        gateway = pool.gateways[0]
        for _ in range(8):
            gateway.rest(unwell(), time.clock())
        assert gateway.unwell == 1
        assert gateway.rests_until == 1


async def test_well_gateway_is_preferred_to_one_that_failed() -> None:
    """After its rest a gateway that failed is asked only when the others are no choice."""
    time = FakeTime()
    async with open_pool(time, A, B) as pool:
        asked: list[str] = []
        ask = script(asked, {A: [unwell(), None]})
        await pool.run(Errand(CID), ask)
        time.now += 100
        await pool.run(Errand(CID), ask)
        assert asked == [A, B, B]


async def test_liar_is_banned_for_the_run_and_told_once() -> None:
    """Nothing is asked of a gateway after its first lie."""
    async with open_pool(FakeTime(), A, B) as pool:
        asked: list[str] = []
        ask = script(asked, {A: [lied()]})
        for _ in range(3):
            assert await pool.run(Errand(CID), ask) == B
        assert asked == [A, B, B, B]
        assert pool.notes == (
            f"gateway {A} is not used any more in this run: sent bytes that are not the block",
        )


async def test_all_banned_is_no_source_with_the_reasons() -> None:
    """The error says why each gateway is not used."""
    async with open_pool(FakeTime(), A, B) as pool:
        with pytest.raises(NoSource) as caught:
            await pool.run(Errand(CID), script([], {A: [lied()], B: [lied()]}))
        assert str(caught.value).count("not used any more, sent bytes that are not the block") == 2
        assert not pool.is_usable


@pytest.mark.parametrize(
    ("wait_s", "slept"),
    [
        pytest.param(7.0, 7.0, id="as-told"),
        pytest.param(3600.0, 60.0, id="bounded"),
        pytest.param(0.0, 1.0, id="at-least-a-second"),
        pytest.param(None, 1.0, id="not-told"),
    ],
)
async def test_busy_gateway_is_left_alone_as_long_as_it_says(wait_s: float | None, slept: float) -> None:
    """Retry-After is honoured, up to 60 seconds."""
    time = FakeTime()
    async with open_pool(time, A) as pool:
        assert await pool.run(Errand(CID), script([], {A: [busy(wait_s), None]})) == A
        assert time.slept == [slept]


async def test_other_gateways_are_used_while_one_is_busy() -> None:
    """Nobody waits for a busy gateway as long as another is there."""
    time = FakeTime()
    async with open_pool(time, A, B) as pool:
        asked: list[str] = []
        ask = script(asked, {A: [busy(30), None]})
        for _ in range(3):
            assert await pool.run(Errand(CID), ask) == B
        assert asked == [A, B, B, B]
        assert time.slept == []


async def test_busy_gateway_gets_fewer_requests_at_once() -> None:
    """Each 429 halves what is asked at once; what it gives then lets it grow again."""
    time = FakeTime()
    async with open_pool(time, A) as pool:
        gateway = pool.gateways[0]
        gateway.rest(busy(1), time.clock())
        assert gateway.limit == REQUESTS_PER_GATEWAY / 2
        gateway.thrives()
        assert REQUESTS_PER_GATEWAY / 2 < gateway.limit < REQUESTS_PER_GATEWAY / 2 + 1


async def test_a_later_retry_after_extends_the_rest() -> None:
    """Of several answers of one moment the longest wait counts, and the limit is halved once."""
    time = FakeTime()
    async with open_pool(time, A) as pool:
        gateway = pool.gateways[0]
        for wait_s in (5, 20, 10):
            gateway.rest(busy(wait_s), time.clock())
        assert gateway.rests_until == 20
        assert gateway.limit == REQUESTS_PER_GATEWAY / 2


async def test_progress_lets_every_gateway_fail_as_often_again() -> None:
    """An errand that advances is not given up because of failures before."""
    time = FakeTime()
    async with open_pool(time, A) as pool:
        errand = Errand(CID)
        count = 0

        async def ask(gateway: Gateway) -> int:
            nonlocal count
            count += 1
            if count == 30:
                return count
            errand.advance()
            gateway.thrives()
            raise unwell()

        assert await pool.run(errand, ask) == 30
        assert set(time.slept) == {1}


async def test_other_errors_pass_through_and_free_the_place() -> None:
    """An error that is no failed attempt is the caller's, and leaves no request in flight."""
    async with open_pool(FakeTime(), A) as pool:

        async def ask(_: Gateway) -> None:
            raise OSError(28, "no space left")

        with pytest.raises(OSError, match="no space left"):
            await pool.run(Errand(CID), ask)
        assert pool.gateways[0].in_flight == 0


async def test_cancelled_wait_leaves_nothing_behind() -> None:
    """A cancelled errand that waits for a gateway does not use up a place."""
    blocked = asyncio.Event()

    async def sleep(_: float) -> None:
        await blocked.wait()

    async with GatewayPool([A], Transfer(), clock=lambda: 0.0, sleep=sleep) as pool:
        task = asyncio.create_task(pool.run(Errand(CID), script([], {A: [unwell()]})))
        await _settled()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert pool.gateways[0].in_flight == 0
        assert not [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]


async def test_budget_refuses_what_is_above_it() -> None:
    """The byte budget counts payload and is a hard bound."""
    pool = GatewayPool([A], Transfer(byte_budget=100))
    pool.count_payload(60)
    pool.count_payload(40)
    with pytest.raises(NodeRefused, match="budget of 100 bytes"):
        pool.count_payload(1)


async def test_stalled_is_the_time_since_any_byte() -> None:
    """`stalled_s` grows until a byte comes, from whichever gateway."""
    time = FakeTime()
    async with open_pool(time, A) as pool:
        time.now = 12
        assert pool.stalled_s == 12
        pool.count_received(1)
        assert (pool.stalled_s, pool.bytes_received) == (0, 1)


async def _settled() -> None:
    """Let every task run until it waits for something that is not on its way."""
    for _ in range(50):
        await asyncio.sleep(0)
