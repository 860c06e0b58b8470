"""Air gaps: what `export` writes, `import` reads; what is cut, damaged, partial or foreign is told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.errors import DomainError
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.ipld.errors import IpldError
from ipwhl_mirror.services import mirrors, overview, pinning, releases, transfer, verifying
from ipwhl_mirror.services.errors import ForeignTree, GuardRefused, KeptPartly, TransferFailed, UsageProblem
from tests.mirror_world import release
from tests.services.carried import (
    BOTH,
    EVERYTHING,
    LINUX,
    blocks_of,
    car_of,
    directories,
    file_digests,
    killed_at,
    odd_release,
)
from tests.simulators.wheels import sample_release, sample_wheels

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.services.session import Session
    from tests.conftest import OpenSession
    from tests.simulators.gateway import SimulatedGateway
    from tests.simulators.wheels import SampleRelease

RUNS_ON = Selection.parse(environments=["cp311 manylinux_2_28_x86_64"], excludes=["other"])


@pytest.fixture(scope="module")
def exported() -> list[bytes]:
    """The export of the sample release, once it was made: it is always the same."""
    return []


@pytest.fixture
async def whole_car(
    exported: list[bytes], source: SimulatedGateway, open_session: OpenSession, tmp_path: Path
) -> Path:
    """An export of the sample release."""
    car = tmp_path / "one.car"
    if not exported:
        root = sample_release(sample_wheels()).root
        async with open_session(source.url, directory="first") as session:
            await releases.track(session, root, label="one")
            await pinning.pin(session, "one", EVERYTHING)
            await transfer.export(session, "one", car, EVERYTHING)
        exported.append(car.read_bytes())
    car.write_bytes(exported[0])
    return car


@pytest.fixture
async def both(
    session: Session, sample: SampleRelease, source: SimulatedGateway, tmp_path: Path
) -> SampleRelease:
    """`one.car`, and `two.car` with what another version of one project changes; gives that release."""
    two = release("1.0", other="2.0")
    source.blocks.update(two.blocks)
    for label, made in (("one", sample), ("two", two)):
        await releases.track(session, made.root, label=label)
        await pinning.pin(session, label, BOTH)
    await transfer.export(session, "one", tmp_path / "one.car", BOTH)
    await transfer.export(session, "two", tmp_path / "two.car", BOTH, without=["one"])
    return two


Pins = set[tuple[Cid, str | None, str]]


def pins_of(session: Session) -> Pins:
    """The pins that a session knows."""
    return {(pin.cid, pin.selection, pin.name) for pin in session.state.known_pins()}


def whole(sample: SampleRelease) -> Pins:
    """The pin of the whole release."""
    return {(sample.root, "", "ipwhl-mirror/")}


async def check_carried(there: Session, pins: Pins) -> None:
    """The other side has exactly these pins, each verified, and is whole without anybody to ask."""
    assert pins_of(there) == pins
    assert {cid for cid, _, _ in pins} <= {pin.cid for pin in await there.node.pins()}
    assert there.state.verifications().keys() == {cid.digest for cid, _, _ in pins}
    verified = await verifying.verify(there)
    assert (verified.broken, verified.pins) == ((), len(pins))


@pytest.mark.parametrize(
    "chosen", [LINUX, BOTH, RUNS_ON, EVERYTHING], ids=["part", "parts", "environment", "whole"]
)
async def test_a_car_carries_release_parts_and_proof(
    chosen: Selection, session: Session, sample: SampleRelease, open_session: OpenSession, tmp_path: Path
) -> None:
    """The other side tracks, pins the same parts under the same names, plans, and verifies, from the file
    alone."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", chosen)
    car = tmp_path / "release.car"
    exported = await transfer.export(session, "one", car, chosen)
    assert exported.file_bytes == car.stat().st_size
    async with open_session(directory="other side") as other:
        report = await transfer.import_car(other, car, label="carried")
        assert report.pinned == exported.roots
        assert report.stored == report.kept
        assert report.kept.wheels == exported.selected.wheels
        await check_carried(other, pins_of(session))
        status = (await overview.status(other)).releases[0]
        assert (status.tracked.label, status.tracked.cid) == ("carried", sample.root)
        plan = (await pinning.pin(other, "carried", chosen)).forecast.plan
        assert (plan.fetch.wheels, all(part.pinned for part in plan.parts)) == (0, True)


