"""What can be asked for again: a change in the words of a person, with nothing of a run in it.

A request names a release by its CID, a selection by its CLI text, and files by absolute paths, so that it can
be written down and means the same in the next run. What it meets then may be different: whoever does it plans
anew. Removing something has no request: nobody wants that done by itself.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import msgspec

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.cid import Cid


class Repair(Enum):
    """What a verification does with what it finds broken."""

    NAME = "name"
    FETCH = "fetch"


class _OfRelease(msgspec.Struct, frozen=True, kw_only=True):
    """About one release; a text that is no CID is refused when it is read."""

    cid: str

    def __post_init__(self) -> None:
        Cid.parse(self.cid)

    @property
    def release(self) -> Cid:
        """The release's root."""
        return Cid.parse(self.cid)


class _OfParts(_OfRelease, frozen=True, kw_only=True):
    """About parts of one release, as CLI text; "" is all of it."""

    selection: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        Selection.from_cli_text(self.selection)

    @property
    def chosen(self) -> Selection:
        """The selection."""
        return Selection.from_cli_text(self.selection)


class _OfFile(msgspec.Struct, frozen=True, kw_only=True):
    """About a file or directory of this machine, by its absolute path."""

    path: str

    def __post_init__(self) -> None:
        _check_path(self.path)


class PinRequest(_OfParts, frozen=True, kw_only=True, tag="pin"):
    """Pin parts of a release."""


class TrackRequest(_OfRelease, frozen=True, kw_only=True, tag="track"):
    """Track a release."""

    label: str | None = None


class VerifyRequest(_OfRelease, frozen=True, kw_only=True, tag="verify"):
    """Verify what is kept of a release."""

    repair: Repair = Repair.NAME


class ExportRequest(_OfParts, frozen=True, kw_only=True, tag="export"):
    """Write parts of a release into a CAR file, by its absolute path."""

    path: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_path(self.path)


class ImportRequest(_OfFile, frozen=True, kw_only=True, tag="import"):
    """Track and pin what a CAR file holds."""

    label: str | None = None


class PublishRequest(_OfFile, frozen=True, kw_only=True, tag="publish"):
    """Make a release of the wheels of a directory, or of one wheel."""

    label: str | None = None


class SyncRequest(msgspec.Struct, frozen=True, kw_only=True, tag="sync"):
    """Bring a mirror to the newest release of its source, or to another, which is named by its CID."""

    mirror: str
    to: str | None = None

    def __post_init__(self) -> None:
        if self.to is not None:
            Cid.parse(self.to)


Request = (
    PinRequest | TrackRequest | VerifyRequest | ExportRequest | ImportRequest | PublishRequest | SyncRequest
)
"""Everything that may be done by itself in the next run."""


def _check_path(path: str) -> None:
    if not Path(path).is_absolute() or "\0" in path:
        raise ValueError(f"an absolute path was expected, not {path!r}")
