"""`doctor`: what is found of this machine and its node, and that a node in whatever state is a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.config import Config, NodeConfig, ServeConfig, StorageConfig
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.nodes.base import Health
from ipwhl_mirror.services import pinning, releases
from ipwhl_mirror.services.doctor import examine
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from tests.simulators.rpc_faults import forbidden, json_answer, kubo_error, page
from tests.simulators.rpc_proxy import RpcProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ipwhl_mirror.nodes.base import Finding
    from tests.simulators.rpc_faults import Answer
    from tests.simulators.wheels import SampleRelease

ANY_PORT = ServeConfig(listen="127.0.0.1:0")


def settings(
    tmp_path: Path, node: NodeConfig, *, reserve_free: int = 0, serve: ServeConfig = ANY_PORT
) -> Settings:
    """A run's."""
    storage = StorageConfig(reserve_free=reserve_free)
    return Settings(data_dir=tmp_path / "data", config=Config(node=node, serve=serve, storage=storage))


async def examined(given: Settings) -> dict[str, Finding]:
    """What is found, by check; whatever is not well says why, and what to do."""
    async with Session.open(given) as session:
        findings = await examine(session)
    for finding in findings:
        assert (finding.why is None) == (finding.health is Health.OK), finding
    checks = [finding.check for finding in findings]
    assert len(checks) == len(set(checks))
    return dict(zip(checks, findings, strict=True))


async def test_all_is_well_with_an_embedded_node(tmp_path: Path) -> None:
    """The default gateway is only named: nobody is asked."""
    findings = await examined(settings(tmp_path, NodeConfig(spec="embedded")))
    assert [finding for finding in findings.values() if finding.health is not Health.OK] == []
    assert findings["gateways"].found == "https://trustless-gateway.link"


@pytest.mark.parametrize(
    ("gateways", "words"),
    [((), "none"), (("http://mirror.example", "https://b.example"), "http://mirror.example: not encrypted")],
)
async def test_gateways_of_the_embedded_node(gateways: tuple[str, ...], words: str, tmp_path: Path) -> None:
    """None at all, or one that can be listened to."""
    findings = await examined(settings(tmp_path, NodeConfig(spec="embedded", gateways=gateways)))
    assert (findings["gateways"].health, findings["gateways"].found) == (Health.WARNING, words)


async def test_a_gateway_on_loopback_needs_no_encryption(tmp_path: Path) -> None:
    """By number and by name; a name that only begins so is another machine's."""
    own = ("http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080")
    findings = await examined(settings(tmp_path, NodeConfig(spec="embedded", gateways=own)))
    assert findings["gateways"].health is Health.OK
    other = ("http://127.0.0.1.example",)
    findings = await examined(settings(tmp_path, NodeConfig(spec="embedded", gateways=other)))
    assert findings["gateways"].health is Health.WARNING


async def test_too_little_room_is_a_problem(tmp_path: Path) -> None:
    """Less than what is to stay free."""
    findings = await examined(settings(tmp_path, NodeConfig(spec="embedded"), reserve_free=1 << 60))
    assert findings["disk"].health is Health.PROBLEM
    assert findings["disk"].why == "pins are refused"


async def test_pins_that_were_not_read_back_are_told(session: Session, sample: SampleRelease) -> None:
    """As after the database was lost."""
    await releases.track(session, sample.root, label="one")
    report = await pinning.pin(session, "one", Selection.parse(platforms=["linux-x86_64"]))
    assert "1, all read back" in [finding.found for finding in await examine(session)]
    session.state.forget_verified(report.forecast.plan.parts[0].tree.cid)
    (finding,) = [finding for finding in await examine(session) if finding.check == "pins"]
    assert finding.health is Health.WARNING
    assert finding.remedy == "ipwhl-mirror verify"


async def test_an_address_that_is_taken_is_told(tmp_path: Path) -> None:
    """By our own `serve`, as a rule."""
    async with RpcProxy() as taken:
        listen = ServeConfig(listen=taken.url.removeprefix("http://"))
        findings = await examined(settings(tmp_path, NodeConfig(spec="embedded"), serve=listen))
    assert findings["gateway"].health is Health.WARNING


# a Kubo that cannot be used


@pytest.fixture
async def rpc() -> AsyncIterator[RpcProxy]:
    """An RPC that says what a new Kubo does of its version."""
    async with RpcProxy() as rpc:
        rpc.answers["version"] = json_answer({"Version": "0.44.0"})
        yield rpc


@pytest.mark.parametrize(
    ("path", "answer", "words", "remedy"),
    [
        ("version", json_answer({"Version": "0.37.0"}), "0.38 or newer is needed", "upgrade"),
        ("version", forbidden(), "does not let us use version", "IPWHL_MIRROR_NODE_AUTH"),
        ("version", page(), "no Kubo RPC", "Addresses.API"),
        ("repo/stat", json_answer({"RepoSize": 1, "StorageMax": 2}), "IPFS Cluster's proxy", "--node http"),
        ("repo/stat", kubo_error("disk on fire"), "disk on fire", None),
    ],
    ids=["too old", "secret", "no Kubo", "cluster proxy", "error"],
)
async def test_a_kubo_that_cannot_be_used_is_a_finding(
    path: str, answer: Answer, words: str, remedy: str | None, rpc: RpcProxy, tmp_path: Path
) -> None:
    """With what to do where that is known; the rest of this machine is looked at all the same."""
    rpc.answers[path] = answer
    findings = await examined(settings(tmp_path, NodeConfig(spec=rpc.url)))
    assert findings["node"].health is Health.PROBLEM
    assert words in findings["node"].found
    assert remedy is None or remedy in (findings["node"].remedy or "")
    assert {"versions", "data directory", "gateway"} <= set(findings)


async def test_a_kubo_that_does_not_answer_is_a_finding(tmp_path: Path) -> None:
    """With the command that starts it."""
    async with RpcProxy() as rpc:
        url = rpc.url
    findings = await examined(settings(tmp_path, NodeConfig(spec=url)))
    assert findings["node"].health is Health.PROBLEM
    assert findings["node"].found == f"no node answers at {url}: connection refused"
    assert "ipfs daemon" in (findings["node"].remedy or "")