@pytest.mark.parametrize("chosen", [LINUX, EVERYTHING], ids=["part", "whole"])
async def test_what_is_no_wheel_travels_with_the_whole_release_only(
    chosen: Selection, session: Session, source: SimulatedGateway, open_session: OpenSession, tmp_path: Path
) -> None:
    """Files and directories beside the wheels: the official root keeps them, and so does the file."""
    odd = odd_release()
    source.blocks.update(odd.blocks)
    await releases.track(session, odd.root, label="one")
    await pinning.pin(session, "one", chosen)
    await transfer.export(session, "one", tmp_path / "one.car", chosen)
    carried = {block.cid.digest for block in blocks_of((tmp_path / "one.car").read_bytes())}
    assert (odd.blocks.keys() <= carried) is (chosen == EVERYTHING)
    async with open_session(directory="other side") as other:
        report = await transfer.import_car(other, tmp_path / "one.car")
        assert len(report.loaded.release.malformed) == 4
        await check_carried(other, pins_of(session))


async def test_a_second_import_changes_nothing(
    whole_car: Path, sample: SampleRelease, open_session: OpenSession
) -> None:
    """Everything is here: nothing is stored, read back or pinned again."""
    async with open_session(directory="other side") as other:
        await transfer.import_car(other, whole_car, label="one")
        before = other.state.known_pins()
        again = await transfer.import_car(other, whole_car)
        assert (again.stored_blocks, again.stored.wheels, again.kept.wheels) == (0, 0, 6)
        assert again.loaded.tracked.label == "one"
        assert other.state.known_pins() == before
        await check_carried(other, whole(sample))


async def test_directories_alone_track_the_release(
    open_session: OpenSession, sample: SampleRelease, tmp_path: Path
) -> None:
    """A CAR of directory blocks tracks; nothing is pinned but the index."""
    car = tmp_path / "index.car"
    car.write_bytes(car_of(sample, directories(sample)))
    async with open_session() as session:
        report = await transfer.import_car(session, car)
        assert (report.kept.wheels, report.pinned) == (0, ())
        assert len(await session.node.pins()) == 1


async def test_some_whole_wheels_are_kept_and_the_rest_is_named(
    open_session: OpenSession, sample: SampleRelease, tmp_path: Path
) -> None:
    """Two of six wheels in the file: kept, tracked, exit 3 with the other four by name."""
    keys = sorted(sample.files)[:2]
    digests = directories(sample) + [digest for key in keys for digest in sorted(file_digests(sample, key))]
    car = tmp_path / "some.car"
    car.write_bytes(car_of(sample, digests))
    async with open_session() as session:
        with pytest.raises(KeptPartly, match=r"2 of 6 wheels whole, 4 wheels \(.*\) missing") as caught:
            await transfer.import_car(session, car, label="one")
        assert len(caught.value.details) == 4
        assert caught.value.details[-1] == "pure/pure-1.0-py3-none-any.whl: not in the file"
        kept = await session.node.whole([sample.file_cid(*key) for key in sample.files])
        assert kept is not None
        assert len(kept) == 2
        assert (await overview.status(session)).releases[0].tracked.label == "one"


# a stick that was pulled, or is worn out


