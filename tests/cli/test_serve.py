"""`serve` as a service: real processes, a signed feed, a service manager's socket and signals."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import sys
from random import Random
from typing import TYPE_CHECKING

import msgspec
import pytest

from ipwhl_mirror.config import Config
from tests.exposition import figure
from tests.mirror_world import Campus, release
from tests.simulators.gateway import SimulatedGateway
from tests.simulators.serving import Serving
from tests.simulators.wheels import LINUX as LINUX_TAG
from tests.simulators.wheels import sample_release, sample_wheels
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed"),
    pytest.mark.usefixtures("signals_count"),
]
OLD = release("1.0")
NEW = release("1.0", other="1.1")
BIG = f"native-9.0-{LINUX_TAG}.whl"
BIG_SIZE = 24_000_000
"""Bytes that no socket buffers hold."""
LEAVES_WITHIN_S = 5.0 + 3.0
"""As promised, and what a busy machine adds to the end of a process."""


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("key") / "id")


class Site:
    """A campus, and the file that configures its `serve`."""

    def __init__(self, campus: Campus) -> None:
        self.campus = campus
        self.file = campus.directory / "config.toml"
        self.configure()

    def configure(self, *mirrors: str, node: str = "", **serve: object) -> None:
        """Write the file anew.

        Args:
            mirrors: tables, in TOML, besides `[mirror.campus]`.
            serve: keys of `[serve]`.
        """
        settings = {"sync_jitter": 0, "sync_every": 3600, **serve}
        lines = ["[serve]", *(f"{name} = {json.dumps(value)}" for name, value in settings.items())]
        lines += ["[node]", f"stall_timeout = 60\n{node}", "[storage]", "reserve_free = 0"]
        lines += ["[mirror.campus]", 'source = "campus"', 'platforms = ["linux-x86_64"]', *mirrors]
        self.file.write_text("\n".join(lines) + "\n")

    def serve(self, *arguments: str, watchdog_s: float = 0) -> AbstractAsyncContextManager[Serving]:
        """Start it."""
        where = ["--data-dir", str(self.campus.directory / "data"), "--config", str(self.file)]
        node = ["--node", "embedded", "--gateway", self.campus.origin.url]
        return Serving.start(self.campus.directory, *where, *node, *arguments, watchdog_s=watchdog_s)

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Another process beside it: its exit code, and what it said."""
        where = ["--data-dir", str(self.campus.directory / "data"), "--config", str(self.file)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ipwhl_mirror", "--node", "embedded", *where, *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode is not None
        return process.returncode, (output or errors).decode()


@pytest.fixture
async def site(tmp_path: Path, key: Path) -> AsyncIterator[Site]:
    """It follows a feed that has announced one release, and has mirrored nothing yet."""
    async with SimulatedGateway({}) as origin:
        campus = Campus(directory=tmp_path, origin=origin, key=key)
        await campus.announce("r1", OLD)
        await campus.follow()
        yield Site(campus)


async def test_a_day_of_a_service(site: Site, tmp_path: Path) -> None:
    """Started by a manager: it goes to the release, tells everybody, reads its configuration again, and ends
    with 0. On stdout is one document, on stderr one event a line."""
    textfile = tmp_path / "ipwhl.prom"
    site.configure(metrics_file=str(textfile))
    async with site.serve(watchdog_s=0.2) as serving:
        assert await serving.notified("READY") == "1"
        done = await serving.event("sync-done")
        assert (done["mirror"], done["label"], done["changed"]) == ("campus", "r1", True)
        await serving.event("next-sync")
        assert await serving.notified("STATUS") == "campus: at r1"
        assert await serving.notified("WATCHDOG") == "1"
        page = await serving.client.get("/simple/campus/native/")
        assert (page.status, [*page.links()]) == (200, [f"native-1.0-{LINUX_TAG}.whl"])
        health = await serving.client.get("/healthz")
        assert re.fullmatch(r"ok\ncampus: r1, good run \S+Z\n", health.text), health.text
        scraped = (await serving.client.get("/metrics")).text
        for text in (scraped, textfile.read_text()):
            assert figure(text, "last_run_ok", mirror="campus") == 1
            assert figure(text, "next_sync_timestamp_seconds", mirror="campus") is not None

        site.file.write_text("[mirror.campus]\nsource = 3\n")
        serving.send(signal.SIGHUP)
        failed = await serving.event("reload-failed")
        assert f"{site.file}:2: Expected `str`, got `int`" in failed["reason"]
        assert int(await serving.notified("MONOTONIC_USEC")) > 0
        assert await serving.notified("READY") == "1"

        await site.campus.announce("r2", NEW)
        site.configure(
            '[mirror.lab]\nsource = "campus"', node="concurrency = 2", hosts=["mirror.example.org"]
        )
        refused = await serving.client.get("/healthz", Host="mirror.example.org")
        serving.send(signal.SIGHUP)
        reloaded = await serving.event("reloaded")
        assert (reloaded["mirrors"], reloaded["restart"]) == (2, "[node]")
        answered = await serving.client.get("/healthz", Host="mirror.example.org")
        assert (refused.status, answered.status) == (421, 200)
        assert (await serving.event("sync-done"))["mirror"] == "lab"
        assert [*(await serving.client.get("/simple/")).links()] == ["campus", "lab"]

        assert await serving.end(signal.SIGTERM) == 0
    assert json.loads(serving.output) == {**json.loads(serving.output), "url": serving.url}
    assert serving.events[-1]["kind"] == "stopping"
    async with site.campus.session() as session:
        assert session.state.setting("next sync campus") == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_ends_at_once_when_nothing_runs(number: signal.Signals, site: Site) -> None:
    """With 0, whoever ends it, and the service manager is told."""
    site.configure(sync_every=0)
    async with site.serve() as serving:
        assert await serving.end(number, within_s=LEAVES_WITHIN_S) == 0
        assert await serving.notified("STOPPING") == "1"


@pytest.mark.parametrize("busy", ["fetching", "in a hook"])
async def test_is_gone_within_five_seconds_whatever_runs(busy: str, site: Site) -> None:
    """A client that takes nothing of a large wheel, and a run that waits for a source that sends nothing, or
    for a hook that does not want to end. The next run resumes."""
    big = sample_release({**sample_wheels(), ("native", BIG): Random(0).randbytes(BIG_SIZE)})
    await site.campus.announce("r2", big)
    assert (await site.campus.sync()).error is None
    if busy == "fetching":
        await site.campus.announce("r3", release("3.0"))
        site.campus.origin.hold()
    else:
        site.file.chmod(0o600)
        with site.file.open("a") as opened:
            opened.write("""on_success = ["sh", "-c", "trap '' TERM; echo > began; sleep 60"]\n""")
    asked = len(site.campus.origin.requests)
    async with site.serve() as serving:
        page = await serving.client.get("/simple/campus/native/")
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.client.port)
        target = page.links()[BIG].removeprefix("../../..")
        writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert b" 200 OK" in await reader.readline()
        if busy == "fetching":
            await serving.event("sync-started")
            await site.campus.origin.wait_for_requests(asked + 1)
        else:
            await serving.event("sync-done")
        assert await serving.end(signal.SIGTERM, within_s=LEAVES_WITHIN_S) == 0
        writer.close()
    site.campus.origin.release()
    report = await site.campus.sync()
    assert (report.error, report.current is not None and report.current.label) == (
        None,
        "r3" if busy == "fetching" else "r2",
    )


