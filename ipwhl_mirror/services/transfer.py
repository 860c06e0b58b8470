"""Carry a release over an air gap: `export` to one CAR, `import` from one.

The CAR's roots are the subsets of the exported parts (or the release itself), and every part has its index
inside, so the other side tracks, pins and verifies from the file alone. Import believes nothing: every block
is hashed, and a subset counts only when rebuilding it gives the same CID.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from ipwhl_mirror.domain.plans import plan_pin
from ipwhl_mirror.domain.reading import TreeReader
from ipwhl_mirror.domain.subsets import recognise_selection
from ipwhl_mirror.gateway.dag import walk_dag
from ipwhl_mirror.gateway.formats import Scope
from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.errors import MissingBlock
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.nodes.errors import BlockNotFound
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.car_files import CarFile
from ipwhl_mirror.services.errors import (
    DamageFound,
    ForeignTree,
    KeptPartly,
    NothingSelected,
    TransferFailed,
)
from ipwhl_mirror.services.events import Phase, Progress, ProgressSink, ignore
from ipwhl_mirror.services.pinning import claim_and_pin
from ipwhl_mirror.services.reading_back import Reading, check_wheels

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ipwhl_mirror.domain.releases import Release, Wheel
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What was written: the CAR's roots, the wheels in it, and its size on disk."""

    loaded: LoadedRelease
    roots: tuple[Cid, ...]
    wheels: int
    bytes: int
    file_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What was read.

    Attributes:
        wheels: how many came from the file.
        bytes: of these, as their links claim.
        pinned: the roots that are whole and pinned.
    """

    loaded: LoadedRelease
    wheels: int
    bytes: int
    pinned: tuple[Cid, ...]


async def import_car(
    session: Session, path: Path, *, label: str | None = None, sink: ProgressSink = ignore
) -> ImportReport:
    """Track the release a CAR is of, keep its whole wheels, and pin each root that is complete.

    A CAR of directory blocks only tracks the release.

    Raises:
        TransferFailed: the file cannot be read.
        IpldError, DomainError, ForeignTree: cut, damaged, or no release; nothing was changed.
        KeptPartly: some wheels are not whole in the file; the others are kept, the release is tracked.
    """
    releases.check_label(label)
    async with session.exclusive("import"):
        car = await CarFile.scan(path, sink)
        parts = [await _recognise(session, car, root) for root in car.roots]
        release = parts[0].release
        if any(part.release.root.digest != release.root.digest for part in parts):
            raise ForeignTree(f"{path}: its roots are parts of different releases")
        wanted = {wheel.cid.digest: wheel for part in parts for wheel in part.wheels}
        present = {digest: wheel for digest, wheel in wanted.items() if car.has_file(wheel.cid)}
        await _store(session, car, parts, present.values())
        named = next((root for root in car.roots if root.digest == release.root.digest), release.root)
        loaded = await releases.remember(session, release, named=named, label=label)
        pinned = []
        for part in parts:
            if part.wheels and all(wheel.cid.digest in present for wheel in part.wheels):
                await _pin(session, loaded, part, sink)
                pinned.append(part.root)
        if present and len(present) < len(wanted):
            rest = [wheel for digest, wheel in wanted.items() if digest not in present]
            raise KeptPartly(
                f"{path}: {len(present)} of {len(wanted)} wheels are whole; "
                f"{loaded.tracked.name} is tracked, and these are kept until the next gc",
                hint=f"fetch the rest: ipwhl-mirror pin {loaded.tracked.name}",
                details=[f"{wheel.project}/{wheel.filename}: not whole in the file" for wheel in rest],
            )
        return ImportReport(
            loaded=loaded,
            wheels=len(present),
            bytes=sum(wheel.bytes for wheel in present.values()),
            pinned=tuple(pinned),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A root of a CAR, recognised.

    Attributes:
        directories: its directory blocks and those of its release's index.
        wheels: those under this root.
    """

    root: Cid
    release: Release
    wheels: tuple[Wheel, ...]
    directories: tuple[tuple[Cid, bytes], ...]


