"""What a release is made of: read the inputs of `publish`, and bring their wheels here.

An input is a path, where there is one of that name: a wheel, a directory of wheels or of directories of
projects, or a lock (`pylock.toml`, `pylock.*.toml`); else a tracked release. `gather` reads them without
fetching a wheel, `inspect` reads METADATA for the check, `fetch` brings what is not here, and
`settle` notes what was added and tidies up. Each may be run again after a kill at any point.

A wheel of a release keeps its CID whatever `--cid-version` says, so that who has the release has it already,
and must be whole on this node: nothing is fetched from other nodes here. A wheel of a lock that the node has
is not fetched again: where it was added here before in the same form, its CID is used, else its bytes are
copied from the node. All others are added as `ipfs add` does. So the same input gives the same CID anywhere.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.input_wheels import AtAddress, FileHere, Gathered
from ipwhl_mirror.domain.selections import accepts_project, accepts_tags
from ipwhl_mirror.services.errors import NothingSelected
from ipwhl_mirror.services.events import Phase, Progress, ProgressSink, ignore
from ipwhl_mirror.services.input_checks import (
    check_agreement,
    check_named_platforms,
    check_presence,
    projects_to_drop,
)
from ipwhl_mirror.services.input_locks import GivenLock, Places, choose_wheels
from ipwhl_mirror.services.input_merging import merge
from ipwhl_mirror.services.input_metadata import Inspected, inspect
from ipwhl_mirror.services.input_reading import read_input
from ipwhl_mirror.services.presence import Presence
from ipwhl_mirror.services.repository_files import read_supported
from ipwhl_mirror.services.wheel_downloads import bring, directory_of, tidy
from ipwhl_mirror.state.added_wheels import AddedWheel, AddedWheelsFile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from ipwhl_mirror.domain.input_wheels import InputWheel
    from ipwhl_mirror.domain.lock_choosing import LockChoice
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.domain.wheels import WheelTags
    from ipwhl_mirror.nodes.base import AddedFile
    from ipwhl_mirror.services.input_reading import ReadInput
    from ipwhl_mirror.services.session import Session

__all__ = ["Gathered", "Inspected", "fetch", "gather", "inspect", "settle"]


async def gather(
    session: Session,
    inputs: Sequence[str],
    *,
    selection: Selection,
    drop: Collection[str] = (),
    supported: Path | None = None,
    cid_version: int = 0,
    sink: ProgressSink = ignore,
) -> Gathered:
    """Read the inputs, and choose: nothing is fetched, and nothing changed.

    Args:
        inputs: at least one; a path wins over a release's label of the same name.
        selection: filters the wheels of every input. Its `-e` are also what wheels of locks are chosen for.
        drop: projects to leave out.
        supported: a file of environments that wheels of locks are chosen for.
        cid_version: of the release, see `publish`: it decides which wheels on the node can be used.
        sink: told as Phase.INDEX how many inputs were read.

    Raises:
        UsageProblem: an input is nothing that can be used, a project to drop is in none, two inputs
            contradict each other, a wheel of a release is not on this node, or a lock has no wheel of a
            project where one is needed.
        NothingSelected: no wheel is left.
        InvalidLock: a lock cannot be read, or needs what cannot be had as a wheel.
        InvalidSupported, OSError: the file of environments.
        TransferFailed: an input cannot be read.
        UnknownRelease, AmbiguousRelease: an input that is neither a path nor a release.
        NodeError: a release's index is not whole on this node, or the node does not answer.
    """
    given = await asyncio.to_thread(read_supported, supported) if supported is not None else None
    read: list[ReadInput] = []
    for text in dict.fromkeys(inputs):
        read.append(await read_input(session, text))
        sink(Progress(phase=Phase.INDEX, done_wheels=len(read), total_wheels=len(inputs)))
    dropped = projects_to_drop(read, drop)
    check_named_platforms(read, selection)
    wanted = [
        wheel
        for each in read
        for wheel in each.wheels
        if wheel.project not in dropped
        and accepts_project(selection, wheel.project)
        and accepts_tags(selection, wheel.name.tags)
    ]
    presence = Presence(session)
    await check_presence(presence, wanted)
    fixed = await merge(session, wanted)
    narrow = [
        GivenLock(each.lock.narrowed(selection, dropped), each.directory)
        for each in read
        if each.lock is not None
    ]
    locks = [each for each in narrow if each.lock.packages]
    if not locks:
        return _gathered(fixed, dropped, None)
    there: dict[str, list[WheelTags]] = {}
    for wheel in fixed:
        there.setdefault(wheel.project, []).append(wheel.name.tags)
    choice = await asyncio.to_thread(choose_wheels, locks, there, selection=selection, supported=given)
    await check_agreement(session, fixed, choice, locks)
    found = await Places(session, presence, cid_version).find(choice.taken, locks)
    return _gathered([*fixed, *found], dropped, choice)


def _gathered(wheels: Iterable[InputWheel], dropped: frozenset[str], choice: LockChoice | None) -> Gathered:
    unique = {wheel.filename: wheel for wheel in wheels}
    if not unique:
        raise NothingSelected("no wheel to publish", hint="choose more, or drop less")
    return Gathered(
        wheels=tuple(sorted(unique.values(), key=lambda wheel: (wheel.project, wheel.filename))),
        environments=None if choice is None else choice.environments,
        left_out=() if choice is None else tuple((gap.environment, gap.projects) for gap in choice.gaps),
        dropped=tuple(sorted(dropped)),
    )


async def fetch(session: Session, gathered: Gathered, sink: ProgressSink = ignore) -> Gathered:
    """Bring the wheels that are not here into the data directory, each checked by size and SHA-256.

    The caller holds the data directory's lock. Progress is told as Phase.FETCH, in bytes and wheels; the
    total is None as long as the size of one is not known.

    Returns:
        The same with every AtAddress as a FileHere in the data directory; they stay until `settle`.

    Raises:
        KeptPartly: some could not be fetched, each named with its address and what to do; the others, and
            the beginnings of these, are kept: run again to resume.
        WheelRefused: the same, where another try cannot help (gone, or other bytes than the lock says).
        GuardRefused: they do not fit on the disk.
        TransferFailed: the data directory cannot be written.

    On cancel: what came so far stays, and the next call goes on from there.
    """
    away = [wheel for wheel in gathered.wheels if isinstance(wheel.place, AtAddress)]
    paths = dict(zip(away, await bring(session, away, sink), strict=True)) if away else {}
    return replace(
        gathered,
        wheels=tuple(
            replace(wheel, place=FileHere(paths[wheel]), size=paths[wheel].stat().st_size)
            if wheel in paths
            else wheel
            for wheel in gathered.wheels
        ),
    )


async def settle(
    session: Session, added: Iterable[tuple[InputWheel, AddedFile]], *, cid_version: int
) -> None:
    """Remember under which CIDs wheels were added, and remove what `fetch` brought of them.

    To be called when the release is pinned: before that their files are needed to run again. Never fails.

    Args:
        added: wheels that were FileHere, with what the node said when they were added.
        cid_version: with which they were.
    """
    pairs = list(added)
    known = {
        wheel.sha256: AddedWheel(file.cid, file.size, file.tsize)
        for wheel, file in pairs
        if wheel.sha256 is not None
    }
    if known:
        file = AddedWheelsFile(session.settings.data_dir)
        await asyncio.to_thread(file.save, known, cid_version)
    directory = directory_of(session)
    done = [
        wheel.place.path
        for wheel, _ in pairs
        if isinstance(wheel.place, FileHere) and wheel.place.path.parent == directory
    ]
    await asyncio.to_thread(tidy, session, done)