async def test_a_file_cut_anywhere_keeps_what_it_has(
    whole_car: Path, sample: SampleRelease, open_session: OpenSession, tmp_path: Path
) -> None:
    """Whole wheels and whole blocks of others stay; the whole file brings only what was missing."""
    data = whole_car.read_bytes()
    blocks = blocks_of(data)
    first_wheel = min(
        at for at, block in enumerate(blocks) if block.cid in {sample.file_cid(*key) for key in sample.files}
    )
    beginning = blocks[first_wheel].offset
    cut_car = tmp_path / "cut.car"
    for number, size in enumerate([beginning + 10, beginning + 280_000, len(data) // 2, len(data) - 1]):
        cut_car.write_bytes(data[:size])
        kept = [block for block in blocks[first_wheel:] if block.offset + len(block.data) <= size]
        async with open_session(directory=f"cut {number}") as other:
            with pytest.raises(
                KeptPartly, match=rf"it ends too early, at byte {size}: . of 6 wheels"
            ) as caught:
                await transfer.import_car(other, cut_car, label="one")
            assert caught.value.hint == (
                "copy the file again and run the same command: what is here is not written again; "
                "or, with a network: ipwhl-mirror pin one"
            )
            assert caught.value.details[-1].startswith("pure/pure-1.0-py3-none-any.whl: not ")
            assert other.state.known_pins() == ()
            report = await transfer.import_car(other, whole_car)
            assert report.stored_blocks == len(blocks) - first_wheel - len(kept)
            await check_carried(other, whole(sample))


async def test_a_cut_in_the_directories_changes_nothing(
    whole_car: Path, open_session: OpenSession, tmp_path: Path
) -> None:
    """Nobody can say what it is of: that is told, with where it ends."""
    data = whole_car.read_bytes()
    blocks = blocks_of(data)
    cut_car = tmp_path / "cut.car"
    async with open_session(directory="other side") as other:
        for size in (blocks[0].offset, blocks[1].offset - 40, blocks[2].offset + 3):
            cut_car.write_bytes(data[:size])
            with pytest.raises(TransferFailed, match=rf"at byte {size}, before the directories"):
                await transfer.import_car(other, cut_car)
        assert other.state.releases() == ()
        assert await other.node.pins() == []


async def test_a_damaged_block_is_named_and_the_rest_is_kept(
    whole_car: Path, sample: SampleRelease, open_session: OpenSession, tmp_path: Path
) -> None:
    """Its wheel is not imported, all others are; a good copy brings that one block."""
    data = bytearray(whole_car.read_bytes())
    key = next(key for key in sample.files if "win" in key[1])
    leaf = next(
        block
        for block in blocks_of(bytes(data))
        if block.cid.digest in file_digests(sample, key) and len(block.data) > 200_000
    )
    data[leaf.offset + 1000] ^= 1
    (tmp_path / "damaged.car").write_bytes(data)
    async with open_session(directory="other side") as other:
        with pytest.raises(KeptPartly, match=r"1 block of it damaged: 5 of 6 wheels") as caught:
            await transfer.import_car(other, tmp_path / "damaged.car", label="one")
        assert caught.value.details == (f"native/{key[1]}: block {leaf.cid} is damaged in the file",)
        report = await transfer.import_car(other, whole_car)
        assert report.stored_blocks == 1
        notes: list[str | None] = []
        await transfer.import_car(other, tmp_path / "damaged.car", sink=lambda told: notes.append(told.note))
        assert (
            f"{tmp_path / 'damaged.car'}: 1 block of it damaged; nothing is missing here all the same"
            in notes
        )
        await check_carried(other, whole(sample))


async def test_damage_between_blocks_ends_the_file_there(
    whole_car: Path, open_session: OpenSession, tmp_path: Path
) -> None:
    """Where the next block begins nobody can tell: what came before stays."""
    data = bytearray(whole_car.read_bytes())
    last = blocks_of(bytes(data))[-1]
    data[last.offset - 36 : last.offset] = bytes(36)
    (tmp_path / "damaged.car").write_bytes(data)
    async with open_session(directory="other side") as other:
        with pytest.raises(KeptPartly, match=r"it is damaged at byte \d+ .*: 5 of 6 wheels"):
            await transfer.import_car(other, tmp_path / "damaged.car")


async def test_damage_in_a_directory_changes_nothing(
    whole_car: Path, sample: SampleRelease, open_session: OpenSession, tmp_path: Path
) -> None:
    """It is named, and another copy asked for."""
    data = bytearray(whole_car.read_bytes())
    (root,) = [block for block in blocks_of(bytes(data)) if block.cid == sample.root]
    data[root.offset + 5] ^= 1
    (tmp_path / "damaged.car").write_bytes(data)
    async with open_session(directory="other side") as other:
        with pytest.raises(TransferFailed, match=f"{sample.root} of the release is damaged in it") as caught:
            await transfer.import_car(other, tmp_path / "damaged.car")
        assert caught.value.hint == "copy it again; nothing was changed here"
        assert other.state.releases() == ()


@pytest.mark.parametrize(("phase", "count"), [("add", 4), ("verify", 2)])
async def test_an_import_killed_by_signal_9_is_continued(
    phase: str, count: int, whole_car: Path, sample: SampleRelease, open_session: OpenSession, tmp_path: Path
) -> None:
    """Killed while it stores or reads back: the same command ends as an undisturbed one."""
    assert killed_at(tmp_path / "other side", "import", whole_car, phase, count)
    async with open_session(directory="other side") as other:
        report = await transfer.import_car(other, whole_car, label="one")
        assert len(report.pinned) == 1
        await check_carried(other, whole(sample))
        assert (await other.node.preview_gc()).blocks == 0


# what is none of ours


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", "is no CAR of a release: it ends inside the header, at byte 0", id="empty"),
        pytest.param(b"PK\x03\x04" * 99, "is no CAR of a release: a header", id="zip"),
        pytest.param(b"<html>404</html>" * 99, "is no CAR of a release: a header", id="web page"),
        pytest.param(car_header([]), "is no CAR of a release: it names no root", id="no root"),
    ],
)
async def test_what_is_no_car_is_told(
    data: bytes, words: str, open_session: OpenSession, tmp_path: Path
) -> None:
    """With the file's name, and what is wrong where."""
    (tmp_path / "x.car").write_bytes(data)
    async with open_session() as session:
        with pytest.raises(TransferFailed, match=f"x.car {words}"):
            await transfer.import_car(session, tmp_path / "x.car")
        assert session.state.releases() == ()


