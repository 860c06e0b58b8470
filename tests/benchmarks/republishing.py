"""Publishing a lock that did not change, beside publishing it at first: nothing is to be fetched."""

from __future__ import annotations

import asyncio
import shutil
import time
from typing import TYPE_CHECKING

from ipwhl_mirror.services import publishing
from tests.benchmarks.measuring import Figure, require
from tests.services.publishing_world import Index, session_at, wheel
from tests.simulators.locks import LockEntry, lock_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.measuring import Size


def publish_again(size: Size) -> Iterator[Figure]:
    """From an index on loopback; both check the release, and read back what they make."""
    size.directory.mkdir(parents=True, exist_ok=True)
    taken, first = asyncio.run(_measure(size))
    yield Figure(
        name="publish: an unchanged lock",
        work=f"{size.files} wheels, {size.files * size.file_bytes} bytes",
        ours=taken,
        other=first,
        other_way="the first time, from an index on loopback",
    )


async def _measure(size: Size) -> tuple[float, float]:
    async with Index.start() as index:
        wheels = [wheel(f"project-{number}", padding=size.file_bytes) for number in range(size.files)]
        index.offer(*wheels)
        lock = size.directory / "pylock.toml"
        entries = [LockEntry(name=f"project-{number}", files=files) for number, files in enumerate(wheels)]
        lock.write_text(lock_text(*entries, base=index.url))
        known = size.directory / "known"
        await _publish(known, lock)
        again, first = [], []
        for number in range(size.rounds):
            asked = len(index.asked)
            again.append(await _publish(known, lock))
            require(len(index.asked) == asked, "an unchanged lock was fetched again")
            fresh = size.directory / f"fresh-{number}"
            first.append(await _publish(fresh, lock))
            shutil.rmtree(fresh)
        return min(again), min(first)


async def _publish(data: Path, lock: Path) -> float:
    async with session_at(data) as session:
        began = time.perf_counter()
        await publishing.publish(session, publishing.Recipe(inputs=[lock]), label="lab")
        return time.perf_counter() - began
