"""Write the declarations of a metadata repository for wheels that were checked.

A wheel's `source` is its path below an address that the caller names: of a server, a gateway or a directory
(`file:`). A declaration of the same content stays as it is, with its source and the extras that its
repository keeps working. So the same wheels give the same files, and a run that was cut is done again.
Declarations of other wheels are left alone; SUPPORTED is written where there is none. Each file is replaced
as a whole. A wheel whose METADATA could not be read is left out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from ipwhl_mirror.domain.checks.repository import RepositoryKind
from ipwhl_mirror.domain.declarations import (
    SUPPORTED,
    declaration_path,
    declare,
    format_declaration,
    format_supported,
    parse_declaration,
)
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.errors import InvalidDeclaration
from ipwhl_mirror.durable import replace_file
from ipwhl_mirror.ipld.files import FileBuilder
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.services.repository_files import read_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ipwhl_mirror.domain.checks.repository import CheckedWheel
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.checking import Checked
    from ipwhl_mirror.services.session import Session

_PIECE = 1 << 20
_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Declared:
    """How many declarations were written, how many said it already, and of how many wheels there is none."""

    written: int
    unchanged: int
    left_out: int


async def declare_release(session: Session, checked: Checked, rel: str, into: Path, address: str) -> Declared:
    """Declare the wheels of a release that was checked.

    Args:
        into: the metadata repository; made where there is none.
        address: of the release's root.

    Raises:
        UsageProblem: `address` is none.
        UnknownRelease, AmbiguousRelease, NodeError: the release cannot be read again.
        OSError: a file cannot be written.
    """
    loaded = await releases.load(session, rel)
    cids = {f"{wheel.project}/{wheel.filename}": wheel.cid for wheel in loaded.release.wheels}
    return await asyncio.to_thread(_declare, checked, lambda wheel: cids[wheel.path], into, address)


async def declare_directory(checked: Checked, directory: Path, into: Path, address: str) -> Declared:
    """Declare the wheels of a directory that was checked, by the CIDs that `ipfs add` gives them.

    Raises:
        UsageProblem: it is a metadata repository already, or `address` is none.
        OSError: a file cannot be read or written.
    """
    if checked.kind is RepositoryKind.DECLARATIONS:
        raise UsageProblem(
            f"{safe_text(str(directory))} has declarations already", hint="give a directory of wheels"
        )
    return await asyncio.to_thread(
        _declare, checked, lambda wheel: _cid_of(directory / wheel.path), into, address
    )


def _declare(checked: Checked, cid_of: Callable[[CheckedWheel], Cid], into: Path, address: str) -> Declared:
    parts = urlsplit(address)
    if not parts.scheme or parts.query or parts.fragment:
        raise UsageProblem(
            f"--source {safe_text(address)}: not the address of a directory",
            hint="give one that wheels lie below, as in https://wheels.example.org/2026.10",
        )
    written = unchanged = left_out = 0
    for wheel in checked.wheels:
        if wheel.metadata is None:
            left_out += 1
            continue
        path = declaration_path(wheel.project, wheel.filename)
        cid = cid_of(wheel)
        if _says(into / path, path, cid):
            unchanged += 1
            continue
        source = f"{address.rstrip('/')}/{quote(wheel.path)}"
        _write(into / path, format_declaration(declare(source, cid, wheel.metadata)))
        written += 1
    if not (into / SUPPORTED).exists():
        _write(into / SUPPORTED, format_supported(checked.report.environments))
    return Declared(written, unchanged, left_out)


def _says(file: Path, path: str, cid: Cid) -> bool:
    """Whether there is a declaration of this content."""
    try:
        return parse_declaration(read_text(file), path).content_id == cid
    except (FileNotFoundError, UnicodeDecodeError, InvalidDeclaration):
        return False


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(file, text.encode(), mode=_MODE)


def _cid_of(file: Path) -> Cid:
    builder = FileBuilder()
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            builder.update(piece)
    return builder.finish().cid