async def test_a_car_without_its_root_is_told(
    open_session: OpenSession, sample: SampleRelease, tmp_path: Path
) -> None:
    """All wheels and no directory: nothing says which is which."""
    wheels = [digest for digest in sample.blocks if digest not in directories(sample)]
    (tmp_path / "x.car").write_bytes(car_of(sample, wheels))
    async with open_session() as session:
        with pytest.raises(TransferFailed, match=f"directory block {sample.root} .* is not in it") as caught:
            await transfer.import_car(session, tmp_path / "x.car")
        assert caught.value.hint == "export it again; nothing was changed here"


async def test_a_subset_without_a_project_of_its_index_is_told(
    session: Session, sample: SampleRelease, open_session: OpenSession, tmp_path: Path
) -> None:
    """A directory that the index keeps cannot be left out, also where no wheel of it is chosen."""
    await releases.track(session, sample.root, label="one")
    only = Selection.parse(projects=["pure"])
    await pinning.pin(session, "one", only)
    report = await transfer.export(session, "one", tmp_path / "pure.car", only)
    project = next(p for p in report.loaded.release.projects if p.name == "native")
    blocks = blocks_of((tmp_path / "pure.car").read_bytes())
    sections = [car_section(b.cid, b.data) for b in blocks if b.cid != project.link.cid]
    (tmp_path / "less.car").write_bytes(car_header(report.roots) + b"".join(sections))
    async with open_session(directory="other side") as other:
        with pytest.raises(TransferFailed, match=f"directory block {project.link.cid} .* is not in it"):
            await transfer.import_car(other, tmp_path / "less.car")
        assert other.state.releases() == ()


async def test_foreign_root_changes_nothing(
    open_session: OpenSession, sample: SampleRelease, tmp_path: Path
) -> None:
    """A CAR of a single file is no release."""
    key = sorted(sample.files)[0]
    cid = sample.file_cid(*key)
    sections = [car_section(Cid(0, DAG_PB, d), sample.blocks[d]) for d in sorted(file_digests(sample, key))]
    (tmp_path / "file.car").write_bytes(car_header([cid]) + b"".join(sections))
    async with open_session() as session:
        with pytest.raises((IpldError, DomainError)):
            await transfer.import_car(session, tmp_path / "file.car")
        assert session.state.releases() == ()


