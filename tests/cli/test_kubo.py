"""The command line on a Kubo daemon: the same commands, and what is said of a node that others use too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from ipwhl_mirror.cli.app import cli
from ipwhl_mirror.ipld.cid import RAW, Cid
from tests.cli.conftest import Ran
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.simulators.wheels import sample_release, sample_wheels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import RunCli
    from tests.nodes.running_kubo import KuboDaemon

pytestmark = pytest.mark.kubo

LINUX = ("-p", "linux-x86_64")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboDaemon]:
    """One that runs as long as the module; its gateway fetches, as that of a new Kubo does."""
    directory = tmp_path_factory.mktemp("kubo")
    with KuboRepo.make(ipfs_command(), directory / "repo", {"Gateway.NoFetch": False}).start() as daemon:
        yield daemon


@pytest.fixture
def kubo(daemon: KuboDaemon, tmp_path: Path) -> Iterator[RunCli]:
    """Runs `ipwhl-mirror --data-dir ... --node URL ARGS` on an empty daemon."""
    daemon.clear()
    config = tmp_path / "config.toml"
    config.write_text('[serve]\nlisten = "127.0.0.1:9"\n')

    def run(*args: str) -> Ran:
        options = ["--data-dir", str(tmp_path / "data"), "--config", str(config), "--node", daemon.rpc_maddr]
        result = CliRunner().invoke(cli, [*options, *args])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    yield run
    daemon.clear()


@pytest.fixture
def published(kubo: RunCli, tmp_path: Path) -> RunCli:
    """With the sample release, published on the daemon, as `mine`."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for (_, filename), data in sample_wheels().items():
        (folder / filename).write_bytes(data)
    ran = kubo("publish", str(folder), "--label", "mine")
    assert (ran.code, ran.stdout) == (0, f"{sample_release(sample_wheels()).root}\n"), ran.stderr
    return kubo


def test_an_operators_day(published: RunCli, daemon: KuboDaemon) -> None:
    """Published, a part pinned, verified, unpinned: numbers, names and codes as with the embedded node."""
    status = published("status", "--json").document
    assert status["node"]["kind"] == "kubo"
    (release,) = status["releases"]
    assert (release["state"], release["wheels"], release["pinned_wheels"]) == ("pinned", 6, 6)
    pinned = published("pin", "mine", *LINUX, "--json").document
    assert pinned["fetched_bytes"] == 0
    subset = Cid.parse(pinned["pins"][0]["subset_cid"])
    assert daemon.pins()[subset] == "ipwhl-mirror/-p linux-x86_64"
    verified = published("verify", "--json").document
    assert (verified["ok"], verified["pins"]) == (True, 2)
    assert published("unpin", "mine", "--yes").code == 0
    assert subset not in daemon.pins()
    assert published("untrack", "mine").code == 0
    assert daemon.pins() == {}


def test_gc_says_that_it_takes_what_others_left(published: RunCli, daemon: KuboDaemon) -> None:
    """Their unpinned blocks are in its numbers; it is told before, and nothing goes without a yes."""
    strange = b"put here by another program"
    cid = Cid.of(strange, RAW)
    published("gc", "--yes")
    daemon.put([(cid, strange)])
    asked = published("gc")
    assert asked.code == 2
    assert f"1 block, {len(strange)} B under no pin" in asked.stderr
    assert "what other programs left unpinned on it goes too" in asked.stderr
    assert daemon.call("block/get", cid, offline=True) == strange
    removed = published("gc", "--yes", "--json").document
    assert (removed["removed"], removed["bytes"], removed["whole_store"]) == (True, len(strange), True)
    assert json.loads(daemon.call("repo/stat"))["NumObjects"] > 1, "what is pinned stays"
    assert published("gc", "--yes").stdout == "nothing to remove\n"


def test_pip_config_tries_the_daemons_gateway_too(published: RunCli, daemon: KuboDaemon) -> None:
    """Ours does not run here; the daemon's answers, and it is told that it fetches, and what to hand out."""
    published("pin", "mine", *LINUX)
    official = str(sample_release(sample_wheels()).root)
    addresses = published("pip-config", "mine", "--json").document["addresses"]
    ours = [address for address in addresses if address["gateway"] == "ipwhl-mirror"]
    own = [address for address in addresses if address["gateway"] == "node"]
    assert [address["tested"] for address in ours] == [False, False]
    assert own[0]["url"] == f"{daemon.gateway_url}/ipfs/{official}/"
    assert [(address["selection"], address["tested"], address["fetches"]) for address in own] == [
        (None, True, True),
        ("-p linux-x86_64", True, True),
    ]
    shown = published("pip-config", "mine").stdout
    assert (
        "one that is not mirrored is fetched, outside plan and budget (the node's own gateway, tested)"
        in shown
    )
    assert f"its gateway {daemon.gateway_url} fetches what is not here" in published("status").stdout


def test_doctor_tells_why_and_what_to_do(kubo: RunCli, daemon: KuboDaemon) -> None:
    """As text, and as JSON; a warning is no failure."""
    ran = kubo("doctor", "--json")
    assert ran.code == 0
    findings = {finding["check"]: finding for finding in ran.document["findings"]}
    assert findings["rpc"] == {
        "check": "rpc",
        "health": "ok",
        "found": f"{daemon.rpc_url}, for this machine only",
        "why": None,
        "remedy": None,
    }
    gateway = findings["node gateway"]
    assert gateway["health"] == "warning"
    assert gateway["remedy"] == "ipfs config --json Gateway.NoFetch true, then restart the daemon"
    lines = kubo("doctor").stdout.splitlines()
    at = lines.index(f"warning  node gateway: {gateway['found']}")
    assert lines[at + 1 : at + 3] == [f"{'':9}{gateway['why']}", f"{'':9}-> {gateway['remedy']}"]


def test_a_daemon_that_stopped_is_told(published: RunCli, daemon: KuboDaemon) -> None:
    """With the code and the command for it; and `doctor` finds it, though the database is lost as well."""
    daemon.stop()
    try:
        ran = published("status")
        assert ran.code == 6
        assert "no node answers" in ran.stderr and "ipfs daemon" in ran.stderr
        ran = published("doctor", "--json")
        assert ran.code == 1
        (node,) = [finding for finding in ran.document["findings"] if finding["check"] == "node"]
        assert (node["health"], "no node answers" in node["found"]) == ("problem", True)
    finally:
        daemon.restart()
    assert published("status").code == 0
