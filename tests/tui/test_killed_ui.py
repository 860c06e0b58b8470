"""The real program in a terminal, ended in the middle of a pin: the next run goes on where it was."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.config import Config, NodeConfig
from ipwhl_mirror.services import overview, releases
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from tests.simulators.gateway import SimulatedGateway
from tests.simulators.terminal import Terminal
from tests.simulators.wheels import SampleRelease, sample_release, sample_wheels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PADDING = 2_000_000
SLACK = 8 * 300_000
"""What of a wheel may have been on the way, in bytes: a block of each of eight fetches at once."""


@pytest.fixture(scope="module")
def large() -> SampleRelease:
    """Three wheels of two megabytes, and three small ones."""
    return sample_release(sample_wheels(padding=PADDING))


def command(data_dir: Path, gateway: SimulatedGateway) -> list[str]:
    words = ["--node", "embedded", "--gateway", gateway.url, "--data-dir", str(data_dir)]
    return [sys.executable, "-m", "ipwhl_mirror", *words]


def settings(data_dir: Path, gateway: SimulatedGateway) -> Settings:
    config = Config(node=NodeConfig(spec="embedded", gateways=(gateway.url,)))
    return Settings(data_dir=data_dir, config=config)


async def track(data_dir: Path, gateway: SimulatedGateway, release: SampleRelease) -> None:
    """Know the release, without a wheel of it."""
    async with Session.open(settings(data_dir, gateway)) as session:
        await releases.track(session, release.root, label="one")


async def pinned_bytes(data_dir: Path, gateway: SimulatedGateway) -> tuple[int, int]:
    """Bytes of the release, and those of them that are pinned."""
    async with Session.open(settings(data_dir, gateway)) as session:
        (status,) = (await overview.status(session)).releases
        return status.tracked.bytes, status.pinned_bytes


async def begin_pin(terminal: Terminal, gateway: SimulatedGateway) -> None:
    """Pin all of it; return when half of it has come, and nothing more comes."""

    def ask() -> None:
        terminal.wait_for("one ")
        terminal.type("p")
        terminal.wait_for("to fetch")
        terminal.type("y")
        # told by the node, so it is on its disk
        terminal.wait_until(
            lambda: re.search(r"job 1 (4[0-9]|[5-9][0-9]) %", terminal.text) is not None, "half"
        )

    gateway.pause_at(gateway.bytes_served + PADDING * 3 // 2)
    await asyncio.to_thread(ask)


def unfinished(data_dir: Path) -> list[str]:
    """Titles in the list of unfinished jobs."""
    path = data_dir / "unfinished.json"
    return [job["title"] for job in json.loads(path.read_bytes())["jobs"]] if path.exists() else []


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=lambda end: end.name)
async def test_a_pin_goes_on_after_the_ui_was_ended(
    end: signal.Signals, large: SampleRelease, tmp_path: Path
) -> None:
    """Whatever ends it: the next start queues the pin by itself, fetches what is missing and no more, and
    says that it did; then nothing is left to do."""
    async with SimulatedGateway(large.blocks) as gateway:
        await track(tmp_path, gateway, large)
        before = gateway.bytes_served
        with Terminal(command(tmp_path, gateway), columns=80, lines=24) as terminal:
            await begin_pin(terminal, gateway)
            terminal.signal(end)
            await asyncio.to_thread(terminal.wait_for_end)
        assert unfinished(tmp_path) == ["pin all of one"]
        first = gateway.bytes_served - before
        gateway.pause_at(None)
        with Terminal(command(tmp_path, gateway), columns=80, lines=24) as terminal:
            await asyncio.to_thread(terminal.wait_for, "goes on")
            await asyncio.to_thread(terminal.wait_for, "● one")
            terminal.type("5")
            await asyncio.to_thread(terminal.wait_for, "resumed")
            await asyncio.to_thread(terminal.wait_for, "pinned;")
            terminal.type("q")
            assert await asyncio.to_thread(terminal.wait_for_end) == 0
        total, pinned = await pinned_bytes(tmp_path, gateway)
        second = gateway.bytes_served - before - first
        assert pinned == total
        assert first > PADDING
        assert second < total - first + SLACK
        assert unfinished(tmp_path) == []


async def test_what_is_cancelled_does_not_come_back(large: SampleRelease, tmp_path: Path) -> None:
    """`x`, then kill -9: the next start does nothing by itself."""
    async with SimulatedGateway(large.blocks) as gateway:
        await track(tmp_path, gateway, large)
        with Terminal(command(tmp_path, gateway), columns=80, lines=24) as terminal:
            await begin_pin(terminal, gateway)
            terminal.type("5x")
            await asyncio.to_thread(terminal.wait_for, "cancelled")
            terminal.settle()
            terminal.signal(signal.SIGKILL)
            await asyncio.to_thread(terminal.wait_for_end)
        assert unfinished(tmp_path) == []


@contextlib.contextmanager
def held_by_another(data_dir: Path) -> Iterator[Callable[[], None]]:
    """Another run changes the data directory; a call lets it end."""
    handle = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.ftruncate(handle, 0)
        os.pwrite(handle, b"sync, process 17\n", 0)
        yield lambda: fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)


async def test_a_job_waits_for_another_run(large: SampleRelease, tmp_path: Path) -> None:
    """The screen says who holds the data directory and goes on working; the job is done when that has
    ended."""
    async with SimulatedGateway(large.blocks) as gateway:
        await track(tmp_path, gateway, large)
        with (
            held_by_another(tmp_path) as let_go,
            Terminal(command(tmp_path, gateway), columns=80, lines=24) as terminal,
        ):
            await asyncio.to_thread(terminal.wait_for, "one ")
            terminal.type("V5")
            await asyncio.to_thread(terminal.wait_for, "waits for another run: sync")
            terminal.type("l")
            await asyncio.to_thread(terminal.wait_for, "(sync, process 17)")
            let_go()
            await asyncio.to_thread(terminal.wait_for, "the wait is over")
            await asyncio.to_thread(terminal.wait_for, "nothing to verify")
            terminal.type("\x1b")
            await asyncio.to_thread(terminal.wait_for, "JOB")
            assert "● done" in terminal.text
            terminal.type("q")
            assert await asyncio.to_thread(terminal.wait_for_end) == 0
