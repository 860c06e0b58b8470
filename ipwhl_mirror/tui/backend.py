"""What the terminal UI asks of the rest of the program: one object, a few calls.

`Backend` is all that the screens know of the world. Its implementation joins the services; tests script one.
Every value is frozen. Text in a value may come from a repository and is not safe to print: the UI passes
it through `domain.display.safe_text`. Errors are those of the services and nodes: their words are shown, and
their `hint` where they have one.

On cancel of any call: as the service behind it promises; finished work stays and a repetition resumes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from ipwhl_mirror.services.events import Progress, ProgressSink

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from ipwhl_mirror.domain.diffs import ReleaseDiff
    from ipwhl_mirror.domain.plans import Amount, PinPlan, UnpinPlan
    from ipwhl_mirror.domain.releases import PlatformRow, Release
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import GcPreview, NodeStatus

__all__ = [
    "Backend",
    "DiffView",
    "Overview",
    "PinEntry",
    "PinForecast",
    "PinLine",
    "PinOwner",
    "Progress",
    "ProgressSink",
    "PruneForecast",
    "ReleaseSummary",
    "ReleaseView",
    "Storage",
    "UnpinForecast",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSummary:
    """A tracked release in a list.

    Attributes:
        label: None where it has none; it is then called by its CID.
        tracked_at: when it was first tracked here.
        platforms: bytes and pin state of each platform.
        pinned_wheels, pinned_bytes: of the whole release, each wheel once.
    """

    cid: Cid
    label: str | None
    tracked_at: datetime
    projects: int
    wheels: int
    bytes: int
    pinned_wheels: int
    pinned_bytes: int
    platforms: tuple[PlatformRow, ...]

    @property
    def name(self) -> str:
        """The label, or the CID."""
        return self.label or str(self.cid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything at a glance.

    Attributes:
        now: when it was read, UTC; ages are told from it.
        releases: newest first.
        is_demo: the demo's node and releases, which leave nothing behind.
    """

    now: datetime
    node: NodeStatus
    releases: tuple[ReleaseSummary, ...]
    is_demo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseView:
    """A release with everything its contents screen shows.

    Attributes:
        pinned: digests of the wheels that are *pinned* (guarantee 1).
        here: digests of the wheels that need not be fetched; holds `pinned`.
        free_bytes: free on the node's disk.
    """

    summary: ReleaseSummary
    release: Release
    pinned: frozenset[bytes]
    here: frozenset[bytes]
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PinForecast:
    """A plan with the numbers of this machine beside it.

    Attributes:
        reserve_bytes: what the configuration keeps free.
        refusal: why pinning would be refused, in words with the numbers; None when it would not.
    """

    summary: ReleaseSummary
    plan: PinPlan
    free_bytes: int
    free_after_bytes: int
    reserve_bytes: int
    refusal: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PinLine:
    """A pin as a person knows it.

    Attributes:
        selection: the part as CLI text; empty for a whole release.
        wheels, bytes: under this pin.
    """

    cid: Cid
    selection: str
    wheels: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpinForecast:
    """Which pins would go, and what that frees.

    Attributes:
        going: exactly the pins that `unpin` removes.
        unread: pins of other programs that may share some of it: what becomes reclaimable is at most that.
    """

    summary: ReleaseSummary
    going: tuple[PinLine, ...]
    plan: UnpinPlan
    unread: int = 0


