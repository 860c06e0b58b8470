"""What happens when things happen in another order than they were thought of, on real services."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.config import Config, NodeConfig, StorageConfig
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.services import pinning, planning, releases
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from ipwhl_mirror.state.lock import data_dir_lock
from ipwhl_mirror.tui.app import MirrorApp
from ipwhl_mirror.tui.desk import Access
from ipwhl_mirror.tui.live import LiveBackend
from tests.nodes.embedded_disk import lose_block
from tests.simulators.faults import Cut, Dribble, Status
from tests.simulators.gateway import SimulatedGateway
from tests.simulators.wheels import sample_release, sample_wheels
from tests.tui.operator import Operator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ONE = sample_release(sample_wheels("1.0"))
TWO = sample_release(sample_wheels("2.0"))
LINUX, ARM = (Selection.parse([platform]) for platform in ("linux-x86_64", "macos-arm64"))


@pytest.fixture
async def gateway() -> AsyncIterator[SimulatedGateway]:
    """One that has both releases."""
    async with SimulatedGateway(ONE.blocks | TWO.blocks) as gateway:
        yield gateway


@pytest.fixture
async def session(gateway: SimulatedGateway, tmp_path: Path) -> AsyncIterator[Session]:
    """Two tracked releases, `one` and the newer `two`."""
    async with Session.open(settings(gateway, tmp_path)) as session:
        await releases.track(session, ONE.root, label="one")
        await releases.track(session, TWO.root, label="two")
        yield session


def settings(gateway: SimulatedGateway, tmp_path: Path, *, reserve_free: int = 0) -> Settings:
    """Of a data directory with an embedded node."""
    config = Config(
        node=NodeConfig(spec="embedded", gateways=(gateway.url,), stall_timeout=5.0),
        storage=StorageConfig(reserve_free=reserve_free),
    )
    return Settings(data_dir=tmp_path / "data", config=config, lock_wait_s=0.2)


@contextlib.asynccontextmanager
async def at_work(session: Session) -> AsyncIterator[Operator]:
    """The application, and who sits before it; both releases are shown."""
    async with LiveBackend(session) as backend:
        app = MirrorApp(backend, access=Access.FULL, refresh_every_s=3600)
        async with app.run_test(size=(80, 24)) as pilot:
            operator = Operator(app, pilot)
            await operator.sees("two", "one")
            yield operator
        await app.runner.ended()


async def parts(session: Session) -> set[tuple[str | None, str]]:
    """What is pinned, as (label, part), by a session of its own."""
    async with Session.open(session.settings) as other:
        held = await other.node.pinned()
        labels = {release.cid.digest: release.label for release in other.state.releases()}
        return {
            (labels[pin.release], pin.selection or "")
            for pin in other.state.known_pins()
            if pin.cid.digest in held and pin.release in labels
        }


async def test_two_quick_keys_ask_once(session: Session) -> None:
    """Two `p` at once give one plan, and Cancel leaves nothing behind."""
    async with at_work(session) as operator:
        await operator.press("p", "p", "p")
        await operator.sees("[[ Cancel ]]")
        await operator.press("escape")
        await operator.sees("LABEL", no=("[[ Cancel ]]",))
        await operator.press("5")
        await operator.sees("No jobs yet")


async def test_a_release_is_opened_while_it_is_being_untracked(session: Session) -> None:
    """Its contents are shown or it is said that it is gone; in the end it is not open any more."""
    async with at_work(session) as operator:
        await operator.press("home", "T")
        await operator.sees("Untrack two")
        await operator.press("y", "enter", "5")
        await operator.finds(r"untrack two +● done")
        await operator.press("2")
        await operator.sees("one › Contents", no=("two",))


async def test_unpin_waits_for_the_pin_that_runs(session: Session, gateway: SimulatedGateway) -> None:
    """What is asked for later is done later: in the end it is not pinned."""
    await pinning.pin(session, "two", ARM)
    gateway.always = Dribble(8_192)
    gateway.pause_at(gateway.bytes_served + 100_000)
    async with at_work(session) as operator:
        await operator.press("home", "p")
        await operator.sees("Pin all of two")
        await operator.press("y", "u")
        await operator.sees("-p macos-arm64", "1 pin to go")
        await operator.press("y", "5")
        await operator.sees("running", "queued")
        gateway.pause_at(None)
        gateway.always = None
        await operator.finds(r"unpin .* ● done")
        assert await parts(session) == {("two", "")}


async def test_the_gateway_goes_away_in_the_middle(session: Session, gateway: SimulatedGateway) -> None:
    """The job fails in words, the application goes on, and a second try fetches the rest."""
    async with at_work(session) as operator:
        gateway.script = [None, Cut(after=100_000)]
        gateway.always = Status(404)
        await operator.press("home", "p")
        await operator.sees("Pin all of two")
        await operator.press("y", "5")
        await operator.finds(r"pin all of two +✗ failed")
        assert await parts(session) == set()
        gateway.always = None
        await operator.press("e")
        await operator.finds(r"pin all of two +● done")
        assert await parts(session) == {("two", "")}


async def test_another_run_holds_the_data_directory(session: Session) -> None:
    """The job says for whom it waits, and goes on by itself when that run has ended."""
    async with at_work(session) as operator:
        async with data_dir_lock(session.settings.data_dir, "sync", wait_s=0.0):
            await operator.press("home", "p")
            await operator.sees("Pin all of two")
            await operator.press("y", "5")
            await operator.finds(r"wait.*sync")
        await operator.finds(r"pin all of two +● done")


async def test_too_little_room_is_told_in_the_plan(
    session: Session, gateway: SimulatedGateway, tmp_path: Path
) -> None:
    """In words with the numbers; there is no button that would do it."""
    async with (
        Session.open(settings(gateway, tmp_path, reserve_free=1 << 60)) as tight,
        at_work(tight) as operator,
    ):
        await operator.press("p")
        await operator.sees("to fetch", "[[ Close ]]", no=("[ Pin ]",))
        assert "1.2 EB are to stay free" in " ".join(re.sub("[│ \n]+", " ", operator.screen).split())
        await operator.press("y", "escape", "5")
        await operator.sees("No jobs yet")


async def test_exactly_the_pins_shown_go_though_others_changed_meanwhile(session: Session) -> None:
    """What is gone already is fine, what is new is not touched."""
    for part in (LINUX, ARM):
        await pinning.pin(session, "one", part)
        await pinning.pin(session, "two", part)
    async with at_work(session) as operator:
        await operator.press("4")
        await operator.sees("● -p linux-x86_64")
        await operator.press("P")
        await operator.sees("how many")
        await operator.press("enter")
        await operator.sees("2 pins to go", "-p linux-x86_64", "-p macos-arm64")
        async with Session.open(session.settings) as other:
            gone = await planning.forecast_unpin(other, "one", LINUX)
            await pinning.unpin(other, gone.removal.roots)
            await pinning.pin(other, "one", Selection.parse(["windows-amd64"]))
        await operator.press("y", "5")
        await operator.finds(r"prune .* ● done +1 pin removed; 1 of those")
        assert await parts(session) == {
            ("two", "-p linux-x86_64"),
            ("two", "-p macos-arm64"),
            ("one", "-p windows-amd64"),
        }


async def test_a_release_that_lost_its_index_is_told_and_tracked_again(session: Session) -> None:
    """The list shows it with the remedy, the other release stays usable, and `t` knows its CID."""
    lose_block(session.settings.data_dir / "node", releases.resolve(session, "one").index_cid)
    async with at_work(session) as operator:
        assert "✗ one" in operator.line("one")
        assert "index missing" in operator.line("✗ one")
        assert "○ two" in operator.line("two")
        await operator.press("home", "p")
        await operator.sees("Pin all of two", "[ Pin ]")
        await operator.press("escape", "end")
        await operator.sees("its index is not on this node any more: t tracks it again")
        await operator.press("enter")
        await operator.sees("hint: fetch its index again")
        await operator.press("1", "t")
        await operator.sees("Track a release", str(ONE.root))
        await operator.press("enter")
        await operator.sees("○ one", no=("index missing",))
        await operator.press("enter")
        await operator.sees("one › Contents", "[ ] linux-x86_64")


async def test_the_database_is_removed_under_the_application(session: Session) -> None:
    """What is asked for then is refused, with what to do; nothing is written where it would be lost."""
    async with at_work(session) as operator:
        (session.settings.data_dir / "state.sqlite").unlink()
        await operator.press("home", "p")
        await operator.sees("Pin all of two")
        await operator.press("y", "5")
        await operator.finds(r"pin all of two +✗ failed")
        await operator.sees("hint: leave and start again")
        await operator.press("1")
        await operator.sees("cannot be read since", "two", "one")


async def test_keys_in_odd_orders_do_no_harm(session: Session) -> None:
    """Everything that can be pressed, in odd orders: the application stands, and answers."""
    async with at_work(session) as operator:
        keys = "p escape enter p 4 P escape 3 p escape 2 a d 5 x 1 d p escape T escape slash w escape u s v j"
        for key in keys.split():
            await operator.press(key)
        await operator.press("escape", "escape", "1")
        await operator.sees("LABEL", "two", "one")
        assert await parts(session) == set()


async def test_quitting_in_the_middle_of_reading(session: Session) -> None:
    """`q` right after a key that reads ends at once."""
    async with at_work(session) as operator:
        await operator.press("enter", "4", "r", "q")
        await asyncio.wait_for(operator.is_left(), 10)
