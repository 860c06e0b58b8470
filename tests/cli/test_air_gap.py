"""Two sites without a network between them: a publisher, and a campus that mirrors what a stick brings.

Everything is done as its operators would: commands, a feed and CAR files, a mirror that pip installs from.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from ipwhl_mirror.cli.app import cli
from ipwhl_mirror.ipld.files import FileBuilder
from tests.cli.conftest import Ran
from tests.gateway.test_installers import pip, run
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.services.carried import killed_at
from tests.services.publishing_world import LINUX, MAC, WINDOWS, lay, wheel
from tests.simulators.serving import Serving
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.nodes.running_kubo import KuboDaemon

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
SELECTION = ("-p", "linux-x86_64", "-p", "macos-arm64")
BIG = 600_000


@dataclass(frozen=True, slots=True)
class Site:
    """A machine with a data directory and a node of its own.

    Attributes:
        gateway: what it would ask, if it asked anybody; nobody may.
    """

    directory: Path
    node: str
    gateway: socket.socket

    @classmethod
    @contextlib.contextmanager
    def make(cls, directory: Path, node: str) -> Iterator[Site]:
        """Begin it with a mirror configured; at the end, nothing has asked its gateway."""
        directory.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as gateway:
            gateway.setblocking(False)
            (directory / "config.toml").write_text(
                f'[node]\ngateways = ["http://127.0.0.1:{gateway.getsockname()[1]}"]\n'
                "[storage]\nreserve_free = 0\n"
                '[mirror.campus]\nsource = "campus"\nplatforms = ["linux-x86_64", "macos-arm64"]\nkeep = 1\n'
            )
            yield cls(directory, node, gateway)
            with pytest.raises(BlockingIOError):
                gateway.accept()

    @property
    def options(self) -> tuple[str, ...]:
        """The global ones."""
        config = self.directory / "config.toml"
        return ("--data-dir", str(self.directory / "data"), "--node", self.node, "--config", str(config))

    def run(self, *args: str, code: int = 0) -> Ran:
        """A command, which must end so."""
        result = CliRunner().invoke(cli, [*self.options, *args])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return Ran(result.exit_code, result.stdout, result.stderr)

    def document(self, *args: str) -> dict[str, Any]:
        """What a command that succeeds says."""
        return self.run(*args, "--json").document

    def installed(self, project: str) -> str:
        """The version that a real pip installs from the mirror's address."""

        async def install() -> str:
            async with Serving.start(self.directory, *self.options) as serving:
                target = self.directory / "installed"
                shutil.rmtree(target, ignore_errors=True)
                code, output = await run(pip(f"{serving.url}/simple/campus/", target, project))
                assert code == 0, output
                return (target / f"{project}.py").read_text()

        return asyncio.run(install()).partition('"')[2].partition('"')[0]


def publish(site: Site, stick: Path, label: str, *wheels: dict[str, bytes]) -> None:
    """Publish these wheels, and announce them in the feed on the stick."""
    folder = lay(site.directory / label, *wheels)
    key = site.directory / "id"
    if not key.exists():
        make_key(key)
        shutil.copy(key.with_suffix(".pub"), stick / "id.pub")
    site.run("publish", str(folder), "--label", label, "--feed", str(stick / "feed.json"), "--key", str(key))


def block_count(wheel: dict[str, bytes]) -> int:
    """How many blocks a wheel is."""
    (content,) = wheel.values()
    builder = FileBuilder()
    builder.update(content)
    built = builder.finish()
    return len(built.leaves) + len(built.inner)


NATIVE = [wheel("native", tag, padding=BIG) for tag in (LINUX, MAC, WINDOWS)]
PURE = {version: wheel("pure", version=version, padding=BIG) for version in ("1.0", "2.0")}


