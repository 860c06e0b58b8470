"""What changes outside is seen without a key, at next to no cost, and disturbs nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from textual import events

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.nodes.errors import NodeUnreachable
from ipwhl_mirror.services import pinning, releases
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.tui.app import MirrorApp
from ipwhl_mirror.tui.desk import Access
from ipwhl_mirror.tui.live import LiveBackend
from ipwhl_mirror.tui.refreshing import Outage, pause_s
from tests.simulators.releases import read_release
from tests.tui.operator import Operator
from tests.tui.scripted import NOW, ScriptedBackend, filled_backend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from textual.pilot import Pilot

    from ipwhl_mirror.services.overview import Glance
    from ipwhl_mirror.tui.backend import Overview
    from tests.simulators.wheels import SampleRelease

NEVER_S = 1e6
LINUX = Selection.parse(platforms=["linux-x86_64"])
SMALL, OLDER, EDGE = (read_release(name) for name in ("small-v0", "small-v0-next", "edge-v0"))
DOWN = NodeUnreachable("no node answers at http://127.0.0.1:5001", hint="is the daemon running?")


@dataclass(eq=False)
class Watched(ScriptedBackend):
    """A backend that counts what it is asked."""

    glances: int = 0
    readings: int = 0

    async def glance(self) -> Glance:
        self.glances += 1
        return await super().glance()

    async def overview(self) -> Overview:
        self.readings += 1
        return await super().overview()


class Desk:
    """The application on a counting backend, and what a test does with both."""

    def __init__(self, backend: Watched, app: MirrorApp, pilot: Pilot[None]) -> None:
        self.backend = backend
        self.app = app
        self.pilot = pilot
        self.person = Operator(app, pilot)

    async def tick(self) -> None:
        """Let the time for a glance come, and wait until nothing works any more."""
        self.app.refreshing.tick()
        await self.rest()

    async def rest(self) -> None:
        """Wait until nothing works any more."""
        await self.pilot.pause()
        await self.app.workers.wait_for_complete()
        await self.pilot.pause()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """Everything was read once; no glance comes by itself."""
    backend = Watched(filled_backend().tracked)
    app = MirrorApp(backend, access=Access.FULL, clock=lambda: NOW, refresh_every_s=NEVER_S)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        desk = Desk(backend, app, pilot)
        await desk.rest()
        yield desk


async def test_where_nothing_changed_nothing_is_read(desk: Desk) -> None:
    """One glance each time, and no more."""
    glances, readings = desk.backend.glances, desk.backend.readings
    for _ in range(3):
        await desk.tick()
    assert (desk.backend.glances, desk.backend.readings) == (glances + 3, readings)


async def test_what_another_run_did_is_seen_and_cursor_filter_and_marks_stay(desk: Desk) -> None:
    """A release that was tracked elsewhere appears above the one under the cursor."""
    await desk.pilot.press("end", "k", "space", "slash", *"2026", "enter")
    await desk.rest()
    marked = desk.person.line("2026.10")
    desk.backend.tracked.insert(0, ("2026.12", EDGE, timedelta(0)))
    desk.backend.tracked = [entry for entry in desk.backend.tracked if entry[0] != "edge"]
    await desk.tick()
    shown = await desk.person.sees("2026.12", "2026.10", "2026.11")
    assert "✓" in marked
    assert desk.person.line("2026.10") == marked
    assert "/ 2026" in shown or "2026" in desk.app.screen.query_one("FilterBar").value  # type: ignore[attr-defined]


async def test_a_range_that_was_started_goes_on(desk: Desk) -> None:
    """From the item where it began, wherever that is now."""
    await desk.pilot.press("home", "j", "v")
    desk.backend.tracked.insert(0, ("2026.12", EDGE, timedelta(0)))
    desk.backend.tracked = desk.backend.tracked[:3]
    await desk.tick()
    await desk.pilot.press("k", "space")
    await desk.rest()
    assert [line.split()[1] for line in desk.person.lines if line.startswith("✓")] == ["2026.11", "2026.10"]


async def test_a_change_of_pins_is_seen(desk: Desk) -> None:
    """What another program pinned counts."""
    desk.backend.keep(OLDER, LINUX)
    await desk.tick()
    assert "◐ 2026.10" in desk.person.line("2026.10")


async def test_a_node_that_is_down_is_told_and_what_was_read_stays(desk: Desk) -> None:
    """Since when, in the top line; once as a notification; and it is over when it is over."""
    desk.backend.unreachable = DOWN
    for _ in range(3):
        await desk.tick()
    since = f"{NOW.astimezone():%H:%M}"
    text = await desk.person.sees(f"node does not answer since {since}", "2026.11", "2026.10", "edge")
    assert "asks again" not in text
    told = [notice.message for notice in desk.app._notifications]
    assert told == ["no node answers at http://127.0.0.1:5001\nhint: is the daemon running?"]
    readings = desk.backend.readings
    desk.backend.unreachable = None
    await desk.tick()
    await desk.person.sees("212.0 GB free", "2026.11", no=("does not answer",))
    assert desk.backend.readings == readings + 1
    assert desk.app.trouble is None


async def test_a_key_that_finds_the_node_down_says_the_same(desk: Desk) -> None:
    """`r` too keeps what was read."""
    desk.backend.unreachable = DOWN
    await desk.pilot.press("r")
    await desk.rest()
    await desk.person.sees("node does not answer since", "2026.11")


async def test_nothing_is_looked_at_while_a_dialog_asks(desk: Desk) -> None:
    """Nor read; the next time after it there is."""
    await desk.pilot.press("t")
    await desk.pilot.pause()
    glances = desk.backend.glances
    desk.app.refreshing.tick()
    await desk.pilot.pause()
    assert desk.backend.glances == glances
    await desk.pilot.press("escape")
    await desk.rest()
    await desk.tick()
    assert desk.backend.glances == glances + 1


async def test_nothing_is_looked_at_while_the_terminal_is_not(desk: Desk) -> None:
    """When it is looked at again and it was time, the glance follows at once."""
    glances = desk.backend.glances
    desk.app.post_message(events.AppBlur())
    await desk.pilot.pause()
    await desk.tick()
    assert desk.backend.glances == glances
    desk.app.post_message(events.AppFocus())
    await desk.rest()
    assert desk.backend.glances == glances + 1


async def test_it_happens_by_itself() -> None:
    """Without any key, after the interval."""
    backend = Watched(filled_backend().tracked)
    app = MirrorApp(backend, access=Access.FULL, refresh_every_s=0.02)
    async with app.run_test(size=(80, 24)) as pilot:
        person = Operator(app, pilot)
        await person.sees("2026.11")
        backend.tracked.pop(0)
        await person.sees("2026.10", no=("2026.11",))


@pytest.mark.parametrize(
    ("took_s", "failures", "expected"),
    [(0.01, 0, 15.0), (1.0, 0, 20.0), (100.0, 0, 300.0), (0.0, 1, 30.0), (9.0, 2, 60.0), (0.0, 50, 60.0)],
    ids=["quick", "slow", "very slow", "down", "down for long", "down for a day"],
)
def test_it_looks_less_often_where_that_costs_or_nobody_answers(
    took_s: float, failures: int, expected: float
) -> None:
    """At most a twentieth of the time; and a node that comes back is seen within a minute."""
    assert pause_s(15.0, took_s=took_s, failures=failures) == expected


def test_an_outage_says_the_time_of_day() -> None:
    """In the local time of who reads it."""
    assert Outage("node does not answer", NOW).text == f"node does not answer since {NOW.astimezone():%H:%M}"


async def test_another_process_on_real_services(session: Session, sample: SampleRelease) -> None:
    """It begins the database, tracks and pins: the next glance sees each, and our own reading is none."""
    async with LiveBackend(session) as backend, Session.open(session.settings) as other:
        before = await backend.glance()
        assert await backend.glance() == before
        await releases.track(other, sample.root, label="one")
        tracked = await backend.glance()
        assert tracked != before
        assert [item.name for item in (await backend.overview()).releases] == ["one"]
        assert await backend.glance() == tracked
        await pinning.pin(other, "one", LINUX)
        pinned = await backend.glance()
        assert pinned != tracked
        assert (await backend.overview()).releases[0].pinned_wheels == 3
        other.state.remember("key", "value")
        assert await backend.glance() != pinned
