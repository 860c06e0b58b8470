"""What a release is made of: inputs of every kind, alone and together, and what contradicts."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.cli.exit_codes import ExitCode, exit_code_for
from ipwhl_mirror.domain.errors import InvalidLock, UnknownPlatform
from ipwhl_mirror.domain.input_wheels import AtAddress, FileHere, OnNode
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.services import pinning, publishing, releases
from ipwhl_mirror.services.errors import (
    NothingSelected,
    TransferFailed,
    UnknownRelease,
    UsageProblem,
)
from ipwhl_mirror.services.publish_inputs import gather
from tests.services.publishing_world import ANY, LINUX, MAC, NEWER_LINUX, WINDOWS, lay, session_at, wheel
from tests.simulators.locks import LockEntry, lock_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ipwhl_mirror.domain.input_wheels import Gathered
    from ipwhl_mirror.services.session import Session
    from tests.conftest import OpenSession
    from tests.simulators.gateway import SimulatedGateway
    from tests.simulators.wheels import SampleRelease


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    """A session on an empty data directory."""
    async with session_at(tmp_path / "data") as opened:
        yield opened


async def gathered(
    session: Session, *inputs: object, selection: str = "", drop: tuple[str, ...] = (), cid_version: int = 0
) -> Gathered:
    return await gather(
        session,
        list(map(str, inputs)),
        selection=Selection.from_cli_text(selection),
        drop=drop,
        cid_version=cid_version,
    )


def names(found: Gathered) -> list[str]:
    return [each.filename for each in found.wheels]


def write_lock(
    path: Path, *entries: LockEntry, base: str = "https://files.example.org", head: str = ""
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(lock_text(*entries, base=base, head=head))
    return path


def entry(*wheels: dict[str, bytes], lines: tuple[str, ...] = ()) -> LockEntry:
    """A package of these wheels, of one version."""
    files = {name: data for each in wheels for name, data in each.items()}
    project, version = next(iter(files)).split("-")[:2]
    return LockEntry(name=project.replace("_", "-"), version=version, files=files, lines=lines)


async def publish(session: Session, directory: Path, label: str) -> None:
    """Make a release that an input can name."""
    await publishing.publish(session, publishing.Recipe(inputs=[directory]), label=label)


async def test_wheels_of_every_kind_of_path(session: Session, tmp_path: Path) -> None:
    """A wheel, a directory of wheels, one of projects; other files and hidden ones are left alone."""
    flat = lay(tmp_path / "flat", wheel("one"))
    by_project = lay(tmp_path / "tree" / "Two", wheel("two")).parent
    (by_project / "README.md").write_text("x")
    lay(by_project / ".git", wheel("hidden"))
    single = lay(tmp_path / "single", wheel("Three.Dots"))
    (path,) = single.iterdir()
    found = await gathered(session, flat, by_project, path)
    assert [each.path for each in found.wheels] == [
        "one/one-1.0-py3-none-any.whl",
        "three-dots/Three.Dots-1.0-py3-none-any.whl",
        "two/two-1.0-py3-none-any.whl",
    ]
    assert all(isinstance(each.place, FileHere) for each in found.wheels)
    assert (found.bytes, found.environments) == (sum(each.size or 0 for each in found.wheels), None)


async def test_a_release_is_an_input(session: Session, tmp_path: Path) -> None:
    """Its wheels stay what they are, by CID; the selection and --drop choose of them."""
    await publish(
        session, lay(tmp_path / "w", wheel("a"), wheel("b", LINUX), wheel("b", WINDOWS), wheel("c")), "r1"
    )
    found = await gathered(session, "r1", selection="-p linux-64", drop=("C",))
    assert names(found) == ["a-1.0-py3-none-any.whl", f"b-1.0-{LINUX}.whl"]
    assert all(isinstance(each.place, OnNode) for each in found.wheels)
    assert found.dropped == ("c",)


async def test_a_path_wins_over_a_label(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a path that is not there is not looked for among releases."""
    await publish(session, lay(tmp_path / "w", wheel("a")), "r1")
    monkeypatch.chdir(tmp_path)
    lay(tmp_path / "r1", wheel("b"))
    assert names(await gathered(session, "r1")) == ["b-1.0-py3-none-any.whl"]
    for missing in ("./r2", "/r1", "pylock.toml", "x.whl", "~/r1"):
        with pytest.raises(UsageProblem, match="no such file") as refused:
            await gathered(session, missing)
        assert not isinstance(refused.value, UnknownRelease)
    with pytest.raises(UnknownRelease):
        await gathered(session, "r2")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("empty/", "no wheel in it"),
        ("notes.txt", "neither a wheel nor a lock"),
        ("lock.toml", "neither a wheel nor a lock"),
        ("pylock.a.b.toml", "neither a wheel nor a lock"),
        ("bad-name.whl", "no wheel name"),
        ("odd\x1b[2J.txt", r"odd\\x1b\[2J"),
    ],
)
async def test_what_is_no_input_is_told(path: str, words: str, session: Session, tmp_path: Path) -> None:
    """With what would be one."""
    target = tmp_path / path
    if path.endswith("/"):
        target.mkdir()
    else:
        target.write_bytes(b"x")
    with pytest.raises(UsageProblem, match=words) as refused:
        await gathered(session, target)
    assert refused.value.hint


