"""Write parts of a release to one CAR: what the other side has already may be left out.

The roots of the file are the parts' subsets, or the release itself. Every directory of the release is in it,
so the file alone tells what it is of. The node is only read.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.errors import UnknownPlatform
from ipwhl_mirror.domain.figures import plural, size
from ipwhl_mirror.domain.plans import amount_of, plan_pin
from ipwhl_mirror.domain.selections import Selection, select_wheels
from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.nodes.embedded.threads import for_each
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.car_copying import Copying, Outgoing
from ipwhl_mirror.services.car_notes import note_of
from ipwhl_mirror.services.car_writing import FinishedCar, GrowingCar, part_of
from ipwhl_mirror.services.cargo import Item, other_items, shown_names, wheel_items
from ipwhl_mirror.services.errors import GuardRefused, NothingSelected, TransferFailed, UsageProblem
from ipwhl_mirror.services.holdings import holdings
from ipwhl_mirror.services.presence import Presence
from ipwhl_mirror.state.mirrors import MirrorTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ipwhl_mirror.domain.plans import Amount, PinPlan
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.database import TrackedRelease

_SHOWN = 10
_LOOKS = 16
"""Blocks that are looked for side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What is in the file.

    Attributes:
        roots: of the CAR: the parts.
        selected: the wheels of the selection, as a plan counts them.
        without: releases whose wheels are left out.
        left_out: those of the selected ones that are not in the file.
        file_bytes: the size of the file.
        resumed_bytes: how much of it an earlier run had written.
    """

    loaded: LoadedRelease
    roots: tuple[Cid, ...]
    selected: Amount
    without: tuple[TrackedRelease, ...]
    left_out: Amount
    file_bytes: int
    resumed_bytes: int


async def export_held(
    session: Session,
    rel: str,
    path: Path,
    selection: Selection,
    without: Sequence[str],
    sink: ProgressSink,
) -> ExportReport:
    """See `transfer.export`, for a caller that holds the lock."""
    loaded, selection = await _chosen(session, rel, selection)
    plan = plan_pin(loaded.release, selection, here=set(), pinned=set())
    if not plan.parts:
        raise NothingSelected(f"no wheel of {loaded.tracked.name} is selected")
    bases = [await _base(session, loaded, base) for base in without]
    known = set[bytes]().union(*(_chosen_of(base, selection) for base in bases))
    wheels = wheel_items(plan.wheels)
    directories = await _directories(session, loaded)
    others: dict[bytes, Item] = {}
    if any(not part.tree.blocks for part in plan.parts):
        others = other_items(loaded.release, directories)
    roots = tuple(part.tree.cid for part in plan.parts)
    parts = [(part.tree.cid, part.selection) for part in plan.parts]
    note = note_of(loaded.tracked, parts, (base.tracked for base in bases)).block()
    outgoing = Outgoing(
        beginning=car_header(roots) + car_section(*note),
        directories=_once([*(block for part in plan.parts for block in part.tree.blocks), *directories]),
        items=[*others.values(), *(item for digest, item in wheels.items() if digest not in known)],
    )
    is_there = os.path.lexists(path)
    if not is_there:
        _check_room(session, path, outgoing.bytes)
        await _check_here(session, loaded, plan, outgoing.items)
    opened = FinishedCar if is_there else GrowingCar
    with opened(path, outgoing.beginning) as target:
        try:
            await Copying(session.node, target, outgoing, sink).run()
        except BlockNotFound as error:
            error.hint = f"{_pin_first(loaded, selection)}; then the same command goes on"
            raise
        except BlockCorrupt as error:
            mend = f"ipwhl-mirror verify --repair {loaded.tracked.name}"
            error.hint = f"mend it first: {mend}; then the same command goes on"
            raise
        await target.finish()
        return ExportReport(
            loaded=loaded,
            roots=roots,
            selected=plan.amount,
            without=tuple(base.tracked for base in bases),
            left_out=amount_of(wheel for wheel in plan.wheels if wheel.cid.digest in known),
            file_bytes=target.at,
            resumed_bytes=min(target.resumed, target.at),
        )


async def _chosen(session: Session, rel: str, selection: Selection) -> tuple[LoadedRelease, Selection]:
    """The release that is named; of a mirror the one that it is at, and what it takes of it where nothing is
    selected.

    Raises:
        UsageProblem: a release has the mirror's name as its label.
    """
    kept = MirrorTable(session.state).kept(rel)
    if not kept:
        return await releases.load(session, rel), selection
    if any(tracked.label == rel for tracked in session.state.releases()):
        raise UsageProblem(
            f"{rel!r} is a mirror, and the label of a release too", hint="name the release by its CID"
        )
    tracked = releases.resolve(session, str(Cid(1, DAG_PB, kept[0].release)))
    if selection.is_everything:
        selection = Selection.from_cli_text(kept[0].selection)
    return await releases.load_tracked(session, tracked), selection


async def _base(session: Session, loaded: LoadedRelease, rel: str) -> LoadedRelease:
    base = await releases.load(session, rel)
    if base.tracked.cid.digest == loaded.tracked.cid.digest:
        raise UsageProblem(f"--without {rel}: that is the release to export, and nothing would be left of it")
    return base


def _chosen_of(base: LoadedRelease, selection: Selection) -> set[bytes]:
    """Digests of the wheels that the same selection chooses of another release; a platform that it does not
    have chooses none."""
    chosen: set[bytes] = set()
    for part in selection.parts():
        with contextlib.suppress(UnknownPlatform):
            chosen.update(wheel.cid.digest for wheel in select_wheels(base.release, part))
    return chosen


async def _directories(session: Session, loaded: LoadedRelease) -> list[tuple[Cid, bytes]]:
    index = loaded.tracked.index_cid
    kept = {cid.digest: block async for cid, block in session.node.dag_blocks(index)}
    return [(cid, kept[cid.digest]) for cid in loaded.release.index_blocks]


def _once(blocks: Iterable[tuple[Cid, bytes]]) -> tuple[tuple[Cid, bytes], ...]:
    return tuple({cid.digest: (cid, block) for cid, block in blocks}.values())


async def _check_here(session: Session, loaded: LoadedRelease, plan: PinPlan, items: Sequence[Item]) -> None:
    """Say before anything is written what is not here, as far as that is known at once.

    Raises:
        TransferFailed: a wheel is not.
    """
    here = await Presence(session).among(item.cid for item in items)
    absent: set[bytes] = set()

    async def look(item: Item) -> None:
        try:
            async for _ in session.node.get_blocks([item.cid], Reach.LOCAL):
                pass
        except BlockNotFound:
            absent.add(item.cid.digest)

    unknown = [item for item in items if item.cid.digest not in here]
    await for_each(unknown, look, at_once=_LOOKS)
    if missing := [item for item in unknown if item.cid.digest in absent]:
        amount = f"{len(missing)} of {plural(len(items), 'wheel')}"
        pinned = [
            text
            for held in holdings(session, await session.node.pinned())
            if held.tracked.cid.digest == loaded.tracked.cid.digest and (text := held.pin.selection)
        ]
        hint = _pin_first(loaded, plan.selection)
        raise TransferFailed(
            f"{amount} of {loaded.tracked.name}, {size(sum(item.bytes for item in missing))}, are not here",
            hint=f"{hint}; or export what is pinned: {' or '.join(pinned)}" if pinned else hint,
            details=shown_names(missing, ["not here"] * len(missing), _SHOWN),
        )


def _pin_first(loaded: LoadedRelease, selection: Selection) -> str:
    return f"pin it first: ipwhl-mirror pin {loaded.tracked.name} {selection.cli_text()}".rstrip()


def _check_room(session: Session, path: Path, total: int) -> None:
    """Raise GuardRefused where a file of about so many bytes does not fit at its place."""
    disk = os.statvfs(path.parent)
    free = disk.f_bavail * disk.f_frsize
    reserve = 0
    with contextlib.suppress(OSError):
        total -= part_of(path).stat().st_size
    with contextlib.suppress(OSError):
        if path.parent.stat().st_dev == session.settings.data_dir.stat().st_dev:
            reserve = session.settings.config.storage.reserve_free
    if total > 0 and free - total < reserve:
        stays = f", and {size(reserve)} are to stay free" if reserve else ""
        raise GuardRefused(
            f"about {size(total)} to write, {size(free)} free at {path.parent}{stays}",
            hint="choose less (-p, --python, --project), leave out what the other side has (--without REL), "
            "or take a larger disk",
        )
