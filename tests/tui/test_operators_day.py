"""A whole day of an operator on real services: keys and clicks in, the screen as text out. The command line
agrees after every step, and fetched bytes are counted where they come from."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ipwhl_mirror.cli import documents, removal_report
from ipwhl_mirror.config import Config, NodeConfig, StorageConfig
from ipwhl_mirror.domain.figures import size
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.services import overview, planning
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from ipwhl_mirror.services.storage import forecast_prune
from ipwhl_mirror.tui.app import MirrorApp
from ipwhl_mirror.tui.desk import Access
from ipwhl_mirror.tui.live import LiveBackend
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.simulators.faults import Dribble
from tests.simulators.gateway import SimulatedGateway
from tests.simulators.wheels import sample_release, sample_wheels
from tests.tui.operator import Operator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.nodes.running_kubo import KuboDaemon

LARGE = 1_200_000
FILES = sample_wheels("1.0", padding=LARGE)
NEW_FILES = sample_wheels("1.1", padding=10_000)
OLD = sample_release(FILES)
NEW = sample_release(
    {key: data for key, data in FILES.items() if key[0] != "other"}
    | {key: data for key, data in NEW_FILES.items() if key[0] == "other"}
)
"""The successor: one project of three has another version."""
LINUX = Selection.parse(["linux-x86_64"])
CHUNK = 262_144
OVERHEAD = 5_000
"""Bytes of a request's answer that are no payload, at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the operator works: the data directory, and the gateway that its node asks."""

    settings: Settings
    gateway: SimulatedGateway
    files: Path

    async def status(self) -> dict[str | None, dict[str, Any]]:
        """What `status --json` tells of each release, in a session of its own, by label."""
        async with Session.open(self.settings) as session:
            told = documents.status(await overview.status(session), [])
        return {release["label"]: release for release in told["releases"]}

    async def plan(self, label: str) -> dict[str, Any]:
        """What `plan LABEL -p linux-x86_64 --json` tells."""
        async with Session.open(self.settings) as session:
            return documents.plan("plan", await planning.forecast_pin(session, label, LINUX))

    async def prune(self, keep: int) -> dict[str, Any]:
        """What `prune --keep N --json` tells before it asks."""
        async with Session.open(self.settings) as session:
            return removal_report.prune_document(await forecast_prune(session, keep))

    async def parts(self) -> dict[str | None, list[str]]:
        """The pins of each release as `status --json` tells them."""
        return {
            label: [pin["selection"] for pin in release["pins"]]
            for label, release in (await self.status()).items()
        }


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """An empty data directory with an embedded node, and a gateway with both releases."""
    async with SimulatedGateway(OLD.blocks | NEW.blocks) as gateway:
        config = Config(
            node=NodeConfig(spec="embedded", gateways=(gateway.url,)), storage=StorageConfig(reserve_free=0)
        )
        settings = Settings(data_dir=tmp_path / "data", config=config, lock_wait_s=0.2)
        yield Place(settings, gateway, tmp_path)


def status_of_the_command(data_dir: Path) -> dict[str | None, dict[str, Any]]:
    """What the program's own `status --json` tells of each release, by label."""
    command = [sys.executable, "-m", "ipwhl_mirror", "--node", "embedded", "--data-dir", str(data_dir)]
    ran = subprocess.run([*command, "status", "--json"], capture_output=True, check=True)
    return {release["label"]: release for release in json.loads(ran.stdout)["releases"]}


@contextlib.asynccontextmanager
async def at_work(
    settings: Settings, columns: int, lines: int, *, every_s: float = 3600.0
) -> AsyncIterator[Operator]:
    """The application on a data directory, and who sits before it; it looks around every so often."""
    async with Session.open(settings) as session, LiveBackend(session) as backend:
        app = MirrorApp(backend, access=Access.FULL, refresh_every_s=every_s)
        async with app.run_test(size=(columns, lines)) as pilot:
            yield Operator(app, pilot)
        await app.runner.ended()


async def test_a_day_at_the_keyboard(place: Place) -> None:
    """80x24: from the empty list to a derived release, and the real command line agrees at the end."""
    async with at_work(place.settings, 80, 24) as operator:
        await track(operator, place)
        await plan(operator, place)
        await cancel_and_resume(operator, place)
        await verify(operator, place)
        await follow_the_successor(operator, place)
        await prune(operator, place)
        await collect(operator, place)
        await carry(operator, place)
        await publish(operator, place)
        await operator.press("q")
        await operator.is_left()
    told = await asyncio.to_thread(status_of_the_command, place.settings.data_dir)
    assert told == await place.status()
    assert {label: release["state"] for label, release in told.items()} == {
        "lab": "pinned",
        "2026.11": "partial",
        "2026.10": "partial",
    }


