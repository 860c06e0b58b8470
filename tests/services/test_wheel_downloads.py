"""Wheels of a lock are brought from their addresses: verified, resumed, and never twice."""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.cli.exit_codes import ExitCode, exit_code_for
from ipwhl_mirror.domain.checks.checking import check_repository
from ipwhl_mirror.domain.input_wheels import AtAddress, FileHere, OnNode
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.domain.wheel_facts import WheelFacts
from ipwhl_mirror.services import wheel_downloads
from ipwhl_mirror.services.errors import GuardRefused, KeptPartly, TransferFailed, WheelRefused
from ipwhl_mirror.services.events import Phase, Progress
from ipwhl_mirror.services.input_metadata import inspect
from ipwhl_mirror.services.publish_inputs import fetch, gather, settle
from ipwhl_mirror.services.wheel_downloads import KEPT_S, bring, directory_of
from ipwhl_mirror.state.wheel_facts import WheelFactsFile
from tests.services.publishing_world import ANY, LINUX, Index, lay, session_at, wheel
from tests.services.test_publish_inputs import entry, write_lock
from tests.simulators.locks import lock_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ipwhl_mirror.domain.input_wheels import Gathered
    from ipwhl_mirror.services.session import Session

WHEELS = [wheel("a"), wheel("b", LINUX, padding=300_000), wheel("c", ANY, requires=["a>=1"])]
NAMES = [name for files in WHEELS for name in files]


@pytest.fixture
async def index() -> AsyncIterator[Index]:
    """Has the wheels of the lock."""
    async with Index.start() as running:
        running.offer(*WHEELS)
        yield running


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    """May ask loopback."""
    async with session_at(tmp_path / "data") as opened:
        yield opened


