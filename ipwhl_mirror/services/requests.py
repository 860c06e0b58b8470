"""What can be asked for again: a change in the words of a person, with nothing of a run in it.

A request names a release by its CID, a selection by its CLI text, and files by absolute paths, so that it can
be written down and means the same in the next run. What it meets then may be different: whoever does it plans
anew. Removing something has no request: nobody wants that done by itself.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import msgspec

from ipwhl_mirror.domain.checks.findings import Rule  # noqa: TC001 - msgspec reads it
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.cid import Cid

LONGEST_DAYS = 36_500
"""Until a statement of a feed expires, at most."""


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


class PublishRequest(msgspec.Struct, frozen=True, kw_only=True, tag="publish"):
    """Make a release, and announce it: what the options of `publish` say; see `publishing` and `places`.

    Attributes:
        inputs: at least one: absolute paths, and CIDs of releases.
        selection: as CLI text; "" is everything.
        supported, feed, key, git_tag: absolute paths.
        expires_days: of the statement in the feed.
    """

    inputs: tuple[str, ...]
    selection: str = ""
    drop: tuple[str, ...] = ()
    supported: str | None = None
    allowed: tuple[Rule, ...] = ()
    label: str | None = None
    feed: str | None = None
    git_tag: str | None = None
    ipns: str | None = None
    key: str | None = None
    expires_days: float | None = None

    def __post_init__(self) -> None:
        if not self.inputs:
            raise ValueError("there is nothing to publish")
        paths = [self.supported, self.feed, self.key, self.git_tag]
        for text in self.inputs:
            if text.startswith("/"):
                paths.append(text)
            else:
                Cid.parse(text)
        for path in paths:
            if path is not None:
                _check_path(path)
        Selection.from_cli_text(self.selection)
        is_signed = self.feed is not None or self.git_tag is not None
        if is_signed != (self.key is not None):
            raise ValueError("a feed and a git tag need a key that signs, and a key is for them")
        if is_signed and self.label is None:
            raise ValueError("a feed and a git tag need a label: that is what followers see")
        if self.expires_days is not None and (self.feed is None or not 0 < self.expires_days <= LONGEST_DAYS):
            raise ValueError(f"what expires, after at most {LONGEST_DAYS} days, is a statement in a feed")

    @property
    def chosen(self) -> Selection:
        """The selection."""
        return Selection.from_cli_text(self.selection)


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