async def test_nothing_left_is_told(session: Session, tmp_path: Path) -> None:
    """By the selection, or by what is dropped."""
    directory = lay(tmp_path / "w", wheel("a", LINUX))
    for selection, drop in (("--python 3.9", ()), ("", ("a",)), ("--exclude a", ())):
        with pytest.raises(NothingSelected):
            await gathered(session, directory, selection=selection, drop=drop)


async def test_a_project_to_drop_must_be_there(session: Session, tmp_path: Path) -> None:
    """Anything else is a slip of the pen."""
    lock = write_lock(tmp_path / "pylock.toml", entry(wheel("b")))
    with pytest.raises(UsageProblem, match="--drop numpy: no input has this project"):
        await gathered(session, lay(tmp_path / "w", wheel("a")), lock, drop=("a", "numpy"))
    assert names(await gathered(session, tmp_path / "w", lock, drop=("B",))) == ["a-1.0-py3-none-any.whl"]


async def test_a_platform_must_be_one(session: Session, tmp_path: Path) -> None:
    """Of an input; where no input has a wheel for one platform alone, a well known one."""
    pure, mixed = lay(tmp_path / "w", wheel("a")), lay(tmp_path / "x", wheel("b", LINUX), wheel("b", WINDOWS))
    with pytest.raises(UnknownPlatform):
        await gathered(session, pure, selection="-p linus-64x")
    assert len((await gathered(session, pure, selection="-p macos-arm64")).wheels) == 1
    assert len((await gathered(session, pure, mixed, selection="-p windows-amd64 -p any")).wheels) == 2
    with pytest.raises(UsageProblem, match="-p windows-x86_64: no input has a wheel for it") as refused:
        await gathered(session, pure, mixed, selection="-p linux-x86_64 -p windows-x86_64")
    assert refused.value.hint == "they have wheels for: any, linux-x86_64, windows-amd64"


async def test_a_platform_of_a_lock_must_be_one(session: Session, tmp_path: Path) -> None:
    """What no package of it has a wheel for is a slip of the pen."""
    lock = write_lock(tmp_path / "pylock.toml", entry(wheel("b", LINUX), wheel("b", WINDOWS)))
    with pytest.raises(UsageProblem, match="-p windows-x86_64: no input has a wheel for it"):
        await gathered(session, lock, selection="-p linux-x86_64 -p windows-x86_64")


async def test_the_same_wheel_of_several_inputs_is_one(session: Session, tmp_path: Path) -> None:
    """The one on the node is taken, then the file; in whatever order they come."""
    shared, own = wheel("a"), wheel("b")
    first = lay(tmp_path / "first", shared)
    await publish(session, first, "r1")
    second = lay(tmp_path / "second", shared, own)
    lock = write_lock(tmp_path / "pylock.toml", entry(shared), entry(own))
    for inputs in itertools.permutations([first, second, lock, "r1"]):
        found = await gathered(session, *inputs)
        assert [type(each.place) for each in found.wheels] == [OnNode, FileHere]
    assert [type(each.place) for each in (await gathered(session, second, lock)).wheels] == [FileHere] * 2