async def track(operator: Operator, place: Place) -> None:
    """The empty list says how to begin; `t`, a CID and a label later the release stands there."""
    await operator.sees("A release is one CID", "t  track a CID")
    await operator.press("t")
    await operator.sees("Track a release")
    await operator.paste(str(OLD.root))
    await operator.press("tab")
    await operator.type("2026.10")
    await operator.press("enter")
    await operator.sees("○ 2026.10", no=("A release is one CID",))
    assert "~3.6 MB" in operator.line("○ 2026.10")
    status = await place.status()
    assert (status["2026.10"]["state"], status["2026.10"]["wheels"]) == ("absent", 6)
    assert place.gateway.bytes_served < OVERHEAD, "not one wheel"


async def plan(operator: Operator, place: Place) -> None:
    """A marked platform gives totals, a command line, and a plan with the numbers of `plan --json`."""
    await operator.press("enter")
    await operator.sees("2026.10 › Contents", "[ ] linux-x86_64")
    await operator.press("space")
    await operator.sees("[x] linux-x86_64", "ipwhl-mirror pin 2026.10 -p linux-x86_64")
    told = await place.plan("2026.10")
    assert f"3 wheels {size(told['bytes'])} · fetch ~{size(told['fetch']['bytes'])}" in operator.screen
    await operator.press("p")
    await operator.sees("Pin -p linux-x86_64 of 2026.10", "[[ Cancel ]]", told["subset_cid"])
    fetch = operator.line("to fetch")
    assert f"~{size(told['fetch']['bytes'])}" in fetch
    assert f"{told['fetch']['wheels']} wheels" in fetch
    assert size(told["disk"]["free_after_bytes"]) in operator.line("after,")
    await operator.press("enter")
    await operator.sees("› Contents", no=("[[ Cancel ]]",))
    assert (await place.parts())["2026.10"] == [], "Cancel has the focus"


async def cancel_and_resume(operator: Operator, place: Place) -> None:
    """A slow gateway gives the time to cancel; the second time only what is missing comes."""
    gateway = place.gateway
    before = gateway.bytes_served
    gateway.always = Dribble(8_192)
    gateway.pause_at(before + 3 * CHUNK)
    await operator.press("p")
    await operator.sees("to fetch")
    await operator.press("y", "5")
    await operator.finds(r"fetching · .*\d\d % · .*\d kB of 1\.2 MB")
    await operator.waits_for(lambda: gateway.bytes_served >= before + 3 * CHUNK)
    await operator.press("x")
    await operator.sees("◇ cancelled", no=("running",))
    assert (await place.parts())["2026.10"] == []
    first = gateway.bytes_served - before
    gateway.pause_at(None)
    gateway.always = None
    await operator.press("e")
    await operator.sees("● done", "3 wheels, 1.2 MB pinned", no=("running",))
    second = gateway.bytes_served - before - first
    assert second < (await place.plan("2026.10"))["bytes"] - first + CHUNK + OVERHEAD, (
        "what was there came again"
    )
    assert (await place.parts())["2026.10"] == ["-p linux-x86_64"]
    await operator.press("2")
    await operator.sees("[x] linux-x86_64")
    assert "● pinned" in operator.line("[x] linux-x86_64")
    assert "fetch 0 B" in operator.screen


async def verify(operator: Operator, place: Place) -> None:
    """Every block is hashed, and its date is the command line's."""
    before = place.gateway.bytes_served
    await operator.press("V", "5")
    await operator.sees("verify 2026.10", "3 wheels, 1.2 MB whole")
    assert place.gateway.bytes_served == before
    (pin,) = (await place.status())["2026.10"]["pins"]
    assert pin["verified_at"] is not None


