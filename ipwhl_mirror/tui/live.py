"""The UI's backend on real services.

Reading calls run at once; changing ones hold the data directory's lock only while they run.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.diffs import diff_releases, new_bytes
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import plural, size
from ipwhl_mirror.domain.plans import plan_pin
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.services import (
    addresses,
    overview,
    pinning,
    planning,
    releases,
    transfer,
    verifying,
)
from ipwhl_mirror.services.holdings import holdings
from ipwhl_mirror.services.inventory import inventory
from ipwhl_mirror.services.mirror_needs import mirrors_needing
from ipwhl_mirror.services.mirrors import mirror_statuses
from ipwhl_mirror.services.storage import collect_garbage, forecast_prune, preview_gc, prune
from ipwhl_mirror.tui.backend import (
    Backend,
    DiffView,
    Lifetime,
    Overview,
    PinForecast,
    PruneForecast,
    ReleaseSummary,
    ReleaseView,
    Storage,
    UnpinForecast,
)
from ipwhl_mirror.tui.live_following import LiveFollowing, known_sources
from ipwhl_mirror.tui.live_jobs import LiveJobs, damage_found
from ipwhl_mirror.tui.live_publishing import LivePublishing
from ipwhl_mirror.tui.live_releases import ShownReleases
from ipwhl_mirror.tui.live_values import (
    pin_lines,
    removal_words,
    storage_of,
    summary_of,
    unpin_forecast,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self

    from ipwhl_mirror.domain.selections import Selection as Chosen
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import GcPreview
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.overview import Glance
    from ipwhl_mirror.services.removals import Removal
    from ipwhl_mirror.services.session import Session


class LiveBackend(LiveJobs, LiveFollowing, LivePublishing, Backend):
    """Services over one session; an async context manager, whose end removes a demo that was begun."""

    def __init__(self, session: Session, *, is_demo: bool = False) -> None:
        LiveJobs.__init__(self, session, Lifetime.RUN if is_demo else Lifetime.KEPT)
        LiveFollowing.__init__(self, session)
        LivePublishing.__init__(self, session)
        self._session = session
        self._is_demo = is_demo
        self._releases = ShownReleases(session)
        self._demo = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._demo.aclose()
        self.close_unfinished()

    async def glance(self) -> Glance:
        """See Backend."""
        return await overview.glance(self._session)

    async def overview(self) -> Overview:
        """See Backend."""
        report = await overview.status(self._session)
        return Overview(
            now=self._session.clock(),
            node=report.node,
            releases=tuple(summary_of(item) for item in report.releases),
            sources=known_sources(self._session),
            mirrors=mirror_statuses(self._session),
            is_demo=self._is_demo,
        )

    async def load(self, cid: Cid) -> ReleaseView:
        """See Backend."""
        loaded = await self._releases.load(cid)
        shown = await overview.show_loaded(self._session, loaded, Selection.parse())
        here = await planning.digests_here(self._session, loaded, await self._session.node.pinned())
        return ReleaseView(
            summary=await self._summary_of(cid),
            release=loaded.release,
            pinned=shown.pinned,
            here=frozenset(here | shown.pinned),
            free_bytes=(await self._session.node.status()).free_bytes,
        )

    async def forecast_pin(self, cid: Cid, selection: Chosen) -> PinForecast:
        """See Backend."""
        loaded = await self._releases.load(cid)
        forecast = await planning.forecast_loaded(self._session, loaded, selection)
        return PinForecast(
            summary=await self._summary_of(cid),
            plan=forecast.plan,
            free_bytes=forecast.free_bytes,
            free_after_bytes=forecast.free_after_bytes,
            reserve_bytes=self._session.settings.config.storage.reserve_free,
            refusal=forecast.refusal,
        )

    async def forecast_sync(self, mirror: str, cid: Cid) -> PinForecast:
        """See Backend."""
        return await self.forecast_pin(cid, self._mirror(mirror).selection)

    async def pin(self, forecast: PinForecast, on_progress: ProgressSink) -> str:
        """See Backend."""
        report = await pinning.pin(
            self._session, str(forecast.summary.cid), forecast.plan.selection, sink=on_progress
        )
        what = report.forecast.plan.amount
        return (
            f"{what.wheels} wheels, {size(what.bytes)} pinned; {size(report.fetched_bytes)} fetched, "
            f"{report.read_back.blocks} blocks read back"
        )

    async def forecast_unpin(self, cid: Cid, selection: Chosen | None) -> UnpinForecast:
        """See Backend."""
        forecast = await planning.forecast_unpin(self._session, str(cid), selection)
        return self._unpin_forecast(forecast.removal, await self._summary_of(cid))

    async def forecast_unpin_many(
        self, *, releases: Sequence[Cid] = (), pins: Sequence[Cid] = ()
    ) -> UnpinForecast:
        """See Backend."""
        removal = await planning.forecast_unpin_many(
            self._session,
            releases={cid.digest for cid in releases},
            pins={cid.digest for cid in pins},
        )
        return self._unpin_forecast(removal)

    def _unpin_forecast(self, removal: Removal, summary: ReleaseSummary | None = None) -> UnpinForecast:
        return unpin_forecast(removal, mirrors_needing(self._session, removal.roots), summary)

    async def unpin(self, forecast: UnpinForecast, on_progress: ProgressSink) -> str:
        """See Backend."""
        removed = await pinning.unpin(self._session, [line.cid for line in forecast.going])
        return removal_words(forecast, len(removed))

    async def diff(self, old: Cid, new: Cid) -> DiffView:
        """See Backend."""
        before, after = await self._releases.load(old), await self._releases.load(new)
        pins = await self._session.node.pinned()
        here = await planning.digests_here(self._session, after, pins)
        parts = [
            holding.selection
            for holding in holdings(self._session, pins)
            if holding.tracked.cid.digest == old.digest and holding.selection is not None
        ]
        # two large releases are compared for a while
        diff, platforms, costs = await asyncio.to_thread(
            lambda: (
                diff_releases(before.release, after.release, Selection.parse()),
                new_bytes(before.release, after.release),
                tuple(
                    (part.cli_text(), plan_pin(after.release, part, here=here, pinned=pins).fetch)
                    for part in parts
                ),
            )
        )
        return DiffView(
            old=await self._summary_of(old),
            new=await self._summary_of(new),
            diff=diff,
            platforms=platforms,
            costs=costs,
            here=frozenset(here),
        )

    async def export(self, cid: Cid, selection: Chosen, path: Path, on_progress: ProgressSink) -> str:
        """See Backend."""
        report = await transfer.export(self._session, str(cid), path, selection, sink=on_progress)
        return f"{report.selected.wheels} wheels, {size(report.file_bytes)} in {safe_text(str(path))}"

    async def import_car(self, path: Path, label: str | None, on_progress: ProgressSink) -> str:
        """See Backend."""
        report = await transfer.import_car(self._session, path, label=label, sink=on_progress)
        pins = plural(len(report.pinned), "pin")
        return f"{report.loaded.tracked.name}: {report.kept.wheels} wheels, {pins}"

    def index_url(self, cid: Cid) -> str:
        """See Backend."""
        return addresses.index_url(addresses.own_gateway(self._session), cid)

    async def storage(self) -> Storage:
        """See Backend."""
        found = await inventory(self._session)
        return storage_of(found, reserve=self._session.settings.config.storage.reserve_free)

    async def forecast_prune(self, keep: int) -> PruneForecast:
        """See Backend."""
        forecast = await forecast_prune(self._session, keep)
        return PruneForecast(
            keep=keep,
            kept=tuple(release.name for release in forecast.kept),
            going=pin_lines(forecast.removal),
            plan=forecast.removal.plan,
            unread=forecast.removal.unread,
            retired=forecast.retired,
            spared=forecast.spared,
        )

    async def prune(self, forecast: PruneForecast, on_progress: ProgressSink) -> str:
        """See Backend."""
        roots = [line.cid for line in forecast.going]
        return removal_words(forecast, await prune(self._session, roots, retired=forecast.retired))

    async def preview_gc(self) -> GcPreview:
        """See Backend."""
        return await preview_gc(self._session)

    async def collect_garbage(self, on_progress: ProgressSink) -> str:
        """See Backend."""
        removed = await collect_garbage(self._session)
        return f"{plural(removed.blocks, 'block')}, {size(removed.bytes)} deleted"

    async def verify(self, cid: Cid, on_progress: ProgressSink) -> str:
        """See Backend."""
        report = await verifying.verify(self._session, [str(cid)], sink=on_progress)
        if report.broken:
            raise damage_found(report.broken)
        if not report.pins:
            return "nothing is pinned, nothing to verify"
        return f"{report.wheels} wheels, {size(report.bytes)} whole"

    async def track(self, cid: Cid, label: str | None, on_progress: ProgressSink) -> str:
        """See Backend."""
        loaded = await releases.track(self._session, cid, label=label, sink=on_progress)
        return f"{len(loaded.release.wheels)} wheels of {len(loaded.release.projects)} projects"

    async def untrack(self, cid: Cid) -> str:
        """See Backend."""
        tracked = await releases.untrack(self._session, str(cid))
        return f"{tracked.name} is forgotten"

    async def demo(self, on_progress: ProgressSink) -> Backend:
        """See Backend."""
        if self._is_demo:
            return self
        # it serves wheels: what that takes is not loaded before it is wanted
        from ipwhl_mirror.services import demo
        from ipwhl_mirror.services.demo_steps import Supply

        stage = await self._demo.enter_async_context(demo.staged(Supply.INDEX, sink=on_progress))
        mirror = await self._demo.enter_async_context(demo.mirroring(stage))
        await demo.track_all(mirror, stage)
        return LiveBackend(mirror, is_demo=True)

    async def _summary_of(self, cid: Cid) -> ReleaseSummary:
        held = holdings(self._session, await self._session.node.pinned())
        tracked = releases.resolve(self._session, str(cid))
        return summary_of(await overview.release_status(self._session, tracked, held))
