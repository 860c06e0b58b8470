"""What is said of a Kubo daemon: each judgement once well and once not; then real daemons, set up badly."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from ipwhl_mirror.nodes.base import Health, NodeGateway
from ipwhl_mirror.nodes.kubo.address import Credentials, RpcAddress
from ipwhl_mirror.nodes.kubo.findings import Facts, findings_of
from ipwhl_mirror.nodes.kubo.node import KuboNode
from ipwhl_mirror.nodes.kubo.own_gateway import gateway_in
from ipwhl_mirror.nodes.kubo.settings import KuboConfig
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
    from pathlib import Path

    from ipwhl_mirror.nodes.base import Finding
    from tests.nodes.running_kubo import KuboDaemon

FLATFS = {"type": "flatfs", "path": "blocks", "sync": True}
ABROAD = RpcAddress.parse("http://10.0.0.7:5001")
GB = 10**9


def config(**settings: object) -> KuboConfig:
    """A config in which all is well, with these sections in the place of its own."""
    well = {
        "Addresses": {"API": "/ip4/127.0.0.1/tcp/5001", "Gateway": "/ip4/127.0.0.1/tcp/8080"},
        "API": {"HTTPHeaders": {}},
        "Datastore": {
            "StorageGCWatermark": 90,
            "GCPeriod": "1h",
            "Spec": {"type": "mount", "mounts": [FLATFS]},
        },
        "Gateway": {"NoFetch": True, "DeserializedResponses": None},
        "Provide": {"Strategy": "pinned+mfs"},
        "Routing": {},
    }
    return msgspec.convert({**well, **settings}, KuboConfig)


WELL = Facts(
    address=RpcAddress.parse("http://127.0.0.1:5001"),
    version="0.44.0",
    asks_secret=False,
    config=config(),
    repo_bytes=50 * GB,
    storage_max=90 * GB,
    free_bytes=60 * GB,
    is_here=True,
    collects=False,
    peers=3,
    skew_s=0.4,
    gateway=NodeGateway(url="http://127.0.0.1:8080", fetches=False),
)


def changed(change: Mapping[str, object]) -> Facts:
    """WELL, but for this."""
    return replace(WELL, **change)  # type: ignore[arg-type]


def commands_in(findings: Iterable[Finding]) -> set[str]:
    """The commands that change the daemon's config, of all remedies."""
    remedies = [finding.remedy or "" for finding in findings]
    return {command for text in remedies for command in re.findall(r"(ipfs config .*?), then restart", text)}


def found(facts: Facts, check: str) -> Finding:
    """The one finding of a check."""
    (finding,) = (finding for finding in findings_of(facts) if finding.check == check)
    return finding


def test_a_daemon_set_up_well_has_nothing_to_change() -> None:
    """Every check is told, and none asks for anything."""
    findings = findings_of(WELL)
    assert {finding.check for finding in findings} == {
        "rpc", "rpc origins", "storage", "power cut", "announcing", "node gateway", "peers", "clock",
    }  # fmt: skip
    assert [finding for finding in findings if finding.health is not Health.OK] == []


OPEN = config(Addresses={"API": ["/ip4/127.0.0.1/tcp/5001", "/ip4/0.0.0.0/tcp/5001"]})
OFF_LEVELDB = {"type": "levelds", "path": "datastore"}
UNSYNCED = {
    "type": "mount",
    "mounts": [{"type": "measure", "child": {**FLATFS, "sync": False}}, OFF_LEVELDB],
}