async def test_other_bytes_under_one_name_are_a_conflict(session: Session, tmp_path: Path) -> None:
    """Between files, releases and locks; both are named, with a way out."""
    one, other = wheel("a", padding=500), wheel("a", padding=501)
    first, second = lay(tmp_path / "first", one), lay(tmp_path / "second", other)
    await publish(session, first, "r1")
    lock = write_lock(tmp_path / "pylock.toml", entry(one))
    for inputs in ([first, second], [second, "r1"], [second, lock], [lock, second]):
        with pytest.raises(UsageProblem, match="other bytes") as refused:
            await gathered(session, *inputs)
        assert "--drop" in (refused.value.hint or "")
        told = " ".join([str(refused.value), *refused.value.details])
        assert all(str(each) in told for each in inputs)
    with pytest.raises(UsageProblem, match="given twice"):
        await gathered(
            session, lay(tmp_path / "both" / "x", one).parent, lay(tmp_path / "both" / "y", other).parent
        )


async def test_two_versions_of_two_inputs_are_a_conflict(session: Session, tmp_path: Path) -> None:
    """Each with its input; the way out works."""
    old, new = lay(tmp_path / "old", wheel("a"), wheel("b")), lay(tmp_path / "new", wheel("a", version="2.0"))
    lock = write_lock(tmp_path / "pylock.toml", entry(wheel("a", version="2.0")))
    await publish(session, old, "r1")
    for one, other in ((old, new), ("r1", new), (old, lock), (lock, "r1")):
        with pytest.raises(UsageProblem, match="several versions") as refused:
            await gathered(session, one, other)
        assert "1.0" in refused.value.details[0] and "2.0" in refused.value.details[0]
        assert "publish the one without it (--drop)" in (refused.value.hint or "")
    assert names(await gathered(session, "r1", new, drop=("a",))) == ["b-1.0-py3-none-any.whl"]


async def test_wheels_of_a_release_that_are_not_here_are_refused(
    sample: SampleRelease, source: SimulatedGateway, open_session: OpenSession
) -> None:
    """With the command that brings them: nothing is fetched from other nodes."""
    async with open_session(source.url) as session:
        await releases.track(session, sample.root, label="r1")
        linux = Selection.parse(platforms=["linux-64"])
        await pinning.pin(session, "r1", linux)
        assert len((await gather(session, ["r1"], selection=linux)).wheels) == 3
        with pytest.raises(UsageProblem, match="not on this node: 3 wheels of r1, native-") as refused:
            await gather(session, ["r1"], selection=Selection())
        assert "ipwhl-mirror pin r1" in (refused.value.hint or "")


async def test_of_a_lock_one_wheel_a_system_is_taken(session: Session, tmp_path: Path) -> None:
    """Of the many that it lists, with their addresses; what no environment needs is not."""
    native = entry(*(wheel("native", tag) for tag in (LINUX, NEWER_LINUX, WINDOWS, ANY)))
    colorama = entry(wheel("colorama"), lines=("marker = \"sys_platform == 'win32'\"",))
    lock = write_lock(tmp_path / "pylock.toml", native, colorama)
    found = await gathered(session, lock, selection="-p linux-64 --python 3.12")
    assert names(found) == [f"native-1.0-{LINUX}.whl"]
    assert [type(each.place) for each in found.wheels] == [AtAddress]
    assert found.to_fetch == found.wheels
    assert list(map(str, found.environments or ())) == ["cp312 manylinux_2_17_x86_64"]
    everywhere = await gathered(session, lock)
    assert names(everywhere) == [
        "colorama-1.0-py3-none-any.whl",
        f"native-1.0-{LINUX}.whl",
        f"native-1.0-{WINDOWS}.whl",
    ]


