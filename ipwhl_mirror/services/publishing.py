"""Make a release of wheels: add each as `ipfs add` does, make the root, read it back, pin it.

The root's CID equals `ipfs add -r` of a directory of `<project>/<wheel>`, so the same wheels give the same
CID anywhere. The release is tracked and pinned last: a kill before that leaves unpinned blocks and nothing
else.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.errors import InvalidWheelName
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.domain.wheels import normalize_name, parse_wheel_name
from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.directories import build_directory
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.errors import DamageFound, NothingSelected, TransferFailed, UsageProblem
from ipwhl_mirror.services.events import Phase, Progress, ProgressSink, ignore
from ipwhl_mirror.services.pinning import claim_and_pin
from ipwhl_mirror.services.reading_back import Reading, check_directories, check_wheels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFile:
    """A wheel of this machine that goes into a release: its project, its name there, and where it lies."""

    project: str
    filename: str
    path: Path
    size: int


def find_wheels(inputs: Sequence[Path]) -> tuple[WheelFile, ...]:
    """The wheels of directories (theirs and their direct subdirectories') and of single files.

    Returns:
        Sorted by project and file name.

    Raises:
        TransferFailed: an input cannot be read.
        UsageProblem: no wheel in an input, a name that is no wheel's, or two files under one name.
    """
    found: dict[tuple[str, str], WheelFile] = {}
    for entry in inputs:
        try:
            files = [entry] if entry.is_file() else sorted({*entry.glob("*.whl"), *entry.glob("*/*.whl")})
            if not files:
                raise UsageProblem(f"{entry}: no wheel in it", hint="give directories that hold .whl files")
            for path in files:
                wheel = _wheel_file(path)
                known = found.setdefault((wheel.project, wheel.filename), wheel)
                if known.path != path:
                    raise UsageProblem(f"{wheel.filename} is given twice: {known.path} and {path}")
        except OSError as error:
            raise TransferFailed(f"{entry} cannot be read: {error.strerror}") from error
    return tuple(found[key] for key in sorted(found))


def _wheel_file(path: Path) -> WheelFile:
    try:
        project = normalize_name(path.name.partition("-")[0])
        parse_wheel_name(path.name, project)
    except InvalidWheelName as error:
        raise UsageProblem(f"{path}: {error}", hint="rename it to a wheel's name, or leave it out") from error
    return WheelFile(project=project, filename=path.name, path=path, size=path.stat().st_size)


async def publish(
    session: Session,
    inputs: Sequence[Path],
    *,
    label: str | None = None,
    cid_version: int = 0,
    sink: ProgressSink = ignore,
) -> LoadedRelease:
    """Make a release of wheels and pin it.

    Args:
        cid_version: 0 as `ipfs add -r` with defaults, 1 as with `--cid-version=1 --raw-leaves`.

    Raises:
        UsageProblem, TransferFailed: see find_wheels.
        NoSpace, NodeError: it cannot be kept.
        DamageFound: what was added does not read back.
    """
    releases.check_label(label)
    wheels = await asyncio.to_thread(find_wheels, inputs)
    if not wheels:
        raise NothingSelected("no wheel to publish")
    async with session.exclusive("publish"):
        projects = await _add(session, wheels, cid_version, sink)
        links = []
        for name, entries in projects.items():
            tree = build_directory(entries, cid_version=cid_version)
            await session.node.put_blocks(tree.blocks)
            links.append(tree.link(name))
        root = build_directory(links, cid_version=cid_version)
        await session.node.put_blocks(root.blocks)
        recognised = await releases.read_tree(session.node, root.cid, Reach.LOCAL)
        loaded = await releases.remember(session, recognised.release, named=root.cid, label=label)
        await claim_and_pin(session, loaded, root.cid, Selection.parse())
        reading = Reading()
        await check_directories(session, loaded.release.index_blocks, reading)
        await check_wheels(session, loaded.release.wheels, reading, sink)
        if reading.broken:
            raise DamageFound(f"{len(reading.broken)} block(s) do not read back after adding")
        session.state.record_verified(root.cid, session.clock())
        return loaded


async def _add(
    session: Session, wheels: Sequence[WheelFile], cid_version: int, sink: ProgressSink
) -> dict[str, list[Link]]:
    projects: dict[str, list[Link]] = {}
    total, done = sum(wheel.size for wheel in wheels), 0
    for number, wheel in enumerate(wheels, start=1):
        try:
            added = await session.node.add_file(wheel.path, cid_version=cid_version)
        except OSError as error:
            raise TransferFailed(f"{wheel.path} cannot be read: {error.strerror}") from error
        projects.setdefault(wheel.project, []).append(Link(added.cid, wheel.filename, added.tsize))
        done += wheel.size
        sink(
            Progress(
                phase=Phase.ADD,
                done_bytes=done,
                total_bytes=total,
                done_wheels=number,
                total_wheels=len(wheels),
            )
        )
    return projects