FAULTS: list[tuple[str, dict[str, object], Health, str]] = [
    ("rpc", {"config": OPEN}, Health.PROBLEM, "/ip4/0.0.0.0/tcp/5001 is open to other machines"),
    ("rpc", {"config": OPEN, "is_here": False}, Health.WARNING, "-p 127.0.0.1:5001:5001"),
    ("rpc", {"config": OPEN, "asks_secret": True}, Health.OK, "which asks for a secret"),
    ("rpc", {"address": ABROAD}, Health.PROBLEM, "http://10.0.0.7:5001 is open to other machines"),
    ("rpc", {"address": ABROAD, "asks_secret": True}, Health.WARNING, "not encrypted"),
    ("rpc", {"address": RpcAddress.parse("https://node.example"), "asks_secret": True}, Health.OK,
     "https://node.example:443, which asks"),
    ("rpc", {"config": config(Addresses={"API": "/unix/run/ipfs.sock"})}, Health.OK, "this machine only"),
    ("rpc origins", {"config": config(API={"HTTPHeaders": {"access-control-allow-origin": ["*"]}})},
     Health.PROBLEM, "Access-Control-Allow-Origin '[]'"),
    ("rpc origins",
     {"config": config(API={"HTTPHeaders": {"Access-Control-Allow-Origin": ["https://webui.example"]}})},
     Health.OK, "https://webui.example"),
    ("storage", {"repo_bytes": 82 * GB, "collects": True}, Health.WARNING, "Datastore.StorageMax 127GB"),
    ("storage", {"repo_bytes": 82 * GB, "collects": None}, Health.WARNING, "if the daemon runs"),
    ("storage", {"repo_bytes": 82 * GB, "collects": False}, Health.OK, "which limits nothing"),
    ("storage", {"storage_max": 200 * GB, "collects": None}, Health.WARNING, "the disk is full before"),
    ("storage", {"collects": True}, Health.WARNING, "without --enable-gc"),
    ("storage", {"collects": None}, Health.OK, "which it does not show"),
    ("power cut", {"config": config(Datastore={"Spec": UNSYNCED})}, Health.WARNING, '"sync":true'),
    ("power cut", {"config": config(Datastore={"Spec": OFF_LEVELDB})}, Health.OK, "on the disk"),
    ("announcing", {"config": config(Provide={})}, Health.WARNING, "Provide.Strategy pinned+mfs+unique"),
    ("announcing", {"config": config(Provide={}), "version": "0.38.2"}, Health.WARNING,
     "Provide.Strategy pinned+mfs,"),
    ("announcing", {"config": config(Provide={"Strategy": "roots"})}, Health.WARNING, "the roots"),
    ("announcing", {"config": config(Provide={"Strategy": "pinned+mfs+entities"})}, Health.OK, "mfs"),
    ("announcing", {"config": config(Provide={"Enabled": False})}, Health.OK, "off"),
    ("announcing", {"config": config(Provide={}, Routing={"Type": "none"})}, Health.OK, "off"),
    ("node gateway", {"gateway": NodeGateway(url="http://127.0.0.1:8080", fetches=True)}, Health.WARNING,
     "ipfs config --json Gateway.NoFetch true"),
    ("node gateway", {"config": config(Gateway={"DeserializedResponses": False})}, Health.WARNING,
     "ipwhl-mirror serve"),
    ("node gateway", {"gateway": None}, Health.OK, "none"),
    ("peers", {"peers": 0}, Health.WARNING, "ipfs swarm connect"),
    ("clock", {"skew_s": 3600.0}, Health.WARNING, "60 min ahead of ours"),
    ("clock", {"skew_s": -90.0}, Health.WARNING, "90 s behind ours"),
    ("clock", {"skew_s": None}, Health.OK, "does not tell"),
    ("settings", {"config": None}, Health.WARNING, "/api/v0/config/show"),
]  # fmt: skip
"""The check, what of WELL is changed, and what is then found of it."""


@pytest.mark.parametrize(("check", "change", "health", "words"), FAULTS)
def test_each_fault_is_told_with_what_changes_it(
    check: str, change: Mapping[str, object], health: Health, words: str
) -> None:
    """One thing changed, one finding changed: its health, its numbers or command, and why it matters."""
    facts = changed(change)
    finding = found(facts, check)
    assert finding.health is health
    assert words in f"{finding.found} {finding.why} {finding.remedy}"
    assert (finding.why is None) == (finding.remedy is None) == (health is Health.OK)
    others = [other.check for other in findings_of(facts) if other.health is not Health.OK]
    assert others == ([] if health is Health.OK else [check])


def test_a_gateway_for_other_machines_is_told_so() -> None:
    """One that fetches lets strangers fill this disk."""
    gateway = NodeGateway(url="http://127.0.0.1:8080", fetches=True)
    addresses = {"Gateway": "/ip4/0.0.0.0/tcp/8080"}
    facts = replace(WELL, gateway=gateway, config=config(Addresses=addresses))
    assert "also for other machines" in found(facts, "node gateway").found
    assert "also for other machines" not in found(replace(WELL, gateway=gateway), "node gateway").found