async def test_a_list_of_environments_decides(session: Session, tmp_path: Path) -> None:
    """As a repository supports them; each must be served."""
    lock = write_lock(
        tmp_path / "pylock.toml",
        entry(wheel("native", LINUX), wheel("native", NEWER_LINUX), wheel("native", MAC)),
    )
    supported = tmp_path / "SUPPORTED"
    supported.write_text("cp312 manylinux_2_28_x86_64\n")
    found = await gather(session, [str(lock)], selection=Selection(), supported=supported)
    assert names(found) == [f"native-1.0-{NEWER_LINUX}.whl"]
    supported.write_text("cp312 manylinux_2_28_x86_64\ncp312 win_amd64\n")
    with pytest.raises(UsageProblem, match="cannot be installed in 1 environment") as refused:
        await gather(session, [str(lock)], selection=Selection(), supported=supported)
    assert refused.value.details == ("cp312 win_amd64: no wheel of native",)
    narrow = Selection.parse(platforms=["linux-64"])
    assert names(await gather(session, [str(lock)], selection=narrow, supported=supported)) == names(found)
    with pytest.raises(UsageProblem, match="none of the supported environments"):
        await gather(session, [str(lock)], selection=Selection.parse(pythons=["3.9"]), supported=supported)


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        ("-e 'cp312 win_amd64'", "cp312 win_amd64: no wheel of native"),
        ("-e 'cp312 win_amd64' -e 'cp312 manylinux_2_28_x86_64'", "cp312 win_amd64: no wheel of native"),
        ("-p win-64", "cp312 win_amd64: no wheel of native"),
        ("-p win-64 -p linux-64", "cp312 win_amd64: no wheel of native"),
        ("-p linux-64 --python 3.11", "cp311 manylinux_2_28_x86_64: no wheel of native"),
    ],
)
async def test_what_was_asked_for_must_be_served(
    selection: str, words: str, session: Session, tmp_path: Path
) -> None:
    """Each environment, and of each platform and Python at least one."""
    lock = write_lock(tmp_path / "pylock.toml", entry(wheel("native", LINUX)), entry(wheel("pure")))
    with pytest.raises(UsageProblem) as refused:
        await gathered(session, lock, selection=selection)
    assert words in refused.value.details
    assert "--drop" in (refused.value.hint or "")


async def test_environments_that_nobody_asked_for_are_left_out(session: Session, tmp_path: Path) -> None:
    """Where a lock cannot be installed whole; they are told, and their wheels are not taken."""
    lock = write_lock(
        tmp_path / "pylock.toml",
        entry(wheel("first", LINUX), wheel("first", MAC)),
        entry(wheel("second", LINUX), wheel("second", WINDOWS)),
    )
    found = await gathered(session, lock)
    assert names(found) == [f"first-1.0-{LINUX}.whl", f"second-1.0-{LINUX}.whl"]
    assert [(str(each), lacking) for each, lacking in found.left_out] == [
        ("cp312 macosx_11_0_arm64", ("second",)),
        ("cp312 win_amd64", ("first",)),
    ]
    with pytest.raises(NothingSelected, match="in no environment") as refused:
        await gathered(
            session,
            write_lock(tmp_path / "pylock.2.toml", entry(wheel("a", MAC)), entry(wheel("b", WINDOWS))),
        )
    assert len(refused.value.details) == 2


async def test_locks_of_several_platforms_are_one_release(session: Session, tmp_path: Path) -> None:
    """Also with a directory, which fills what they lack."""
    linux = write_lock(tmp_path / "pylock.linux.toml", entry(wheel("native", LINUX)), entry(wheel("pure")))
    mac = write_lock(tmp_path / "pylock.mac.toml", entry(wheel("native", MAC)), entry(wheel("pure")))
    expected = [f"native-1.0-{MAC}.whl", f"native-1.0-{LINUX}.whl", "pure-1.0-py3-none-any.whl"]
    assert names(await gathered(session, linux, mac)) == expected
    assert names(await gathered(session, mac, linux)) == expected
    own = lay(tmp_path / "w", wheel("native", WINDOWS))
    found = await gathered(session, own, linux, selection="-p win-64 -p linux-64")
    assert names(found) == [
        f"native-1.0-{LINUX}.whl",
        f"native-1.0-{WINDOWS}.whl",
        "pure-1.0-py3-none-any.whl",
    ]


async def test_two_versions_of_locks_are_a_conflict(session: Session, tmp_path: Path) -> None:
    """In one lock or in two; named with where each is needed, and a way out that works."""
    old, new = entry(wheel("it")), entry(wheel("it", version="2.0"))
    forked = write_lock(
        tmp_path / "pylock.toml",
        entry(wheel("it", "cp311-cp311-win_amd64"), lines=("marker = \"python_version < '3.12'\"",)),
        entry(wheel("it", WINDOWS, "2.0"), lines=("marker = \"python_version >= '3.12'\"",)),
    )
    one, other = write_lock(tmp_path / "pylock.1.toml", old), write_lock(tmp_path / "pylock.2.toml", new)
    for inputs in ([forked], [one, other]):
        with pytest.raises(UsageProblem, match="several versions of it") as refused:
            await gathered(session, *inputs)
        assert "1.0 of" in refused.value.details[0] and "2.0 of" in refused.value.details[0]
        assert "--python" in (refused.value.hint or "")
    assert names(await gathered(session, forked, selection="--python 3.12")) == [f"it-2.0-{WINDOWS}.whl"]


