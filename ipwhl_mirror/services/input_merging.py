"""Put wheels of several inputs together: the same wheel once, and what contradicts named.

Two wheels of one file name are the same when their CIDs or their bytes are. Of these the one on the node is
taken, then the file of this machine. That does not depend on the order of the inputs.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.input_wheels import FileHere, OnNode
from ipwhl_mirror.gateway.wheel_reading import read_sha256
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound
from ipwhl_mirror.services.errors import TransferFailed, UsageProblem
from ipwhl_mirror.state.wheel_facts import WheelFactsFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from packaging.version import Version

    from ipwhl_mirror.domain.input_wheels import InputWheel
    from ipwhl_mirror.services.session import Session

REPLACING = (
    "take it from one input. To replace it, publish the one without it (--drop), and then that release "
    "with the other"
)
_LISTED = 20


async def merge(session: Session, wheels: Iterable[InputWheel]) -> tuple[InputWheel, ...]:
    """The wheels, each file name once; in no order.

    Raises:
        UsageProblem: two have one name and other bytes, or a project has other versions in another input.
        TransferFailed: one cannot be read.
        NodeError: the node does not answer.
    """
    hashes = Hashes(session)
    named: dict[str, list[InputWheel]] = {}
    for wheel in wheels:
        named.setdefault(wheel.filename, []).append(wheel)
    merged: list[InputWheel] = []
    differing: list[str] = []
    for filename, same in named.items():
        best = min(same, key=_preference)
        merged.append(best)
        for other in same:
            if other is not best and not await hashes.are_same(best, other):
                differing.append(f"{filename}: of {best.given_by} and of {other.given_by}")
    if differing:
        raise UsageProblem(
            f"{len(differing)} wheel(s) are given twice, with other bytes",
            hint=REPLACING,
            details=_listed(sorted(differing)),
        )
    check_versions(wheel for same in named.values() for wheel in same)
    return tuple(merged)


def check_versions(wheels: Iterable[InputWheel]) -> None:
    """Raise UsageProblem where two inputs have a project in versions of which one has not the other's."""
    versions: dict[str, dict[str, set[Version]]] = {}
    for wheel in wheels:
        versions.setdefault(wheel.project, {}).setdefault(wheel.given_by, set()).add(wheel.version)
    lines = [
        f"{project}: " + ", ".join(f"{_numbers(found)} of {given}" for given, found in sorted(inputs.items()))
        for project, inputs in sorted(versions.items())
        if len({frozenset(found) for found in inputs.values()}) > 1
    ]
    if lines:
        raise UsageProblem(
            f"{len(lines)} project(s) are given in several versions", hint=REPLACING, details=_listed(lines)
        )


class Hashes:
    """SHA-256 of wheels that are here, each computed once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._facts = WheelFactsFile(session.settings.data_dir)
        self._known: dict[tuple[str, object], bytes] = {}

    async def are_same(self, one: InputWheel, other: InputWheel) -> bool:
        """Whether two wheels have the same bytes; where one cannot be read, they have not."""
        if (
            isinstance(one.place, OnNode)
            and isinstance(other.place, OnNode)
            and one.place.cid.digest == other.place.cid.digest
        ):
            return True
        known = await self.of(one)
        return known is not None and known == await self.of(other)

    async def of(self, wheel: InputWheel) -> bytes | None:
        """The SHA-256 of a wheel; None where it is not whole here.

        Raises:
            TransferFailed: a file cannot be read.
        """
        if wheel.sha256 is not None:
            return wheel.sha256
        key = (wheel.filename, wheel.place)
        if key not in self._known:
            found = await self._compute(wheel)
            if found is None:
                return None
            self._known[key] = found
        return self._known[key]

    async def _compute(self, wheel: InputWheel) -> bytes | None:
        if isinstance(wheel.place, FileHere):
            return await asyncio.to_thread(sha256_of_file, wheel.place)
        if not isinstance(wheel.place, OnNode):
            return None
        cid = wheel.place.cid
        fact = self._facts.load([(cid.digest, wheel.filename)]).get((cid.digest, wheel.filename))
        if fact is not None and fact.sha256 is not None:
            return fact.sha256
        node = self._session.node
        try:
            return await read_sha256(node, cid, await node.file_size(cid))
        except (BlockNotFound, BlockCorrupt):
            return None


def sha256_of_file(place: FileHere) -> bytes:
    """Blocking.

    Raises:
        TransferFailed: it cannot be read.
    """
    try:
        with place.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise TransferFailed(f"{safe_text(str(place.path))} cannot be read: {error.strerror}") from error


def _preference(wheel: InputWheel) -> tuple[int, str]:
    if isinstance(wheel.place, OnNode):
        return 0, str(wheel.place.cid)
    return (1 if isinstance(wheel.place, FileHere) else 2), wheel.given_by


def _numbers(versions: set[Version]) -> str:
    return " and ".join(safe_text(str(each), 40) for each in sorted(versions))


def _listed(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _LISTED
    return [*lines[:_LISTED], *([f"and {more} more"] if more > 0 else [])]