async def follow_the_successor(operator: Operator, place: Place) -> None:
    """The diff tells what following costs, and that is what travels."""
    await operator.press("1", "t")
    await operator.sees("Track a release")
    await operator.paste(f"/ipfs/{NEW.root}")
    await operator.press("tab")
    await operator.type("2026.11")
    await operator.press("enter")
    await operator.sees("◐ 2026.11")
    await operator.press("home", "d")
    await operator.sees("2026.10 -> 2026.11 › Diff", "~ other", "+0 -0 ~1 projects")
    cost = (await place.plan("2026.11"))["fetch"]
    assert f"{cost['wheels']} wheel ~{size(cost['bytes'])} to fetch" in operator.line("following it")
    before = place.gateway.bytes_served
    await operator.press("p")
    await operator.sees("Pin -p linux-x86_64 of 2026.11", f"~{size(cost['bytes'])}")
    await operator.press("y", "4")
    await operator.finds(r"● -p linux-x86_64 +2026\.11")
    assert cost["bytes"] <= place.gateway.bytes_served - before < cost["bytes"] + OVERHEAD
    assert await place.parts() == {"2026.11": ["-p linux-x86_64"], "2026.10": ["-p linux-x86_64"]}


async def prune(operator: Operator, place: Place) -> None:
    """What each pin alone keeps, which pins would go, and then exactly these."""
    told = await place.prune(1)
    wheel = size(told["reclaimable"]["bytes"])
    assert wheel in operator.line("2026.10")
    await operator.press("P")
    await operator.sees("how many of the newest releases keep their pins")
    await operator.press("enter")
    await operator.sees("Prune to the newest 1", "kept: 2026.11", "1 pin to go:", "-p linux-x86_64")
    assert wheel in operator.line("become reclaimable")
    await operator.press("y")
    await operator.sees("● -p linux-x86_64", no=("2026.10", "[[ Cancel ]]"))
    assert await place.parts() == {"2026.11": ["-p linux-x86_64"], "2026.10": []}


async def collect(operator: Operator, place: Place) -> None:
    """The bytes first; then they are gone, and what is pinned is not."""
    told = await operator.finds(r"reclaimable (\d+\.\d kB)")
    await operator.press("c")
    await operator.sees("Collect garbage", told[1], "are deleted")
    await operator.press("y")
    await operator.sees("reclaimable 0 B", no=("[[ Cancel ]]",))
    assert (await place.plan("2026.11"))["fetch"]["wheels"] == 0
    assert (await place.plan("2026.10"))["fetch"]["wheels"] == 1


async def carry(operator: Operator, place: Place) -> None:
    """Exported, unpinned, forgotten, and brought back from the file: nothing comes from the gateway."""
    before = place.gateway.bytes_served
    file = place.files / "carried.car"
    await operator.press("x")
    await operator.sees("Export", "2026.11.car")
    await operator.press("ctrl+u")
    await operator.paste(str(file))
    await operator.press("enter", "5")
    await operator.finds(r"export .* ● done")
    await operator.press("1", "home", "T")
    await operator.sees("Untrack 2026.11")
    await operator.press("y", "5")
    await operator.finds(r"untrack 2026\.11 +✗ failed")
    await operator.press("1", "u")
    await operator.sees("leave the pin set")
    await operator.press("y")
    await operator.sees("○ 2026.11")
    await operator.press("T")
    await operator.sees("Untrack 2026.11")
    await operator.press("y")
    await operator.sees("2026.10", no=("2026.11",))
    assert await place.parts() == {"2026.10": []}
    await operator.press("i")
    await operator.sees("Import a CAR file")
    await operator.paste(str(file))
    await operator.press("tab")
    await operator.type("2026.11")
    await operator.press("enter")
    await operator.sees("◐ 2026.11")
    assert await place.parts() == {"2026.11": ["-p linux-x86_64"], "2026.10": []}
    assert place.gateway.bytes_served == before


async def publish(operator: Operator, place: Place) -> None:
    """A directory of wheels becomes a release that is whole here, under the CID that `ipfs add` gives it."""
    folder = place.files / "wheels"
    folder.mkdir()
    for (_, name), data in NEW_FILES.items():
        (folder / name).write_bytes(data)
    await operator.press("P")
    await operator.sees("Publish a release")
    await operator.paste(str(folder))
    await operator.press("tab", "tab", "tab", "tab")
    await operator.type("lab")
    await operator.press("enter")
    await operator.sees("nothing to find fault with", "no release before it is known here")
    await operator.press("P")
    await operator.sees("Publish lab", "are pinned on this node")
    await operator.press("left", "enter")
    await operator.sees("● lab", no=("nothing to find fault with",))
    status = await place.status()
    assert list(status) == ["lab", "2026.11", "2026.10"]
    assert status["lab"]["cid"] == str(sample_release(NEW_FILES).root)


