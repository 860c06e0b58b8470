"""The nine guarantees of the README, a test or more for each, on the embedded node.

The program is killed for real (SIGKILL to a process of its own), pip is pip, and damage is done to the files
on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import shutil
import signal
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.nodes.base import Fault
from ipwhl_mirror.nodes.errors import NodeError
from ipwhl_mirror.services import overview, pinning, planning, recovery, releases, storage, verifying
from ipwhl_mirror.services.errors import DamageFound
from ipwhl_mirror.services.serving import serving
from tests.simulators.forked_program import ProgramServer
from tests.simulators.gateway import SimulatedGateway
from tests.simulators.wheels import SampleRelease, sample_release, sample_wheels

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.services.session import Session
    from tests.conftest import OpenSession

LINUX = Selection.parse(platforms=["linux-x86_64"])
MAC = Selection.parse(platforms=["macos-arm64"])
EVERYTHING = Selection.parse()
CHUNK = 256 * 1024


async def pinned_platforms(session: Session, rel: str = "one") -> set[str]:
    """The platforms that are shown as pinned."""
    report = await overview.show(session, rel, EVERYTHING)
    return {row.platform for row in report.rows if row.state.value == "pinned"}


def wheel_files(data_dir: Path) -> list[Path]:
    """The wheels on disk."""
    return sorted(path for path in (data_dir / "node" / "wheels").rglob("*") if path.is_file())


def flip_a_bit(path: Path) -> None:
    """Damage a file without changing its length."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


async def test_guarantee_1_pinned_is_shown_only_after_reading_back(
    session: Session, sample: SampleRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is damaged between fetching and reading back is not called pinned."""
    await releases.track(session, sample.root, label="one")
    fetch = session.node.pin

    async def pin_and_damage(*args: object, **kwargs: object) -> None:
        await fetch(*args, **kwargs)  # type: ignore[arg-type]
        flip_a_bit(max(wheel_files(session.settings.data_dir), key=lambda path: path.stat().st_size))

    monkeypatch.setattr(session.node, "pin", pin_and_damage)
    with pytest.raises(DamageFound):
        await pinning.pin(session, "one", LINUX)
    assert "linux-x86_64" not in await pinned_platforms(session)
    monkeypatch.undo()
    assert (await verifying.verify(session)).broken != ()
    assert (await verifying.verify_and_repair(session)).broken == ()
    assert "linux-x86_64" in await pinned_platforms(session)


async def test_guarantee_1_the_date_is_kept_and_shown(session: Session, sample: SampleRelease) -> None:
    """Every pin has the date of its last whole reading; damage found later takes it away."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", LINUX)
    (holding,) = (await overview.status(session)).releases[0].holdings
    assert holding.verification is not None
    assert holding.verification.verified_at <= session.clock()
    flip_a_bit(wheel_files(session.settings.data_dir)[0])
    report = await verifying.verify(session)
    assert [damage.block.reason for damage in report.broken] == [Fault.CORRUPT]
    (holding,) = (await overview.status(session)).releases[0].holdings
    assert holding.verification is None


async def test_guarantee_2_pins_of_others_stay_as_they_are(session: Session, sample: SampleRelease) -> None:
    """A whole day of ours leaves foreign pins, and their names, untouched."""
    await releases.track(session, sample.root, label="one")
    (native,) = [project for project in sample.files if project[1].endswith("win_amd64.whl")]
    theirs = sample.file_cid(*native)
    await session.node.pin(theirs, "photos")
    await pinning.pin(session, "one", LINUX)
    await pinning.pin(session, "one", EVERYTHING)
    forecast = await planning.forecast_unpin(session, "one", None)
    await pinning.unpin(session, forecast.removal.roots)
    await releases.untrack(session, "one")
    await storage.collect_garbage(session)
    assert [(pin.cid, pin.name) for pin in await session.node.pins()] == [(theirs, "photos")]
    assert {block.fault async for block in session.node.walk(theirs)} == {None}


