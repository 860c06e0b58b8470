"""The demo: its list, its stand-ins, and the whole tour with real pip.

The offline tour runs once for all tests here that look at it, with pip settings of the user that would
mislead an installation that listened to them.
"""

from __future__ import annotations

import asyncio
import base64
import csv
import hashlib
import importlib.util
import io
import re
import shutil
import socket
import sys
import tempfile
import zipfile
from collections import Counter
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pytest

from ipwhl_mirror.cli import demo_report
from ipwhl_mirror.domain.environments import this_environment
from ipwhl_mirror.domain.platforms import ANY, family_of
from ipwhl_mirror.services import demo_steps as steps
from ipwhl_mirror.services.demo import LABELS, staged, tour
from ipwhl_mirror.services.demo_steps import StepSink, Supply
from ipwhl_mirror.services.demo_wheels import build, bundled_wheels, pip_runs, stand_in
from ipwhl_mirror.services.errors import DemoFailed, GuardRefused

if TYPE_CHECKING:
    from pathlib import Path

S = TypeVar("S")
WHEELS = bundled_wheels()
FAMILIES = frozenset[str]().union(*(wheel.tags.families for wheel in WHEELS)) - {ANY}
REAL_CIDS = (
    "QmeiDA9581nSzfpnFCRby4X9YyaWfthAZQcfVXwBtm9YYb",
    "QmaUGGTSsLDtQye5JGcse3dGa3EqHGu6HAk2RnpP2mQ8mV",
)


@dataclass(frozen=True, slots=True)
class Tour:
    """A tour that ended well: its steps, and what lay in the temporary directory afterwards."""

    steps: tuple[steps.Step, ...]
    left: tuple[str, ...]

    def every(self, kind: type[S]) -> list[S]:
        """The steps of one kind."""
        return [step for step in self.steps if isinstance(step, kind)]

    def only(self, kind: type[S]) -> S:
        """The one step of a kind."""
        (step,) = self.every(kind)
        return step


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Tour:
    """The offline tour, on a machine whose user forbids pip every index."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
        patch.setenv("HTTP_PROXY", "http://127.0.0.1:9/")
        return run_tour(Supply.BUILT, tmp_path_factory.mktemp("tour"), patch)


def run_tour(supply: Supply, directory: Path, patch: pytest.MonkeyPatch) -> Tour:
    """Take the whole tour with temporary files in `directory`."""
    patch.setattr(tempfile, "tempdir", str(directory))
    told: list[steps.Step] = []

    async def take() -> None:
        async with staged(supply, on_step=told.append) as stage:
            await tour(stage, on_step=told.append)

    asyncio.run(take())
    return Tour(tuple(told), tuple(path.name for path in directory.iterdir()))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go in a test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def changed(platform: str) -> tuple[int, int]:
    """Wheels and bytes that the second release has and the first has not, for a platform and `any`."""
    new = [
        stand_in(wheel) for wheel in WHEELS if wheel.releases == {2} and wheel.tags.families & {platform, ANY}
    ]
    return len(new), sum(wheel.size for wheel in new)


# the list


def test_bundled_list_is_small_and_varied() -> None:
    """At most 20 MB; a dozen projects; at least four platforms, two Pythons, binary and pure wheels."""
    assert sum(wheel.size for wheel in WHEELS) <= 20 * 10**6
    assert len({wheel.project for wheel in WHEELS}) >= 12
    assert {"linux-x86_64", "linux-aarch64", "macos-arm64", "windows-amd64"} <= FAMILIES
    pythons = {python for wheel in WHEELS for python in wheel.tags.pythons if python in wheel.tags.abis}
    assert pythons == {"cp311", "cp313"}
    kinds = Counter(wheel.tags.only_any for wheel in WHEELS)
    assert kinds[True] >= 5
    assert kinds[False] >= 20


def test_bundled_list_changes_adds_and_removes_projects_between_releases() -> None:
    """The second release changes a few versions, adds a project and removes one."""
    first, second = ({w.project: w.version for w in WHEELS if number in w.releases} for number in (1, 2))
    assert len(second.keys() - first.keys()) == 1
    assert len(first.keys() - second.keys()) == 1
    assert 2 <= sum(first[name] != second[name] for name in first.keys() & second.keys()) <= 5


def test_bundled_list_names_files_and_hashes_and_no_address() -> None:
    """Hashes are sha256, no file is named twice, nothing says where wheels are."""
    assert all(re.fullmatch("[0-9a-f]{64}", wheel.sha256) for wheel in WHEELS)
    assert len({wheel.filename for wheel in WHEELS}) == len(WHEELS)
    text = files("ipwhl_mirror.services").joinpath("demo_wheels.toml").read_text(encoding="utf-8")
    assert "://" not in text


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_platform_can_load_something_native(family: str) -> None:
    """Also a Python the list does not name finds a wheel with native code on its platform."""
    stable = [w for w in WHEELS if family in w.tags.families and "abi3" in w.tags.abis]
    of_one_python = [w for w in WHEELS if family in w.tags.families]
    assert stable or family == "macos-x86_64"
    assert of_one_python


def test_pip_runs_bring_every_wheel_once_and_no_project_twice() -> None:
    """Ten runs of pip do, each for one Python."""
    runs = pip_runs(WHEELS)
    assert sorted(w.filename for run in runs for w in run.wheels) == sorted(w.filename for w in WHEELS)
    for run in runs:
        assert len({wheel.project for wheel in run.wheels}) == len(run.wheels)
        own = {f"cp{run.python}", "abi3", "none"}
        assert all(wheel.tags.abis & own for wheel in run.wheels)
        assert all(wheel.tags.platforms <= {*run.platforms, ANY} for wheel in run.wheels)
    assert len(runs) == 10


# stand-ins


def test_stand_in_is_a_valid_wheel_and_the_same_every_time(tmp_path: Path) -> None:
    """Its RECORD has every other member's hash and size; its tags are those of the real wheel."""
    wheel = next(wheel for wheel in WHEELS if len(wheel.tags.platforms) > 1)
    (tmp_path / "again").mkdir()
    built, again = build(stand_in(wheel), tmp_path), build(stand_in(wheel), tmp_path / "again")
    assert built.read_bytes() == again.read_bytes()
    assert built.name.split("-", 2)[2] == wheel.filename.split("-", 2)[2]
    with zipfile.ZipFile(built) as archive:
        (record,) = (name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(archive.read(record).decode()))}
        assert set(rows) == set(archive.namelist())
        for name in set(rows) - {record}:
            data = archive.read(name)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            assert rows[name] == [f"sha256={digest}", str(len(data))]
        about = archive.read(record.replace("RECORD", "WHEEL")).decode()
    assert about.count("Tag: ") == len(wheel.tags.platforms)