async def test_a_shorter_day_with_the_mouse(place: Place) -> None:
    """120x36: only clicks, but for what has to be typed."""
    async with at_work(place.settings, 120, 36) as operator:
        await operator.sees("A release is one CID")
        await operator.click("t track")
        await operator.sees("Track a release")
        await operator.paste(str(OLD.root))
        await operator.click("[ Track ]")
        await operator.sees("○ Qm", "~3.6 MB", no=("[ Track ]",))
        await operator.click("~3.6 MB")
        await operator.sees("› Contents", "[ ] linux-x86_64")
        await operator.click("[ ]")
        await operator.sees("[x] linux-x86_64")
        await operator.click("p pin")
        await operator.sees("Pin -p linux-x86_64", "[[ Cancel ]]")
        await operator.click("[ Pin ]")
        await operator.finds(r"\[x\] linux-x86_64 .*● pinned")
        await operator.click("Releases")
        await operator.sees("◐ Qm", "linux-x86_64, any")
        assert (await place.parts())[None] == ["-p linux-x86_64"]
        await operator.click("u unpin")
        await operator.sees("1 pin to go")
        await operator.click("[ Unpin ]")
        await operator.sees("○ Qm", no=("linux-x86_64, any",))
        assert (await place.parts())[None] == []


# over a Kubo daemon


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboDaemon]:
    """One for the module."""
    repo = KuboRepo.make(ipfs_command(), tmp_path_factory.mktemp("kubo") / "repo")
    with repo.start() as daemon:
        yield daemon


@pytest.mark.kubo
async def test_a_day_over_a_kubo_daemon(daemon: KuboDaemon, tmp_path: Path) -> None:
    """What another program does is seen, an index it removed is tracked again, and a daemon that goes away
    and comes back is waited for."""
    blocks = OLD.blocks | NEW.blocks
    daemon.put((Cid(1, DAG_PB, digest), block) for digest, block in blocks.items())
    config = Config(node=NodeConfig(spec=daemon.rpc_maddr), storage=StorageConfig(reserve_free=0))
    settings = Settings(data_dir=tmp_path / "data", config=config, lock_wait_s=0.2)
    async with at_work(settings, 80, 24, every_s=0.05) as operator:
        await operator.sees("A release is one CID", "kubo")
        for release, label in ((OLD, "2026.10"), (NEW, "2026.11")):
            await operator.press("t")
            await operator.sees("Track a release")
            await operator.paste(str(release.root))
            await operator.press("tab")
            await operator.paste(label)
            await operator.press("enter")
            await operator.sees(f"○ {label}")
        await operator.press("home", "enter")
        await operator.sees("[ ] linux-x86_64")
        await operator.press("space", "p")
        await operator.sees("Pin -p linux-x86_64 of 2026.11")
        await operator.press("y")
        await operator.finds(r"\[x\] linux-x86_64 .*● pinned")
        await operator.press("1")
        await another_program(operator, daemon)
        await comes_and_goes(operator, daemon)
        await operator.press("q")
        await operator.is_left()


async def another_program(operator: Operator, daemon: KuboDaemon) -> None:
    """It pins the older release, and lets it go again together with our index of it."""
    (index,) = [cid for cid, name in daemon.pins().items() if name == "ipwhl-mirror/index 2026.10"]
    daemon.pin(OLD.root, "theirs")
    await operator.press("4")
    await operator.sees("2026.10", "2026.11")
    await operator.press("1")
    daemon.call("pin/rm", OLD.root, index)
    daemon.call("repo/gc", quiet=True)
    await operator.sees("✗ 2026.10", "index missing", "◐ 2026.11")
    await operator.press("home", "d")
    await operator.sees("hint: fetch its index again")
    await operator.press("1", "end")
    daemon.put((Cid(1, DAG_PB, digest), block) for digest, block in OLD.blocks.items())
    await operator.press("t")
    await operator.sees("Track a release", str(OLD.root))
    await operator.press("enter")
    await operator.sees("◐ 2026.10", "◐ 2026.11", no=("index missing",))


async def comes_and_goes(operator: Operator, daemon: KuboDaemon) -> None:
    """The top line says since when; nothing else changes, and it goes on by itself."""
    daemon.stop()
    try:
        await operator.sees("node does not answer since", "2026.10", "2026.11")
    finally:
        daemon.restart()
    await operator.sees("2026.10", "2026.11", no=("does not answer",))
