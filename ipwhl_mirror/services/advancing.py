"""Bring one mirror to one release: plan, guards, room, fetch and pin, read back, listing, switch.

The caller holds the lock and says which release, and why. Until the last step, one transaction, the mirror's
address leads where it led before, and all of that stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.domain.figures import plural, size
from ipwhl_mirror.domain.mirroring import worst_shrinkage
from ipwhl_mirror.domain.selections import Selection, select_wheels
from ipwhl_mirror.ipld.listing_tree import build_listing_tree
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound
from ipwhl_mirror.services.errors import GuardRefused, NothingSelected
from ipwhl_mirror.services.events import ProgressSink, ignore
from ipwhl_mirror.services.mirror_events import EventKind
from ipwhl_mirror.services.mirrors import was_brought
from ipwhl_mirror.services.pinning import pin_held
from ipwhl_mirror.services.planning import forecast_loaded
from ipwhl_mirror.services.releases import LoadedRelease, load_tracked, track_held
from ipwhl_mirror.services.retiring import LISTING_PIN, collect, drop, due_before, retire
from ipwhl_mirror.services.targets import Cause
from ipwhl_mirror.state.mirrors import Mirrored, MirrorPin, MirrorTable, PinRole

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import GcPreview
    from ipwhl_mirror.services.mirrors import Mirror
    from ipwhl_mirror.services.planning import PinForecast
    from ipwhl_mirror.services.retiring import Tell
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.database import TrackedRelease


@dataclass(slots=True, kw_only=True)
class Advance:
    """One mirror on its way to one release.

    Attributes:
        tell: gets an `EventKind` and its fields.
        fetched_bytes: payload that travelled.
        retired, collected: what was let go to make room is added.
    """

    session: Session
    mirror: Mirror
    target: TrackedRelease
    cause: Cause
    tell: Tell
    retired: list[Mirrored]
    sink: ProgressSink = ignore
    fetched_bytes: int = 0
    collected: GcPreview | None = None

    @property
    def _table(self) -> MirrorTable:
        return MirrorTable(self.session.state)

    async def run(self) -> None:
        """Bring it there.

        Raises:
            GuardRefused: it does not fit, or too much of what the mirror has is gone.
            NothingSelected: the release has nothing of what the mirror takes.
            NodeError, IpldError, DomainError: it cannot be had, or is damaged.
        """
        loaded = await self._load()
        await self._check_shrinkage(loaded)
        forecast = await self._forecast(loaded)
        if not forecast.plan.parts:
            raise NothingSelected(
                f"{loaded.tracked.name} has nothing of what mirror {self.mirror.name} takes: "
                f"{self.mirror.selection.cli_text() or 'everything'}"
            )
        forecast = await self._make_room(forecast)
        self._tell_plan(forecast)
        await self._claim(forecast)
        report = await pin_held(self.session, forecast, self.sink)
        self.fetched_bytes = report.fetched_bytes
        required = {part.tree.cid.digest for part in forecast.plan.parts}
        required.update(await self._keep_listing(forecast, required))
        self._switch(forecast)
        await self._drop_others(required)

    async def _load(self) -> LoadedRelease:
        try:
            return await load_tracked(self.session, self.target)
        except (BlockNotFound, BlockCorrupt):
            return await track_held(
                self.session,
                self.target.cid,
                label=self.target.label,
                source=self.target.source,
                sink=self.sink,
            )

    async def _check_shrinkage(self, loaded: LoadedRelease) -> None:
        kept = self._table.kept(self.mirror.name)
        if not kept or self.cause is Cause.PERSON or kept[0].release == self.target.cid.digest:
            return
        current = await self._load_kept(kept[0])
        if current is None:
            return  # lost here, and nothing to compare with
        lost = worst_shrinkage(current.release, loaded.release, self.mirror.selection)
        if lost.ratio > self.mirror.config.max_removed_ratio:
            raise GuardRefused(
                f"{loaded.tracked.name} lacks {lost.gone} of {plural(lost.before, 'project')} that "
                f"{current.tracked.name} has of {lost.part.cli_text() or 'the release'}: {lost.ratio:.0%}, "
                f"and max_removed_ratio is {self.mirror.config.max_removed_ratio:.0%}",
                hint=f"see: ipwhl-mirror diff {current.tracked.name} {loaded.tracked.name}; if that is as it "
                f"should be: ipwhl-mirror sync {self.mirror.name} --to {loaded.tracked.name}",
            )

    async def _load_kept(self, kept: Mirrored) -> LoadedRelease | None:
        """A release that the mirror keeps; None where its index is not whole."""
        for tracked in self.session.state.releases():
            if tracked.cid.digest == kept.release:
                try:
                    return await load_tracked(self.session, tracked)
                except (BlockNotFound, BlockCorrupt):
                    return None
        return None

    async def _forecast(self, loaded: LoadedRelease) -> PinForecast:
        storage = self.session.settings.config.storage
        if self.mirror.config.reserve_free is not None:
            storage = msgspec.structs.replace(storage, reserve_free=self.mirror.config.reserve_free)
        return await forecast_loaded(self.session, loaded, self.mirror.selection, storage)

    async def _make_room(self, forecast: PinForecast) -> PinForecast:
        """Where there is too little, let go what goes anyway after this, and look again.

        Raises:
            GuardRefused: there is too little even so.
        """
        kept = self._table.kept(self.mirror.name)
        digest = self.target.cid.digest
        going = due_before(digest, kept, self.mirror.config, self.session.clock())
        is_over = await self._over_budget(forecast, kept) is not None
        is_refused = forecast.refusal is not None and self._collects
        if going and (is_over or is_refused):
            refusal = await self._over_budget(forecast, [item for item in kept if item not in going])
            if refusal is None:
                for mirrored in going:
                    pins = await retire(self.session, mirrored)
                    self.retired.append(mirrored)
                    self.tell(EventKind.RETIRED, label=mirrored.label, cid=str(mirrored.cid), pins=pins)
                if self._collects:
                    self.collected = await collect(self.session, self.tell)
                kept = self._table.kept(self.mirror.name)
                forecast = await self._forecast(forecast.loaded)
        refusal = await self._over_budget(forecast, kept)
        if refusal is not None:
            raise GuardRefused(
                refusal, hint=f"raise budget or lower keep under [mirror.{self.mirror.name}], or take less"
            )
        forecast.check()
        return forecast

    @property
    def _collects(self) -> bool:
        return self.session.settings.config.storage.gc == "after-sync"

    async def _over_budget(self, forecast: PinForecast, kept: Sequence[Mirrored]) -> str | None:
        """Why the mirror may not keep this beside what it keeps, in words with the numbers; None: it may."""
        budget = self.mirror.config.budget
        if not budget:
            return None
        sizes = {wheel.cid.digest: wheel.bytes for wheel in forecast.plan.wheels}
        coming = sum(sizes.values())
        for mirrored in kept:
            if (loaded := await self._load_kept(mirrored)) is not None:
                wheels = select_wheels(loaded.release, Selection.from_cli_text(mirrored.selection))
                sizes.update((wheel.cid.digest, wheel.bytes) for wheel in wheels)
        total = sum(sizes.values())
        if total <= budget:
            return None
        return (
            f"mirror {self.mirror.name} would keep {size(total)}, {size(coming)} of that "
            f"{forecast.loaded.tracked.name}: more than its budget of {size(budget)}"
        )

    def _tell_plan(self, forecast: PinForecast) -> None:
        plan = forecast.plan
        self.tell(
            EventKind.PLANNED,
            label=self.target.label,
            cid=str(self.target.cid),
            wheels=plan.amount.wheels,
            bytes=plan.amount.bytes,
            fetch_wheels=plan.fetch.wheels,
            fetch_bytes=plan.fetch.bytes,
            free_bytes=forecast.free_bytes,
            free_after_bytes=forecast.free_after_bytes,
        )

    async def _claim(self, forecast: PinForecast) -> None:
        """Write down which pins the mirror needs. What is pinned and no mirror asked for is somebody's: it is
        not this mirror's to remove, unless an import brought it."""
        on_node = await self.session.node.pinned()
        roles = {pin.cid.digest: pin.role for pin in self._table.pins()}

        def role(root: Cid) -> PinRole:
            if root.digest not in on_node:
                return PinRole.PART
            found = PinRole.PART if was_brought(self.session, root) else PinRole.FOUND
            return roles.get(root.digest, found)

        self._table.claim(self._need(part.tree.cid, role(part.tree.cid)) for part in forecast.plan.parts)

    def _need(self, root: Cid, role: PinRole) -> MirrorPin:
        return MirrorPin(mirror=self.mirror.name, release=self.target.cid.digest, cid=root, role=role)

    async def _keep_listing(self, forecast: PinForecast, parts: Set[bytes]) -> set[bytes]:
        """Keep the directories that the address will lead to, where no part's pin does; gives what does."""
        listed = forecast.plan.tree
        assert listed is not None
        if not listed.blocks or listed.cid.digest in parts:
            return set()
        listing = build_listing_tree(listed)
        self._table.claim([self._need(listing.cid, PinRole.LISTING)])
        await self.session.node.put_blocks([*listed.blocks, *listing.blocks])
        await self.session.node.pin(
            listing.cid, f"{LISTING_PIN} {self.mirror.name}", transfer=self.session.settings.transfer
        )
        return {listing.cid.digest}

    def _switch(self, forecast: PinForecast) -> None:
        before = next(iter(self._table.kept(self.mirror.name)), None)
        root = forecast.plan.subset_cid
        assert root is not None
        self._table.switch(
            Mirrored(
                mirror=self.mirror.name,
                cid=root,
                release=self.target.cid.digest,
                label=self.target.label,
                selection=self.mirror.selection.cli_text(),
                switched_at=self.session.clock(),
            )
        )
        self.tell(
            EventKind.SWITCHED,
            label=self.target.label,
            cid=str(root),
            previous=None if before is None else before.label or str(before.cid),
        )

    async def _drop_others(self, required: Set[bytes]) -> None:
        """Parts of this release that the mirror took before, and does not take any more."""
        mine = (self.mirror.name, self.target.cid.digest)
        await drop(
            self.session,
            [
                pin
                for pin in self._table.pins()
                if (pin.mirror, pin.release) == mine and pin.cid.digest not in required
            ],
        )