def carry_first(here: Site, there: Site, stick: Path) -> None:
    """A release: published, exported, imported, and found whole by the mirror's first run."""
    publish(here, stick, "2026.10", *NATIVE, PURE["1.0"])
    exported = here.document("export", "2026.10", str(stick / "2026.10.car"), *SELECTION)
    assert (exported["wheels"], len(exported["roots"])) == (3, 2)
    imported = there.document("import", str(stick / "2026.10.car"), "--label", "2026.10")
    assert (imported["kept"]["wheels"], imported["stored"]["wheels"]) == (3, 3)
    assert imported["pinned"] == exported["roots"]
    there.run("source", "add", "campus", (stick / "feed.json").as_uri(), "--key", str(stick / "id.pub"))
    assert there.run("sync").stdout == "campus: 2026.10, 0 B fetched\n"
    assert there.document("verify")["ok"]


def carry_changes(here: Site, there: Site, stick: Path) -> None:
    """The next release, of which the stick brings one wheel."""
    publish(here, stick, "2026.11", *NATIVE, PURE["2.0"])
    options = (*SELECTION, "--without", "2026.10")
    changes = here.document("export", "2026.11", str(stick / "changes.car"), *options)
    assert changes["left_out"]["wheels"] == 2
    assert changes["file_bytes"] < (stick / "2026.10.car").stat().st_size / 2
    brought = there.document("import", str(stick / "changes.car"), "--label", "2026.11")
    new = {"wheels": 1, "bytes": changes["bytes"] - changes["left_out"]["bytes"]}
    assert brought["stored"] == {**new, "blocks": block_count(PURE["2.0"])}
    assert [base["label"] for base in brought["without"]] == ["2026.10"]
    synced = there.document("sync")["mirrors"][0]
    assert (synced["label"], synced["previous"]["label"]) == ("2026.11", "2026.10")
    assert [gone["label"] for gone in synced["retired"]] == ["2026.10"]
    assert there.run("sync").stdout == "campus: nothing new, at 2026.11\n"
    assert there.document("verify")["ok"]
    status = there.document("status")
    assert (status["mirrors"][0]["label"], status["stale"]) == ("2026.11", False)
    assert [release["label"] for release in status["releases"]] == ["2026.11"]


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """What is carried from here to there."""
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


def test_a_campus_behind_an_air_gap(stick: Path, tmp_path: Path) -> None:
    """A real pip installs each release from the mirror's address; the mirror can be carried on from there."""
    with Site.make(tmp_path / "here", "embedded") as here, Site.make(tmp_path / "there", "embedded") as there:
        carry_first(here, there, stick)
        assert there.installed("pure") == "1.0"
        carry_changes(here, there, stick)
        assert there.installed("pure") == "2.0"
        here.run("export", "2026.11", str(stick / "2026.11.car"), *SELECTION)
        there.run("export", "campus", str(stick / "on.car"))
        assert (stick / "on.car").read_bytes() == (stick / "2026.11.car").read_bytes()


def test_progress_is_told_in_bytes(stick: Path, tmp_path: Path) -> None:
    """Of writing, and of reading, storing and reading back: one JSON object a line, to the last byte."""
    with Site.make(tmp_path / "here", "embedded") as here, Site.make(tmp_path / "there", "embedded") as there:
        here.run("publish", str(lay(tmp_path / "wheels", *NATIVE)), "--label", "one")
        ends = {}
        for site, command in ((here, ("export", "one")), (there, ("import",))):
            ran = site.run(*command, str(stick / "one.car"), "--progress", "--json")
            ends.update({event["phase"]: event for event in map(json.loads, ran.stderr.splitlines())})
    size = (stick / "one.car").stat().st_size
    assert {phase: event["done_bytes"] == event["total_bytes"] for phase, event in ends.items()} == {
        "export": True,
        "import": True,
        "add": True,
        "verify": True,
    }
    assert (ends["export"]["done_bytes"], ends["import"]["done_bytes"]) == (size, size)


def test_a_file_is_needed(stick: Path, tmp_path: Path) -> None:
    """Neither command takes `-`: what is killed could not go on."""
    with Site.make(tmp_path / "here", "embedded") as here:
        assert "a CAR goes into a file" in here.run("export", "one", "-", code=2).stderr
        assert "does not exist" in here.run("import", "-", code=2).stderr


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> KuboRepo:
    return KuboRepo.make(ipfs_command(), tmp_path_factory.mktemp("kubo") / "repo")