async def test_two_releases_in_one_file_are_refused(
    open_session: OpenSession, sample: SampleRelease, tmp_path: Path
) -> None:
    """A file is of one."""
    other = release("2.0")
    blocks = sample.blocks | other.blocks
    sections = [car_section(Cid(0, DAG_PB, digest), block) for digest, block in blocks.items()]
    (tmp_path / "two.car").write_bytes(car_header([sample.root, other.root]) + b"".join(sections))
    async with open_session() as session:
        with pytest.raises(ForeignTree, match="parts of different releases"):
            await transfer.import_car(session, tmp_path / "two.car")
        assert session.state.releases() == ()


@pytest.mark.parametrize(
    "note",
    [
        b'{"schema":"ipwhl-mirror/car/1"}',
        b'{"schema":"ipwhl-mirror/car/9","release":{"label":"x","cid":"?"},"parts":[]}',
        b'{"schema":"ipwhl-mirror/car/1","release":{"label":"\\u001b[2J","cid":"?"},"parts":[]}',
        b"\xff\x00",
    ],
)
async def test_a_note_that_cannot_be_read_is_any_block(
    note: bytes, whole_car: Path, sample: SampleRelease, open_session: OpenSession, tmp_path: Path
) -> None:
    """The file is judged by what is in it."""
    _, *blocks = blocks_of(whole_car.read_bytes())
    sections = [(Cid.of(note, RAW), note), *((block.cid, block.data) for block in blocks)]
    body = b"".join(car_section(*section) for section in sections)
    (tmp_path / "x.car").write_bytes(car_header([sample.root]) + body)
    async with open_session(directory="other side") as other:
        await transfer.import_car(other, tmp_path / "x.car")
        await check_carried(other, whole(sample))


async def test_a_note_that_lies_about_the_selection_is_not_believed(
    session: Session, sample: SampleRelease, open_session: OpenSession, tmp_path: Path
) -> None:
    """What is under the root decides what the pin is called."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", LINUX)
    report = await transfer.export(session, "one", tmp_path / "one.car", LINUX)
    note, *blocks = blocks_of((tmp_path / "one.car").read_bytes())
    lie = note.data.replace(b"linux-x86_64", b"macos-arm64")
    sections = [(Cid.of(lie, RAW), lie), *((block.cid, block.data) for block in blocks)]
    body = b"".join(car_section(*section) for section in sections)
    (tmp_path / "lie.car").write_bytes(car_header(report.roots) + body)
    async with open_session(directory="other side") as other:
        await transfer.import_car(other, tmp_path / "lie.car")
        assert [pin.selection for pin in other.state.known_pins()] == ["-p linux-x86_64"]


# room, and labels


async def test_too_little_room_is_refused_before_anything_is_stored(
    whole_car: Path, open_session: OpenSession
) -> None:
    """With the numbers; nothing was changed. What is here already needs no room."""
    async with open_session(directory="other side", reserve_free=1 << 60) as other:
        with pytest.raises(GuardRefused, match=r"919\.\d kB to import, .* are to stay free"):
            await transfer.import_car(other, whole_car)
        assert other.state.releases() == ()
        assert (await other.node.preview_gc()).blocks == 0
    async with open_session(directory="other side") as other:
        await transfer.import_car(other, whole_car)
    async with open_session(directory="other side", reserve_free=1 << 60) as other:
        assert (await transfer.import_car(other, whole_car)).stored_blocks == 0


async def test_a_label_of_another_release_is_refused_before_anything_is_stored(
    whole_car: Path, source: SimulatedGateway, open_session: OpenSession
) -> None:
    """It stays that release's."""
    two = release("2.0")
    source.blocks.update(two.blocks)
    async with open_session(source.url, directory="other side") as other:
        await releases.track(other, two.root, label="one")
        before = await other.node.preview_gc()
        with pytest.raises(UsageProblem, match="label 'one' is"):
            await transfer.import_car(other, whole_car, label="one")
        assert await other.node.preview_gc() == before


# a file that leaves out what the other side has


