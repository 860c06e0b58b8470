"""Publishing, fetching and verifying wheels, beside programs that do the least of it.

Source and copies are in the page cache; the fetching store is written to the disk and synced, file by file.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from ipwhl_mirror.config import Config, NodeConfig, StorageConfig
from ipwhl_mirror.domain.checks.findings import Rule
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.services import pinning, publishing, releases, verifying
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from tests.benchmarks.made import write_wheels
from tests.benchmarks.measuring import Figure, Goal, clocked, in_turns, require
from tests.benchmarks.programs import CURL, command, gateway, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.benchmarks.measuring import Size

_PIECE = 1 << 20


def publish(size: Size) -> Iterator[Figure]:
    """Adding, storing durably, reading back and pinning, beside nothing but hashing."""
    wheels = write_wheels(size.directory / "published", size.files, size.file_bytes)

    def ours() -> float:
        settings = _settings(size.directory / "publishing")
        taken = asyncio.run(_publish(settings, wheels))
        shutil.rmtree(settings.data_dir)
        return taken

    taken, other = in_turns(size.rounds, ours, clocked(lambda: [_sha256(path) for path in wheels]))
    yield Figure(
        name="publish",
        work=_work(size),
        ours=taken,
        other=other,
        other_way="hashing the files in Python",
    )


def fetch(size: Size) -> Iterator[Figure]:
    """Fetching the wheels of a tracked release from our gateway, hashed and synced; then pinning it, which
    reads it back too."""
    wheels = write_wheels(size.directory / "fetched", size.files, size.file_bytes)
    source = size.directory / "source"
    options = ("--allow", "metadata-readable")
    published = json.loads(run(command(source, "--json", "publish", *options, *map(str, wheels))))
    root = Cid.parse(published["cid"])
    with gateway(source) as url:
        curl = _curl(size.directory / "curl", url, root, wheels)

        def fetched() -> float:
            return asyncio.run(_fetch(_settings(size.directory / "store", url), root, size.files))

        def pinned() -> float:
            return asyncio.run(_pin(_settings(size.directory / "mirror", url), root, size.files))

        taken, other = in_turns(size.rounds, fetched, curl)
        yield Figure(
            name="fetch: hashed and synced",
            work=_work(size),
            ours=taken,
            other=other,
            other_way="curl -o FILE from the same gateway",
            goal=Goal(ratio=0.4),
        )
        taken, other = in_turns(size.rounds, pinned, curl)
        yield Figure(
            name="pin: fetched, pinned and read back",
            work=_work(size),
            ours=taken,
            other=other,
            other_way="curl -o FILE from the same gateway",
        )


def verify(size: Size) -> Iterator[Figure]:
    """Walking and hashing what is pinned, beside `sha256sum` of the same files."""
    wheels = write_wheels(size.directory / "verified", size.files, size.file_bytes)
    settings = _settings(size.directory / "verifying")
    asyncio.run(_publish(settings, wheels))
    kept = sorted(path for path in (settings.data_dir / "node" / "wheels").rglob("*") if path.is_file())
    require(len(kept) == size.files, f"{len(kept)} files are kept")

    def ours() -> float:
        return asyncio.run(_verify(settings, size.files))

    for other_way, other, goal in (
        ("sha256sum of the same files", lambda: run(["sha256sum", *map(str, kept)]), Goal(ratio=0.8)),
        ("hashing the files in Python", lambda: [_sha256(path) for path in kept], Goal()),
    ):
        taken, beside = in_turns(size.rounds, ours, clocked(other))
        yield Figure(
            name="verify", work=_work(size), ours=taken, other=beside, other_way=other_way, goal=goal
        )


def _work(size: Size) -> str:
    return f"{size.files} wheels, {size.files * size.file_bytes} bytes"


def _settings(data_dir: Path, *gateways: str) -> Settings:
    config = Config(
        node=NodeConfig(spec="embedded", gateways=gateways), storage=StorageConfig(reserve_free=0)
    )
    return Settings(data_dir=data_dir, config=config)


def _sha256(path: Path) -> bytes:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_PIECE))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
    return digest.digest()


async def _publish(settings: Settings, wheels: Sequence[Path]) -> float:
    async with Session.open(settings) as session:
        began = time.perf_counter()
        loaded = await publishing.publish(
            session, publishing.Recipe(inputs=wheels, allowed=frozenset(Rule)), label="one"
        )
        taken = time.perf_counter() - began
    require(loaded.tracked.wheels == len(wheels), "wheels are lost")
    return taken


async def _fetch(settings: Settings, root: Cid, files: int) -> float:
    async with Session.open(settings) as session:
        loaded = await releases.track(session, root, label="one")
        began = time.perf_counter()
        await session.node.pin(root, "all")
        taken = time.perf_counter() - began
        kept = await session.node.whole(wheel.cid for wheel in loaded.release.wheels)
    require(kept is not None and len(kept) == files, f"of {files} wheels are kept: {kept}")
    shutil.rmtree(settings.data_dir)
    return taken


async def _pin(settings: Settings, root: Cid, files: int) -> float:
    async with Session.open(settings) as session:
        await releases.track(session, root, label="one")
        began = time.perf_counter()
        report = await pinning.pin(session, "one", Selection.parse())
        taken = time.perf_counter() - began
    require(report.read_back.wheels == files, f"{report.read_back.wheels} wheels were read back")
    shutil.rmtree(settings.data_dir)
    return taken


async def _verify(settings: Settings, files: int) -> float:
    async with Session.open(settings) as session:
        began = time.perf_counter()
        report = await verifying.verify(session)
        taken = time.perf_counter() - began
    require(report.wheels == files and not report.broken, f"{report.wheels} wheels were read")
    return taken


def _curl(directory: Path, url: str, root: Cid, wheels: Sequence[Path]) -> Callable[[], float]:
    """One curl that gets all wheels, one after the other over one connection."""

    def get() -> float:
        directory.mkdir()
        words = [*CURL]
        for wheel in wheels:
            project = wheel.name.partition("-")[0]
            words += ["-o", str(directory / wheel.name), f"{url}/ipfs/{root}/{project}/{wheel.name}"]
        began = time.perf_counter()
        subprocess.run(words, check=True)
        taken = time.perf_counter() - began
        got = sum(path.stat().st_size for path in directory.iterdir())
        require(got == sum(wheel.stat().st_size for wheel in wheels), f"curl got {got} bytes")
        shutil.rmtree(directory)
        return taken

    return get
