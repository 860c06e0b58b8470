"""The values that the terminal UI is given by its backend. All are frozen.

Text in a value may come from a repository and is not safe to print: the UI passes it through
`domain.display.safe_text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.services.indexes import IndexState

if TYPE_CHECKING:
    from datetime import datetime

    from ipwhl_mirror.domain.checks.findings import CheckReport
    from ipwhl_mirror.domain.diffs import ReleaseDiff
    from ipwhl_mirror.domain.input_wheels import Gathered
    from ipwhl_mirror.domain.plans import Amount, PinPlan, UnpinPlan
    from ipwhl_mirror.domain.releases import PlatformRow, Release
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import NodeStatus
    from ipwhl_mirror.services.foreseeing import Outlook
    from ipwhl_mirror.services.mirrors import MirrorStatus
    from ipwhl_mirror.services.proposals import ReleaseChange
    from ipwhl_mirror.services.sources import SourceStatus
    from ipwhl_mirror.state.mirrors import Mirrored


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSummary:
    """A tracked release in a list.

    Attributes:
        label: None where it has none; it is then called by its CID.
        tracked_at: when it was first tracked here.
        platforms: bytes and pin state of each platform.
        pinned_wheels, pinned_bytes: of the whole release, each wheel once.
        index: where it is not whole, the release cannot be opened, and its counts are those of before then.
        source: the name of the one that announced it, signed by a key that is accepted for it; None where a
            person tracked it.
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
    index: IndexState = IndexState.WHOLE
    source: str | None = None

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
        sources, mirrors: by name.
        is_demo: the demo's node and releases, which leave nothing behind.
    """

    now: datetime
    node: NodeStatus
    releases: tuple[ReleaseSummary, ...]
    sources: tuple[SourceStatus, ...] = ()
    mirrors: tuple[MirrorStatus, ...] = ()
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
        release_name: the label of its release, or its CID.
    """

    cid: Cid
    selection: str
    wheels: int
    bytes: int
    release_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpinForecast:
    """Which pins would go, and what that frees.

    Attributes:
        summary: the release they are of; None where more than one may be concerned.
        going: exactly the pins that `unpin` removes.
        unread: pins of other programs that may share some of it: what becomes reclaimable is at most that.
        mirrors: names of those whose address needs a pin that goes.
    """

    summary: ReleaseSummary | None = None
    going: tuple[PinLine, ...]
    plan: UnpinPlan
    unread: int = 0
    mirrors: tuple[str, ...] = ()


class Lifetime(Enum):
    """How long what is to be done is remembered."""

    RUN = "run"
    KEPT = "kept"


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
        is_read: False where the wheels of a pin of a tracked release cannot be told.
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
    is_read: bool = True

    @property
    def can_go(self) -> bool:
        """This program may unpin it."""
        return self.owner is PinOwner.OURS and self.selection is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRelease:
    """A tracked release with pins.

    Attributes:
        pins: how many there are.
        wheels, bytes: distinct ones under them.
        only_here: bytes under no pin of another tracked release: what goes with the last pin.
    """

    cid: Cid
    name: str
    pins: int
    wheels: int
    bytes: int
    only_here: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What the node keeps, in bytes.

    Attributes:
        pins: of tracked releases first, the newest release first.
        releases: those that have pins, in the same order.
        ours: distinct wheels under them.
        shared: of these, what more than one pin keeps.
        other: what else the node keeps.
        budget: what the node may keep in all; 0 is no limit.
        reserve: what the configuration keeps free.
    """

    pins: tuple[PinEntry, ...]
    ours: int
    shared: int
    other: int
    free: int
    budget: int = 0
    reserve: int = 0
    releases: tuple[KeptRelease, ...] = ()

    @property
    def used(self) -> int:
        """What the node keeps in all; the budget is for this."""
        return self.ours + self.other


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneForecast:
    """Which pins retention lets go.

    Attributes:
        kept: names of the releases with pins that stay.
        retired: what mirrors keep no longer then.
        spared: names of mirrors that are at an older release, which stays therefore.
    """

    keep: int
    kept: tuple[str, ...]
    going: tuple[PinLine, ...]
    plan: UnpinPlan
    unread: int = 0
    retired: tuple[Mirrored, ...] = ()
    spared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffView:
    """Two releases compared.

    Attributes:
        platforms: bytes of the wheels that only the new one has, by platform; those without are left out.
        costs: of each part of the old one that is pinned, as CLI text, what the same part of the new one
            would fetch.
        here: digests of the wheels of the new one that need not be fetched.
    """

    old: ReleaseSummary
    new: ReleaseSummary
    diff: ReleaseDiff
    platforms: tuple[tuple[str, int], ...]
    costs: tuple[tuple[str, Amount], ...]
    here: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalView:
    """A release that could be made.

    Attributes:
        gathered: what it is made of.
        report: what its check finds, with no more allowed than an input by itself allows.
        change: what is other than in the release before it; None where none is known here.
        outlook: why it would be refused, and what cannot be told yet.
    """

    gathered: Gathered
    report: CheckReport
    change: ReleaseChange | None
    outlook: Outlook