# the tour


def test_tour_leaves_nothing_behind(toured: Tour) -> None:
    """No file is left in the temporary directory."""
    assert toured.left == ()


def test_tour_tracks_without_fetching_wheels(toured: Tour) -> None:
    """Both releases are known from their root and one block a project."""
    published = toured.every(steps.Published)
    assert [step.label for step in published] == list(LABELS)
    tracked = toured.every(steps.Tracked)
    assert [(step.wheels, step.blocks) for step in tracked] == [
        (step.wheels, step.projects + 1) for step in published
    ]


def test_tour_pins_one_platform_and_then_only_what_changed(toured: Tour) -> None:
    """The first pin fetches its platform, the second the few wheels that are new; the rest is shared."""
    first, second = toured.every(steps.Pinned)
    assert first.fetch == first.amount
    assert 0 < first.amount.bytes < first.whole_bytes
    wheels, size = changed(first.selection.removeprefix("-p "))
    assert second.fetch.wheels == wheels
    assert second.shared.wheels == second.amount.wheels - wheels
    # a stand-in is a little larger than its payload: headers, metadata, dag-pb frames
    assert size < second.fetched_bytes <= second.fetch.bytes < size + wheels * 2048
    assert toured.only(steps.Verified).wheels == first.amount.wheels


def test_tour_installs_with_the_source_down(toured: Tour) -> None:
    """pip installs every project that fits, native ones too, from the mirror, after the source stopped."""
    order = [type(step) for step in toured.steps]
    assert order.index(steps.SourceStopped) < order.index(steps.Installed) < len(order) - 2
    installed = toured.only(steps.Installed)
    assert str(toured.every(steps.Published)[0].cid) in installed.index_url
    expected = {
        (stand_in(wheel).project, wheel.version)
        for wheel in WHEELS
        if 1 in wheel.releases and this_environment().runs(wheel.tags)
    }
    assert {(item.name, item.version) for item in installed.projects} == expected
    if FAMILIES & family_of(this_environment().platform) - {"macos-x86_64"}:
        assert installed.imported == "demo_psutil"


def test_tour_is_told_in_short_lines(toured: Tour) -> None:
    """Every step has its line; none is wider than 110 columns."""
    lines = [line for step in toured.steps for line in demo_report.line(step).splitlines()]
    assert len(lines) >= len(toured.steps)
    assert max(map(len, lines)) <= 110


