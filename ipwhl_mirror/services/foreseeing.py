"""What `publish` would refuse of a release that could be made, beside what its check finds. Changes nothing.

Some of it depends on the CID: a label that is in use already is fine for the release that has it. Where it
does, and every wheel is here, the CID is computed as `publish` would make it, by reading them; where wheels
are still elsewhere, it is told as a doubt. Where nothing depends on the CID, no wheel is read.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.input_wheels import AtAddress, FileHere, OnNode
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.files import FileBuilder
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.errors import GuardRefused, TransferFailed, UsageProblem
from ipwhl_mirror.services.events import Phase, Progress, ProgressSink, ignore
from ipwhl_mirror.services.places import refused_for
from ipwhl_mirror.services.publishing import release_trees
from ipwhl_mirror.services.wheel_downloads import bytes_to_come, check_room
from ipwhl_mirror.sources.keys import read_signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ipwhl_mirror.domain.input_wheels import Gathered, InputWheel
    from ipwhl_mirror.services.places import Places, Survey
    from ipwhl_mirror.services.session import Session

_PIECE = 1 << 20
_ANOTHER = Cid.of(b"a release that nobody has")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is to be expected of publishing a release.

    Attributes:
        refusals: why it would be refused, the first as `publish` would say it.
        doubts: what cannot be told yet, or is for a person to see to, in words.
        cid: of the release; None where nothing depends on it, or not all wheels are here.
    """

    refusals: tuple[Exception, ...]
    doubts: tuple[str, ...]
    cid: Cid | None


async def foresee(
    session: Session,
    places: Places,
    found: Survey,
    gathered: Gathered,
    *,
    label: str | None,
    cid_version: int,
    sink: ProgressSink = ignore,
) -> Outlook:
    """What publishing and announcing these wheels would be refused for.

    Args:
        found: what the places say now.

    Raises:
        TransferFailed: a wheel of this machine cannot be read.
    """
    refusals = [*found.refusals, *_room(session, gathered), *_label(label)]
    doubts = _other_signer(places, found)
    cid = None
    unless = _for_cid(session, places, found, label, _ANOTHER)
    if unless and _is_here(gathered):
        cid = await asyncio.to_thread(_root, gathered.wheels, cid_version, sink)
        refusals += _for_cid(session, places, found, label, cid)
    elif unless:
        doubts += [f"{error}; that is refused unless it is the same release" for error in unless]
    return Outlook(refusals=tuple(refusals), doubts=tuple(doubts), cid=cid)


def _room(session: Session, gathered: Gathered) -> Iterator[GuardRefused]:
    try:
        check_room(session, bytes_to_come(session, gathered.to_fetch))
    except GuardRefused as error:
        yield error


def _label(label: str | None) -> Iterator[UsageProblem]:
    try:
        releases.check_label(label)
    except UsageProblem as error:
        yield error


def _other_signer(places: Places, found: Survey) -> list[str]:
    """A key that did not sign the newest statement: who follows has to accept it before."""
    if places.feed is None or found.feed is None or not found.feed.statements or found.signer is None:
        return []
    before = read_signature(found.feed.statements[-1].signature).fingerprint
    if before == found.signer:
        return []
    return [
        f"{places.feed.path} was signed by {before}, and this would be by {found.signer}: "
        "who follows takes it only after accepting that key"
    ]


def _for_cid(
    session: Session, places: Places, found: Survey, label: str | None, cid: Cid
) -> tuple[UsageProblem, ...]:
    taken: tuple[UsageProblem, ...] = ()
    try:
        releases.check_label_is_free(session, cid, label, None)
    except UsageProblem as error:
        taken = (error,)
    return (*taken, *refused_for(places, found, cid))


def _is_here(gathered: Gathered) -> bool:
    return not any(isinstance(wheel.place, AtAddress) for wheel in gathered.wheels)


def _root(wheels: Iterable[InputWheel], cid_version: int, sink: ProgressSink) -> Cid:
    """The root's CID as `publish` would make it; all wheels are here. Told as Phase.CHECK, in bytes."""
    projects: dict[str, list[Link]] = {}
    done = 0
    for wheel in wheels:
        place = wheel.place
        if isinstance(place, OnNode):
            link = Link(place.cid, wheel.filename, place.tsize or 0)
        else:
            assert isinstance(place, FileHere), "it is here"
            link = _link(place.path, wheel.filename, cid_version)
        projects.setdefault(wheel.project, []).append(link)
        done += wheel.size or 0
        sink(Progress(phase=Phase.CHECK, done_bytes=done))
    *_, root = release_trees(projects, cid_version)
    return root.cid


def _link(path: Path, name: str, cid_version: int) -> Link:
    builder = FileBuilder(cid_version)
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                builder.update(piece)
    except OSError as error:
        raise TransferFailed(f"{path} cannot be read: {error.strerror}") from error
    built = builder.finish()
    return Link(built.cid, name, built.tsize)