async def test_requests_are_answered_while_a_run_waits(site: Site) -> None:
    """And another process that wants to run is told who holds the lock."""
    await site.campus.sync()
    await site.campus.announce("r2", release("2.0"))
    site.campus.origin.hold()
    asked = len(site.campus.origin.requests)
    async with site.serve() as serving:
        await serving.event("sync-started")
        await site.campus.origin.wait_for_requests(asked + 1)
        for target in ("/healthz", "/metrics", "/simple/campus/", "/simple/campus/native/"):
            assert (await serving.client.get(target)).status == 200
        code, said = await site.run("--timeout", "0", "sync")
        assert (code, "update" in said) == (7, True), said
        code, said = await site.run("--json", "status")
        (mirror,) = json.loads(said)["mirrors"]
        assert (code, mirror["label"], mirror["stale"]) == (0, "r1", None)
        site.campus.origin.release()
        assert (await serving.event("sync-done"))["label"] == "r2"
        page = await serving.client.get("/simple/campus/native/")
        assert [*page.links()] == [f"native-2.0-{LINUX_TAG}.whl"]
        assert await serving.end(signal.SIGTERM) == 0


async def test_a_switch_by_another_process_is_seen_at_once(site: Site) -> None:
    """With sync_every = 0 `serve` runs none; a timer's `sync` beside it does."""
    site.configure(sync_every=0)
    async with site.serve() as serving:
        assert (await serving.client.get("/simple/campus/")).status == 404
        for label, made in (("r1", None), ("r2", NEW)):
            if made is not None:
                await site.campus.announce(label, made)
            report = await site.campus.sync()
            assert report.current is not None
            answer = await serving.client.get("/simple/campus/")
            assert (answer.status, answer.headers["x-ipwhl-release"]) == (200, str(report.current.cid))
        assert [event["kind"] for event in serving.events] == ["serve-started"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('on_new = ["/nowhere/hook"]', "on_new: /nowhere/hook is no program"),
        ('lock = ["missing.toml"]', "lock missing.toml: No such file"),
    ],
    ids=["hook", "lock"],
)
def test_does_not_start_with_a_mirror_that_cannot_be_run(line: str, words: str, tmp_path: Path) -> None:
    """Exit code 2, with file and line; nothing was listening."""
    from click.testing import CliRunner

    from ipwhl_mirror.cli.app import cli

    file = tmp_path / "config.toml"
    file.write_text(f'[mirror.campus]\nsource = "campus"\n{line}\n')
    result = CliRunner().invoke(
        cli, ["--data-dir", str(tmp_path / "data"), "--node", "embedded", "--config", str(file), "serve"]
    )
    assert (result.exit_code, words in result.stderr, f"{file}:" in result.stderr) == (2, True, True)
    assert msgspec.structs.asdict(Config())["mirror"] == {}