async def no_pause(seconds: float) -> None:
    """Servers of these tests are not spared."""


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before a server is asked again."""
    monkeypatch.setattr("ipwhl_mirror.sources.downloads._BACKOFF_S", 0.0)


async def locked(session: Session, index: Index, tmp_path: Path, *, cid_version: int = 0) -> Gathered:
    """What a lock of the wheels gives."""
    lock = write_lock(tmp_path / "pylock.toml", *map(entry, WHEELS), base=f"{index.url}/files")
    return await gather(
        session, [str(lock)], selection=Selection.parse(platforms=["linux-64"]), cid_version=cid_version
    )


async def add(session: Session, found: Gathered, *, cid_version: int = 0) -> None:
    """Add what was fetched to the node, as `publish` does."""
    added = [
        (each, await session.node.add_file(each.place.path, cid_version=cid_version))
        for each in found.wheels
        if isinstance(each.place, FileHere)
    ]
    await settle(session, added, cid_version=cid_version)


async def test_wheels_come_once(session: Session, index: Index, tmp_path: Path) -> None:
    """Fetched, added, and then on the node: the same lock asks for nothing, and gives the same CIDs."""
    told: list[Progress] = []
    found = await fetch(session, await locked(session, index, tmp_path), told.append)
    for each in found.wheels:
        assert isinstance(each.place, FileHere)
        assert each.place.path.read_bytes() == index.files[each.filename]
        assert each.size == len(index.files[each.filename])
    assert (len(index.asked), told[-1].phase) == (3, Phase.FETCH)
    total = sum(map(len, index.files.values()))
    assert (told[-1].done_bytes, told[-1].total_bytes) == (total, total)
    assert (told[-1].done_wheels, told[-1].total_wheels) == (3, 3)
    await add(session, found)
    assert list(directory_of(session).iterdir()) == []
    again = await locked(session, index, tmp_path)
    assert (again.to_fetch, len(index.asked)) == ((), 3)
    assert all(isinstance(each.place, OnNode) for each in again.wheels)
    assert await fetch(session, again) == again
    assert again.bytes == total


@pytest.mark.parametrize("known_by", ["publish", "the gateway"])
async def test_a_wheel_of_the_other_cid_version_is_copied(
    known_by: str, session: Session, index: Index, tmp_path: Path
) -> None:
    """Its CID would be another than anywhere else, and its bytes are here: nothing travels."""
    found = await fetch(session, await locked(session, index, tmp_path))
    await add(session, found)
    if known_by == "the gateway":
        facts = WheelFactsFile(session.settings.data_dir)
        for each in (await locked(session, index, tmp_path)).wheels:
            assert isinstance(each.place, OnNode) and each.size is not None
            key = (each.place.cid.digest, each.filename)
            facts.save({key: WheelFacts(size=each.size, sha256=each.sha256)})
        (session.settings.data_dir / "added-wheels.sqlite").unlink()
        assert (await locked(session, index, tmp_path)).to_fetch == ()
    other = await locked(session, index, tmp_path, cid_version=1)
    assert (other.to_fetch, [type(each.place) for each in other.wheels]) == ((), [AtAddress] * 3)
    here = await fetch(session, other)
    assert len(index.asked) == 3
    for each in here.wheels:
        assert isinstance(each.place, FileHere)
        assert each.place.path.read_bytes() == index.files[each.filename]
    await add(session, here, cid_version=1)
    await add(session, await fetch(session, await locked(session, index, tmp_path)))
    versions = [
        {each.place.cid.version for each in found.wheels if isinstance(each.place, OnNode)}
        for found in [await locked(session, index, tmp_path, cid_version=version) for version in (0, 1)]
    ]
    assert versions == [{0}, {1}]


async def test_a_copy_that_is_none_is_fetched(session: Session, index: Index, tmp_path: Path) -> None:
    """What is remembered of a wheel may be wrong; its hash decides."""
    files = lay(tmp_path / "other", wheel("x", padding=400))
    (path,) = files.iterdir()
    added = await session.node.add_file(path, cid_version=0)
    name = NAMES[0]
    sha256 = hashlib.sha256(index.files[name]).digest()
    WheelFactsFile(session.settings.data_dir).save(
        {(added.cid.digest, name): WheelFacts(size=1, sha256=sha256)}
    )
    found = await locked(session, index, tmp_path)
    assert len(found.to_fetch) == 2
    here = await fetch(session, found)
    assert isinstance(here.wheels[0].place, FileHere)
    assert here.wheels[0].place.path.read_bytes() == index.files[name]


@pytest.mark.parametrize(
    ("status", "kind", "code", "words"),
    [
        (404, WheelRefused, ExitCode.FAILED, "lock again"),
        (410, WheelRefused, ExitCode.FAILED, "lock again"),
        (403, WheelRefused, ExitCode.FAILED, "not give it to everybody"),
        (503, KeptPartly, ExitCode.PARTIAL, "answers 503"),
    ],
)
async def test_one_that_fails_does_not_stop_the_others(
    status: int,
    kind: type[Exception],
    code: ExitCode,
    words: str,
    session: Session,
    index: Index,
    tmp_path: Path,
) -> None:
    """It is named with its address and what to do; the next run fetches it alone."""
    found = await locked(session, index, tmp_path)
    index.faults[NAMES[1]] = status
    with pytest.raises(kind, match="1 of 3 wheels could not be fetched") as failed:
        await fetch(session, found)
    assert exit_code_for(failed.value) is code
    assert isinstance(failed.value, KeptPartly | WheelRefused)
    (line,) = failed.value.details
    assert NAMES[1] in line and f"{index.url}/files/" in line and words in line
    assert failed.value.hint
    index.faults.clear()
    index.asked.clear()
    await fetch(session, found)
    assert index.asked == [(NAMES[1], None)]


async def test_other_bytes_are_refused(session: Session, index: Index, tmp_path: Path) -> None:
    """An index that replaced a wheel; both hashes are told, and nothing of it is kept."""
    found = await locked(session, index, tmp_path)
    index.files[NAMES[0]] = bytes(len(index.files[NAMES[0]]))
    with pytest.raises(WheelRefused) as refused:
        await fetch(session, found)
    assert hashlib.sha256(index.files[NAMES[0]]).hexdigest() in refused.value.details[0]
    assert len(list(directory_of(session).iterdir())) == 2


async def test_loopback_is_not_asked_without_permission(index: Index, tmp_path: Path) -> None:
    """A lock is nobody's word for it; the error says what to configure."""
    async with session_at(tmp_path / "data", private_hosts=()) as session:
        found = await locked(session, index, tmp_path)
        for work in (fetch(session, found), inspect(session, found)):
            with pytest.raises(WheelRefused) as refused:
                await work
            assert 'private_hosts = ["127.0.0.1"]' in refused.value.details[0]
    assert index.asked == []


async def test_a_killed_run_is_gone_on_with(session: Session, index: Index, tmp_path: Path) -> None:
    """Complete wheels are not asked for again, begun ones from where they ended."""
    found = await locked(session, index, tmp_path)
    directory = directory_of(session)
    directory.mkdir(parents=True)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in index.files.items()}
    (directory / f"{hashes[NAMES[0]]}.whl").write_bytes(index.files[NAMES[0]])
    (directory / f"{hashes[NAMES[1]]}.whl.part").write_bytes(index.files[NAMES[1]][:1000])
    await fetch(session, found)
    assert sorted(index.asked, key=str) == sorted([(NAMES[1], "bytes=1000-"), (NAMES[2], None)], key=str)


async def test_a_cancelled_fetch_leaves_what_came(session: Session, index: Index, tmp_path: Path) -> None:
    """And no task behind."""
    found = await locked(session, index, tmp_path)
    came = asyncio.Event()

    def sink(progress: Progress) -> None:
        if progress.done_wheels == 0:
            came.set()

    running = asyncio.create_task(fetch(session, found, sink))
    await came.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(asyncio.all_tasks()) == 1
    await fetch(session, found)


async def test_a_full_disk_is_seen_before(index: Index, tmp_path: Path) -> None:
    """By the room that is to stay free."""
    async with session_at(tmp_path / "data", reserve_free=1 << 60) as session:
        found = await locked(session, index, tmp_path)
        with pytest.raises(GuardRefused, match="are to stay free") as refused:
            await fetch(session, found)
    assert exit_code_for(refused.value) is ExitCode.GUARD


