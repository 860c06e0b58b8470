"""Bring wheels that a lock names by address into the data directory, a few at a time.

They go to `downloads/<SHA-256>.whl`, and until they are complete to `...whl.part`, so that the next run goes
on with them whatever lock names them then. One that fails does not stop the others; in the end all that
failed are told, each with its address and what to do. Which hosts may be asked is that of sources.

Files that no publish came to use are removed by `tidy` when nobody touched them for KEPT_S.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import shutil
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.figures import plural, size
from ipwhl_mirror.domain.input_wheels import AtAddress
from ipwhl_mirror.domain.progress import Meter
from ipwhl_mirror.gateway.wheel_reading import file_bytes
from ipwhl_mirror.ipld.errors import IpldError
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound
from ipwhl_mirror.services.errors import GuardRefused, KeptPartly, TransferFailed, WheelRefused
from ipwhl_mirror.services.events import Phase, Progress, ProgressSink, ignore
from ipwhl_mirror.sources.download_files import Wanted, discard, is_complete, keep
from ipwhl_mirror.sources.downloads import Downloader, Watcher
from ipwhl_mirror.sources.errors import SourceError, SourceMalformed
from ipwhl_mirror.sources.web import Reachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from ipwhl_mirror.domain.input_wheels import InputWheel
    from ipwhl_mirror.services.session import Session

DIRECTORY = "downloads"
KEPT_S = 30 * 86400.0
_LOOK_AFTER = 64 << 20
"""Bytes after which the room on the disk is looked at again."""
_TELL_EVERY_S = 0.5
_SUFFIXES = (".whl", ".part")
_ROOM = "choose less (-p, --python, --exclude), free some space, or lower [storage] reserve_free"


def directory_of(session: Session) -> Path:
    """Where downloads are."""
    return session.settings.data_dir / DIRECTORY


def reachable_of(session: Session) -> Reachable:
    """Which hosts of private networks the configuration allows."""
    return Reachable(private_hosts=frozenset(session.settings.config.sources.private_hosts))


def wanted_of(wheel: InputWheel, directory: Path) -> Wanted:
    """What is to be fetched of a wheel that is AtAddress."""
    assert isinstance(wheel.place, AtAddress) and wheel.sha256 is not None, "a wheel of a lock"
    path = directory / f"{wheel.sha256.hex()}.whl"
    return Wanted(url=wheel.place.url, path=path, sha256=wheel.sha256, size=wheel.size)


def bytes_to_come(session: Session, wheels: Iterable[InputWheel]) -> int:
    """What is still to be fetched of wheels that are AtAddress, as far as their sizes are known."""
    directory, left = directory_of(session), 0
    for wanted in dict.fromkeys(wanted_of(wheel, directory) for wheel in wheels):
        here = [path.stat().st_size for path in (wanted.path, wanted.part) if path.is_file()]
        left += max((wanted.size or 0) - max(here, default=0), 0)
    return left


def check_room(session: Session, left: int) -> None:
    """Make sure that so many bytes fit on the disk.

    Raises:
        GuardRefused: less would stay free than is configured.
    """
    directory = session.settings.data_dir
    free = shutil.disk_usage(next(each for each in (directory, *directory.parents) if each.is_dir())).free
    reserve = session.settings.config.storage.reserve_free
    if free - left < reserve:
        raise GuardRefused(
            f"{size(left)} to fetch into {directory}, {size(free)} free, and {size(reserve)} are to "
            "stay free",
            hint=_ROOM,
        )


async def bring(
    session: Session,
    wheels: Sequence[InputWheel],
    sink: ProgressSink = ignore,
    *,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> tuple[Path, ...]:
    """Make the files of wheels that are AtAddress complete. The caller holds the data directory's lock.

    Args:
        pause: waits so many seconds before a server is asked again.

    Returns:
        Where they are, in the order of the wheels.

    Raises:
        KeptPartly, WheelRefused, GuardRefused, TransferFailed: see `publish_inputs.fetch`.

    On cancel: what came is kept.
    """
    directory = directory_of(session)
    try:
        await asyncio.to_thread(directory.mkdir, mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise TransferFailed(f"{directory} cannot be made: {error.strerror}") from error
    wanted = [wanted_of(wheel, directory) for wheel in wheels]
    unique = {each.path: (each, wheel) for each, wheel in zip(wanted, wheels, strict=True)}
    run = _Run(session, sink, len(unique))
    teller = asyncio.create_task(run.tell_often())
    try:
        async with Downloader(reachable_of(session), pause=pause) as downloader:
            turn = asyncio.Semaphore(session.settings.transfer.concurrency)
            async with asyncio.TaskGroup() as group:
                for each, wheel in unique.values():
                    group.create_task(run.bring(turn, downloader, each, wheel))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    finally:
        teller.cancel()
        await asyncio.gather(teller, return_exceptions=True)
    run.tell()
    run.check()
    return tuple(each.path for each in wanted)


@dataclass(slots=True)
class _Count(Watcher):
    """Bytes of one wheel that are here, and how many it has."""

    run: _Run
    size: int | None
    here: int = 0

    def has(self, count: int) -> None:
        grown, self.here = count - self.here, count
        self.run.look(max(grown, 0))

    def sized(self, size: int) -> None:
        self.size = size

    def noted(self, note: str) -> None:
        self.run.tell(note)


@dataclass(slots=True)
class _Run:
    """One run: what came, and what failed."""

    session: Session
    sink: ProgressSink
    wheels: int
    counts: dict[Path, _Count] = field(default_factory=dict)
    complete: int = 0
    failed: list[tuple[InputWheel, SourceError]] = field(default_factory=list)
    meter: Meter = field(init=False)
    unlooked: int = _LOOK_AFTER

    def __post_init__(self) -> None:
        self.meter = Meter(clock=self.session.monotonic)

    async def bring(
        self, turn: asyncio.Semaphore, downloader: Downloader, wanted: Wanted, wheel: InputWheel
    ) -> None:
        count = self.counts[wanted.path] = _Count(self, wanted.size)
        try:
            async with turn:
                if not await asyncio.to_thread(is_complete, wanted) and not await self._copied(wheel, wanted):
                    await downloader.download(wanted, count)
            count.here = count.size = await asyncio.to_thread(lambda: wanted.path.stat().st_size)
            self.complete += 1
        except SourceError as error:
            self.failed.append((wheel, error))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise GuardRefused(f"{wanted.path.parent}: the disk is full", hint=_ROOM) from error
            raise TransferFailed(f"{wanted.path.parent} cannot be written: {error.strerror}") from error

    async def _copied(self, wheel: InputWheel, wanted: Wanted) -> bool:
        """Whether the wheel was written from the node."""
        assert isinstance(wheel.place, AtAddress), "a wheel of a lock"
        cid = wheel.place.on_node
        if cid is None:
            return False
        try:
            length = await self.session.node.file_size(cid)
            with await asyncio.to_thread(wanted.part.open, "wb") as file:
                async with aclosing(file_bytes(self.session.node, cid, 0, length)) as pieces:
                    async for piece in pieces:
                        await asyncio.to_thread(file.write, piece)
        except (BlockNotFound, BlockCorrupt, IpldError):
            await asyncio.to_thread(discard, wanted)
            return False
        await asyncio.to_thread(keep, wanted)
        return await asyncio.to_thread(is_complete, wanted)

    def look(self, grown: int) -> None:
        """Make sure that there is room, now and then."""
        self.unlooked += grown
        if self.unlooked >= _LOOK_AFTER:
            self.unlooked = 0
            left = sum(each.size - each.here for each in self.counts.values() if each.size is not None)
            check_room(self.session, left)

    async def tell_often(self) -> None:
        while True:
            self.tell()
            await asyncio.sleep(_TELL_EVERY_S)

    def tell(self, note: str | None = None) -> None:
        sizes = [count.size for count in self.counts.values()]
        known = [each for each in sizes if each is not None]
        self.meter.total = sum(known) if len(known) == self.wheels else None
        self.meter.update(sum(count.here for count in self.counts.values()))
        self.sink(
            Progress(
                phase=Phase.FETCH,
                done_bytes=self.meter.done,
                total_bytes=self.meter.total,
                done_wheels=self.complete,
                total_wheels=self.wheels,
                rate=self.meter.rate,
                eta_s=self.meter.eta_s,
                stalled_s=self.meter.stalled_s,
                note=note,
            )
        )

    def check(self) -> None:
        """Raise where one failed."""
        if not self.failed:
            return
        raise refusal(
            f"{len(self.failed)} of {plural(self.wheels, 'wheel')} could not be fetched", self.failed
        )


def refusal(what: str, failed: Sequence[tuple[InputWheel, SourceError]]) -> KeptPartly | WheelRefused:
    """The error that tells which wheels could not be had, by whether another try may help."""
    details = [
        f"{wheel.filename} ({wheel.given_by}): {error}" + (f"; {error.hint}" if error.hint else "")
        for wheel, error in sorted(failed, key=lambda pair: pair[0].path)
    ]
    if all(isinstance(error, SourceMalformed) or error.hint for _, error in failed):
        hint = "running again will not help: do what is said beside each"
        return WheelRefused(what, hint=hint, details=details)
    return KeptPartly(what, hint="run the same again: it goes on where it stopped", details=details)


def tidy(session: Session, done: Iterable[Path], *, now: float | None = None) -> None:
    """Remove files that are done with, and those that nobody touched for long. Blocking; never raises.

    Args:
        now: seconds since the epoch.
    """
    for path in done:
        with contextlib.suppress(OSError):
            path.unlink()
    before = (time.time() if now is None else now) - KEPT_S
    with contextlib.suppress(OSError):
        for path in directory_of(session).iterdir():
            with contextlib.suppress(OSError):
                if path.suffix in _SUFFIXES and path.lstat().st_mtime < before:
                    path.unlink()