def test_hostile_settings_are_shown_not_sent() -> None:
    """A config comes from another program."""
    evil = "\x1b]52;c;x\x07"
    facts = replace(
        WELL,
        config=config(
            Addresses={"API": f"/dns4/{evil}/tcp/1"},
            API={"HTTPHeaders": {"Access-Control-Allow-Origin": [evil]}},
            Datastore={"GCPeriod": evil, "Spec": {"type": "flatfs", "path": evil}},
            Provide={"Strategy": evil},
        ),
        collects=True,
    )
    for finding in findings_of(facts):
        assert f"{finding.found}{finding.why}{finding.remedy}".isprintable()


@pytest.mark.parametrize(
    ("listening", "rpc", "url"),
    [
        ("/ip4/127.0.0.1/tcp/8080", "http://127.0.0.1:5001", "http://127.0.0.1:8080"),
        ("/dns4/localhost/tcp/8080", "http://127.0.0.1:5001", "http://127.0.0.1:8080"),
        ("/ip4/0.0.0.0/tcp/8080", "http://127.0.0.1:5001", "http://127.0.0.1:8080"),
        ("/ip4/0.0.0.0/tcp/8080", "http://10.0.0.7:5001", "http://10.0.0.7:8080"),
        ("/ip6/::/tcp/8080", "http://localhost:5001", "http://127.0.0.1:8080"),
        ("/ip4/10.0.0.7/tcp/8080", "http://10.0.0.7:5001", "http://10.0.0.7:8080"),
        ("/ip4/127.0.0.1/tcp/8080", "http://10.0.0.7:5001", None),
        (["/unix/run/gateway.sock", "/ip4/127.0.0.1/tcp/8081"], "http://127.0.0.1:5001", "http://127.0.0.1:8081"),
        ([], "http://127.0.0.1:5001", None),
        (None, "http://127.0.0.1:5001", None),
        ("/ip4/127.0.0.1/tcp/0", "http://127.0.0.1:5001", None),
    ],
)  # fmt: skip
def test_the_daemon_s_gateway_is_found_in_its_config(listening: object, rpc: str, url: str | None) -> None:
    """Never by the name localhost, which it redirects; and only where it can be reached from here."""
    gateway = gateway_in(config(Addresses={"Gateway": listening}), RpcAddress.parse(rpc), None)
    assert (gateway and gateway.url) == url


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://127.0.0.1:40001\n", "http://127.0.0.1:40001"),
        ("http://localhost:40001/", "http://127.0.0.1:40001"),
        ("", None),
        ("javascript:alert(1)", None),
        ("http://127.0.0.1:x", None),
    ],
)
def test_a_port_that_the_system_chose_is_read_from_the_repository(
    written: str, url: str | None, tmp_path: Path
) -> None:
    """Where that is on this machine."""
    (tmp_path / "gateway").write_text(written)
    listening = config(Addresses={"Gateway": "/ip4/127.0.0.1/tcp/0"})
    gateway = gateway_in(listening, WELL.address, tmp_path)
    assert (gateway and gateway.url) == url


# real daemons


@contextlib.asynccontextmanager
async def open_node(daemon: KuboDaemon, secret: str | None = None) -> AsyncIterator[KuboNode]:
    """A node on a daemon."""
    credentials = None if secret is None else Credentials.parse(secret)
    node = KuboNode(RpcAddress.parse(daemon.rpc_maddr), credentials=credentials)
    yield node
    await node.aclose()


async def examined(daemon: KuboDaemon, secret: str | None = None) -> dict[str, Finding]:
    """What is found, by check."""
    async with open_node(daemon, secret) as node:
        return {finding.check: finding for finding in await node.examine()}


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboDaemon]:
    """A daemon as `ipfs init` sets it up, but that it reaches nobody."""
    repo = KuboRepo.make(
        ipfs_command(), tmp_path_factory.mktemp("default") / "repo", {"Gateway.NoFetch": False}
    )
    with repo.start() as daemon:
        yield daemon