async def test_a_data_directory_that_cannot_be_written_is_told(
    session: Session, index: Index, tmp_path: Path
) -> None:
    """With its name."""
    found = await locked(session, index, tmp_path)
    lay(session.settings.data_dir, {"downloads": b"in the way"})
    with pytest.raises(TransferFailed, match="downloads"):
        await fetch(session, found)


async def test_one_file_of_two_names_is_fetched_once(session: Session, index: Index, tmp_path: Path) -> None:
    """As a wheel that an index has under two builds."""
    found = await locked(session, index, tmp_path)
    twice = [found.wheels[0], found.wheels[0]]
    first, second = await bring(session, twice, pause=no_pause)
    assert first == second
    assert len(index.asked) == 1


async def test_what_nobody_needs_any_more_is_removed(session: Session, index: Index, tmp_path: Path) -> None:
    """After a month; other files are left alone."""
    directory = directory_of(session)
    lay(directory, {"old.whl": b"x", "old.whl.part": b"x", "new.whl.part": b"x", "notes.txt": b"x"})
    for path in directory.iterdir():
        if path.name != "new.whl.part":
            os.utime(path, (1.0, 1.0))
    wheel_downloads.tidy(session, [])
    assert sorted(path.name for path in directory.iterdir()) == ["new.whl.part", "notes.txt"]
    wheel_downloads.tidy(session, [], now=directory.stat().st_mtime + KEPT_S + 1)
    assert [path.name for path in directory.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("knows_ranges", [True, False])
async def test_metadata_is_read_before_a_wheel_is_fetched(
    knows_ranges: bool, session: Session, index: Index, tmp_path: Path
) -> None:
    """By ranges, else of the whole; the same as after fetching, and nothing is kept."""
    found = await locked(session, index, tmp_path)
    index.knows_ranges = knows_ranges
    before = await inspect(session, found)
    travelled = index.sent
    assert not directory_of(session).exists()
    assert [each.size for each in before.gathered.wheels] == [len(index.files[name]) for name in NAMES]
    here = await fetch(session, found)
    after = await inspect(session, here)
    assert before.repository == after.repository
    assert after.gathered == here
    await add(session, here)
    assert (await inspect(session, await locked(session, index, tmp_path))).repository == after.repository
    total = sum(map(len, index.files.values()))
    assert (travelled < total) == knows_ranges
    report = check_repository(after.repository, found.environments or (), ())
    assert report.findings == ()


async def test_a_wheel_without_metadata_is_a_finding(session: Session, index: Index, tmp_path: Path) -> None:
    """Not an error: the check names it."""
    (tmp_path / "a-1.0-py3-none-any.whl").write_bytes(b"no archive")
    found = await gather(session, [str(tmp_path / "a-1.0-py3-none-any.whl")], selection=Selection())
    read = await inspect(session, found)
    assert [fault.path for fault in read.repository.faults] == ["a/a-1.0-py3-none-any.whl"]
    assert [each.metadata for each in read.repository.wheels] == [None]


@pytest.mark.parametrize(("status", "kind"), [(404, WheelRefused), (503, KeptPartly)])
async def test_an_address_without_its_wheel_is_told_by_a_dry_run_too(
    status: int, kind: type[Exception], session: Session, index: Index, tmp_path: Path
) -> None:
    """As by fetching."""
    found = await locked(session, index, tmp_path)
    index.faults[NAMES[2]] = status
    with pytest.raises(kind, match="METADATA of 1 wheel could not be read"):
        await inspect(session, found, pause=no_pause)


async def test_a_file_of_another_length_is_told_by_a_dry_run(
    session: Session, index: Index, tmp_path: Path
) -> None:
    """Where the lock says how long it is."""
    lock = tmp_path / "pylock.toml"
    lock.write_text(lock_text(entry(WHEELS[0]), base=index.url, sized=True))
    found = await gather(session, [str(lock)], selection=Selection())
    index.files[NAMES[0]] += b"x"
    for work in (inspect(session, found), fetch(session, found)):
        with pytest.raises(WheelRefused) as refused:
            await work
        size = len(index.files[NAMES[0]])
        assert f"{size} bytes, not {size - 1}" in refused.value.details[0]


async def test_a_cache_that_is_damaged_is_begun_anew(session: Session, index: Index, tmp_path: Path) -> None:
    """The wheels are fetched again, then known again."""
    lay(session.settings.data_dir, {"added-wheels.sqlite": b"no database, but long enough for one" * 100})
    for fetched in (3, 0):
        found = await locked(session, index, tmp_path)
        assert len(found.to_fetch) == fetched
        await add(session, await fetch(session, found))


async def test_a_wheel_that_the_node_lost_is_fetched_again(
    session: Session, index: Index, tmp_path: Path
) -> None:
    """What was added once may have been collected since."""
    await add(session, await fetch(session, await locked(session, index, tmp_path)))
    await session.node.collect_garbage()
    assert len((await locked(session, index, tmp_path)).to_fetch) == 3
