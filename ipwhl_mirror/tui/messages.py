"""What screens ask of the app. They know no backend: they say what was asked for, and watch what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from ipwhl_mirror.domain.marks import Marks
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.tui.backend import ReleaseSummary
    from ipwhl_mirror.tui.jobs import Job


@dataclass
class Opened(Message):
    """Show the contents of a release."""

    summary: ReleaseSummary


@dataclass
class PinAsked(Message):
    """Plan a pin, show the plan, and pin when told to."""

    summary: ReleaseSummary
    selection: Selection


@dataclass
class UnpinAsked(Message):
    """Show what unpinning frees, and unpin when told to; None: every pin of ours of the release."""

    summary: ReleaseSummary
    selection: Selection | None


@dataclass
class VerifyAsked(Message):
    """Verify what is kept of a release."""

    summary: ReleaseSummary


@dataclass
class TrackAsked(Message):
    """Ask for a CID and track it."""


@dataclass
class UntrackAsked(Message):
    """Forget a release when told to."""

    summary: ReleaseSummary


@dataclass
class DemoAsked(Message):
    """Run the demo."""


@dataclass
class DiffAsked(Message):
    """Compare a release with the one before it."""

    summary: ReleaseSummary


@dataclass
class OtherDiffAsked(Message):
    """Compare a release with the next older one than it was compared with; from the last, the first again."""

    old: ReleaseSummary
    new: ReleaseSummary


@dataclass
class ExportAsked(Message):
    """Ask for a file, and write parts of a release into it."""

    summary: ReleaseSummary
    selection: Selection


@dataclass
class ImportAsked(Message):
    """Ask for a CAR file, and take in what is in it."""


@dataclass
class PublishAsked(Message):
    """Ask for wheels, and make a release of them."""


@dataclass
class PruneAsked(Message):
    """Ask how many releases stay, show what would go, and unpin it when told to."""


@dataclass
class CollectAsked(Message):
    """Show what a garbage collection would remove, and remove it when told to."""


@dataclass
class CopyAsked(Message):
    """Put a text on the clipboard and show it."""

    text: str


@dataclass
class CancelAsked(Message):
    """Cancel a job."""

    job: Job


@dataclass
class RetryAsked(Message):
    """Do again what a job failed to do."""

    job: Job


@dataclass
class BackAsked(Message):
    """Leave this view."""


@dataclass
class JobChanged(Message):
    """A job is further, or has ended. Messages of one job that wait are one."""

    job: Job

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, JobChanged) and message.job is self.job


@dataclass
class PythonAsked(Message):
    """Ask which Pythons to narrow marks to."""

    marks: Marks
