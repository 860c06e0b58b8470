"""Air gaps: what `export` writes, `import` reads; what is cut, damaged, partial or foreign is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.errors import DomainError
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.ipld.errors import HashMismatch, IpldError, MalformedCar
from ipwhl_mirror.nodes.errors import BlockNotFound
from ipwhl_mirror.services import overview, pinning, releases, transfer, verifying
from ipwhl_mirror.services.errors import KeptPartly, TransferFailed

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.services.session import Session
    from tests.conftest import OpenSession
    from tests.simulators.wheels import SampleRelease

LINUX = Selection.parse(platforms=["linux-x86_64"])
BOTH = Selection.parse(platforms=["linux-x86_64", "macos-arm64"])
EVERYTHING = Selection.parse()


@pytest.mark.parametrize("chosen", [LINUX, BOTH, EVERYTHING], ids=["part", "parts", "whole"])
async def test_a_car_carries_release_parts_and_proof(
    chosen: Selection, session: Session, sample: SampleRelease, open_session: OpenSession, tmp_path: Path
) -> None:
    """The other side tracks, pins the same parts, and verifies, from the file alone."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", chosen)
    car = tmp_path / "release.car"
    exported = await transfer.export(session, "one", car, chosen)
    assert exported.file_bytes == car.stat().st_size
    async with open_session(directory="other side") as other:
        report = await transfer.import_car(other, car, label="carried")
        assert report.pinned == exported.roots
        assert report.wheels == exported.wheels
        here = {(pin.cid, pin.selection) for pin in session.state.known_pins()}
        assert {(pin.cid, pin.selection) for pin in other.state.known_pins()} == here
        assert (await overview.status(other)).releases[0].tracked.label == "carried"
        assert (await verifying.verify(other)).broken == ()


async def test_shared_wheels_are_written_once(
    session: Session, sample: SampleRelease, tmp_path: Path
) -> None:
    """Two parts that share wheels cost them once."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", BOTH)
    both = await transfer.export(session, "one", tmp_path / "both.car", BOTH)
    wheels = sum(len(data) for (_, name), data in sample.files.items() if "win" not in name)
    assert both.file_bytes < wheels + 20_000


async def test_what_is_not_here_is_not_exported(
    session: Session, sample: SampleRelease, tmp_path: Path
) -> None:
    """A missing wheel ends the export with a way out, and no file is left."""
    await releases.track(session, sample.root, label="one")
    with pytest.raises(BlockNotFound) as caught:
        await transfer.export(session, "one", tmp_path / "release.car", LINUX)
    assert caught.value.hint == "pin it first: ipwhl-mirror pin one -p linux-x86_64"
    assert [path.name for path in tmp_path.glob("*.car*")] == []


async def test_unwritable_place(session: Session, sample: SampleRelease, tmp_path: Path) -> None:
    """A folder that is not there is told with its path."""
    await releases.track(session, sample.root, label="one")
    with pytest.raises(TransferFailed, match="no-such-folder"):
        await transfer.export(session, "one", tmp_path / "no-such-folder" / "x.car", EVERYTHING)


def directories(sample: SampleRelease) -> list[bytes]:
    """The digests of the sample's directory blocks: all that is no wheel."""
    wheels = {
        digest
        for digest in sample.blocks
        if any(digest in _file_digests(sample, key) for key in sample.files)
    }
    return [digest for digest in sample.blocks if digest not in wheels]


def _file_digests(sample: SampleRelease, key: tuple[str, str]) -> set[bytes]:
    from tests.simulators.wheels import add_file

    blocks: dict[bytes, bytes] = {}
    add_file(sample.files[key], blocks)
    return set(blocks)


def car_of(sample: SampleRelease, digests: list[bytes]) -> bytes:
    """A CAR of these blocks with the release as its root."""
    sections = [car_section(Cid(0, DAG_PB, digest), sample.blocks[digest]) for digest in digests]
    return car_header([sample.root]) + b"".join(sections)


async def test_directories_alone_track_the_release(
    open_session: OpenSession, sample: SampleRelease, tmp_path: Path
) -> None:
    """A CAR of directory blocks tracks; nothing is pinned but the index."""
    car = tmp_path / "index.car"
    car.write_bytes(car_of(sample, directories(sample)))
    async with open_session() as session:
        report = await transfer.import_car(session, car)
        assert (report.wheels, report.pinned) == (0, ())
        assert len(await session.node.pins()) == 1


async def test_some_whole_wheels_are_kept_and_the_rest_is_named(
    open_session: OpenSession, sample: SampleRelease, tmp_path: Path
) -> None:
    """Two of six wheels in the file: kept, tracked, exit 3 with the other four by name."""
    keys = sorted(sample.files)[:2]
    digests = directories(sample) + [digest for key in keys for digest in sorted(_file_digests(sample, key))]
    car = tmp_path / "some.car"
    car.write_bytes(car_of(sample, digests))
    async with open_session() as session:
        with pytest.raises(KeptPartly, match="2 of 6 wheels") as caught:
            await transfer.import_car(session, car, label="one")
        assert len(caught.value.details) == 4
        whole = await session.node.whole([sample.file_cid(*key) for key in sample.files])
        assert whole is not None
        assert len(whole) == 2
        assert (await overview.status(session)).releases[0].tracked.label == "one"


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        pytest.param(lambda data: data[:-1], MalformedCar, id="cut in the last block"),
        pytest.param(lambda data: data[:20], MalformedCar, id="cut in the header"),
        pytest.param(lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], HashMismatch, id="flipped"),
        pytest.param(lambda data: b"PK\x03\x04" + data, MalformedCar, id="not a CAR"),
    ],
)
async def test_damaged_file_changes_nothing(
    damage: object,
    expected: type[IpldError],
    open_session: OpenSession,
    sample: SampleRelease,
    tmp_path: Path,
) -> None:
    """What is cut or damaged is told, and nothing of it is kept."""
    assert callable(damage)
    car = tmp_path / "bad.car"
    car.write_bytes(damage(car_of(sample, list(sample.blocks))))
    async with open_session() as session:
        with pytest.raises(expected):
            await transfer.import_car(session, car)
        assert session.state.releases() == ()
        assert await session.node.pins() == []


async def test_foreign_root_changes_nothing(
    open_session: OpenSession, sample: SampleRelease, tmp_path: Path
) -> None:
    """A CAR of a single file is no release."""
    key = sorted(sample.files)[0]
    cid = sample.file_cid(*key)
    blocks = sorted(_file_digests(sample, key))
    car = tmp_path / "file.car"
    sections = [car_section(Cid(0, DAG_PB, digest), sample.blocks[digest]) for digest in blocks]
    car.write_bytes(car_header([cid]) + b"".join(sections))
    async with open_session() as session:
        with pytest.raises((IpldError, DomainError)):
            await transfer.import_car(session, car)
        assert session.state.releases() == ()