@pytest.fixture(scope="module")
def daemon(repo: KuboRepo) -> Iterator[KuboDaemon]:
    """One that runs as long as the module."""
    with repo.start() as daemon:
        yield daemon


@pytest.mark.kubo
@pytest.mark.parametrize("which", ["here", "there"])
def test_from_one_kind_of_node_to_the_other(
    which: str, daemon: KuboDaemon, stick: Path, tmp_path: Path
) -> None:
    """A Kubo on one side and the embedded node on the other: the same walk."""
    daemon.clear()
    nodes = {"here": "embedded", "there": "embedded", which: daemon.rpc_maddr}
    with (
        Site.make(tmp_path / "here", nodes["here"]) as here,
        Site.make(tmp_path / "there", nodes["there"]) as there,
    ):
        carry_first(here, there, stick)
        carry_changes(here, there, stick)


@pytest.mark.kubo
def test_a_stick_that_was_pulled_too_early(daemon: KuboDaemon, stick: Path, tmp_path: Path) -> None:
    """On a Kubo: what came whole is not taken again, what is missing is told, and the whole file ends it."""
    daemon.clear()
    with (
        Site.make(tmp_path / "here", "embedded") as here,
        Site.make(tmp_path / "there", daemon.rpc_maddr) as there,
    ):
        publish(here, stick, "2026.10", *NATIVE, PURE["1.0"])
        exported = here.document("export", "2026.10", str(stick / "whole.car"))
        data = (stick / "whole.car").read_bytes()
        (stick / "cut.car").write_bytes(data[: -BIG - BIG // 2])
        cut = there.run("import", str(stick / "cut.car"), "--label", "2026.10", code=3)
        assert "2 of 4 wheels whole, 2 wheels (" in cut.stderr
        assert "pure/pure-1.0-py3-none-any.whl: not in the file" in cut.stderr
        whole = there.document("import", str(stick / "whole.car"))
        assert (whole["stored"]["wheels"], whole["pinned"]) == (2, exported["roots"])
        assert there.document("verify")["ok"]


@pytest.mark.kubo
def test_a_release_that_another_program_pinned(
    repo: KuboRepo, daemon: KuboDaemon, stick: Path, tmp_path: Path
) -> None:
    """`ipfs dag import` takes the same file. What it pins stays its own; exported, it is the same bytes."""
    daemon.clear()
    with (
        Site.make(tmp_path / "here", "embedded") as here,
        Site.make(tmp_path / "there", daemon.rpc_maddr) as there,
    ):
        publish(here, stick, "2026.10", *NATIVE, PURE["1.0"])
        exported = here.document("export", "2026.10", str(stick / "one.car"))
        repo.run("dag", "import", str(stick / "one.car"))
        imported = there.document("import", str(stick / "one.car"), "--label", "2026.10")
        assert (imported["stored"]["blocks"], imported["pinned"]) == (0, exported["roots"])
        (pin,) = there.document("status")["releases"][0]["pins"]
        assert (pin["ours"], pin["verified_at"] is not None) == (False, True)
        there.run("export", "2026.10", str(stick / "two.car"))
        assert (stick / "two.car").read_bytes() == (stick / "one.car").read_bytes()


@pytest.mark.kubo
def test_an_import_killed_on_a_kubo(daemon: KuboDaemon, stick: Path, tmp_path: Path) -> None:
    """By signal 9, while it stores: the same command ends as an undisturbed one."""
    daemon.clear()
    with (
        Site.make(tmp_path / "here", "embedded") as here,
        Site.make(tmp_path / "there", daemon.rpc_maddr) as there,
    ):
        publish(here, stick, "one", *NATIVE, PURE["1.0"])
        exported = here.document("export", "one", str(stick / "one.car"))
        directory = there.directory / "data"
        assert killed_at(directory, "import", stick / "one.car", "add", 3, node=daemon.rpc_maddr)
        imported = there.document("import", str(stick / "one.car"))
        assert (imported["label"], imported["pinned"]) == ("one", exported["roots"])
        (pin,) = there.document("status")["releases"][0]["pins"]
        assert (pin["ours"], pin["verified_at"] is not None) == (True, True)
        assert there.document("verify")["ok"]
