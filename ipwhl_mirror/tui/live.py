"""The UI's backend on real services.

Reading calls run at once; changing ones hold the data directory's lock only while they run.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.diffs import diff_releases, new_bytes
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import size
from ipwhl_mirror.domain.plans import plan_pin
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.services import (
    demo,
    overview,
    pinning,
    planning,
    publishing,
    releases,
    transfer,
    verifying,
)
from ipwhl_mirror.services.demo_steps import Supply
from ipwhl_mirror.services.errors import DamageFound
from ipwhl_mirror.services.holdings import holdings
from ipwhl_mirror.services.inventory import inventory
from ipwhl_mirror.services.storage import collect_garbage, forecast_prune, preview_gc
from ipwhl_mirror.tui.backend import (
    Backend,
    DiffView,
    Overview,
    PinEntry,
    PinForecast,
    PinLine,
    PinOwner,
    PruneForecast,
    ReleaseSummary,
    ReleaseView,
    Storage,
    UnpinForecast,
)

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from ipwhl_mirror.domain.selections import Selection as Chosen
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import GcPreview
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.overview import ReleaseStatus
    from ipwhl_mirror.services.planning import Removal
    from ipwhl_mirror.services.session import Session


class LiveBackend(Backend):
    """Services over one session; an async context manager, whose end removes a demo that was begun."""

    def __init__(self, session: Session, *, is_demo: bool = False) -> None:
        self._session = session
        self._is_demo = is_demo
        self._demo = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._demo.aclose()

    async def overview(self) -> Overview:
        """See Backend."""
        report = await overview.status(self._session)
        return Overview(
            now=self._session.clock(),
            node=report.node,
            releases=tuple(_summary(item) for item in report.releases),
            is_demo=self._is_demo,
        )

    async def load(self, cid: Cid) -> ReleaseView:
        """See Backend."""
        loaded = await releases.load(self._session, str(cid))
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
        forecast = await planning.forecast_pin(self._session, str(cid), selection)
        return PinForecast(
            summary=await self._summary_of(cid),
            plan=forecast.plan,
            free_bytes=forecast.free_bytes,
            free_after_bytes=forecast.free_after_bytes,
            reserve_bytes=self._session.settings.config.storage.reserve_free,
            refusal=forecast.refusal,
        )

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
        return UnpinForecast(
            summary=await self._summary_of(cid),
            going=_pin_lines(forecast.removal),
            plan=forecast.removal.plan,
            unread=forecast.removal.unread,
        )

    async def unpin(self, forecast: UnpinForecast, on_progress: ProgressSink) -> str:
        """See Backend."""
        removed = await pinning.unpin(self._session, [line.cid for line in forecast.going])
        at_most = "at most " if forecast.unread else ""
        reclaimable = size(forecast.plan.reclaimable.bytes)
        return f"{len(removed)} pin(s) removed; {at_most}{reclaimable} go with the next gc"

    async def diff(self, old: Cid, new: Cid) -> DiffView:
        """See Backend."""
        before = await releases.load(self._session, str(old))
        after = await releases.load(self._session, str(new))
        pins = await self._session.node.pinned()
        here = await planning.digests_here(self._session, after, pins)
        parts = [
            holding.selection
            for holding in holdings(self._session, pins)
            if holding.tracked.cid.digest == old.digest and holding.selection is not None
        ]
        return DiffView(
            old=await self._summary_of(old),
            new=await self._summary_of(new),
            diff=diff_releases(before.release, after.release, Selection.parse()),
            platforms=new_bytes(before.release, after.release),
            costs=tuple(
                (part.cli_text(), plan_pin(after.release, part, here=here, pinned=pins).fetch)
                for part in parts
            ),
        )

    async def export(self, cid: Cid, selection: Chosen, path: Path, on_progress: ProgressSink) -> str:
        """See Backend."""
        report = await transfer.export(self._session, str(cid), path, selection, sink=on_progress)
        return f"{report.wheels} wheels, {size(report.file_bytes)} in {safe_text(str(path))}"

    async def import_car(self, path: Path, label: str | None, on_progress: ProgressSink) -> str:
        """See Backend."""
        report = await transfer.import_car(self._session, path, label=label, sink=on_progress)
        return f"{report.loaded.tracked.name}: {report.wheels} wheels, {len(report.pinned)} pin(s)"

    async def publish(self, path: Path, label: str | None, on_progress: ProgressSink) -> str:
        """See Backend."""
        loaded = await publishing.publish(self._session, [path], label=label, sink=on_progress)
        return f"{len(loaded.release.wheels)} wheels published: {loaded.tracked.cid}"

    async def storage(self) -> Storage:
        """See Backend."""
        found = await inventory(self._session)
        pins = [
            PinEntry(
                cid=held.holding.pin.cid,
                owner=PinOwner.ADOPTED if held.holding.pin.adopted else PinOwner.OURS,
                name=held.holding.pin.name,
                release=held.holding.tracked.cid,
                release_name=held.holding.tracked.name,
                selection=held.holding.pin.selection,
                wheels=held.amount.wheels,
                bytes=held.amount.bytes,
                only_here=held.only_here.bytes,
                verified_at=held.holding.verification.verified_at if held.holding.verification else None,
            )
            for held in found.pins
        ]
        pins += [PinEntry(cid=pin.cid, owner=PinOwner.OTHER, name=pin.name) for pin in found.foreign]
        return Storage(
            pins=tuple(pins),
            ours=found.kept.bytes,
            shared=found.shared_bytes,
            other=found.other_bytes,
            free=found.node.free_bytes,
            budget=found.budget,
        )

    async def forecast_prune(self, keep: int) -> PruneForecast:
        """See Backend."""
        forecast = await forecast_prune(self._session, keep)
        return PruneForecast(
            keep=keep,
            kept=tuple(release.name for release in forecast.kept),
            going=_pin_lines(forecast.removal),
            plan=forecast.removal.plan,
            unread=forecast.removal.unread,
        )

    async def prune(self, forecast: PruneForecast, on_progress: ProgressSink) -> str:
        """See Backend."""
        removed = await pinning.unpin(self._session, [line.cid for line in forecast.going])
        return f"{len(removed)} pin(s) removed"

    async def preview_gc(self) -> GcPreview:
        """See Backend."""
        return await preview_gc(self._session)

    async def collect_garbage(self, on_progress: ProgressSink) -> str:
        """See Backend."""
        removed = await collect_garbage(self._session)
        return f"{removed.blocks} blocks, {size(removed.bytes)} deleted"

    async def verify(self, cid: Cid, on_progress: ProgressSink) -> str:
        """See Backend."""
        report = await verifying.verify(self._session, [str(cid)], sink=on_progress)
        if report.broken:
            raise DamageFound(
                f"{len(report.broken)} block(s) broken",
                hint="ipwhl-mirror verify --repair fetches them again",
                details=[
                    f"{damage.block.wheel.filename if damage.block.wheel else 'index'}: "
                    f"{damage.block.reason.value}"
                    for damage in report.broken
                ],
            )
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
        stage = await self._demo.enter_async_context(demo.staged(Supply.INDEX, sink=on_progress))
        mirror = await self._demo.enter_async_context(demo.mirroring(stage))
        await demo.track_all(mirror, stage)
        return LiveBackend(mirror, is_demo=True)

    async def _summary_of(self, cid: Cid) -> ReleaseSummary:
        held = holdings(self._session, await self._session.node.pinned())
        tracked = releases.resolve(self._session, str(cid))
        return _summary(await overview.release_status(self._session, tracked, held))


def _pin_lines(removal: Removal) -> tuple[PinLine, ...]:
    return tuple(
        PinLine(
            cid=line.holding.pin.cid,
            selection=line.holding.pin.selection or "",
            wheels=line.amount.wheels,
            bytes=line.amount.bytes,
        )
        for line in removal.going
    )


def _summary(item: ReleaseStatus) -> ReleaseSummary:
    tracked = item.tracked
    return ReleaseSummary(
        cid=tracked.cid,
        label=tracked.label,
        tracked_at=tracked.tracked_at,
        projects=tracked.projects,
        wheels=tracked.wheels,
        bytes=tracked.bytes,
        pinned_wheels=item.pinned_wheels,
        pinned_bytes=item.pinned_bytes,
        platforms=item.rows,
    )
