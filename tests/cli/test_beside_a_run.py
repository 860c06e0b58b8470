"""What another process may do while a `sync` runs, and what it may do without a free byte: real processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.mirror_world import Campus, release
from tests.simulators.gateway import SimulatedGateway
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def campus(tmp_path: Path) -> AsyncIterator[Campus]:
    """At r1, with r2 announced; its origin answers nothing until it is released."""
    async with SimulatedGateway({}) as origin:
        campus = Campus(directory=tmp_path, origin=origin, key=make_key(tmp_path / "id"))
        table = '[mirror.campus]\nsource = "campus"\nplatforms = ["linux-x86_64"]\nstale_after = 9\n'
        (tmp_path / "config.toml").write_text(f"[storage]\nreserve_free = 0\n{table}")
        await campus.announce("r1", release("1.0"))
        await campus.follow()
        assert (await campus.sync()).error is None
        await campus.announce("r2", release("2.0"))
        yield campus


async def start(campus: Campus, *arguments: str, limit: Callable[[], None] | None = None) -> Process:
    """A process of its own on the campus' data.

    Args:
        limit: called in it before the program begins.
    """
    where = ["--data-dir", str(campus.directory / "data"), "--config", str(campus.directory / "config.toml")]
    node = ["--node", "embedded", "--gateway", campus.origin.url]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-B", "-m", "ipwhl_mirror", *where, *node, *arguments),
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("IPWHL_MIRROR_")},
        preexec_fn=limit,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(
    campus: Campus, *arguments: str, limit: Callable[[], None] | None = None
) -> tuple[int | None, str, str]:
    """Its exit code, stdout and stderr."""
    process = await start(campus, *arguments, limit=limit)
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


def without_a_free_byte() -> None:
    """As on a disk with 0 bytes free: no file grows."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@contextlib.asynccontextmanager
async def syncing(campus: Campus) -> AsyncIterator[Process]:
    """A `sync` that holds the lock and waits for the wheels of r2."""
    async with campus.session() as session:
        from ipwhl_mirror.services import sources

        await sources.update(session, ["campus"])
    campus.origin.hold()
    asked = len(campus.origin.requests)
    process = await start(campus, "sync")
    await campus.origin.wait_for_requests(asked + 1)
    try:
        yield process
    finally:
        campus.origin.release()
        if process.returncode is None:
            await process.communicate()


def mirror_of(output: str) -> dict[str, Any]:
    """The one mirror in `status --json`."""
    (mirror,) = json.loads(output)["mirrors"]
    assert isinstance(mirror, dict)
    return mirror


async def test_a_second_run_ends_with_7(campus: Campus) -> None:
    """Whatever it would change; it names who holds the lock, and harms nothing of the first."""
    async with syncing(campus) as first:
        for command in (("sync",), ("pin", "r1"), ("unpin", "--yes", "r1"), ("untrack", "r2")):
            code, _, said = await run(campus, "--timeout", "0", *command)
            assert (code, "sync campus" in said) == (7, True), (command, said)
        campus.origin.release()
        output, _ = await first.communicate()
        assert (first.returncode, output.startswith(b"campus: r1 -> r2, ")) == (0, True), output


@pytest.mark.parametrize("limit", [None, without_a_free_byte], ids=["some room", "no free byte"])
async def test_status_beside_a_run(campus: Campus, limit: Callable[[], None] | None) -> None:
    """It says what is served, that a run goes on, and of the release on its way that nothing is pinned."""
    async with syncing(campus):
        code, output, errors = await run(campus, "--json", "status", "--fail-stale", limit=limit)
        assert (code, errors) == (0, "")
        mirror = mirror_of(output)
        assert (mirror["label"], mirror["stale"]) == ("r1", None)
        assert (mirror["last"]["outcome"], mirror["last"]["ended_at"]) == ("running", None)
        assert mirror["last"]["succeeded_at"] is not None
        releases = {each["label"]: each for each in json.loads(output)["releases"]}
        (pin,) = releases["r1"]["pins"]
        assert pin["verified_at"] is not None
        assert releases["r2"]["pins"] == []
        assert sum(row["pinned_wheels"] for row in releases["r2"]["platforms"]) == 0


async def test_status_on_a_full_disk(campus: Campus) -> None:
    """The same figures as with room, and nothing changed by asking; what must write ends with 5."""
    expected = await run(campus, "--json", "status")
    full = await run(campus, "--json", "status", limit=without_a_free_byte)
    assert (full[0], full[2]) == (0, "")
    figures, others = json.loads(full[1]), json.loads(expected[1])
    for document in (figures, others):
        del document["node"]["free_bytes"], document["node"]["free_inodes"]
    assert figures == others
    code, _, errors = await run(campus, "pin", "r1", limit=without_a_free_byte)
    assert (code, "free some disk space" in errors) == (5, True), errors
    assert mirror_of((await run(campus, "--json", "status"))[1])["label"] == "r1"
