"""Publishing directories of wheels: the CID that `ipfs add -r` gives, pinned and verified."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.services import overview, publishing, verifying
from ipwhl_mirror.services.errors import TransferFailed, UsageProblem
from ipwhl_mirror.services.events import Phase
from tests.services.publishing_world import lay, wheel
from tests.simulators.wheels import sample_release, sample_wheels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ipwhl_mirror.services.events import Progress
    from tests.conftest import OpenSession

IPFS = os.environ.get("IPWHL_MIRROR_TEST_IPFS") or shutil.which("ipfs")


def lay_out(files: Mapping[tuple[str, str], bytes], folder: Path, *, by_project: bool) -> Path:
    """Write wheels to a folder."""
    for (project, filename), data in files.items():
        path = folder / project / filename if by_project else folder / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.mark.parametrize("cid_version", [0, 1])
@pytest.mark.parametrize("by_project", [True, False], ids=["by project", "flat"])
async def test_published_release(
    cid_version: int, by_project: bool, open_session: OpenSession, tmp_path: Path
) -> None:
    """Any layout of the same wheels gives the same root, tracked, pinned and verified."""
    files = sample_wheels()
    folder = lay_out(files, tmp_path / "wheels", by_project=by_project)
    async with open_session() as session:
        loaded = await publishing.publish(
            session, publishing.Recipe(inputs=[folder], cid_version=cid_version), label="mine"
        )
        assert loaded.tracked.cid == sample_release(files, cid_version=cid_version).root
        status = await overview.status(session)
        assert status.releases[0].state.value == "pinned"
        assert (await verifying.verify(session)).wheels == 6


def ipfs_add(folder: Path, options: list[str], scratch: Path) -> str:
    """What a real `ipfs add -r` calls this folder; it stores nothing and talks to nobody."""
    assert IPFS is not None
    env = {"IPFS_PATH": str(scratch / "repo"), "PATH": os.environ["PATH"], "HOME": str(scratch)}
    subprocess.run([IPFS, "init", "--profile=test,unixfs-v0-2015"], env=env, check=True, capture_output=True)
    command = [IPFS, "add", "-r", "-Q", "--only-hash", *options, str(folder)]
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.kubo
@pytest.mark.skipif(IPFS is None, reason="no ipfs command on PATH (or IPWHL_MIRROR_TEST_IPFS)")
@pytest.mark.parametrize(
    ("cid_version", "options"),
    [(0, ["--cid-version=0"]), (1, ["--cid-version=1", "--raw-leaves"])],
    ids=["v0", "v1"],
)
async def test_the_root_is_that_of_ipfs_add(
    cid_version: int, options: list[str], open_session: OpenSession, tmp_path: Path
) -> None:
    """A real `ipfs add -r` of the same tree gives the same CID."""
    folder = lay_out(sample_wheels(padding=900_000), tmp_path / "wheels", by_project=True)
    expected = ipfs_add(folder, options, tmp_path)
    async with open_session() as session:
        loaded = await publishing.publish(
            session, publishing.Recipe(inputs=[folder], cid_version=cid_version)
        )
        assert str(loaded.tracked.cid) == expected


@pytest.mark.parametrize(
    ("names", "words"),
    [
        pytest.param([], "no wheel in it", id="empty"),
        pytest.param(["not-a-wheel.whl"], "no wheel name", id="bad name"),
        pytest.param(
            ["a/pure-1.0-py3-none-any.whl", "b/pure-1.0-py3-none-any.whl"], "given twice", id="twice"
        ),
    ],
)
async def test_bad_input_is_told_and_nothing_is_added(
    names: list[str], words: str, open_session: OpenSession, tmp_path: Path
) -> None:
    """What is no wheel is named with its path; nothing is tracked or pinned."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    async with open_session() as session:
        with pytest.raises(UsageProblem, match=words):
            await publishing.publish(session, publishing.Recipe(inputs=[folder]))
        assert session.state.releases() == ()


async def test_a_wheel_that_goes_away_meanwhile_is_named(open_session: OpenSession, tmp_path: Path) -> None:
    """Though several are added at a time; nothing is pinned then, and a run with all of them ends well."""
    wheels = [wheel(f"p{number}") for number in range(8)]
    directory = lay(tmp_path / "w", *wheels)
    recipe = publishing.Recipe(inputs=[directory])

    def take_away(progress: Progress) -> None:
        if progress.phase is Phase.ADD:
            (directory / "p7-1.0-py3-none-any.whl").unlink(missing_ok=True)

    async with open_session() as session:
        with pytest.raises(TransferFailed, match=r"p7-1\.0-py3-none-any\.whl cannot be read: No such file"):
            await publishing.publish(session, recipe, sink=take_away)
        assert (session.state.releases(), await session.node.pinned()) == ((), set())
        lay(directory, wheels[7])
        assert len((await publishing.publish(session, recipe)).release.wheels) == 8
