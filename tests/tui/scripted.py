"""A backend for tests of the terminal UI: real releases in memory, no node, no clock, no network.

Releases are read from the vectors or generated; plans are the domain's. `pin` and the others do at once what
they promise, unless `hold` is called: then a job tells `script` and waits for `go_on`, so that a test, or a
screenshot, sees it in the middle. `fail_with` makes the next changing call fail.
"""

from __future__ import annotations

import asyncio
import shlex
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ipwhl_mirror.config import MirrorConfig
from ipwhl_mirror.domain.diffs import diff_releases, new_bytes
from ipwhl_mirror.domain.plans import PinnedPart, plan_pin, plan_unpin
from ipwhl_mirror.domain.releases import Release, platform_rows
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.nodes.base import GcPreview, NodeStatus
from ipwhl_mirror.services.events import Phase
from ipwhl_mirror.services.mirrors import MirrorStatus
from ipwhl_mirror.services.overview import Glance
from ipwhl_mirror.services.sources import SourceStatus
from ipwhl_mirror.services.unfinished import Left
from ipwhl_mirror.sources.keys import AcceptedKey
from ipwhl_mirror.sources.trust import SourceTrust
from ipwhl_mirror.state.mirrors import Mirrored, Sync, SyncState
from ipwhl_mirror.tui import keymap
from ipwhl_mirror.tui.app import MirrorApp
from ipwhl_mirror.tui.backend import (
    Backend,
    DiffView,
    KeptRelease,
    Lifetime,
    Overview,
    PinEntry,
    PinForecast,
    PinLine,
    PinOwner,
    Progress,
    ProgressSink,
    ProposalView,
    PruneForecast,
    ReleaseSummary,
    ReleaseView,
    Storage,
    UnpinForecast,
)
from ipwhl_mirror.tui.desk import Access
from ipwhl_mirror.tui.glyphs import UNICODE, Glyphs
from ipwhl_mirror.tui.publish_entries import arguments_of
from tests.simulators.releases import generated_release, read_release
from tests.tui.proposals import FINDINGS, proposal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ipwhl_mirror.services.requests import PublishRequest
    from ipwhl_mirror.services.unfinished import UnfinishedJob
    from ipwhl_mirror.tui.keymap import Keymap
    from ipwhl_mirror.tui.screens.source import NewSource

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FREE = 212_000_000_000
RESERVE = 50_000_000_000

HALFWAY = Progress(
    phase=Phase.FETCH,
    done_bytes=31_200_000,
    total_bytes=126_315_092,
    done_wheels=12,
    total_wheels=53,
    rate=11_200_000.0,
    eta_s=8.5,
)
STALLED = Progress(
    phase=Phase.FETCH,
    done_bytes=31_200_000,
    total_bytes=126_315_092,
    done_wheels=12,
    total_wheels=53,
    stalled_s=45.0,
    note="gateway 127.0.0.1:1 is left out: no byte for 30 s",
)


