"""`check`: read a repository, and check it in the environments that it supports.

A repository is a tracked release, of which the wheels that are on this node are read from local blocks; or a
directory of this machine, of wheels or of declarations. Nothing is fetched and nothing is changed.

The environments are those that were given; else those of the repository's own SUPPORTED; else those its
wheels are made for (`domain.checks.supported`).
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.checks.checking import check_repository
from ipwhl_mirror.domain.checks.findings import Rule
from ipwhl_mirror.domain.checks.repository import CheckedWheel, Fault, Repository, RepositoryKind
from ipwhl_mirror.domain.checks.supported import derive_supported
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.errors import InvalidWheel
from ipwhl_mirror.ipld.errors import IpldError
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.services.events import Phase, Progress, ProgressSink, ignore
from ipwhl_mirror.services.repository_files import read_repository, read_supported, supported_of
from ipwhl_mirror.services.wheel_metadata import metadata_on_node

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from ipwhl_mirror.domain.checks.findings import CheckReport
    from ipwhl_mirror.domain.environments import Environment
    from ipwhl_mirror.domain.releases import Wheel
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Node
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session

_SIDE_BY_SIDE = 8


class EnvironmentsFrom(Enum):
    """Who said which environments count."""

    GIVEN = "given"
    REPOSITORY = "repository"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was checked, and what came out.

    Attributes:
        name: of the release or the directory, not safe to show.
        cid: of the release; None for a directory.
        wheels: those whose names could be read, with their METADATA.
    """

    name: str
    cid: Cid | None
    kind: RepositoryKind
    environments_from: EnvironmentsFrom
    wheels: tuple[CheckedWheel, ...]
    report: CheckReport


async def check_release(
    session: Session,
    rel: str,
    *,
    supported: Path | None = None,
    allowed: Collection[Rule] = (),
    sink: ProgressSink = ignore,
) -> Checked:
    """Check a tracked release.

    Args:
        supported: a file of environments.

    Raises:
        UnknownRelease, AmbiguousRelease: REL.
        InvalidSupported, OSError: the file.
        NodeError: the release's index is not whole on this node, or the node does not answer.
    """
    given = None if supported is None else read_supported(supported)
    loaded = await releases.load(session, rel)
    repository = await _read_release(session.node, loaded, sink)
    return await asyncio.to_thread(
        _checked, repository, loaded.tracked.name, loaded.tracked.cid, (given, None), allowed
    )


async def check_directory(
    directory: Path,
    *,
    supported: Path | None = None,
    allowed: Collection[Rule] = (),
    sink: ProgressSink = ignore,
) -> Checked:
    """Check a directory of wheels, or a metadata repository.

    Raises:
        UsageProblem: there is neither wheel nor declaration in it.
        InvalidSupported, OSError: a list of environments, or a directory, cannot be read.
    """
    given = None if supported is None else read_supported(supported)
    own = supported_of(directory)
    repository = await _read_directory(directory, _told(sink))
    if not repository.wheels and not repository.faults:
        raise UsageProblem(
            f"{directory}: no wheel in it", hint="give a directory of .whl files, or a release"
        )
    return await asyncio.to_thread(_checked, repository, str(directory), None, (given, own), allowed)


def _checked(
    repository: Repository,
    name: str,
    cid: Cid | None,
    supported: tuple[tuple[Environment, ...] | None, tuple[Environment, ...] | None],
    allowed: Collection[Rule],
) -> Checked:
    """Check what was read; `supported`: what was given, and what the repository says."""
    given, own = supported
    if given is not None:
        environments, source = given, EnvironmentsFrom.GIVEN
    elif own is not None:
        environments, source = own, EnvironmentsFrom.REPOSITORY
    else:
        environments = derive_supported({wheel.tags for wheel in repository.wheels})
        source = EnvironmentsFrom.DERIVED
    return Checked(
        name=name,
        cid=cid,
        kind=repository.kind,
        environments_from=source,
        wheels=repository.wheels,
        report=check_repository(repository, environments, allowed),
    )


class _Stopped(Exception):
    """Nobody waits for it any longer."""


async def _read_directory(directory: Path, told: Callable[[int, int], None]) -> Repository:
    """Read a directory in a thread, which ends soon after this is cancelled."""
    stop = threading.Event()

    def told_unless_stopped(done: int, total: int) -> None:
        if stop.is_set():
            raise _Stopped
        told(done, total)

    try:
        return await asyncio.to_thread(read_repository, directory, told_unless_stopped)
    finally:
        stop.set()


def _told(sink: ProgressSink) -> Callable[[int, int], None]:
    def told(done: int, total: int) -> None:
        sink(Progress(phase=Phase.CHECK, done_wheels=done, total_wheels=total))

    return told


async def _read_release(node: Node, loaded: LoadedRelease, sink: ProgressSink) -> Repository:
    """A release with METADATA of the wheels that are here."""
    release = loaded.release
    told, total = _told(sink), len(release.wheels)
    found: list[CheckedWheel] = []
    faults: list[Fault] = []
    left = iter(release.wheels)

    async def read_some() -> None:
        for wheel in left:
            described, fault = await _described(node, wheel)
            found.append(described)
            if fault is not None:
                faults.append(fault)
            told(len(found), total)

    async with asyncio.TaskGroup() as group:
        for _ in range(_SIDE_BY_SIDE):
            group.create_task(read_some())
    faults += _malformed(loaded)
    return Repository(
        kind=RepositoryKind.WHEELS,
        projects=tuple(project.name for project in release.projects),
        wheels=tuple(sorted(found, key=lambda wheel: wheel.path)),
        faults=tuple(faults),
    )


async def _described(node: Node, wheel: Wheel) -> tuple[CheckedWheel, Fault | None]:
    """A wheel with its METADATA, and what is wrong where it cannot be read."""
    checked = CheckedWheel.named(f"{wheel.project}/{wheel.filename}", wheel.project, wheel.filename)
    try:
        return checked.described(await metadata_on_node(node, wheel.cid, wheel.filename)), None
    except BlockNotFound:
        rule, reason = Rule.WHEEL_ABSENT, "the wheel is not whole on this node"
    except InvalidWheel as error:
        rule, reason = Rule.METADATA_READABLE, error.reason
    except (BlockCorrupt, IpldError) as error:
        rule, reason = Rule.METADATA_READABLE, f"it cannot be read: {safe_text(str(error))}"
    return checked, Fault(rule=rule, path=checked.path, project=checked.project, reason=reason)


def _malformed(loaded: LoadedRelease) -> Iterator[Fault]:
    for entry in loaded.release.malformed:
        project, slash, name = entry.path.partition("/")
        rule = Rule.WHEEL_NAME if slash and name.endswith(".whl") else Rule.FOREIGN_ENTRY
        yield Fault(rule=rule, path=entry.path, project=project if slash else "", reason=entry.reason)