def test_tour_is_told_as_one_document(toured: Tour) -> None:
    """The document has what was measured; the platform's numbers are those of the steps."""
    told = demo_report.document(toured.steps)
    assert told["schema"] == "ipwhl-mirror/demo/1"
    assert told["wheels"]["source"] == "built"
    assert [pin["fetch"]["wheels"] for pin in told["pins"]] == [
        step.fetch.wheels for step in toured.every(steps.Pinned)
    ]
    assert told["verify"]["ok"] is True
    assert told["seconds"] == round(toured.only(steps.Finished).seconds, 3)
    assert set(told) == {
        "schema", "selection_rules", "wheels", "releases", "tracked", "pins", "verify", "install", "seconds",
    }  # fmt: skip


def test_tour_touches_no_data_of_the_user(toured: Tour, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing called ipwhl-mirror appears in the user's directories."""
    homes = [path for path in tmp_path_factory.getbasetemp().glob("home*") if path.is_dir()]
    assert homes
    assert not [path for home in homes for path in home.rglob("ipwhl-mirror*")]


async def test_install_is_skipped_where_no_wheel_is_for_the_machine(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere linux-x86_64 is mirrored all the same."""
    monkeypatch.setattr(sys.implementation, "name", "other")
    told: list[steps.Step] = []
    async with staged(Supply.BUILT) as stage:
        await tour(stage, on_step=told.append)
    assert not [step for step in told if isinstance(step, steps.Installed)]
    assert [step.reason for step in told if isinstance(step, steps.InstallSkipped)]
    assert {step.selection for step in told if isinstance(step, steps.Pinned)} == {"-p linux-x86_64"}
    assert list(temporary.iterdir()) == []


# endings


class Stop(Exception):
    """Raised on purpose."""


def failing_at(kind: type[steps.Step]) -> StepSink:
    """A sink that raises when a step of this kind is told."""

    def sink(step: steps.Step) -> None:
        if isinstance(step, kind):
            raise Stop

    return sink


@pytest.mark.parametrize("kind", [steps.Supplied, steps.Published], ids=lambda kind: kind.__name__)
async def test_an_error_leaves_nothing_behind(kind: type[steps.Step], temporary: Path) -> None:
    """Whatever fails, the temporary directory goes."""
    with pytest.raises(Stop):
        async with staged(Supply.BUILT, on_step=failing_at(kind)):
            pass
    assert list(temporary.iterdir()) == []


async def test_a_cancelled_download_leaves_nothing_behind(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled while pip waits for an index that does not answer: pip is ended, the files are gone."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    asked, hung_up = asyncio.Event(), asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        while await reader.read(1024):
            pass
        writer.close()
        hung_up.set()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/")
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)

        async def stage() -> None:
            async with staged(Supply.INDEX):
                pass

        task = asyncio.create_task(stage())
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await hung_up.wait()
    assert list(temporary.iterdir()) == []


async def test_without_an_index_stand_ins_are_built_and_the_reason_is_told(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip's own words say why."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/")
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        told: list[steps.Step] = []
        with pytest.raises(Stop):
            async with staged(Supply.INDEX, on_step=told.append):
                raise Stop
    supplied = told[0]
    assert isinstance(supplied, steps.Supplied)
    assert supplied.supply is Supply.BUILT
    assert supplied.wheels == len(WHEELS)
    assert "No matching distribution found" in (supplied.reason or "")
    assert "made here; pip: " in demo_report.line(supplied)


async def test_a_python_without_pip_is_told_so(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is written."""
    find_spec = importlib.util.find_spec

    def without_pip(name: str, package: str | None = None) -> object:
        return None if name == "pip" else find_spec(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_pip)
    with pytest.raises(DemoFailed, match="has no pip") as failed:
        async with staged(Supply.BUILT):
            pass
    assert "ensurepip" in (failed.value.hint or "")
    assert list(temporary.iterdir()) == []


async def test_a_full_disk_is_told_with_its_numbers(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before anything is downloaded."""

    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(free=12_000_000))
    with pytest.raises(GuardRefused, match=r"12\.0 MB free in .*, and the demo needs 100\.0 MB"):
        async with staged(Supply.BUILT):
            pass
    assert list(temporary.iterdir()) == []


# with an index


@pytest.mark.network
@pytest.mark.timeout(180)
def test_tour_on_real_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same wheels give the same releases on every machine, and one of them is imported."""
    real = run_tour(Supply.INDEX, tmp_path, monkeypatch)
    supplied = real.only(steps.Supplied)
    if supplied.supply is Supply.BUILT:
        pytest.skip(f"no package index brought the wheels: {supplied.reason}")
    assert supplied.bytes == sum(wheel.size for wheel in WHEELS)
    assert tuple(str(step.cid) for step in real.every(steps.Published)) == REAL_CIDS
    assert len(real.every(steps.Installed)) + len(real.every(steps.InstallSkipped)) == 1
    assert real.left == ()