async def _recognise(session: Session, car: CarFile, root: Cid) -> _Part:
    """What a root is; directory blocks come from the file, or from the node where it has them."""
    reader = TreeReader(root)
    directories: list[tuple[Cid, bytes]] = []
    while wanted := reader.needed():
        found = [(cid, block) for cid in wanted if (block := car.read(cid.digest)) is not None]
        directories += found
        for cid, block in found:
            reader.feed(cid, block)
        missing = [cid for cid in wanted if cid.digest not in car]
        try:
            async for cid, block in session.node.get_blocks(missing, Reach.LOCAL):
                reader.feed(cid, block)
        except BlockNotFound as error:
            raise MissingBlock(error.cid) from error
    tree = reader.finish()
    wheels = tree.release.wheels if tree.wheels is None else tree.wheels
    return _Part(root=root, release=tree.release, wheels=wheels, directories=tuple(directories))


async def _store(session: Session, car: CarFile, parts: Iterable[_Part], present: Iterable[Wheel]) -> None:
    for part in parts:
        await session.node.put_blocks(part.directories)
    await session.node.import_car(car.path, [wheel.cid for wheel in present])


async def _pin(session: Session, loaded: LoadedRelease, part: _Part, sink: ProgressSink) -> None:
    await claim_and_pin(session, loaded, part.root, recognise_selection(loaded.release, part.wheels))
    reading = Reading()
    await check_wheels(session, part.wheels, reading, sink)
    if reading.broken:
        raise DamageFound(f"{len(reading.broken)} block(s) of {part.root} do not read back after importing")
    session.state.record_verified(part.root, session.clock())


async def export(
    session: Session, rel: str, path: Path, selection: Selection, *, sink: ProgressSink = ignore
) -> ExportReport:
    """Write the parts of a selection, whole and with their index, to one CAR.

    The file appears under its name only when it is complete and on disk.

    Raises:
        NothingSelected: no wheel is selected.
        BlockNotFound: something selected is not on this node.
        TransferFailed: the file cannot be written.
    """
    async with session.exclusive("export"):
        loaded = await releases.load(session, rel)
        plan = plan_pin(loaded.release, selection, here=set(), pinned=set())
        if not plan.parts:
            raise NothingSelected(f"no wheel of {loaded.tracked.name} is selected")
        for part in plan.parts:
            await session.node.put_blocks([*loaded.release.index.blocks, *part.tree.blocks])
        roots = tuple(part.tree.cid for part in plan.parts)
        temporary = path.with_name(path.name + ".part")
        try:
            with temporary.open("wb") as file:
                await _write_car(session, file, roots, plan.amount.bytes, sink)
                size = file.tell()
            temporary.replace(path)
        except OSError as error:
            raise TransferFailed(f"{path} cannot be written: {error.strerror}") from error
        except BlockNotFound as error:
            command = f"ipwhl-mirror pin {loaded.tracked.name} {selection.cli_text()}"
            error.hint = f"pin it first: {command.rstrip()}"
            raise
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        return ExportReport(
            loaded=loaded,
            roots=roots,
            wheels=plan.amount.wheels,
            bytes=plan.amount.bytes,
            file_bytes=size,
        )


async def _write_car(
    session: Session, file: BinaryIO, roots: tuple[Cid, ...], total: int, sink: ProgressSink
) -> None:
    file.write(car_header(roots))
    written: set[Cid] = set()
    for root in roots:
        async for top, top_block in session.node.get_blocks([root], Reach.LOCAL):
            async for cid, block in walk_dag(session.node, top, top_block, Scope.ALL):
                if cid not in written:  # parts share wheels
                    written.add(cid)
                    file.write(car_section(cid, block))
                    sink(Progress(phase=Phase.EXPORT, done_bytes=file.tell(), total_bytes=total))
    file.flush()
    await asyncio.to_thread(os.fsync, file.fileno())
