"""Pin parts of a release, and unpin them.

`pin` plans, checks the guards, stores the trees of all parts, and then, one part after the other: writes down
that the pin will be ours, lets the node fetch and pin it, and reads back what was not verified before. A kill
after any of these steps loses nothing: the next run finds the claim, the wheels and the pin where they are.

The node is told which wheels it may not have, and which verified pin of the same part, of an older release,
the new one shares most with: a node that can (Kubo) then looks only at what differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.progress import Meter
from ipwhl_mirror.nodes.base import NO_HINTS, PinHints
from ipwhl_mirror.nodes.errors import PinFailed
from ipwhl_mirror.services.errors import DamageFound, NothingSelected
from ipwhl_mirror.services.events import Phase, Progress, ProgressSink, ignore
from ipwhl_mirror.services.holdings import Holding, holdings, kept_digests
from ipwhl_mirror.services.planning import forecast_loaded
from ipwhl_mirror.services.reading_back import Reading, check_directories, check_other_entries, check_wheels
from ipwhl_mirror.services.releases import load
from ipwhl_mirror.services.session import PIN_PREFIX
from ipwhl_mirror.state.database import KnownPin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ipwhl_mirror.domain.plans import PartPlan
    from ipwhl_mirror.domain.releases import Release, Wheel
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.ipld.directories import Tree
    from ipwhl_mirror.nodes.base import PinProgress
    from ipwhl_mirror.services.planning import PinForecast
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session

_MAX_PIN_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class PinReport:
    """What a pin did.

    Attributes:
        forecast: the plan it followed.
        fetched_bytes: payload that travelled.
        read_back: blocks and bytes that were hashed after fetching.
        notes: what happened on the way, for people.
    """

    forecast: PinForecast
    fetched_bytes: int
    read_back: Reading
    notes: tuple[str, ...]


async def pin(session: Session, rel: str, selection: Selection, *, sink: ProgressSink = ignore) -> PinReport:
    """Fetch, pin and verify the parts of a selection: afterwards each is *pinned* (guarantee 1).

    Raises:
        NothingSelected: no wheel is selected.
        GuardRefused: it does not fit.
        PinFailed, NoSource, NoSpace: see Node.pin; run again to resume.
        DamageFound: what was fetched does not read back.

    On cancel: parts completed before are pinned; of the current one the fetched blocks stay.
    """
    async with session.exclusive("pin"):
        loaded = await load(session, rel)
        forecast = await forecast_loaded(session, loaded, selection)
        if not forecast.plan.parts:
            raise NothingSelected(
                f"no wheel of {loaded.tracked.name} is selected by: {selection.cli_text() or 'no option'}",
                hint=f"`ipwhl-mirror show {loaded.tracked.name}` lists its platforms",
            )
        return await pin_held(session, forecast, sink)


async def pin_held(session: Session, forecast: PinForecast, sink: ProgressSink = ignore) -> PinReport:
    """Do what a forecast says, for a caller that holds the lock; not where it refuses.

    Raises:
        GuardRefused, PinFailed, NoSource, NoSpace, DamageFound: see `pin`.
    """
    forecast.check()
    loaded = forecast.loaded
    run = _Run(session, loaded, sink, Meter(forecast.plan.fetch.bytes, clock=session.monotonic))
    run.missing = {wheel.cid.digest: wheel for wheel in forecast.plan.to_fetch}
    await session.node.put_blocks(
        {
            cid: block
            for tree in (loaded.release.index, *(part.tree for part in forecast.plan.parts))
            for cid, block in tree.blocks
        }.items()
    )
    for part in forecast.plan.parts:
        await run.pin_part(part)
    return PinReport(
        forecast=forecast,
        fetched_bytes=run.fetched_before,
        read_back=run.reading,
        notes=tuple(run.notes),
    )


@dataclass(slots=True)
class _Run:
    """One run of `pin`: totals over its parts."""

    session: Session
    loaded: LoadedRelease
    sink: ProgressSink
    meter: Meter
    fetched_before: int = 0
    wheels_before: int = 0
    current: int = 0
    current_items: int = 0
    missing: dict[bytes, Wheel] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)
    notes: dict[str, None] = field(default_factory=dict)

    async def pin_part(self, part: PartPlan) -> None:
        session = self.session
        before = holdings(session, await session.node.pinned())
        hints = PinHints(files=self._wanted(part), base=_base(before, part, self.loaded))
        try:
            await claim_and_pin(
                session, self.loaded, part.tree.cid, part.selection, hints=hints, on_progress=self._fetching
            )
        except PinFailed as error:
            names = {wheel.cid.digest: f"{wheel.project}/{wheel.filename}" for wheel in part.wheels}
            error.details = tuple(f"{names.get(cid.digest, cid)}: {reason}" for cid, reason in error.failed)
            raise
        for wheel in part.wheels:
            self.missing.pop(wheel.cid.digest, None)
        self.fetched_before += self.current
        self.wheels_before += self.current_items
        self.current = self.current_items = 0
        await self._read_back(part, before)

    def _wanted(self, part: PartPlan) -> tuple[tuple[Cid, int], ...]:
        wheels = {wheel.cid: wheel.bytes for wheel in part.wheels if wheel.cid.digest in self.missing}
        return tuple(wheels.items())

    async def _read_back(self, part: PartPlan, before: Sequence[Holding]) -> None:
        await read_back(
            self.session, self.loaded.release, part.tree, part.wheels, before, self.reading, self.sink
        )

    def _fetching(self, progress: PinProgress) -> None:
        self.current, self.current_items = progress.bytes, progress.items
        done = self.fetched_before + progress.bytes
        self.meter.update(done)
        fresh = [note for note in progress.notes if note not in self.notes]
        self.notes.update(dict.fromkeys(fresh))
        for note in (*fresh, None)[: max(1, len(fresh))]:
            self.sink(
                Progress(
                    phase=Phase.FETCH,
                    done_bytes=done,
                    total_bytes=self.meter.total,
                    done_wheels=self.wheels_before + progress.items,
                    rate=self.meter.rate,
                    eta_s=self.meter.eta_s,
                    stalled_s=progress.stalled_s,
                    note=note,
                )
            )


async def read_back(
    session: Session,
    release: Release,
    tree: Tree,
    wheels: Iterable[Wheel],
    before: Iterable[Holding],
    reading: Reading,
    sink: ProgressSink,
) -> None:
    """Hash what a new pin keeps, but for wheels that were verified under a pin that never lapsed, and write
    down that it was.

    Args:
        tree: of the part that is pinned, with these wheels.
        before: the holdings of the moment before it was pinned.

    Raises:
        DamageFound: a block is missing or damaged.
    """
    whole = [held for held in before if held.verification is not None and held.verification.trusted]
    trusted = await kept_digests(session, whole, release)
    fresh = [wheel for wheel in wheels if wheel.cid.digest not in trusted.digests]
    await check_directories(session, [*(cid for cid, _ in tree.blocks), *release.index_blocks], reading)
    if tree.cid.digest == release.root.digest:
        await check_other_entries(session, release, reading)
    await check_wheels(session, fresh, reading, sink)
    if reading.broken:
        raise DamageFound(
            f"{len(reading.broken)} block(s) do not read back after fetching",
            hint="the disk may be failing; `ipwhl-mirror verify --repair` fetches them again",
            details=[f"{b.wheel.filename if b.wheel else 'index'}: {b.cid} {b.reason.value}"
                     for b in reading.broken],
        )  # fmt: skip
    session.state.record_verified(tree.cid, session.clock())


def _base(held: Sequence[Holding], part: PartPlan, loaded: LoadedRelease) -> Cid | None:
    """The newest complete pin of the same part of another release; a node gives the new pin its name."""
    for holding in reversed(held):
        if (
            not holding.pin.adopted
            and holding.selection == part.selection
            and holding.tracked.cid.digest != loaded.tracked.cid.digest
            and holding.verification is not None
            and holding.verification.trusted
        ):
            return holding.pin.cid
    return None


async def claim_and_pin(
    session: Session,
    loaded: LoadedRelease,
    root: Cid,
    selection: Selection | None,
    *,
    hints: PinHints = NO_HINTS,
    on_progress: Callable[[PinProgress], None] | None = None,
) -> None:
    """Write down what a pin is, then let the node make it. What is pinned already is left as it is: if it
    was not ours, it is noted as adopted and never removed. The caller holds the lock.

    Args:
        selection: the part; None where it is not known.
        hints: see Node.pin.

    Raises:
        PinFailed, NoSource, NoSpace: see Node.pin.
    """
    is_pinned = root.digest in await session.node.pinned()
    claim = {pin.cid.digest: pin for pin in session.state.known_pins()}.get(root.digest)
    if claim is not None and claim.adopted and not is_pinned:
        session.state.remove_pin(root)  # whoever made it has let it go: the next one is ours
        claim = None
    elif claim is not None and is_pinned:
        claim = await _disown_if_renamed(session, claim)
    name = PIN_PREFIX + "subset" if selection is None else pin_name(selection)
    if claim is None:
        session.state.add_pin(
            KnownPin(
                cid=root,
                release=loaded.tracked.cid.digest,
                selection=None if selection is None else selection.cli_text(),
                name=await _foreign_name(session, root) if is_pinned else name,
                created_at=session.clock(),
                adopted=is_pinned,
            )
        )
    if not is_pinned:
        session.state.forget_verified(root)
        await session.node.pin(
            root, name, transfer=session.settings.transfer, hints=hints, on_progress=on_progress
        )


async def _foreign_name(session: Session, root: Cid) -> str:
    names = [pin.name for pin in await session.node.pins() if pin.cid.digest == root.digest]
    return names[0] if names else ""


async def _disown_if_renamed(session: Session, claim: KnownPin) -> KnownPin:
    """A pin of ours under another name was pinned by another program since: a node has one pin a CID, and
    it is theirs."""
    names = {pin.cid.digest: pin.name for pin in await session.node.pins()}
    name = names.get(claim.cid.digest, claim.name)
    if claim.adopted or name == claim.name:
        return claim
    theirs = replace(claim, name=name, adopted=True)
    session.state.replace_pin(theirs)
    return theirs


async def unpin(session: Session, roots: Iterable[Cid]) -> tuple[Cid, ...]:
    """Remove exactly these pins. Nothing is deleted before a garbage collection.

    A pin that is gone, or that is not ours, or that another program renamed, is left as it is.

    Returns:
        The roots that were unpinned.
    """
    async with session.exclusive("unpin"):
        return await unpin_held(session, roots)


async def unpin_held(session: Session, roots: Iterable[Cid]) -> tuple[Cid, ...]:
    """The same, for a caller that holds the lock."""
    claims = {pin.cid.digest: pin for pin in session.state.known_pins() if not pin.adopted}
    going = []
    for root in roots:
        if root.digest in claims and not (await _disown_if_renamed(session, claims[root.digest])).adopted:
            await session.node.unpin(root)
            session.state.remove_pin(root)
            going.append(root)
    return tuple(going)


def pin_name(selection: Selection) -> str:
    """The name of a part's pin, at most 255 bytes; a longer text is cut, the database has it whole."""
    return (PIN_PREFIX + selection.cli_text()).encode()[:_MAX_PIN_NAME].decode(errors="ignore")