async def test_a_file_may_leave_out_what_an_earlier_one_brought(
    both: SampleRelease, open_session: OpenSession, tmp_path: Path
) -> None:
    """Only the changed wheels are in it, only these are new on the other side, and all is verified."""
    carried = {block.cid.digest for block in blocks_of((tmp_path / "two.car").read_bytes())}
    new = [key for key in both.files if both.file_cid(*key).digest in carried]
    assert {project for project, _ in new} == {"other"}
    async with open_session(directory="other side") as other:
        await transfer.import_car(other, tmp_path / "one.car", label="one")
        report = await transfer.import_car(other, tmp_path / "two.car", label="two")
        assert (report.kept.wheels, report.stored.wheels) == (5, 2)
        assert report.stored_blocks == len(set[bytes]().union(*(file_digests(both, key) for key in new)))
        assert [base.name for base in report.without] == ["one"]
        verified = await verifying.verify(other)
        assert (verified.broken, verified.pins) == ((), 4)


async def test_what_is_left_out_and_not_here_is_told(
    both: SampleRelease, open_session: OpenSession, tmp_path: Path
) -> None:
    """The release that must be there is named, and nothing is pinned or called verified; with that release
    both are whole."""
    async with open_session(directory="other side") as other:
        words = r"it leaves out what one has, and that is not all here: 2 of 5 wheels whole"
        with pytest.raises(KeptPartly, match=words) as caught:
            await transfer.import_car(other, tmp_path / "two.car", label="two")
        assert (caught.value.hint or "").startswith("import one first, and then this file again")
        assert other.state.known_pins() == ()
        assert other.state.verifications() == {}
        await transfer.import_car(other, tmp_path / "one.car", label="one")
        report = await transfer.import_car(other, tmp_path / "two.car")
        assert (len(report.pinned), report.stored_blocks) == (2, 0)
        assert (await verifying.verify(other)).broken == ()


async def test_what_is_left_out_and_damaged_here_is_not_called_verified(
    both: SampleRelease, open_session: OpenSession, tmp_path: Path
) -> None:
    """A wheel that was verified here once is read again by verify, which names it; one never verified is read
    by the import."""
    async with open_session(directory="other side") as other:
        await transfer.import_car(other, tmp_path / "one.car", label="one")
        for pin in other.state.known_pins():
            other.state.forget_verified(pin.cid)
        path = other.node.local_path(both.file_cid("pure", "pure-1.0-py3-none-any.whl"))
        assert path is not None
        path.write_bytes(bytes(path.stat().st_size))
        with pytest.raises(Exception, match="do not read back"):
            await transfer.import_car(other, tmp_path / "two.car", label="two")
        assert other.state.verifications() == {}


# what mirrors may let go


async def test_a_pin_that_an_import_made_is_known_until_a_person_makes_it(
    whole_car: Path, sample: SampleRelease, open_session: OpenSession
) -> None:
    """Retention may let go what was carried for a mirror, and nothing that was pinned by hand."""
    async with open_session(directory="other side") as other:
        assert not mirrors.was_brought(other, sample.root)
        await transfer.import_car(other, whole_car, label="one")
        assert mirrors.was_brought(other, sample.root)
        await transfer.import_car(other, whole_car)
        assert mirrors.was_brought(other, sample.root)
        await pinning.unpin(other, [sample.root])
        assert not mirrors.was_brought(other, sample.root)
        later = other.clock() + timedelta(days=1)
        other.clock = lambda: later
        await pinning.pin(other, "one", EVERYTHING)
        await transfer.import_car(other, whole_car)
        assert not mirrors.was_brought(other, sample.root)


async def test_a_killed_import_is_finished_as_one(
    whole_car: Path, sample: SampleRelease, open_session: OpenSession
) -> None:
    """Killed after the pin was made and before that was written down: the next import does."""
    async with open_session(directory="other side") as other:
        await transfer.import_car(other, whole_car, label="one")
        mirrors.begin_bringing(other, sample.root)
        assert not mirrors.was_brought(other, sample.root)
        await transfer.import_car(other, whole_car)
        assert mirrors.was_brought(other, sample.root)
