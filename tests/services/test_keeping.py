"""When `serve` runs its mirrors: with a clock that moves only when it waits."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.config import Config, MirrorConfig, ServeConfig
from ipwhl_mirror.services.errors import GuardRefused
from ipwhl_mirror.services.keeping import LOCKED_S, Keeper, Timing
from ipwhl_mirror.services.mirror_events import EventKind, ignore_event
from ipwhl_mirror.services.mirrors import mirror_statuses
from ipwhl_mirror.services.syncing import SyncReport
from ipwhl_mirror.sources.errors import NotTrusted
from ipwhl_mirror.state.errors import LockHeld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ipwhl_mirror.services.mirror_events import Event
    from ipwhl_mirror.services.session import Session
    from tests.conftest import OpenSession

BEGINNING = datetime(2026, 11, 23, 10, tzinfo=UTC)
HOUR = 3600.0
CAMPUS = {"campus": MirrorConfig(source="campus")}
REFUSED = GuardRefused("it does not fit")


class Day:
    """The time, and the runs that were asked for: (seconds since the beginning, mirror).

    Attributes:
        outcomes: how each run ends, in order: well (None), with an error in its report, or with one that it
            raises; it is good after that.
        raised: errors that are raised and not reported.
        on_wait: called at every wait.
        last: so many runs are waited for.
    """

    def __init__(self, session: Session, last: int) -> None:
        self.now, self.last = 0.0, last
        self.runs: list[tuple[float, str]] = []
        self.events: list[Event] = []
        self.outcomes: list[Exception | None] = []
        self.raised: tuple[type[Exception], ...] = (LockHeld, NotTrusted, RuntimeError)
        self.on_wait: Callable[[], None] = lambda: None
        self.session = session
        self.over = asyncio.Event()
        self.jitter: Callable[[float, float], float] = lambda low, high: low
        session.monotonic = lambda: self.now
        session.clock = lambda: BEGINNING + timedelta(seconds=self.now)

    async def wait(self, wake: asyncio.Event, seconds: float | None) -> None:
        """Move the clock; where there is nothing to wait for, or nothing more to see, do not return."""
        self.on_wait()
        if wake.is_set():
            return
        if seconds is None or len(self.runs) >= self.last:
            self.over.set()
            await wake.wait()
        else:
            self.now += seconds

    async def run(self, name: str) -> SyncReport:
        """One run, of a second."""
        self.runs.append((self.now, name))
        self.now += 1
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, self.raised):
            raise outcome
        return SyncReport(mirror=name, error=outcome)

    @property
    def pauses(self) -> list[float]:
        """From the end of each run to the next one."""
        return [later - earlier - 1 for (earlier, _), (later, _) in itertools.pairwise(self.runs)]

    def keeper(self) -> Keeper:
        timing = Timing(wait=self.wait, uniform=lambda low, high: self.jitter(low, high))
        return Keeper(self.session, self.run, on_event=self.events.append, timing=timing)

    async def pass_by(self, keeper: Keeper | None = None) -> None:
        """Let it keep the mirrors until it was seen; then it is cancelled."""
        kept = asyncio.ensure_future((keeper or self.keeper()).keep())
        await asyncio.wait([kept, asyncio.ensure_future(self.over.wait())], return_when="FIRST_COMPLETED")
        kept.cancel()
        with pytest.raises(asyncio.CancelledError):
            await kept


def configure(
    session: Session, mirrors: dict[str, MirrorConfig], *, every: float = HOUR, jitter: float = 0.0
) -> None:
    """Let it keep these mirrors."""
    config = Config(
        node=session.settings.config.node,
        serve=ServeConfig(sync_every=every, sync_jitter=jitter),
        mirror=mirrors,
    )
    session.settings = replace(session.settings, config=config)


@pytest.fixture
async def session(open_session: OpenSession) -> AsyncIterator[Session]:
    """With a mirror that is due every hour."""
    async with open_session() as opened:
        configure(opened, CAMPUS)
        yield opened


def told(day: Day, kind: EventKind) -> list[str]:
    """What was told of this kind, in short."""
    return [
        " ".join(f"{name}={value}" for name, value in event.fields.items())
        for event in day.events
        if event.kind is kind
    ]


async def test_runs_soon_and_then_every_hour(session: Session) -> None:
    """An hour after the end of the run before; when the next one is stands in the database and in events."""
    day = Day(session, last=3)
    seen: list[datetime | None] = []
    day.on_wait = lambda: seen.append(mirror_statuses(session)[0].next_at)
    await day.pass_by()
    assert [at for at, _ in day.runs] == [0, 1 + HOUR, 2 + 2 * HOUR]
    assert seen[0] == BEGINNING + timedelta(seconds=1 + HOUR)
    assert told(day, EventKind.NEXT_SYNC)[1] == "next_at=2026-11-23T11:00:01Z"
    assert mirror_statuses(session)[0].next_at is None, "nobody runs it any more"


async def test_jitter_is_added_and_is_small_at_the_start(session: Session) -> None:
    """The most of it: ten seconds after the start, then what is configured, in part after a failure."""
    configure(session, CAMPUS, jitter=900.0)
    day = Day(session, last=4)
    day.jitter = lambda low, high: high
    day.outcomes = [None, REFUSED]
    await day.pass_by()
    assert day.runs[0][0] == 10
    assert day.pauses == [HOUR + 900, 300 + 75, HOUR + 900]


@pytest.mark.parametrize("raised", [False, True], ids=["in its report", "before it began"])
async def test_failure_is_tried_again_less_and_less_often(session: Session, raised: bool) -> None:
    """From five minutes up to the usual time. What the run could not tell is told here."""
    day = Day(session, last=8)
    error = NotTrusted("no trust file") if raised else REFUSED
    day.outcomes = [error] * 6
    await day.pass_by()
    assert day.pauses == [
        300, 600, 1200, 2400, HOUR, HOUR, HOUR,
    ]  # fmt: skip
    assert told(day, EventKind.SYNC_FAILED) == ["error=NotTrusted reason=no trust file"] * (6 * raised)


async def test_failure_is_not_tried_later_than_usual(session: Session) -> None:
    """Where runs are less than five minutes apart."""
    configure(session, CAMPUS, every=60)
    day = Day(session, last=3)
    day.outcomes = [REFUSED, REFUSED]
    await day.pass_by()
    assert [at for at, _ in day.runs] == [0, 61, 122]


async def test_lock_in_other_hands_is_no_failure(session: Session) -> None:
    """Again in a minute, as long as it takes, and a failure after it is the first one."""
    day = Day(session, last=5)
    day.outcomes = [LockHeld("held"), LockHeld("held"), LockHeld("held"), REFUSED]
    await day.pass_by()
    assert day.pauses == [
        LOCKED_S, LOCKED_S, LOCKED_S, 300,
    ]  # fmt: skip
    assert told(day, EventKind.SYNC_FAILED) == []


async def test_fault_of_this_program_is_told_and_ends_nothing(session: Session) -> None:
    """With the place of the fault."""
    day = Day(session, last=2)
    day.outcomes = [RuntimeError("x")]
    await day.pass_by()
    assert [at for at, _ in day.runs] == [0, 301]
    (failure,) = told(day, EventKind.SYNC_FAILED)
    assert "a fault of this program: x" in failure
    assert "test_keeping.py:" in failure


async def test_mirrors_take_turns(session: Session) -> None:
    """One after the other; one that fails does not hold up the others."""
    configure(session, {**CAMPUS, "lab": MirrorConfig(source="lab")})
    day = Day(session, last=5)
    day.outcomes = [REFUSED]
    await day.pass_by()
    assert day.runs == [(0, "campus"), (1, "lab"), (301, "campus"), (1 + HOUR + 1, "lab"), (3902, "campus")]


@pytest.mark.parametrize("why", ["no mirrors", "never", "read only"])
async def test_nothing_runs(why: str, open_session: OpenSession) -> None:
    """Without mirrors, with sync_every = 0, and where nothing may change; and it says so nowhere."""
    async with open_session(read_only=why == "read only") as session:
        configure(session, {} if why == "no mirrors" else CAMPUS, every=0 if why == "never" else HOUR)
        day = Day(session, last=1)
        await day.pass_by()
        assert (day.runs, day.events) == ([], [])


async def test_reload_changes_mirrors_and_schedule(session: Session) -> None:
    """A new mirror soon, one that is gone no more, and what was due in an hour within a minute."""
    day = Day(session, last=3)
    keeper = day.keeper()

    def reload() -> None:
        if len(day.runs) == 1:
            configure(session, {**CAMPUS, "lab": MirrorConfig(source="lab")}, every=60)
            keeper.reschedule()
        elif len(day.runs) == 3:
            configure(session, {"lab": MirrorConfig(source="lab")}, every=60)
            keeper.reschedule()
            assert {status.name: status.next_at for status in mirror_statuses(session)}["lab"] is not None
            day.last = 4

    day.on_wait = reload
    await day.pass_by(keeper)
    assert day.runs == [(0, "campus"), (1, "lab"), (61, "campus"), (62, "lab")]


async def test_mirror_that_goes_while_it_is_run_is_not_run_again(session: Session) -> None:
    """Its run goes on to its end."""
    day = Day(session, last=5)

    async def run(name: str) -> SyncReport:
        configure(session, CAMPUS, every=0)
        keeper.reschedule()
        return await day.run(name)

    timing = Timing(wait=day.wait, uniform=day.jitter)
    keeper = Keeper(session, run, on_event=day.events.append, timing=timing)
    await day.pass_by(keeper)
    assert len(day.runs) == 1


async def test_cancel_reaches_the_run(session: Session) -> None:
    """And waits until it has cleaned up."""
    began, ended = asyncio.Event(), asyncio.Event()

    async def run(name: str) -> SyncReport:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()
        raise AssertionError

    kept = asyncio.ensure_future(Keeper(session, run, on_event=ignore_event).keep())
    await began.wait()
    kept.cancel()
    with pytest.raises(asyncio.CancelledError):
        await kept
    assert ended.is_set()


async def test_what_follows_a_run_sees_when_the_next_one_is(session: Session) -> None:
    """So that figures are written with it."""
    seen: list[datetime | None] = []

    async def after() -> None:
        seen.append(mirror_statuses(session)[0].next_at)

    day = Day(session, last=1)
    timing = Timing(wait=day.wait, uniform=day.jitter)
    await day.pass_by(Keeper(session, day.run, on_event=day.events.append, after_run=after, timing=timing))
    assert seen == [BEGINNING + timedelta(seconds=1 + HOUR)]
