"""What the terminal UI asks of the rest of the program: one object, a few calls.

`Backend` is all that the screens know of the world. Its implementation joins the services; tests script one.
Its values are `backend_values`. Errors are those of the services and nodes: their words are shown, and their
`hint` where they have one.

On cancel of any call: as the service behind it promises; finished work stays and a repetition resumes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ipwhl_mirror.services.events import Progress, ProgressSink
from ipwhl_mirror.services.indexes import IndexState
from ipwhl_mirror.tui.backend_values import (
    DiffView,
    KeptRelease,
    Lifetime,
    Overview,
    PinEntry,
    PinForecast,
    PinLine,
    PinOwner,
    ProposalView,
    PruneForecast,
    ReleaseSummary,
    ReleaseView,
    Storage,
    UnpinForecast,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import GcPreview
    from ipwhl_mirror.services.overview import Glance
    from ipwhl_mirror.services.requests import PublishRequest
    from ipwhl_mirror.services.unfinished import Left, UnfinishedJob
    from ipwhl_mirror.tui.screens.source import NewSource

__all__ = [
    "Backend",
    "DiffView",
    "IndexState",
    "KeptRelease",
    "Lifetime",
    "Overview",
    "PinEntry",
    "PinForecast",
    "PinLine",
    "PinOwner",
    "Progress",
    "ProgressSink",
    "ProposalView",
    "PruneForecast",
    "ReleaseSummary",
    "ReleaseView",
    "Storage",
    "UnpinForecast",
]


class Backend(Protocol):
    """The node and the state of one run."""

    async def glance(self) -> Glance:
        """A value that differs when another run or program changed something: cheap, to be asked often."""

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

    async def forecast_unpin_many(
        self, *, releases: Sequence[Cid] = (), pins: Sequence[Cid] = ()
    ) -> UnpinForecast:
        """Which pins would go: every pin of ours of some releases, and some pins of ours by themselves."""

    async def unpin(self, forecast: UnpinForecast, on_progress: ProgressSink) -> str:
        """Remove exactly the pins the forecast lists; the outcome in words."""

    async def diff(self, old: Cid, new: Cid) -> DiffView:
        """Compare two tracked releases, from their local indexes."""

    async def export(self, cid: Cid, selection: Selection, path: Path, on_progress: ProgressSink) -> str:
        """Write the parts of a selection into a CAR file; the outcome in words."""

    async def import_car(self, path: Path, label: str | None, on_progress: ProgressSink) -> str:
        """Track and pin what a CAR file holds; the outcome in words."""

    async def propose(self, asked: PublishRequest, on_progress: ProgressSink) -> ProposalView:
        """What `publish` would make, what its check finds, what it changes, and why it would be refused.
        Changes nothing.

        Raises why the inputs cannot be read.
        """

    async def publish(self, asked: PublishRequest, on_progress: ProgressSink) -> str:
        """Make a release, pin it, and announce it; the outcome in words."""

    def index_url(self, cid: Cid) -> str:
        """Where this program's gateway lists a release or a subset for pip, while it serves."""

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

    async def repair(self, cid: Cid, on_progress: ProgressSink) -> str:
        """The same, and what is broken is fetched again, without touching a pin; the outcome in words.

        Raises an error that names what was repaired and what could not be.
        """

    async def track(self, cid: Cid, label: str | None, on_progress: ProgressSink) -> str:
        """Add a release, fetching its index and no wheel; the outcome in words."""

    async def untrack(self, cid: Cid) -> str:
        """Forget a release without pins; the outcome in words."""

    def mirror_url(self, mirror: str) -> str:
        """Where this program's gateway lists the release that a mirror is at, while it serves."""

    async def forecast_sync(self, mirror: str, cid: Cid) -> PinForecast:
        """What a mirror would fetch and keep of a tracked release. Changes nothing."""

    async def sync(self, mirror: str, to: str | None, on_progress: ProgressSink) -> str:
        """Run a mirror: to the newest release of its source, or to the one of this CID; the outcome in words.

        Raises what was refused or failed; what its address led to stays then.
        """

    async def update(self, on_progress: ProgressSink) -> str:
        """Ask every source, and track what is new and signed; the outcome in words.

        Raises what a source said that is refused, or why it did not answer.
        """

    async def add_source(self, asked: NewSource, on_progress: ProgressSink) -> str:
        """Accept a source and ask it; the outcome in words. Raises as `update` does: it is accepted then."""

    async def remove_source(self, name: str, on_progress: ProgressSink) -> str:
        """Forget a source and what is believed of it; the outcome in words."""

    async def unfinished(self) -> Left:
        """What an earlier run left to do, and words about it. Changes nothing but who keeps the list: to be
        called before the first `keep_unfinished`."""

    async def keep_unfinished(self, jobs: Sequence[UnfinishedJob]) -> Lifetime:
        """Write down these jobs, and no others, for the next run; tells whether they were."""

    def wait_for_others(self, tell: Callable[[str | None], None]) -> None:
        """From now on wait for another run that holds the data directory as long as it takes; `tell` is
        called with what it says it does, and with None when the wait is over."""

    async def demo(self, on_progress: ProgressSink) -> Backend:
        """A backend with a small release of real wheels, beside this one and forgotten at the end."""
