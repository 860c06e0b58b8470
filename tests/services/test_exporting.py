"""The file that `export` writes is always the same one, whatever was killed, and no other is touched."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.services import pinning, releases, transfer
from ipwhl_mirror.services.car_notes import read_note
from ipwhl_mirror.services.errors import GuardRefused, TransferFailed, UsageProblem
from tests.mirror_world import release
from tests.services.carried import BOTH, EVERYTHING, LINUX, blocks_of, killed_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipwhl_mirror.services.session import Session
    from tests.conftest import OpenSession
    from tests.simulators.gateway import SimulatedGateway
    from tests.simulators.wheels import SampleRelease


@pytest.fixture
async def pinned(session: Session, sample: SampleRelease) -> Session:
    """A session with the sample release whole."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", EVERYTHING)
    return session


async def test_equal_exports_are_equal_files(
    pinned: Session,
    sample: SampleRelease,
    source: SimulatedGateway,
    open_session: OpenSession,
    tmp_path: Path,
) -> None:
    """On another node, at another time, into another directory: byte for byte."""
    await transfer.export(pinned, "one", tmp_path / "one.car", BOTH)
    async with open_session(source.url, directory="another") as other:
        await releases.track(other, sample.root, label="one")
        await pinning.pin(other, "one", BOTH)
        await transfer.export(other, "one", tmp_path / "two.car", BOTH)
    assert (tmp_path / "one.car").read_bytes() == (tmp_path / "two.car").read_bytes()


async def test_directories_come_before_wheels(pinned: Session, sample: SampleRelease, tmp_path: Path) -> None:
    """Whoever has only the beginning knows the release; a wheel that two parts share is there once."""
    await transfer.export(pinned, "one", tmp_path / "one.car", BOTH)
    note, *blocks = blocks_of((tmp_path / "one.car").read_bytes())
    assert note.cid.codec == RAW
    roots = {sample.file_cid(*key).digest: key for key in sample.files}
    places = [at for at, block in enumerate(blocks) if block.cid.digest in roots]
    assert sample.root.digest in {block.cid.digest for block in blocks[: places[0]]}
    assert [roots[blocks[at].cid.digest][1] for at in places] == sorted(
        name for _, name in sample.files if "win" not in name
    )
    assert len({block.cid.digest for block in blocks}) == len(blocks)


async def test_the_note_names_release_and_parts(pinned: Session, tmp_path: Path) -> None:
    """A block of its own, under no root."""
    report = await transfer.export(pinned, "one", tmp_path / "one.car", BOTH)
    first = blocks_of((tmp_path / "one.car").read_bytes())[0]
    note = read_note(first)
    assert note is not None
    assert (note.release.label, note.release.cid) == ("one", str(report.loaded.tracked.cid))
    assert [part.selection for part in note.parts] == ["-p linux-x86_64", "-p macos-arm64"]
    assert [Cid.parse(part.cid) for part in note.parts] == list(report.roots)


