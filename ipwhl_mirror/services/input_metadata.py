"""METADATA of the wheels of a release that is to be made, for its check, wherever each of them is.

Of a file it is read from the archive, of a wheel on the node from local blocks. Of an address a few ranges of
the file are asked for; only where a server gives none the wheel is read whole into a temporary file. What a
server answers to ranges is not hashed: it is what the check of a dry run believes, nothing more.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.checks.findings import Rule
from ipwhl_mirror.domain.checks.repository import CheckedWheel, Fault, Repository, RepositoryKind
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.errors import InvalidWheel
from ipwhl_mirror.domain.figures import plural
from ipwhl_mirror.domain.input_wheels import FileHere, OnNode
from ipwhl_mirror.domain.wheel_archives import MetadataReader
from ipwhl_mirror.ipld.errors import IpldError
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound
from ipwhl_mirror.services.events import Phase, Progress, ProgressSink, ignore
from ipwhl_mirror.services.wheel_downloads import reachable_of, refusal, wanted_of
from ipwhl_mirror.services.wheel_metadata import metadata_of_file, metadata_on_node
from ipwhl_mirror.sources.download_answers import LOCK_AGAIN
from ipwhl_mirror.sources.downloads import Downloader, Watcher
from ipwhl_mirror.sources.errors import SourceError, SourceMalformed
from ipwhl_mirror.sources.web import shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ipwhl_mirror.domain.input_wheels import Gathered, InputWheel
    from ipwhl_mirror.services.session import Session

_SIDE_BY_SIDE = 8


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was read of wheels before they are brought here.

    Attributes:
        repository: for `domain.checks.checking.check_repository`.
        gathered: the same wheels, with the sizes that servers told.
    """

    repository: Repository
    gathered: Gathered


async def inspect(
    session: Session,
    gathered: Gathered,
    sink: ProgressSink = ignore,
    *,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Inspected:
    """Read METADATA of the wheels. Nothing is changed. May be called before or after `fetch`.

    What cannot be read of a wheel becomes a fault. Progress is told as Phase.CHECK, in wheels.

    Args:
        pause: waits so many seconds before a server is asked again.

    Raises:
        KeptPartly: a server does not answer; a later run may succeed.
        WheelRefused: one does not have a wheel, or is not to be asked.
        NodeError: the node does not answer.
    """
    async with Downloader(reachable_of(session), pause=pause) as downloader:
        reader = _Reader(session, downloader, sink, len(gathered.wheels))
        left = iter(gathered.wheels)

        async def read_some() -> None:
            for wheel in left:
                await reader.read(wheel)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_SIDE_BY_SIDE):
                    group.create_task(read_some())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
    reader.check()
    return Inspected(
        repository=Repository(
            kind=RepositoryKind.WHEELS,
            projects=gathered.projects,
            wheels=tuple(sorted(reader.described, key=lambda wheel: wheel.path)),
            faults=tuple(sorted(reader.faults, key=lambda fault: fault.path)),
        ),
        gathered=replace(
            gathered,
            wheels=tuple(
                replace(wheel, size=reader.sizes.get(wheel.path, wheel.size)) for wheel in gathered.wheels
            ),
        ),
    )


class _Reader:
    """One run: what was read, and what could not be."""

    def __init__(self, session: Session, downloader: Downloader, sink: ProgressSink, wheels: int) -> None:
        self._session = session
        self._downloader = downloader
        self._sink = sink
        self._wheels = wheels
        self._failed: list[tuple[InputWheel, SourceError]] = []
        self.described: list[CheckedWheel] = []
        self.faults: list[Fault] = []
        self.sizes: dict[str, int] = {}

    async def read(self, wheel: InputWheel) -> None:
        checked = CheckedWheel.named(wheel.path, wheel.project, wheel.filename)
        rule, reason = Rule.METADATA_READABLE, ""
        try:
            checked = checked.described(await self._metadata(wheel))
        except InvalidWheel as error:
            reason = error.reason
        except BlockNotFound:
            rule, reason = Rule.WHEEL_ABSENT, "the wheel is not whole on this node"
        except SourceError as error:
            self._failed.append((wheel, error))
        except (BlockCorrupt, IpldError, OSError) as error:
            reason = f"it cannot be read: {safe_text(str(error), 200)}"
        if reason:
            fault = Fault(rule=rule, path=checked.path, project=checked.project, reason=reason)
            self.faults.append(fault)
        self.described.append(checked)
        self._sink(Progress(phase=Phase.CHECK, done_wheels=len(self.described), total_wheels=self._wheels))

    def check(self) -> None:
        """Raise where a server did not give a wheel."""
        if self._failed:
            count = plural(len(self._failed), "wheel")
            raise refusal(f"METADATA of {count} could not be read from the address", self._failed)

    async def _metadata(self, wheel: InputWheel) -> bytes:
        place = wheel.place
        if isinstance(place, FileHere):
            return await asyncio.to_thread(metadata_of_file, place.path, wheel.filename)
        if isinstance(place, OnNode):
            return await metadata_on_node(self._session.node, place.cid, wheel.filename)
        if place.on_node is not None:
            return await metadata_on_node(self._session.node, place.on_node, wheel.filename)
        return await self._by_ranges(wheel, place.url) or await self._whole(wheel)

    async def _by_ranges(self, wheel: InputWheel, url: str) -> bytes | None:
        """METADATA from ranges of an address; None where the server gives none."""
        size = wheel.size
        if size is None:
            first = await self._downloader.read(url, 0, 1)
            if first is None:
                return None
            size = first.size
        self.sizes[wheel.path] = size
        reader = MetadataReader(size, wheel.filename)
        while (needed := reader.needed()) is not None:
            piece = await self._downloader.read(url, *needed)
            if piece is None:
                return None
            if piece.size != size:
                raise SourceMalformed(f"{shown(url)} has {piece.size} bytes, not {size}", hint=LOCK_AGAIN)
            await asyncio.to_thread(reader.feed, piece.data)
        return reader.finish()

    async def _whole(self, wheel: InputWheel) -> bytes:
        with tempfile.TemporaryDirectory(prefix="ipwhl-mirror-") as directory:
            wanted = wanted_of(wheel, Path(directory))
            await self._downloader.download(wanted, Watcher())
            self.sizes[wheel.path] = wanted.path.stat().st_size
            return await asyncio.to_thread(metadata_of_file, wanted.path, wheel.filename)
