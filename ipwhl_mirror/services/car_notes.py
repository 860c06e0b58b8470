"""What a CAR of this program says of itself: one raw block of JSON before all others, under no root.

It names the release, the selection of each part, and the releases whose wheels are left out. It is a help to
whoever imports the file, and believed in nothing: a selection counts where it chooses the wheels that are
under the part's root, and what is left out must be there. Other programs take it for a block of no use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from ipwhl_mirror.domain.errors import InvalidSelection
from ipwhl_mirror.domain.labels import LABEL
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.cid import RAW, Cid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipwhl_mirror.ipld.car import CarBlock
    from ipwhl_mirror.state.database import TrackedRelease

_LIMIT = 1 << 20
_SELECTIONS_LIMIT = _LIMIT // 2


class NamedRelease(msgspec.Struct, frozen=True):
    """A release as it was called where the file was written."""

    label: str | None
    cid: str

    def __post_init__(self) -> None:
        Cid.parse(self.cid)
        if self.label is not None and not LABEL.fullmatch(self.label):
            raise ValueError("a label was expected")

    @classmethod
    def of(cls, tracked: TrackedRelease) -> NamedRelease:
        """Of a tracked one."""
        return cls(tracked.label, str(tracked.cid))

    @property
    def name(self) -> str:
        """The label, or else the CID."""
        return self.label or self.cid


class NotedPart(msgspec.Struct, frozen=True):
    """A root of the file, and the selection it is of as CLI text; None where that is too long."""

    cid: str
    selection: str | None


class CarNote(msgspec.Struct, frozen=True, kw_only=True):
    """The note.

    Attributes:
        without: releases whose wheels are left out of the file.
    """

    schema: Literal["ipwhl-mirror/car/1"] = "ipwhl-mirror/car/1"
    release: NamedRelease
    parts: tuple[NotedPart, ...]
    without: tuple[NamedRelease, ...] = ()

    def selection_of(self, root: Cid) -> Selection | None:
        """The selection of a root; None where none can be read."""
        for part in self.parts:
            if part.cid == str(root) and part.selection is not None:
                try:
                    return Selection.from_cli_text(part.selection)
                except InvalidSelection:
                    return None
        return None

    def block(self) -> tuple[Cid, bytes]:
        """The note as a block; the same for equal notes."""
        data = msgspec.json.encode(self)
        return Cid.of(data, RAW), data


def note_of(
    tracked: TrackedRelease,
    parts: Iterable[tuple[Cid, Selection]],
    without: Iterable[TrackedRelease],
) -> CarNote:
    """The note of a file with these parts."""
    noted = [NotedPart(str(cid), selection.cli_text()) for cid, selection in parts]
    if sum(len(part.selection or "") for part in noted) > _SELECTIONS_LIMIT:
        noted = [NotedPart(part.cid, None) for part in noted]
    return CarNote(
        release=NamedRelease.of(tracked),
        parts=tuple(noted),
        without=tuple(NamedRelease.of(base) for base in without),
    )


def read_note(block: CarBlock | None) -> CarNote | None:
    """The note in the first block of a file; None where that is anything else."""
    if block is None or block.cid.codec != RAW or len(block.data) > _LIMIT:
        return None
    try:
        return msgspec.json.decode(block.data, type=CarNote)
    except msgspec.DecodeError:
        return None