def cuts(size: int) -> Iterator[int]:
    """Where a kill can leave a file of so many bytes: its first bytes, its last, and places between."""
    yield from (0, 1, 50, 200, 400)
    yield from range(1000, size, size // 12)
    yield from (size - 1, size)


async def test_a_killed_export_goes_on_from_any_byte(pinned: Session, tmp_path: Path) -> None:
    """However much a killed run left, the same command ends with the same file."""
    car, part = tmp_path / "one.car", tmp_path / "one.car.part"
    await transfer.export(pinned, "one", car, EVERYTHING)
    whole = car.read_bytes()
    for cut in cuts(len(whole)):
        car.unlink()
        part.write_bytes(whole[:cut])
        report = await transfer.export(pinned, "one", car, EVERYTHING)
        assert report.resumed_bytes == cut
        assert car.read_bytes() == whole
        assert not part.exists()


async def test_what_an_earlier_run_left_is_believed_only_as_far_as_it_is_whole(
    pinned: Session, tmp_path: Path
) -> None:
    """After a power cut a file can have any bytes at its end: they are written again."""
    car, part = tmp_path / "one.car", tmp_path / "one.car.part"
    await transfer.export(pinned, "one", car, EVERYTHING)
    whole = car.read_bytes()
    flipped = bytearray(whole[:800_000])
    flipped[400_000] ^= 1
    for torn in (
        whole[:500_000] + bytes(300_000),
        whole[:700_000] + b"\xff" * 900_000,
        flipped,
        whole + b"more",
    ):
        car.unlink()
        part.write_bytes(torn)
        await transfer.export(pinned, "one", car, EVERYTHING)
        assert car.read_bytes() == whole


async def test_going_on_does_not_read_again_what_is_written(
    pinned: Session, sample: SampleRelease, tmp_path: Path
) -> None:
    """What is in the unfinished file is not asked of the node: it may even be lost there."""
    car, part = tmp_path / "one.car", tmp_path / "one.car.part"
    await transfer.export(pinned, "one", car, EVERYTHING)
    whole = car.read_bytes()
    car.rename(part)
    key = next(key for key in sample.files if "win" in key[1])
    path = pinned.node.local_path(sample.file_cid(*key))
    assert path is not None
    path.write_bytes(bytes(path.stat().st_size))
    await transfer.export(pinned, "one", car, EVERYTHING)
    assert car.read_bytes() == whole


async def test_an_export_killed_by_signal_9_is_continued(
    pinned: Session, open_session: OpenSession, tmp_path: Path
) -> None:
    """A real process, killed while it writes wheels."""
    await transfer.export(pinned, "one", tmp_path / "undisturbed.car", EVERYTHING)
    car = tmp_path / "one.car"
    await pinned.node.aclose()
    assert killed_at(tmp_path / "data", "export", car, "export", 3)
    assert not car.exists()
    async with open_session() as session:
        await transfer.export(session, "one", car, EVERYTHING)
    assert car.read_bytes() == (tmp_path / "undisturbed.car").read_bytes()


async def test_a_finished_export_is_left_as_it_is(pinned: Session, tmp_path: Path) -> None:
    """The same command again says so of the file that is there, and does not touch it."""
    car = tmp_path / "one.car"
    first = await transfer.export(pinned, "one", car, LINUX)
    before = car.stat()
    again = await transfer.export(pinned, "one", car, LINUX)
    assert (again.file_bytes, again.roots) == (first.file_bytes, first.roots)
    assert again.resumed_bytes == again.file_bytes
    after = car.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    "there", ["", "my thesis", "another export", "this one and more", "this one damaged"]
)
async def test_no_other_file_is_replaced(there: str, pinned: Session, tmp_path: Path) -> None:
    """Whatever is there stays, and is named."""
    car = tmp_path / "one.car"
    await transfer.export(pinned, "one", car, BOTH if there == "another export" else LINUX)
    if there == "this one and more":
        car.write_bytes(car.read_bytes() + b"x")
    elif there == "this one damaged":
        car.write_bytes(car.read_bytes()[:-1] + b"x")
    elif there != "another export":
        car.write_text(there)
    before = car.read_bytes()
    with pytest.raises(UsageProblem, match=r"one\.car is there already, and is not this export") as caught:
        await transfer.export(pinned, "one", car, LINUX)
    assert caught.value.hint == "name another file, or remove it first"
    assert car.read_bytes() == before
    assert [path.name for path in tmp_path.glob("*.car*")] == ["one.car"]


@pytest.mark.parametrize("there", ["a browser's download", "an export of something else"])
async def test_no_other_unfinished_file_is_written_to(there: str, pinned: Session, tmp_path: Path) -> None:
    """`.part` is what others call theirs, too."""
    car, part = tmp_path / "one.car", tmp_path / "one.car.part"
    part.write_text(there)
    if there == "an export of something else":
        await transfer.export(pinned, "one", tmp_path / "two.car", BOTH)
        part.write_bytes((tmp_path / "two.car").read_bytes()[:400_000])
    before = part.read_bytes()
    with pytest.raises(UsageProblem, match=r"one\.car\.part is there already, and is of something else"):
        await transfer.export(pinned, "one", car, LINUX)
    assert part.read_bytes() == before
    assert not car.exists()


async def test_a_link_to_another_file_is_not_followed(pinned: Session, tmp_path: Path) -> None:
    """What somebody put in the place of the unfinished file is not written through."""
    (tmp_path / "target").write_bytes(b"")
    (tmp_path / "one.car.part").symlink_to(tmp_path / "target")
    with pytest.raises(TransferFailed, match=r"one\.car cannot be written"):
        await transfer.export(pinned, "one", tmp_path / "one.car", LINUX)
    assert (tmp_path / "target").read_bytes() == b""