class Broken(Exception):
    """An error as the services have them."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message)


_ScriptedPin = tuple[Release, Selection, PinnedPart]


@dataclass(eq=False)
class ScriptedBackend(Backend):
    """See the module.

    Attributes:
        script: what a held job tells before it waits.
        counting: `preview_gc` waits until it is set.
        calls: changing calls in order, as `(verb, what)`.
        left: what an earlier run did not finish.
        lifetime: whether lists of open jobs are kept.
        written: each that was, in order.
        tell_holder: to be told that another run holds the data directory.
        proposal: what `propose` answers; `proposed`: what it was asked.
    """

    tracked: list[tuple[str | None, Release, timedelta]] = field(default_factory=list)
    peers: int | None = None
    foreign: tuple[PinEntry, ...] = ()
    garbage: GcPreview = field(default_factory=lambda: GcPreview(blocks=0, bytes=0))
    script: list[Progress] = field(default_factory=list)
    is_demo: bool = False
    budget: int = 0
    counting: asyncio.Event | None = None
    calls: list[tuple[str, str]] = field(default_factory=list)
    _pins: list[_ScriptedPin] = field(default_factory=list)
    _gate: asyncio.Event | None = None
    _error: Exception | None = None
    _reading: asyncio.Event | None = None
    unreachable: Exception | None = None
    left: Left = field(default_factory=Left)
    lifetime: Lifetime = Lifetime.KEPT
    written: list[tuple[UnfinishedJob, ...]] = field(default_factory=list)
    tell_holder: Callable[[str | None], None] = field(default=lambda holder: None)
    announced: dict[Cid, str] = field(default_factory=dict)
    sources: tuple[SourceStatus, ...] = ()
    mirrors: tuple[MirrorStatus, ...] = ()
    proposal: ProposalView = field(default_factory=proposal)
    proposed: list[PublishRequest] = field(default_factory=list)

    def hold(self) -> None:
        """Let the next job wait in its middle."""
        self._gate = asyncio.Event()

    def hold_reading(self) -> asyncio.Event:
        """Let `load` wait until this event is set."""
        self._reading = asyncio.Event()
        return self._reading

    @property
    def is_held(self) -> bool:
        """Jobs wait in their middle."""
        return self._gate is not None and not self._gate.is_set()

    def go_on(self) -> None:
        """Let a held job finish."""
        assert self._gate is not None
        self._gate.set()

    def fail_with(self, error: Exception) -> None:
        """Let the next changing call fail."""
        self._error = error

    def keep(self, release: Release, selection: Selection) -> None:
        """Pin the parts of a selection, without a job."""
        for part in plan_pin(release, selection, here=set(), pinned=set()).parts:
            self._pins.append(
                (release, part.selection, PinnedPart(part.tree.cid, part.selection, part.wheels))
            )

    async def glance(self) -> Glance:
        if self.unreachable is not None:
            raise self.unreachable
        pins = frozenset(part.cid.digest for _, _, part in self._pins)
        return Glance(pins, tuple(str(release.root) for _, release, _ in self.tracked))

    async def overview(self) -> Overview:
        if self.unreachable is not None:
            raise self.unreachable
        return Overview(
            now=NOW,
            node=NodeStatus(kind="embedded", version="1.0", repo_bytes=0, free_bytes=FREE, peers=self.peers),
            releases=tuple(self._summary(release) for _, release, _ in self.tracked),
            sources=self.sources,
            mirrors=self.mirrors,
            is_demo=self.is_demo,
        )

    async def load(self, cid: Cid) -> ReleaseView:
        if self._reading is not None:
            await self._reading.wait()
        release = self._find(cid)
        here = frozenset(self._here())
        pinned = frozenset(wheel.cid.digest for wheel in release.wheels) & here
        return ReleaseView(
            summary=self._summary(release), release=release, pinned=pinned, here=here, free_bytes=FREE
        )

    async def forecast_pin(self, cid: Cid, selection: Selection) -> PinForecast:
        release = self._find(cid)
        pinned = {part.cid.digest for _, _, part in self._pins}
        plan = plan_pin(release, selection, here=self._here(), pinned=pinned)
        after = FREE - plan.fetch.bytes
        return PinForecast(
            summary=self._summary(release),
            plan=plan,
            free_bytes=FREE,
            free_after_bytes=after,
            reserve_bytes=RESERVE,
            refusal="too little room" if after < RESERVE else None,
        )

    async def pin(self, forecast: PinForecast, on_progress: ProgressSink) -> str:
        selection = forecast.plan.selection
        await self._work("pin", selection.cli_text(), on_progress)
        self.keep(self._find(forecast.summary.cid), selection)
        return f"{forecast.plan.amount.wheels} wheels pinned"

    async def forecast_unpin(self, cid: Cid, selection: Selection | None) -> UnpinForecast:
        release = self._find(cid)
        wanted = None if selection is None else set(selection.parts())
        going = [pin for pin in self._pins if pin[0] is release and (wanted is None or pin[1] in wanted)]
        if not going:
            raise Broken("no pin of these parts is this program's", hint="nothing to unpin")
        return replace(self._unpinning(going), summary=self._summary(release))

    async def forecast_unpin_many(
        self, *, releases: Sequence[Cid] = (), pins: Sequence[Cid] = ()
    ) -> UnpinForecast:
        if set(pins) - {part.cid for _, _, part in self._pins}:
            raise Broken("a pin is not this program's", hint="look again")
        going = [pin for pin in self._pins if pin[0].root in releases or pin[2].cid in pins]
        if not going:
            raise Broken("no pin of these releases is this program's", hint="nothing to unpin")
        return self._unpinning(going)

    def index_url(self, cid: Cid) -> str:
        return f"http://127.0.0.1:8085/ipfs/{cid}/"

    async def unpin(self, forecast: UnpinForecast, on_progress: ProgressSink) -> str:
        await self._work("unpin", " ".join(str(line.cid) for line in forecast.going), on_progress)
        gone = {line.cid for line in forecast.going}
        self._pins = [pin for pin in self._pins if pin[2].cid not in gone]
        return f"{len(gone)} pins removed"

    async def diff(self, old: Cid, new: Cid) -> DiffView:
        before, after = self._find(old), self._find(new)
        here = self._here()
        return DiffView(
            old=self._summary(before),
            new=self._summary(after),
            diff=diff_releases(before, after, Selection.parse()),
            platforms=new_bytes(before, after),
            costs=tuple(
                (chosen.cli_text(), plan_pin(after, chosen, here=here, pinned=set()).fetch)
                for release, chosen, _ in self._pins
                if release is before
            ),
            here=frozenset(here),
        )

    async def export(self, cid: Cid, selection: Selection, path: Path, on_progress: ProgressSink) -> str:
        await self._work("export", f"{selection.cli_text()} {path.name}", on_progress)
        return "written"

    async def import_car(self, path: Path, label: str | None, on_progress: ProgressSink) -> str:
        await self._work("import", f"{path.name} {label}", on_progress)
        return "imported"

    async def propose(self, asked: PublishRequest, on_progress: ProgressSink) -> ProposalView:
        self.proposed.append(asked)
        on_progress(Progress(phase=Phase.CHECK, done_wheels=5, total_wheels=5))
        return self.proposal

    async def publish(self, asked: PublishRequest, on_progress: ProgressSink) -> str:
        await self._work("publish", shlex.join(arguments_of(asked)), on_progress)
        return "published"

    async def storage(self) -> Storage:
        names = {release.root: label or "" for label, release, _ in self.tracked}
        under = [{wheel.cid.digest: wheel.bytes for wheel in part.wheels} for _, _, part in self._pins]
        count = Counter(digest for wheels in under for digest in wheels)
        entries = [
            PinEntry(
                cid=part.cid,
                owner=PinOwner.OURS,
                name=f"ipwhl-mirror/{chosen.cli_text()}",
                release=release.root,
                release_name=names[release.root],
                selection=chosen.cli_text(),
                wheels=len(wheels),
                bytes=sum(wheels.values()),
                only_here=sum(size for digest, size in wheels.items() if count[digest] == 1),
                verified_at=NOW - timedelta(hours=2),
            )
            for (release, chosen, part), wheels in zip(self._pins, under, strict=True)
        ]
        distinct = {digest: size for wheels in under for digest, size in wheels.items()}
        return Storage(
            pins=(*entries, *self.foreign),
            ours=sum(distinct.values()),
            shared=sum(size for digest, size in distinct.items() if count[digest] > 1),
            other=1_200_000_000,
            free=FREE,
            budget=self.budget,
            reserve=RESERVE,
            releases=self._kept_releases(),
        )

    async def forecast_prune(self, keep: int) -> PruneForecast:
        roots = [release.root for _, release, _ in self.tracked]
        with_pins = [root for root in roots if any(pin[0].root == root for pin in self._pins)]
        going = [pin for pin in self._pins if pin[0].root not in with_pins[:keep]]
        staying = [part for release, _, part in self._pins if release.root in with_pins[:keep]]
        return PruneForecast(
            keep=keep,
            kept=tuple(label or "" for label, release, _ in self.tracked if release.root in with_pins[:keep]),
            going=tuple(self._line(pin) for pin in going),
            plan=plan_unpin([part for _, _, part in going], staying),
        )

    async def prune(self, forecast: PruneForecast, on_progress: ProgressSink) -> str:
        await self._work("prune", str(forecast.keep), on_progress)
        gone = {line.cid for line in forecast.going}
        self._pins = [pin for pin in self._pins if pin[2].cid not in gone]
        return f"{len(gone)} pins removed"

    async def preview_gc(self) -> GcPreview:
        if self.counting is not None:
            try:
                await self.counting.wait()
            except asyncio.CancelledError:
                self.calls.append(("cancelled", "preview"))
                raise
        return self.garbage

    async def collect_garbage(self, on_progress: ProgressSink) -> str:
        await self._work("gc", str(self.garbage.bytes), on_progress)
        self.garbage = GcPreview(blocks=0, bytes=0)
        return "deleted"

    async def verify(self, cid: Cid, on_progress: ProgressSink) -> str:
        await self._work("verify", str(cid), on_progress)
        return "all whole"

    async def repair(self, cid: Cid, on_progress: ProgressSink) -> str:
        await self._work("repair", str(cid), on_progress)
        return "all whole; nothing to repair"

    def mirror_url(self, mirror: str) -> str:
        return f"http://127.0.0.1:8085/simple/{mirror}/"

    async def forecast_sync(self, mirror: str, cid: Cid) -> PinForecast:
        return await self.forecast_pin(cid, Selection.parse(platforms=["linux-aarch64"]))

    async def sync(self, mirror: str, to: str | None, on_progress: ProgressSink) -> str:
        await self._work("sync", mirror if to is None else f"{mirror} {to}", on_progress)
        return "nothing new"

    async def update(self, on_progress: ProgressSink) -> str:
        await self._work("update", "", on_progress)
        return "campus: nothing new"

    async def add_source(self, asked: NewSource, on_progress: ProgressSink) -> str:
        await self._work("add source", f"{asked.name} {asked.url} {asked.key}", on_progress)
        return "campus: new: 2026.11"

    async def remove_source(self, name: str, on_progress: ProgressSink) -> str:
        await self._work("remove source", name, on_progress)
        self.sources = tuple(source for source in self.sources if source.trust.name != name)
        return "removed"

    async def unfinished(self) -> Left:
        return self.left

    async def keep_unfinished(self, jobs: Sequence[UnfinishedJob]) -> Lifetime:
        if self.lifetime is Lifetime.KEPT:
            self.written.append(tuple(jobs))
        return self.lifetime

    def wait_for_others(self, tell: Callable[[str | None], None]) -> None:
        self.tell_holder = tell

    async def track(self, cid: Cid, label: str | None, on_progress: ProgressSink) -> str:
        await self._work("track", f"{cid} {label}", on_progress)
        release = next(r for r in map(read_release, ("small-v0", "edge-v0")) if r.root.digest == cid.digest)
        self.tracked.insert(0, (label, release, timedelta(0)))
        return f"{len(release.wheels)} wheels"

    async def untrack(self, cid: Cid) -> str:
        await self._work("untrack", str(cid), lambda progress: None)
        self.tracked = [entry for entry in self.tracked if entry[1].root != cid]
        return "forgotten"

    async def demo(self, on_progress: ProgressSink) -> Backend:
        return ScriptedBackend([("demo", read_release("small-v0"), timedelta(0))], is_demo=True)

    async def _work(self, verb: str, what: str, on_progress: ProgressSink) -> None:
        self.calls.append((verb, what))
        for progress in self.script:
            on_progress(progress)
        if self._gate is not None:
            try:
                await self._gate.wait()
            except asyncio.CancelledError:
                self.calls.append(("cancelled", verb))
                raise
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _find(self, cid: Cid) -> Release:
        return next(release for _, release, _ in self.tracked if release.root.digest == cid.digest)

    def _unpinning(self, going: Sequence[_ScriptedPin]) -> UnpinForecast:
        parts = [part for _, _, part in going]
        staying = [part for _, _, part in self._pins if all(part is not gone for gone in parts)]
        return UnpinForecast(going=tuple(map(self._line, going)), plan=plan_unpin(parts, staying))

    def _line(self, pin: _ScriptedPin) -> PinLine:
        release, chosen, part = pin
        return PinLine(
            cid=part.cid,
            selection=chosen.cli_text(),
            wheels=len(part.wheels),
            bytes=sum(wheel.bytes for wheel in part.wheels),
            release_name=self._summary(release).name,
        )

    def _kept_releases(self) -> tuple[KeptRelease, ...]:
        under = {
            release.root: {
                wheel.cid.digest: wheel.bytes
                for of, _, part in self._pins
                if of is release
                for wheel in part.wheels
            }
            for _, release, _ in self.tracked
        }
        keepers = Counter(digest for wheels in under.values() for digest in wheels)
        return tuple(
            KeptRelease(
                cid=release.root,
                name=label or str(release.root),
                pins=sum(of is release for of, _, _ in self._pins),
                wheels=len(under[release.root]),
                bytes=sum(under[release.root].values()),
                only_here=sum(s for digest, s in under[release.root].items() if keepers[digest] == 1),
            )
            for label, release, _ in self.tracked
            if under[release.root]
        )

    def _here(self) -> set[bytes]:
        return {wheel.cid.digest for _, _, part in self._pins for wheel in part.wheels}

    def _summary(self, release: Release) -> ReleaseSummary:
        label, _, since = next(entry for entry in self.tracked if entry[1] is release)
        here = self._here()
        pinned = [wheel for wheel in release.wheels if wheel.cid.digest in here]
        return ReleaseSummary(
            cid=release.root,
            label=label,
            tracked_at=NOW - since,
            projects=len(release.projects),
            wheels=len(release.wheels),
            bytes=release.bytes,
            pinned_wheels=len(pinned),
            pinned_bytes=sum(wheel.bytes for wheel in pinned),
            platforms=platform_rows(release.wheels, here),
            source=self.announced.get(release.root),
        )


def empty_backend() -> ScriptedBackend:
    """Nothing is tracked."""
    return ScriptedBackend()


def filled_backend() -> ScriptedBackend:
    """Three releases; one platform of the first is pinned."""
    small, older, edge = read_release("small-v0"), read_release("small-v0-next"), read_release("edge-v0")
    backend = ScriptedBackend(
        [
            ("2026.11", small, timedelta(days=3)),
            ("2026.10", older, timedelta(days=33)),
            ("edge", edge, timedelta(hours=5)),
        ]
    )
    backend.keep(small, Selection.parse(platforms=["linux-x86_64"]))
    return backend


def half_done() -> ScriptedBackend:
    """A backend whose jobs stop in the middle."""
    backend = filled_backend()
    backend.script = [HALFWAY]
    backend.hold()
    return backend


def two_pinned() -> ScriptedBackend:
    """A platform of two releases is pinned, another program has a pin, and something is not pinned."""
    backend = filled_backend()
    backend.keep(backend.tracked[1][1], Selection.parse(platforms=["linux-x86_64"]))
    backend.foreign = (PinEntry(cid=Cid.of(b"photos", RAW), owner=PinOwner.OTHER, name="photos"),)
    backend.garbage = GcPreview(blocks=231, bytes=58_700_000, whole_store=True)
    return backend


KEY = AcceptedKey("campus ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtKq7Q2m3Y4r5tV6u7w8x9y0z1a2b3c4d5e6f7g8h9i")
"""An accepted key."""


def following() -> ScriptedBackend:
    """Four sources of which one is as it should be, and mirrors in every state."""
    backend = two_pinned()
    (_, newest, _), (_, older, _) = backend.tracked[:2]
    backend.announced = {newest.root: "campus", older.root: "campus"}
    said = {"2026.10": str(older.root.as_version(1)), "2026.11": str(newest.root.as_version(1))}
    signed = SourceTrust(
        name="campus",
        url="https://wheels.example.org/feed.json",
        keys=(KEY,),
        sequence=14,
        cids=said,
        accepted_at=NOW - timedelta(days=3),
    )
    lost = replace(signed, name="lost", url="git+https://git.example.org/wheels", accepted=False, cids={})
    names = replace(signed, name="names", url="/ipns/wheels.example.org", keys=(), cids={})
    cold = replace(signed, name="cold", url="https://old.example.org/feed.json")
    asked = NOW - timedelta(minutes=40)
    backend.sources = (
        source_status(signed, asked, "nothing new", "2026.11"),
        source_status(cold, asked, "nothing new", "2026.11", frozen="2026.11 held until 2026-11-01 only"),
        source_status(lost, None, "", None),
        source_status(names, asked, "unsigned: lab-derived", None),
    )
    backend.mirrors = (
        mirror_status("campus", newest, "2026.11", asked, asked, outcome="switched to 2026.11"),
        mirror_status("lab", older, "2026.10", asked, asked, outcome="went to 2026.10, by hand"),
        mirror_status("library", None, None, None, None, outcome=None),
        mirror_status(
            "physics",
            older,
            "2026.10",
            asked,
            NOW - timedelta(days=2),
            outcome="9.9 GB are needed and 4.2 GB free",
        ),
        mirror_status(
            "stale",
            older,
            "2026.10",
            asked,
            asked,
            outcome="",
            stale="no newer release for 50 d",
        ),
    )
    return backend


def source_status(
    trust: SourceTrust, asked_at: datetime | None, outcome: str, label: str | None, frozen: str | None = None
) -> SourceStatus:
    """A source as it stands."""
    return SourceStatus(trust=trust, label=label, asked_at=asked_at, outcome=outcome, frozen=frozen)


def mirror_status(
    name: str,
    release: Release | None,
    label: str | None,
    ended: datetime | None,
    succeeded: datetime | None,
    *,
    outcome: str | None,
    stale: str | None = None,
) -> MirrorStatus:
    """A mirror of `campus` as it stands."""
    kept: tuple[Mirrored, ...] = ()
    if release is not None:
        kept = (
            Mirrored(
                mirror=name,
                cid=release.root,
                release=release.root.digest,
                label=label,
                selection="-p linux-x86_64 --python 3.11",
                switched_at=NOW - timedelta(days=1),
            ),
        )
    last = None
    if outcome is not None:
        ran = SyncState.GOOD if ended == succeeded else SyncState.FAILED
        last = Sync(
            mirror=name,
            state=SyncState.RUNNING if ended is None else ran,
            started_at=NOW - timedelta(minutes=41),
            ended_at=ended,
            succeeded_at=succeeded,
            outcome=outcome,
        )
    return MirrorStatus(
        name=name,
        config=MirrorConfig(source="campus"),
        kept=kept,
        last=last,
        next_at=NOW + timedelta(minutes=20),
        stale=stale,
    )


def unsound() -> ScriptedBackend:
    """What is proposed has findings."""
    backend = filled_backend()
    backend.proposal = proposal(*FINDINGS)
    return backend


def node_down() -> ScriptedBackend:
    """Nothing answers."""
    backend = filled_backend()
    backend.unreachable = Broken(
        "no node answers at http://127.0.0.1:5001: connection refused",
        hint="is the daemon running? `ipfs daemon` starts it",
    )
    return backend


def large_backend() -> ScriptedBackend:
    """One release of 50,000 wheels."""
    return ScriptedBackend([("large", generated_release(), timedelta(days=1))])


def app_on(
    backend: Backend,
    *,
    access: Access = Access.FULL,
    glyphs: Glyphs = UNICODE,
    keys: Keymap = keymap.DEFAULT,
) -> MirrorApp:
    """The application, without anything that moves by itself: it is always `NOW`."""
    app = MirrorApp(backend, access=access, glyphs=glyphs, clock=lambda: NOW, keys=keys)
    app.animation_level = "none"
    return app
