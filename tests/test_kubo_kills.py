"""kill -9 of the program and of the daemon during pin, successor, unpin and untrack, on a real Kubo.

After each kill the command is run again. Then the pins of other programs are what they were, those of ours
are whole (every block hashed), nothing staged is left, and the program shows what it shows without a kill.
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from tests.kill_points import spread_points
from tests.kubo_kills import OPERATIONS, KillWorld, Rehearsal, Victim, offer_everything
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.simulators.forked_program import ProgramServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kubo

RESUMABLE = {0, 3, 6}
"""Exit codes of a run whose daemon was killed: done, partial, node unreachable."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillWorld]:
    """A peer that has both releases, and the program."""
    directory = tmp_path_factory.mktemp("kills")
    repo = KuboRepo.make(ipfs_command(), directory / "peer")
    with repo.start() as peer, ProgramServer(directory) as server:
        offer_everything(peer)
        yield KillWorld(ipfs_command(), directory, peer, server)


@pytest.fixture(scope="module")
def rehearsals() -> dict[str, Rehearsal]:
    """Those made so far."""
    return {}


async def rehearsal_of(name: str, world: KillWorld, known: dict[str, Rehearsal]) -> Rehearsal:
    """How an operation goes without a kill."""
    if name not in known:
        known[name] = await world.rehearse(OPERATIONS[name])
    return known[name]


async def survive(world: KillWorld, name: str, victim: Victim, rehearsal: Rehearsal, count: int) -> None:
    """Kill at so many points, each from the same state."""
    operation = OPERATIONS[name]
    points = spread_points(rehearsal.moments, rehearsal.fetched, count)
    assert len(points) >= 5
    for point in points:
        async with world.stage(operation.start) as stage:
            running = await stage.kill_at(point, victim, *operation.arguments)
            code = await asyncio.to_thread(running.wait)
            if victim is Victim.DAEMON:
                assert code in RESUMABLE, f"{point}: {running.output}"
                assert "Traceback" not in running.output
                stage.daemon.restart()
                await stage.connect()
            else:
                assert code == -signal.SIGKILL, f"{point}: {running.output}"
            if await stage.shown() != rehearsal.outcome.shown:
                await stage.run(*operation.arguments)
            assert await stage.outcome() == rehearsal.outcome, point


@pytest.mark.parametrize("victim", Victim, ids=lambda victim: victim.value)
@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_kill_loses_nothing_and_the_next_run_resumes(
    world: KillWorld, rehearsals: dict[str, Rehearsal], name: str, victim: Victim
) -> None:
    """At five points of each."""
    await survive(world, name, victim, await rehearsal_of(name, world, rehearsals), 5)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("victim", Victim, ids=lambda victim: victim.value)
@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_hundred_kills_lose_nothing(
    world: KillWorld, rehearsals: dict[str, Rehearsal], name: str, victim: Victim
) -> None:
    """At a hundred, or at every one there is."""
    await survive(world, name, victim, await rehearsal_of(name, world, rehearsals), 100)