async def test_what_is_not_here_is_named_before_anything_is_written(
    session: Session, sample: SampleRelease, tmp_path: Path
) -> None:
    """Wheels that are missing, a way out, and no file."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", LINUX)
    with pytest.raises(TransferFailed, match=r"3 of 6 wheels of one, 608\.6 kB, are not here") as caught:
        await transfer.export(session, "one", tmp_path / "one.car", EVERYTHING)
    assert (
        caught.value.hint == "pin it first: ipwhl-mirror pin one; or export what is pinned: -p linux-x86_64"
    )
    assert caught.value.details[0] == "native/native-1.0-cp311-cp311-macosx_11_0_arm64.whl: not here"
    assert list(tmp_path.glob("*.car*")) == []


async def test_a_damaged_wheel_stops_it_until_it_is_mended(
    pinned: Session, sample: SampleRelease, tmp_path: Path
) -> None:
    """What was written before it stays, and the same command goes on from there."""
    car = tmp_path / "one.car"
    await transfer.export(pinned, "one", tmp_path / "undisturbed.car", EVERYTHING)
    key = next(key for key in sample.files if "win" in key[1])
    path = pinned.node.local_path(sample.file_cid(*key))
    assert path is not None
    content = path.read_bytes()
    path.write_bytes(content[:1000] + b"?" + content[1001:])
    with pytest.raises(Exception, match="damaged on this node") as caught:
        await transfer.export(pinned, "one", car, EVERYTHING)
    assert getattr(caught.value, "hint", "").startswith("mend it first: ipwhl-mirror verify --repair one")
    path.write_bytes(content)
    report = await transfer.export(pinned, "one", car, EVERYTHING)
    assert report.resumed_bytes > 300_000
    assert car.read_bytes() == (tmp_path / "undisturbed.car").read_bytes()


async def test_unwritable_place(session: Session, sample: SampleRelease, tmp_path: Path) -> None:
    """A folder that is not there is told with its path."""
    await releases.track(session, sample.root, label="one")
    with pytest.raises(TransferFailed, match="no-such-folder"):
        await transfer.export(session, "one", tmp_path / "no-such-folder" / "x.car", EVERYTHING)


async def test_too_little_room_is_refused_before_anything_is_written(
    pinned: Session, open_session: OpenSession, tmp_path: Path
) -> None:
    """On the disk of the data directory what is to stay free stays free."""
    async with open_session(reserve_free=1 << 60) as session:
        with pytest.raises(GuardRefused, match=r"about 3\d\d\.\d kB to write, .* are to stay free") as caught:
            await transfer.export(session, "one", tmp_path / "one.car", LINUX)
    assert "--without REL" in (caught.value.hint or "")
    assert list(tmp_path.glob("*.car*")) == []


async def test_a_disk_that_is_full_costs_nothing(pinned: Session, tmp_path: Path) -> None:
    """What could be written stays, and with room the same command goes on."""
    car = tmp_path / "one.car"
    await transfer.export(pinned, "one", tmp_path / "undisturbed.car", EVERYTHING)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, before[1]))
    try:
        with pytest.raises(GuardRefused, match="File too large; what was written stays") as caught:
            await transfer.export(pinned, "one", car, EVERYTHING)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "FAT32: 4 GiB" in (caught.value.hint or "")
    report = await transfer.export(pinned, "one", car, EVERYTHING)
    assert report.resumed_bytes == 600_000
    assert car.read_bytes() == (tmp_path / "undisturbed.car").read_bytes()


async def test_a_release_is_not_left_out_of_itself(pinned: Session, tmp_path: Path) -> None:
    """Nothing would be left of it."""
    with pytest.raises(UsageProblem, match="--without one: that is the release to export"):
        await transfer.export(pinned, "one", tmp_path / "one.car", LINUX, without=["one"])


async def test_only_what_the_same_selection_has_is_left_out(
    pinned: Session, source: SimulatedGateway, tmp_path: Path
) -> None:
    """A platform that the other side took nothing of is carried whole; directories always are."""
    new = release("1.0", other="2.0")
    source.blocks.update(new.blocks)
    await releases.track(pinned, new.root, label="two")
    await pinning.pin(pinned, "two", EVERYTHING)
    report = await transfer.export(pinned, "two", tmp_path / "two.car", LINUX, without=["one"])
    assert (report.selected.wheels, report.left_out.wheels) == (3, 2)
    assert [base.label for base in report.without] == ["one"]
    digests = {block.cid.digest for block in blocks_of((tmp_path / "two.car").read_bytes())}
    assert new.root.digest in digests
    carried = {key for key in new.files if new.file_cid(*key).digest in digests}
    assert [name for _, name in carried] == ["other-2.0-cp311-cp311-manylinux_2_17_x86_64.whl"]
