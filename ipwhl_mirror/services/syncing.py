"""Keep mirrors current: ask the source, plan, guard, fetch and pin, verify, switch the address, retire.

The order is what makes it safe. Nothing is fetched that an accepted key did not sign. The address of a
mirror leads to a release only when every block of the selection was read and hashed here; what it led to
before goes afterwards, by retention, and only pins that a mirror asked for. A run that is killed at any
moment is done again by the next one: what it does follows from what is configured, believed and pinned, not
from what happened before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.services import sources
from ipwhl_mirror.services.advancing import Advance
from ipwhl_mirror.services.errors import FAILURES, ReadOnlyRefused, UsageProblem
from ipwhl_mirror.services.events import ProgressSink, ignore
from ipwhl_mirror.services.hooks import check_hooks
from ipwhl_mirror.services.mirror_events import EventKind, EventSink, ignore_event
from ipwhl_mirror.services.mirror_telling import Telling, refusal_of
from ipwhl_mirror.services.mirrors import Mirror, is_held, mirrors
from ipwhl_mirror.services.retiring import collect, drop_strays, due, forget_missed, has_garbage, retire
from ipwhl_mirror.services.source_updates import SourceUpdate
from ipwhl_mirror.services.targets import Cause, find_target, hold, named_target
from ipwhl_mirror.sources.errors import NotTrusted
from ipwhl_mirror.sources.trust_file import TrustFile
from ipwhl_mirror.state.errors import LockHeld
from ipwhl_mirror.state.mirrors import MirrorTable, PinRole, SyncState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ipwhl_mirror.nodes.base import GcPreview
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.database import TrackedRelease
    from ipwhl_mirror.state.mirrors import Mirrored


NOT_BEGUN = (LockHeld, ReadOnlyRefused)
"""Nothing was tried: it is no failure of a mirror."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """How a run of one mirror went.

    Attributes:
        current: what its address leads to now; None where it has no release yet.
        before: what it led to before.
        error: why it did not become current; None where it did, or was.
        fetched_bytes: payload that travelled.
        retired: what it does not keep any more.
        collected: the garbage that was removed, where the configuration asks for that; None else.
        seconds: how long it took.
        held: whether a person sent it where it is, so that it does not go with its source for now.
    """

    mirror: str
    current: Mirrored | None = None
    before: Mirrored | None = None
    error: Exception | None = None
    fetched_bytes: int = 0
    retired: tuple[Mirrored, ...] = ()
    collected: GcPreview | None = None
    seconds: float = 0.0
    held: bool = False

    @property
    def changed(self) -> bool:
        """Whether the address leads to something else than before."""
        return self.current is not None and (self.before is None or self.before.cid != self.current.cid)


async def sync(
    session: Session,
    names: Collection[str] = (),
    *,
    to: str | None = None,
    sink: ProgressSink = ignore,
    on_event: EventSink = ignore_event,
) -> tuple[SyncReport, ...]:
    """Bring these mirrors, or all, to the newest release of their source that an accepted key signed.

    One that cannot be does not keep the others from it: its report has the error.

    Args:
        to: a release to go to instead, an older or an unsigned one too, because a person says so: REL, or a
            label that the source announced before. Only for one mirror.

    Raises:
        UsageProblem: there is none of a name, or `to` is given for several.
        ConfigError: the configuration of one cannot be used.
        NotTrusted: the trust file cannot be used.
        LockHeld, ReadOnlyRefused: see Session.exclusive.

    On cancel: what the addresses lead to is whole; what was fetched stays, and the next run resumes.
    """
    chosen = mirrors(session, names)
    if to is not None and len(chosen) != 1:
        raise UsageProblem(
            f"--to {safe_text(to, 80)} is for one mirror, and these are {len(chosen)}",
            hint="name the mirror: ipwhl-mirror sync MIRROR --to REL",
        )
    check_hooks(session.settings)
    runs = [
        _Run(session=session, mirror=mirror, sink=sink, telling=Telling(session, mirror, on_event))
        for mirror in chosen
    ]
    for run in runs:
        run.telling.tell(EventKind.SYNC_STARTED)
    followed = {mirror.config.source for mirror in chosen}
    said = {} if to is not None else await _ask(session, followed, sink)
    return tuple([await run.run(said.get(run.mirror.config.source), to) for run in runs])


async def _ask(
    session: Session, names: Collection[str], sink: ProgressSink
) -> Mapping[str, SourceUpdate | Exception]:
    """What each source says, judged, and tracked where it is new; or why it says nothing."""
    known = TrustFile(session.settings.data_dir).read()
    said: dict[str, SourceUpdate | Exception] = {
        name: NotTrusted(
            f"source {name} is not accepted here: nothing of it is mirrored",
            hint=f"accept it: ipwhl-mirror source add {name} URL --key K",
        )
        for name in names
        if name not in known
    }
    if wanted := sorted(name for name in names if name in known):
        answers = await sources.ask(session, wanted)
        for name in wanted:
            try:
                async with session.exclusive("update"):
                    (said[name],) = await sources.update_held(session, [name], answers, sink)
            except NOT_BEGUN:
                raise
            except FAILURES as error:
                said[name] = error
    return said


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run of one mirror."""

    session: Session
    mirror: Mirror
    sink: ProgressSink
    telling: Telling
    retired: list[Mirrored] = field(default_factory=list)
    collected: GcPreview | None = None
    advance: Advance | None = None

    async def run(self, said: SourceUpdate | Exception | None, to: str | None) -> SyncReport:
        began = self.session.monotonic()
        problem = said if isinstance(said, Exception) else None
        if isinstance(said, SourceUpdate):
            await self.telling.news(said)
            problem = refusal_of(said) or said.error
        before, problem = await self._locked(problem, to)
        report = SyncReport(
            mirror=self.mirror.name,
            current=self._current,
            before=before,
            error=problem,
            fetched_bytes=0 if self.advance is None else self.advance.fetched_bytes,
            retired=tuple(self.retired),
            collected=self.collected,
            seconds=round(self.session.monotonic() - began, 3),
            held=is_held(self.session, self.mirror.name, self.mirror.config.source),
        )
        await self._tell_end(report)
        return report

    async def _tell_end(self, report: SyncReport) -> None:
        if report.error is not None:
            await self.telling.failed(report.error, report.seconds)
            return
        await self.telling.done(
            label=None if report.current is None else report.current.label,
            cid=None if report.current is None else str(report.current.cid),
            changed=report.changed,
            fetched_bytes=report.fetched_bytes,
            seconds=report.seconds,
        )

    @property
    def _table(self) -> MirrorTable:
        return MirrorTable(self.session.state)  # the state is another one once it can be changed

    @property
    def _current(self) -> Mirrored | None:
        return next(iter(self._table.kept(self.mirror.name)), None)

    async def _locked(
        self, problem: Exception | None, to: str | None
    ) -> tuple[Mirrored | None, Exception | None]:
        """Do it; gives what was current before, and what went wrong."""
        name, session = self.mirror.name, self.session
        before: Mirrored | None = None
        try:
            async with session.exclusive(f"sync {name}"):
                before = self._current
                self._table.begin_sync(name, session.clock())
                outcome, state = "cancelled", SyncState.FAILED
                try:
                    await self._bring(to)
                    state = SyncState.GOOD if problem is None else SyncState.FAILED
                    outcome = self._words(before) if problem is None else str(problem)
                except FAILURES as error:
                    outcome = str(error)
                    raise
                finally:
                    self._table.end_sync(name, session.clock(), outcome, state)
        except NOT_BEGUN:
            raise
        except FAILURES as error:
            # what is refused says more than what failed after it
            problem = problem if isinstance(problem, NotTrusted) else error
        return before, problem

    async def _bring(self, to: str | None) -> None:
        if to is not None:
            target = await named_target(self.session, self.mirror, to, self.sink)
            cause = Cause.PERSON
        elif found := await find_target(self.session, self.mirror, self._current, self.sink):
            target, cause = found
        else:
            return
        await forget_missed(self.session, self.mirror.name, target.cid.digest)
        if not await self._is_at(target):
            if cause is Cause.NEWEST:
                self._table.aim(self.mirror.name, target.cid.digest)
            self.advance = Advance(
                session=self.session,
                mirror=self.mirror,
                target=target,
                cause=cause,
                tell=self.telling.tell,
                sink=self.sink,
                retired=self.retired,
            )
            try:
                await self.advance.run()
            finally:
                self.collected = self.advance.collected
        if to is not None:
            hold(self.session, self.mirror, target)
        await self._tidy()

    async def _is_at(self, target: TrackedRelease) -> bool:
        """Whether the address leads to it, and all that it needs is pinned and was read back: as the pins and
        the database tell, without a look at the release."""
        current = self._current
        if current is None or current.release != target.cid.digest:
            return False
        needed = [
            pin
            for pin in self._table.pins()
            if (pin.mirror, pin.release) == (self.mirror.name, current.release)
        ]
        on_node, verified = await self.session.node.pinned(), self.session.state.verifications()
        return (
            current.selection == self.mirror.selection.cli_text()
            and bool(needed)
            and all(pin.cid.digest in on_node for pin in needed)
            and all(pin.cid.digest in verified for pin in needed if pin.role is not PinRole.LISTING)
        )

    async def _tidy(self) -> None:
        """Let go what retention does not keep, and what was begun for releases that were never reached."""
        session, name = self.session, self.mirror.name
        await drop_strays(session, name)
        for mirrored in due(self._table.kept(name), self.mirror.config, session.clock()):
            pins = await retire(session, mirrored)
            self.retired.append(mirrored)
            self.telling.tell(EventKind.RETIRED, label=mirrored.label, cid=str(mirrored.cid), pins=pins)
        if session.settings.config.storage.gc == "after-sync" and has_garbage(session):
            self.collected = await collect(session, self.telling.tell)

    def _words(self, before: Mirrored | None) -> str:
        current = self._current
        if current is None:
            return "nothing announced yet"
        if before is not None and before.cid == current.cid:
            return "nothing new"
        return f"switched to {current.label or current.cid}"
