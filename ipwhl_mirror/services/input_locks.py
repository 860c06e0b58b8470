"""The locks among the inputs of `publish`: which wheels are taken, and where each is to be had.

A wheel of a lock is taken from the node where it was added here before in the form that is wanted, or its
bytes are copied from there; else from the path in the lock, where there is a file; else from its address.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.errors import InvalidLock
from ipwhl_mirror.domain.input_wheels import AtAddress, FileHere, InputWheel, OnNode
from ipwhl_mirror.domain.lock_choosing import choose_of_locks
from ipwhl_mirror.domain.lock_environments import environments_within, narrowed
from ipwhl_mirror.domain.locked_wheels import Needs, NoWheel
from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound
from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.services.input_gaps import check_choice
from ipwhl_mirror.services.input_merging import sha256_of_file
from ipwhl_mirror.state.added_wheels import AddedWheelsFile
from ipwhl_mirror.state.wheel_facts import WheelFactsFile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from ipwhl_mirror.domain.environments import Environment
    from ipwhl_mirror.domain.lock_choosing import LockChoice, Taken
    from ipwhl_mirror.domain.locked_wheels import LockedPackage, WheelLock
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.domain.wheels import WheelTags
    from ipwhl_mirror.services.presence import Presence
    from ipwhl_mirror.services.session import Session

_SHOWN = 200
_ZIP = b"PK"
_WAY_OUT = {
    NoWheel.DIRECTORY: "build a wheel of it (`uv build --wheel` or `pip wheel --no-deps`) and give that as "
    "another input, or leave it out: --drop {name} (uv leaves the project itself out with --no-emit-project)",
    NoWheel.VCS: "build a wheel of it (`pip wheel --no-deps`) and give that as another input, or leave it "
    "out: --drop {name}",
}


@dataclass(frozen=True, slots=True)
class GivenLock:
    """A lock, narrowed to what is wanted, and where it lies."""

    lock: WheelLock
    directory: Path


def choose_wheels(
    locks: Sequence[GivenLock],
    there: Mapping[str, Sequence[WheelTags]],
    *,
    selection: Selection,
    supported: tuple[Environment, ...] | None,
) -> LockChoice:
    """What is taken of some locks. Takes a second where they are large.

    Args:
        there: tags of the wheels that the release has anyway, by project.
        supported: the environments that count; None: those of the selection, or that the wheels are for.

    Raises:
        InvalidLock: one needs what cannot be had as a wheel, or cannot be evaluated.
        UsageProblem: see `check_choice`.
    """
    read = [given.lock for given in locks]
    needs = [Needs(lock) for lock in read]
    if supported is None:
        projects: dict[str, set[WheelTags]] = {name: set(tags) for name, tags in there.items()}
        for package in (package for lock in read for package in lock.packages):
            projects.setdefault(package.name, set()).update(wheel.name.tags for wheel in package.wheels)
        locked = [projects[name] for name in {package.name for lock in read for package in lock.packages}]
        environments = environments_within(
            selection, locked, lambda environment: any(need.admits(environment) for need in needs)
        )
    else:
        environments = narrowed(supported, selection)
        if not environments:
            raise UsageProblem(
                "none of the supported environments is in the selection",
                hint="choose fewer with -p, --python and -e, or others with --supported",
            )
    for lock, need in zip(read, needs, strict=True):
        _check_packages(lock, need, environments, there.keys())
    choice = choose_of_locks(read, environments, there)
    check_choice(choice, selection, listed=supported is not None)
    return choice


def _check_packages(
    lock: WheelLock, need: Needs, environments: Iterable[Environment], there: Collection[str]
) -> None:
    """Raise InvalidLock where a package that is needed cannot be had as a wheel."""
    suspects = {
        package.name
        for package in lock.packages
        if package.no_wheel is not None and package.name not in there
    }
    if not suspects:
        return
    for environment in environments:
        for package in need.needed(environment):
            if package.name in suspects and package.no_wheel is not None:
                raise _no_wheel(lock, package, package.no_wheel)


def _no_wheel(lock: WheelLock, package: LockedPackage, reason: NoWheel) -> InvalidLock:
    way_out = _WAY_OUT.get(reason, _WAY_OUT[NoWheel.VCS]).format(name=safe_text(package.name, _SHOWN))
    return InvalidLock(lock.filename, package.name, reason.value, hint=way_out)


class Places:
    """Finds where wheels of locks are to be had."""

    def __init__(self, session: Session, presence: Presence, cid_version: int) -> None:
        self._session = session
        self._presence = presence
        self._cid_version = cid_version

    async def find(self, taken: Sequence[Taken], locks: Sequence[GivenLock]) -> tuple[InputWheel, ...]:
        """The wheels, each with its place.

        Raises:
            UsageProblem: a file is another than the lock says, or there is none and no address.
            TransferFailed: a file cannot be read.
            NodeError: the node does not answer.
        """
        directories = {id(given.lock): given.directory for given in locks}
        on_node = await self._on_node([each.wheel.sha256 for each in taken])
        copies = await self._copies([each.wheel.sha256 for each in taken if each.wheel.sha256 not in on_node])
        found = []
        for each in taken:
            wheel = InputWheel(
                project=each.project,
                filename=each.wheel.filename,
                place=AtAddress(each.wheel.url or "", copies.get(each.wheel.sha256)),
                given_by=safe_text(each.lock.filename, _SHOWN),
                size=each.wheel.size,
                sha256=each.wheel.sha256,
            )
            known = on_node.get(each.wheel.sha256)
            if known is not None:
                wheel = replace(wheel, place=known[0], size=known[1])
            elif each.wheel.path is not None:
                path = directories[id(each.lock)] / each.wheel.path
                wheel = await asyncio.to_thread(_of_file, wheel, path, bool(each.wheel.url))
            found.append(wheel)
        return tuple(found)

    async def _on_node(self, hashes: Collection[bytes]) -> dict[bytes, tuple[OnNode, int]]:
        """By SHA-256 those that were added here before and still are here, with their sizes."""
        file = AddedWheelsFile(self._session.settings.data_dir)
        added = await asyncio.to_thread(file.load, hashes, self._cid_version)
        here = await self._presence.among(wheel.cid for wheel in added.values())
        return {
            sha256: (OnNode(wheel.cid, wheel.tsize), wheel.size)
            for sha256, wheel in added.items()
            if wheel.cid.digest in here
        }

    async def _copies(self, hashes: Collection[bytes]) -> dict[bytes, Cid]:
        """By SHA-256 files on the node with these bytes, under other CIDs."""
        directory = self._session.settings.data_dir
        added = await asyncio.to_thread(AddedWheelsFile(directory).load, hashes, 1 - self._cid_version)
        here = await self._presence.among(wheel.cid for wheel in added.values())
        found = {sha256: wheel.cid for sha256, wheel in added.items() if wheel.cid.digest in here}
        unknown = frozenset(hashes) - found.keys()
        known = await asyncio.to_thread(WheelFactsFile(directory).digests_of, unknown)
        here = await self._presence.among(
            Cid(0, DAG_PB, digest) for each in known.values() for digest in each
        )
        for sha256, digests in known.items():
            for digest in digests:
                if digest in here and (cid := await self._form_of(digest)) is not None:
                    found.setdefault(sha256, cid)
        return found

    async def _form_of(self, digest: bytes) -> Cid | None:
        """The CID of a wheel: one leaf without a wrapper begins as the archive does."""
        cid = Cid(0, DAG_PB, digest)
        try:
            async for _, block in self._session.node.get_blocks([cid], Reach.LOCAL):
                return Cid(1, RAW, digest) if block.startswith(_ZIP) else cid
        except (BlockNotFound, BlockCorrupt):
            pass
        return None


def _of_file(wheel: InputWheel, path: Path, has_address: bool) -> InputWheel:
    """The wheel at a path of its lock, where there is a file. Blocking."""
    shown = safe_text(str(path), _SHOWN)
    if not path.is_file():
        if has_address:
            return wheel
        raise UsageProblem(
            f"{wheel.given_by}: there is no file {shown} for {wheel.filename}",
            hint="paths in a lock are as seen from its directory: put it beside its wheels, or lock again",
        )
    place = FileHere(path)
    found, size = sha256_of_file(place), path.stat().st_size
    if found != wheel.sha256:
        raise UsageProblem(
            f"{shown} is another file than {wheel.given_by} says: its SHA-256 is {found.hex()}",
            hint="lock again, or put the file back that was locked",
        )
    return replace(wheel, place=place, size=size)