async def test_one_wheel_with_two_hashes_in_two_locks_is_a_conflict(session: Session, tmp_path: Path) -> None:
    """As of two indexes."""
    one = write_lock(tmp_path / "pylock.1.toml", entry(wheel("it", padding=1)))
    other = write_lock(tmp_path / "pylock.2.toml", entry(wheel("it", padding=2)))
    with pytest.raises(UsageProblem, match="another SHA-256 in another lock") as refused:
        await gathered(session, one, other)
    assert str(one) in refused.value.details[0] and str(other) in refused.value.details[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('directory = { path = ".", editable = true }', "directory"),
        ('vcs = { type = "git", url = "https://h/x.git", commit-id = "00" }', "version control"),
        ('sdist = { url = "https://h/it-1.0.tar.gz", hashes = { sha256 = "00" } }', "only its sources"),
        ('archive = { url = "https://h/it-1.0.tar.gz", hashes = { sha256 = "00" } }', "archive of sources"),
    ],
)
async def test_a_package_without_a_wheel_is_named_with_a_way_out(
    line: str, words: str, session: Session, tmp_path: Path
) -> None:
    """Which works: a wheel beside the lock, or doing without."""
    lock = write_lock(tmp_path / "pylock.toml", entry(wheel("pure")), LockEntry(name="it", lines=(line,)))
    with pytest.raises(InvalidLock, match=f"package it: .*{words}") as refused:
        await gathered(session, lock)
    assert "--drop it" in (refused.value.hint or "")
    assert exit_code_for(refused.value) is ExitCode.USAGE
    assert names(await gathered(session, lock, drop=("it",))) == ["pure-1.0-py3-none-any.whl"]
    built = lay(tmp_path / "built", wheel("it"))
    assert len(names(await gathered(session, lock, built))) == 2


async def test_a_package_without_a_wheel_that_nobody_needs_is_no_fault(
    session: Session, tmp_path: Path
) -> None:
    """As what is for another platform alone."""
    line = 'directory = { path = "." }'
    marker = "marker = \"sys_platform == 'win32'\""
    lock = write_lock(
        tmp_path / "pylock.toml", entry(wheel("pure", LINUX)), LockEntry(name="it", lines=(line, marker))
    )
    assert names(await gathered(session, lock)) == [f"pure-1.0-{LINUX}.whl"]


async def test_paths_in_a_lock_are_as_seen_from_it(session: Session, tmp_path: Path) -> None:
    """The file is hashed before it is taken."""
    files = wheel("it")
    (name,) = files
    lock = write_lock(tmp_path / "lock" / "pylock.toml", entry(files), base="../wheels")
    with pytest.raises(UsageProblem, match="there is no file"):
        await gathered(session, lock)
    lay(tmp_path / "wheels", files)
    (found,) = (await gathered(session, lock)).wheels
    assert isinstance(found.place, FileHere)
    assert (found.place.path.read_bytes(), found.size) == (files[name], len(files[name]))
    (tmp_path / "wheels" / name).write_bytes(b"other")
    with pytest.raises(UsageProblem, match="is another file than"):
        await gathered(session, lock)


async def test_a_file_that_cannot_be_read_is_told(session: Session, tmp_path: Path) -> None:
    """As one that the system refuses."""
    with pytest.raises(TransferFailed, match="cannot be read"):
        await gathered(session, tmp_path / ("x" * 300))


async def test_a_lock_that_is_none_is_told(session: Session, tmp_path: Path) -> None:
    """By its name, with exit 2."""
    lock = tmp_path / "pylock.toml"
    lock.write_bytes(b"\x00")
    with pytest.raises(InvalidLock, match=r"pylock\.toml: it is no TOML") as refused:
        await gathered(session, lock)
    assert exit_code_for(refused.value) is ExitCode.USAGE