class PinOwner(Enum):
    """Whose a pin is: this program's, another's that it uses too, or another's of no tracked release."""

    OURS = "ours"
    ADOPTED = "adopted"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class PinEntry:
    """A pin on the node.

    Attributes:
        name: as the node has it.
        release: the tracked release it is of; None for another program's.
        selection: the part as CLI text; None where it is not known.
        wheels, bytes: distinct ones under it; 0 where they are not known.
        only_here: bytes under no other pin of a tracked release.
        verified_at: when it was read back whole; None when never since it was fetched.
    """

    cid: Cid
    owner: PinOwner
    name: str
    release: Cid | None = None
    release_name: str = ""
    selection: str | None = None
    wheels: int = 0
    bytes: int = 0
    only_here: int = 0
    verified_at: datetime | None = None

    @property
    def can_go(self) -> bool:
        """This program may unpin it."""
        return self.owner is PinOwner.OURS and self.selection is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What the node keeps, in bytes.

    Attributes:
        pins: of tracked releases first, the newest release first.
        ours: distinct wheels under them.
        shared: of these, what more than one pin keeps.
        other: what else the node keeps.
        budget: 0 is no limit.
    """

    pins: tuple[PinEntry, ...]
    ours: int
    shared: int
    other: int
    free: int
    budget: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneForecast:
    """Which pins retention lets go.

    Attributes:
        kept: names of the releases with pins that stay.
    """

    keep: int
    kept: tuple[str, ...]
    going: tuple[PinLine, ...]
    plan: UnpinPlan
    unread: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffView:
    """Two releases compared.

    Attributes:
        platforms: bytes of the wheels that only the new one has, by platform; those without are left out.
        costs: of each part of the old one that is pinned, as CLI text, what the same part of the new one
            would fetch.
    """

    old: ReleaseSummary
    new: ReleaseSummary
    diff: ReleaseDiff
    platforms: tuple[tuple[str, int], ...]
    costs: tuple[tuple[str, Amount], ...]


class Backend(Protocol):
    """The node and the state of one run."""

    async def overview(self) -> Overview:
        """The node and every tracked release."""

    async def load(self, cid: Cid) -> ReleaseView:
        """A tracked release from its local index."""

    async def forecast_pin(self, cid: Cid, selection: Selection) -> PinForecast:
        """What `pin` would fetch and keep. Changes nothing."""

    async def pin(self, forecast: PinForecast, on_progress: ProgressSink) -> str:
        """Fetch, pin and verify what the forecast lists; the outcome in words."""

    async def forecast_unpin(self, cid: Cid, selection: Selection | None) -> UnpinForecast:
        """Which pins would go: these parts, or every pin of ours of the release for None."""

    async def unpin(self, forecast: UnpinForecast, on_progress: ProgressSink) -> str:
        """Remove exactly the pins the forecast lists; the outcome in words."""

    async def diff(self, old: Cid, new: Cid) -> DiffView:
        """Compare two tracked releases, from their local indexes."""

    async def export(self, cid: Cid, selection: Selection, path: Path, on_progress: ProgressSink) -> str:
        """Write the parts of a selection into a CAR file; the outcome in words."""

    async def import_car(self, path: Path, label: str | None, on_progress: ProgressSink) -> str:
        """Track and pin what a CAR file holds; the outcome in words."""

    async def publish(self, path: Path, label: str | None, on_progress: ProgressSink) -> str:
        """Make a release of the wheels of a directory, or of one wheel; the outcome in words."""

    async def storage(self) -> Storage:
        """Every pin on the node, and how full the disk is."""

    async def forecast_prune(self, keep: int) -> PruneForecast:
        """Which pins would go when only the newest releases keep theirs."""

    async def prune(self, forecast: PruneForecast, on_progress: ProgressSink) -> str:
        """Remove exactly the pins the forecast lists; the outcome in words."""

    async def preview_gc(self) -> GcPreview:
        """What a garbage collection would remove."""

    async def collect_garbage(self, on_progress: ProgressSink) -> str:
        """Remove what is under no pin; the outcome in words."""

    async def verify(self, cid: Cid, on_progress: ProgressSink) -> str:
        """Read and hash every block that is kept of a release; the outcome in words.

        Raises an error that names what is broken.
        """

    async def track(self, cid: Cid, label: str | None, on_progress: ProgressSink) -> str:
        """Add a release, fetching its index and no wheel; the outcome in words."""

    async def untrack(self, cid: Cid) -> str:
        """Forget a release without pins; the outcome in words."""

    async def demo(self, on_progress: ProgressSink) -> Backend:
        """A backend with a small release of real wheels, beside this one and forgotten at the end."""