@pytest.mark.kubo
async def test_a_daemon_as_it_comes(default: KuboDaemon) -> None:
    """No secret and no gc by itself; it does not wait for the disk, has no peer, and its gateway fetches."""
    findings = await examined(default)
    wrong = {check for check, finding in findings.items() if finding.health is not Health.OK}
    assert wrong == {"power cut", "peers", "node gateway"}
    assert "no automatic gc" in findings["storage"].found
    assert default.gateway_url in findings["node gateway"].found
    assert findings["clock"].found == "that of the daemon is ours"
    async with open_node(default) as node:
        assert await node.gateway() == NodeGateway(url=default.gateway_url, fetches=True)
        status = await node.status()
        assert await node.identity() == json.loads(default.call("id"))["ID"]
    assert status.free_inodes is not None, "the repository is on this machine"


@pytest.mark.kubo
async def test_the_commands_do_what_they_are_told_to_do(tmp_path: Path) -> None:
    """`ipfs` takes each as it is told, the daemon starts with all of them, and what they are for is well."""
    broken = {
        "API.HTTPHeaders": {"Access-Control-Allow-Origin": ["*"]},
        "Gateway.NoFetch": False,
        "Gateway.DeserializedResponses": False,
    }
    repo = KuboRepo.make(ipfs_command(), tmp_path / "repo", broken)
    with repo.start() as daemon:
        spec = commands_in([(await examined(daemon))["power cut"]])
    judged = [finding for _, change, _, _ in FAULTS for finding in findings_of(changed(change))]
    # that of the table is for another datastore than this repository's
    commands = spec | {command for command in commands_in(judged) if "Datastore.Spec" not in command}
    assert len(commands) >= 8
    for command in sorted(commands):
        repo.run(*shlex.split(command)[1:])
    repo.configure({"Addresses.API": "/ip4/127.0.0.1/tcp/0"})
    with repo.start() as daemon:
        findings = await examined(daemon)
    assert {check for check, finding in findings.items() if finding.health is not Health.OK} == {"peers"}


@pytest.mark.kubo
async def test_a_daemon_that_collects_and_asks_for_a_secret(tmp_path: Path) -> None:
    """What no setting shows is seen: `--enable-gc`, and that a secret is asked for; it is in no finding."""
    allowed = {"AuthSecret": "bearer:s3cret", "AllowedPaths": ["/api/v0"]}
    settings = {
        "API.Authorizations": {"us": allowed},
        "API.HTTPHeaders": {"Access-Control-Allow-Origin": ["*"]},
    }
    repo = KuboRepo.make(ipfs_command(), tmp_path / "repo", settings)
    with repo.start("--enable-gc", bearer="s3cret") as daemon:
        # the config is told from the file: what listens is on loopback all the time
        repo.configure({"Addresses.API": "/ip4/0.0.0.0/tcp/5001"})
        findings = await examined(daemon, "bearer:s3cret")
    assert findings["rpc"].found == "/ip4/0.0.0.0/tcp/5001, which asks for a secret"
    assert findings["rpc origins"].health is Health.PROBLEM
    assert findings["storage"].health is Health.WARNING
    assert "automatic gc each 1h" in findings["storage"].found
    assert "s3cret" not in json.dumps([str(finding) for finding in findings.values()])


@pytest.mark.kubo
async def test_a_daemon_that_shows_little(tmp_path: Path) -> None:
    """`AllowedPaths` may leave out the config and what the daemon does: that is told, and the rest too."""
    paths = [f"/api/v0/{path}" for path in ("version", "id", "repo/stat", "swarm/peers", "diag/sys")]
    settings = {"API.Authorizations": {"us": {"AuthSecret": "bearer:s3cret", "AllowedPaths": paths}}}
    repo = KuboRepo.make(ipfs_command(), tmp_path / "repo", settings)
    with repo.start(bearer="s3cret") as daemon:
        findings = await examined(daemon, "bearer:s3cret")
    assert findings["settings"].health is Health.WARNING
    assert "which it does not show" in findings["storage"].found
    assert set(findings) == {"rpc", "settings", "storage", "peers", "clock"}
