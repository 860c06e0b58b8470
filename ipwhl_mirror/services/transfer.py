"""Carry a release over an air gap: `export` to one CAR, `import` from one.

The file has the wheels of a selection, and the index of their release, so the other side tracks, pins and
verifies from it alone. Import believes nothing: every block is hashed, and a subset counts only when
rebuilding it gives the same CID. Both go on where a killed run stopped.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ipwhl_mirror.services import releases
from ipwhl_mirror.services.car_files import open_car
from ipwhl_mirror.services.errors import GuardRefused, TransferFailed
from ipwhl_mirror.services.events import ProgressSink, ignore
from ipwhl_mirror.services.exporting import ExportReport, export_held
from ipwhl_mirror.services.importing import Import, ImportReport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.services.session import Session

__all__ = ["ExportReport", "ImportReport", "export", "import_car"]

_FULL = {
    errno.ENOSPC: "make room there, or take another disk",
    errno.EDQUOT: "make room there, or take another disk",
    errno.EFBIG: "that file system takes no file so large (FAT32: 4 GiB): use exFAT, or choose less",
}


async def export(
    session: Session,
    rel: str,
    path: Path,
    selection: Selection,
    *,
    without: Sequence[str] = (),
    sink: ProgressSink = ignore,
) -> ExportReport:
    """Write the parts of a selection, with their index, to one CAR; the same blocks give the same file.

    The file appears under its name only when it is complete and on disk; until then it is `FILE.part`, from
    which the next run goes on. A file that is there is never replaced: where it is this export already,
    nothing is to be done.

    Args:
        without: releases that the other side has: wheels that the same selection chooses of one of them are
            left out.

    Raises:
        NothingSelected: no wheel is selected.
        UsageProblem: another file is there.
        GuardRefused: there is too little room for it.
        TransferFailed: something selected is not on this node, or the file cannot be written.
        BlockNotFound, BlockCorrupt: a block is not whole on this node; what was written stays.

    On cancel: what was written stays, and the next run goes on from it.
    """
    async with session.exclusive("export"):
        try:
            return await export_held(session, rel, path, selection, without, sink)
        except OSError as error:
            if error.errno in _FULL:
                raise GuardRefused(
                    f"{path} cannot be written: {error.strerror}; what was written stays in {path.name}.part",
                    hint=f"{_FULL[error.errno]}; the same command goes on",
                ) from error
            raise TransferFailed(f"{path} cannot be written: {error.strerror}") from error


async def import_car(
    session: Session, path: Path, *, label: str | None = None, sink: ProgressSink = ignore
) -> ImportReport:
    """Track the release a CAR is of, keep its wheels, and pin and verify each part that is complete.

    What is on this node already is not written again, and counts: a file may leave out what an earlier one
    brought. A CAR of directory blocks only tracks the release.

    Raises:
        TransferFailed: the file cannot be read, is no CAR, or its directories are not whole.
        IpldError, DomainError, ForeignTree: it holds no release; nothing was changed.
        GuardRefused: what it brings does not fit; nothing was changed.
        KeptPartly: some wheels are neither whole in the file nor here; the others are kept, and the release
            is tracked. With a better file the same command brings the rest.

    On cancel: wheels that came whole stay, until a garbage collection.
    """
    releases.check_label(label)
    async with session.exclusive("import"), open_car(path, sink) as car:
        return await Import(session, car, sink).run(label)