async def test_guarantee_3_the_old_release_stays_until_it_is_unpinned(
    session: Session, sample: SampleRelease, source: SimulatedGateway
) -> None:
    """A successor that cannot be completed leaves the old release pinned and whole."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", LINUX)
    successor = sample_release(sample_wheels("2.0"))
    source.blocks.update(successor.blocks)
    await releases.track(session, successor.root, label="two")
    for project, filename in successor.files:
        source.blocks.pop(successor.file_cid(project, filename).digest, None)
    with pytest.raises(NodeError):
        await pinning.pin(session, "two", LINUX)
    assert "linux-x86_64" in await pinned_platforms(session)
    assert (await verifying.verify(session, ["one"])).broken == ()


@pytest.mark.timeout(300)
async def test_guarantee_4_kill_at_any_moment(open_session: OpenSession, tmp_path: Path) -> None:
    """kill -9 in the middle of a pin, 20 times at different points: the next run resumes, nothing is fetched
    twice but the open file's last piece, and the end is pinned and verified."""
    big = sample_release(sample_wheels(padding=16_000_000))
    total = sum(len(block) for block in big.blocks.values())
    os.mkfifo(tmp_path / "said")
    async with SimulatedGateway(big.blocks) as source:
        async with open_session(source.url) as session:
            await releases.track(session, big.root, label="one")
        with ProgramServer(tmp_path) as server:
            for number in range(20):
                source.pause_at(total * (2 * number + 1) // 40)
                await asyncio.to_thread(run_until_it_stalls_and_kill, server, tmp_path, source.url)
        source.pause_at(None)
        async with open_session(source.url) as session:
            await recovery.recover(session)
            await pinning.pin(session, "one", EVERYTHING)
            assert len(await pinned_platforms(session)) == 4
            report = await verifying.verify(session)
            assert (report.broken, report.wheels) == ((), 6)
            assert (await storage.preview_gc(session)).partial_bytes == 0
    assert not list((tmp_path / "data" / "node").rglob("*.part"))
    assert source.bytes_served < total + 20 * len(big.files) * CHUNK


def run_until_it_stalls_and_kill(server: ProgramServer, directory: Path, source: str) -> None:
    """Run `pin` in a process of its own, and kill it when it has used all that the source sends."""
    running = server.run(
        "--data-dir", str(directory / "data"), "--node", "embedded", "--gateway", source,
        "--progress", "--json", "pin", "one",
        output=directory / "said",
    )  # fmt: skip
    with running.output_path.open(encoding="utf-8") as said:
        for line in said:
            if json.loads(line)["stalled_s"] > 0.1:
                break
        running.kill()
        assert running.wait() == -signal.SIGKILL


async def test_guarantee_5_nothing_is_deleted_unless_asked(session: Session, sample: SampleRelease) -> None:
    """Unpinning deletes nothing; gc deletes exactly what its preview said."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", EVERYTHING)
    before = wheel_files(session.settings.data_dir)
    forecast = await planning.forecast_unpin(session, "one", None)
    await pinning.unpin(session, forecast.removal.roots)
    assert wheel_files(session.settings.data_dir) == before
    preview = await storage.preview_gc(session)
    assert wheel_files(session.settings.data_dir) == before
    removed = await storage.collect_garbage(session)
    assert (removed.blocks, removed.bytes) == (preview.blocks, preview.bytes)
    assert wheel_files(session.settings.data_dir) == []


HOSTILE = "evil\x1b]52;c;aGk=\x07\u202e[/red]\x9b31m<a href=x>.whl"


async def test_guarantee_6_names_cannot_control_the_terminal(
    open_session: OpenSession, tmp_path: Path
) -> None:
    """ESC, OSC 52, C1 and bidi characters of a repository's names are shown, never sent."""
    hostile = sample_release({("pure", HOSTILE): b"x", **sample_wheels(padding=100)})
    async with SimulatedGateway(hostile.blocks) as source, open_session(source.url) as session:
        await releases.track(session, hostile.root, label="one")
    for arguments in (["show", "one", "--wheels"], ["show", "one", "--json"], ["status"], ["plan", "one"]):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ipwhl_mirror", "--data-dir", str(tmp_path / "data"), "--node", "embedded",
            *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode == 0, err
        text = (out + err).decode()
        assert all(character == "\n" or character.isprintable() for character in text)
        assert "\u202e" not in text


async def test_guarantee_7_no_wheel_is_unpacked(open_session: OpenSession, tmp_path: Path) -> None:
    """A zip bomb, a wheel that climbs out of its folder, and one that is no zip are stored as they are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../escaped.py", "raise SystemExit('run')")
        archive.writestr("bomb", bytes(50_000_000))
    release = sample_release(
        {
            ("pure", "pure-1.0-py3-none-any.whl"): buffer.getvalue(),
            ("no", "no-1.0-py3-none-any.whl"): b"no zip",
        }
    )
    async with SimulatedGateway(release.blocks) as source, open_session(source.url) as session:
        await releases.track(session, release.root, label="one")
        await pinning.pin(session, "one", EVERYTHING)
    kept = {path.read_bytes() for path in wheel_files(tmp_path / "data")}
    assert kept == set(release.files.values())
    assert not list(tmp_path.rglob("escaped.py"))


async def test_guarantee_8_only_a_person_names_what_is_mirrored(
    session: Session, sample: SampleRelease
) -> None:
    """Tracking pins an index and no wheel, and nothing is ever pinned that no command named."""
    await releases.track(session, sample.root, label="one")
    await overview.status(session)
    await verifying.verify(session)
    assert [pin.name for pin in await session.node.pins()] == ["ipwhl-mirror/index one"]
    assert wheel_files(session.settings.data_dir) == []


async def test_guarantee_9_the_database_can_be_deleted(
    open_session: OpenSession, sample: SampleRelease, source: SimulatedGateway, tmp_path: Path
) -> None:
    """Releases, labels and parts are found again from pins and trees, and count once they are verified."""
    part = Selection.parse(platforms=["linux-x86_64"], projects=["nat*", "pure"])
    async with open_session(source.url) as session:
        await releases.track(session, sample.root, label="one")
        await pinning.pin(session, "one", MAC)
        await pinning.pin(session, "one", part)
        before = {(pin.cid, pin.selection) for pin in session.state.known_pins()}
    (tmp_path / "data" / "state.sqlite").unlink()
    async with open_session(source.url) as session:
        assert await recovery.recover(session)
        assert [(known.cid, known.label) for known in session.state.releases()] == [(sample.root, "one")]
        assert {(pin.cid, pin.selection) for pin in session.state.known_pins()} == before
        assert await pinned_platforms(session) == set()
        assert (await verifying.verify(session)).pins == 2
        assert "macos-arm64" in await pinned_platforms(session)


async def test_pip_installs_through_the_official_cid_while_only_a_subset_is_pinned(
    open_session: OpenSession, tmp_path: Path
) -> None:
    """The source is gone, one platform is pinned: real pip installs from the official CID; a wheel outside
    answers 404 at once; after gc all of it still holds."""
    sample = sample_release(sample_wheels())
    async with contextlib.AsyncExitStack() as stack:
        source = await stack.enter_async_context(SimulatedGateway(sample.blocks))
        session = await stack.enter_async_context(open_session(source.url))
        await releases.track(session, sample.root, label="one")
        report = await pinning.pin(session, "one", LINUX)
        subset = report.forecast.plan.parts[0].tree.cid
        source.blocks.clear()
        async with serving(session, "127.0.0.1:0") as gateway:
            for attempt in ("before gc", "after gc"):
                for root in (sample.root, subset):
                    target = tmp_path / attempt / str(root)
                    await pip_install(f"{gateway.url}/ipfs/{root}/", target, "native", "pure")
                    assert (target / "native.py").read_text() == '__version__ = "1.0"\n'
                outside = "native/native-1.0-cp311-cp311-win_amd64.whl"
                assert await status_of(f"{gateway.url}/ipfs/{sample.root}/{outside}") == 404
                assert await status_of(f"{gateway.url}/ipfs/{subset}/{outside}") == 404
                await storage.collect_garbage(session)
        shutil.rmtree(tmp_path / "before gc")


async def pip_install(index_url: str, target: Path, *projects: str) -> None:
    """Install for CPython 3.11 on Linux with real pip, from this index and no other."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pip", "install", "--isolated", "--disable-pip-version-check", "--no-cache-dir",
        "--no-deps", "--only-binary", ":all:", "--platform", "manylinux_2_17_x86_64",
        "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--target", str(target),
        "--index-url", index_url, *projects,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "HOME": str(target), "PIP_CONFIG_FILE": os.devnull},
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


async def status_of(url: str) -> int:
    """The status of a GET, by curl's idea of one: nothing is followed."""
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    writer.write(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])


async def test_a_liar_and_a_staller_beside_an_honest_gateway(
    open_session: OpenSession, sample: SampleRelease, source: SimulatedGateway
) -> None:
    """The pin is complete, and it is told which gateway was banned and why."""
    from tests.simulators.faults import Lie, Stall

    async with SimulatedGateway(sample.blocks) as liar, SimulatedGateway(sample.blocks) as staller:
        liar.always, staller.always = Lie(), Stall(after=10)
        async with open_session(source.url) as session:
            await releases.track(session, sample.root, label="one")
        async with open_session(liar.url, staller.url, source.url) as session:
            report = await pinning.pin(session, "one", EVERYTHING)
            assert len(await pinned_platforms(session)) == 4
        banned = [note for note in report.notes if liar.url in note]
        assert len(banned) == 1
        assert "not used any more in this run: sent bytes that are not block" in banned[0]
