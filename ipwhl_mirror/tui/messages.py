"""What screens ask of the app. They know no backend: they say what was asked for, and watch what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from ipwhl_mirror.tui.content_spots import Start

if TYPE_CHECKING:
    from ipwhl_mirror.domain.marks import Marks
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.mirrors import MirrorStatus
    from ipwhl_mirror.services.requests import PublishRequest
    from ipwhl_mirror.tui.backend import ProposalView, ReleaseSummary
    from ipwhl_mirror.tui.content_spots import Spot
    from ipwhl_mirror.tui.jobs import Job
    from ipwhl_mirror.tui.publish_entries import PublishEntries


class Changing(Message):
    """Asks for what changes the node or the state: a read-only run takes no such message."""


@dataclass
class Opened(Message):
    """Show the contents of a release, the cursor at a spot."""

    summary: ReleaseSummary
    at: Spot = Start.AS_IT_WAS


@dataclass
class PinAsked(Changing):
    """Plan a pin, show the plan, and pin when told to."""

    summary: ReleaseSummary
    selection: Selection


@dataclass
class PinManyAsked(Changing):
    """The same for several pins at once, in one dialog with their sum."""

    wanted: tuple[tuple[ReleaseSummary, Selection], ...]


@dataclass
class UnpinAsked(Changing):
    """Show what unpinning frees, and unpin when told to; None: every pin of ours of the release."""

    summary: ReleaseSummary
    selection: Selection | None


@dataclass
class UnpinManyAsked(Changing):
    """The same for every pin of ours of some releases, and for some pins, in one dialog with their sum."""

    releases: tuple[Cid, ...] = ()
    pins: tuple[Cid, ...] = ()


@dataclass
class VerifyAsked(Changing):
    """Verify what is kept of a release."""

    summary: ReleaseSummary


@dataclass
class RepairAsked(Changing):
    """The same, and fetch again what is broken."""

    summary: ReleaseSummary


@dataclass
class TrackAsked(Changing):
    """Ask for a CID, with this one to begin with, and track it."""

    cid: str = ""


@dataclass
class UntrackAsked(Changing):
    """Forget releases when told to."""

    summaries: tuple[ReleaseSummary, ...]


@dataclass
class DemoAsked(Message):
    """Run the demo."""


@dataclass
class DiffAsked(Message):
    """Compare a release with the one before it."""

    summary: ReleaseSummary


@dataclass
class CompareAsked(Message):
    """Compare two releases, the newer with the older one."""

    one: ReleaseSummary
    two: ReleaseSummary


@dataclass
class OtherDiffAsked(Message):
    """Compare a release with the next older one than it was compared with; from the last, the first again."""

    old: ReleaseSummary
    new: ReleaseSummary


@dataclass
class ExportAsked(Changing):
    """Ask for a file, and write parts of a release into it."""

    summary: ReleaseSummary
    selection: Selection


@dataclass
class ImportAsked(Changing):
    """Ask for a CAR file, and take in what is in it."""


@dataclass
class PublishAsked(Changing):
    """Ask what a release is to be made of, and show what it would be; `entries` are there to begin with,
    None: those of the last one."""

    entries: PublishEntries | None = None


@dataclass
class PublishingAsked(Changing):
    """Make a release that was shown, and announce it, when told to."""

    entries: PublishEntries
    request: PublishRequest
    proposal: ProposalView


@dataclass
class PruneAsked(Changing):
    """Ask how many releases stay, show what would go, and unpin it when told to."""


@dataclass
class CollectAsked(Changing):
    """Show what a garbage collection would remove, and remove it when told to."""


@dataclass
class SyncAsked(Changing):
    """Run a mirror."""

    mirror: str


@dataclass
class GoToAsked(Changing):
    """Ask which release a mirror is to go to instead, show what that costs, and go there when told to."""

    mirror: MirrorStatus


class UpdateAsked(Changing):
    """Ask every source what it announces."""


class SourceAddAsked(Changing):
    """Ask for a source, and follow it."""


@dataclass
class SourceRemoveAsked(Changing):
    """Forget a source when told to."""

    name: str


@dataclass
class CopyAsked(Message):
    """Put a text on the clipboard and show it."""

    text: str


@dataclass
class CopyMenuAsked(Message):
    """Ask which of some texts to copy: of a release, with the line that mirrors it and what stands under
    the cursor, as (word, CID)."""

    summary: ReleaseSummary
    cli_line: str
    others: tuple[tuple[str, Cid], ...] = ()


@dataclass
class CancelAsked(Message):
    """Cancel a job."""

    job: Job


@dataclass
class RetryAsked(Changing):
    """Do again what a job failed to do."""

    job: Job


@dataclass
class RepairAfterAsked(Changing):
    """Verify the release of a job again, and fetch again what is broken."""

    job: Job


@dataclass
class LogAsked(Message):
    """Show the log of a job."""

    job: Job


@dataclass
class BackAsked(Message):
    """Leave this view."""


@dataclass
class ViewAsked(Message):
    """Go to a view, as its digit does."""

    view: str


@dataclass
class JobChanged(Message):
    """A job is further, came, or has ended. Messages that wait are one."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, JobChanged)


@dataclass
class PythonAsked(Message):
    """Ask which Pythons to narrow marks to."""

    marks: Marks
