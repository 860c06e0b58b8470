"""Bring the wheels of a release into the node: files are added a few at a time, what is there is linked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.input_wheels import FileHere, OnNode
from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.nodes.errors import NodeError
from ipwhl_mirror.services.errors import ServiceError, TransferFailed
from ipwhl_mirror.services.events import Phase, Progress, ProgressSink

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ipwhl_mirror.domain.input_wheels import InputWheel
    from ipwhl_mirror.nodes.base import AddedFile
    from ipwhl_mirror.services.session import Session

_AT_ONCE = 4
"""A disk that syncs a file leaves the processor time to hash the next."""


@dataclass(frozen=True, slots=True)
class Links:
    """The entries of a release.

    Attributes:
        projects: links to the wheels of each, in the order of the wheels.
        added: the wheels that were files, with what the node said of them.
    """

    projects: Mapping[str, Sequence[Link]]
    added: Sequence[tuple[InputWheel, AddedFile]]


async def add_wheels(
    session: Session, wheels: Sequence[InputWheel], cid_version: int, sink: ProgressSink
) -> Links:
    """Add the wheels that are FileHere; none is AtAddress.

    Raises:
        TransferFailed: a file cannot be read.
        NoSpace, NodeError: it cannot be kept.
    """
    files: dict[InputWheel, AddedFile] = {}
    total = sum(wheel.size or 0 for wheel in wheels)
    here = [wheel for wheel in wheels if not isinstance(wheel.place, OnNode)]
    done = total - sum(wheel.size or 0 for wheel in here)

    async def add_next(waiting: Iterator[InputWheel]) -> None:
        nonlocal done
        for wheel in waiting:
            assert isinstance(wheel.place, FileHere), "it was fetched"
            files[wheel] = await _add(session, wheel.place.path, cid_version)
            done += wheel.size or 0
            sink(
                Progress(
                    phase=Phase.ADD,
                    done_bytes=done,
                    total_bytes=total,
                    done_wheels=len(wheels) - len(here) + len(files),
                    total_wheels=len(wheels),
                )
            )

    waiting = iter(here)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_ONCE, len(here))):
                group.create_task(add_next(waiting))
    except* (NodeError, ServiceError) as errors:
        raise errors.exceptions[0] from None
    projects: dict[str, list[Link]] = {}
    for wheel in wheels:
        place = wheel.place
        if isinstance(place, OnNode):
            link = Link(place.cid, wheel.filename, place.tsize or 0)
        else:
            link = Link(files[wheel].cid, wheel.filename, files[wheel].tsize)
        projects.setdefault(wheel.project, []).append(link)
    return Links(projects, [(wheel, files[wheel]) for wheel in here])


async def _add(session: Session, path: Path, cid_version: int) -> AddedFile:
    try:
        return await session.node.add_file(path, cid_version=cid_version)
    except OSError as error:
        raise TransferFailed(f"{path} cannot be read: {error.strerror}") from error
