"""Which node a run works with, what is remembered of it, and what a secret is needed for.

The RPCs are simulated, so that no Kubo is needed. What listens on the usual port of this machine, if
anything, is none of these.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.config import Config, ConfigError, NodeConfig
from ipwhl_mirror.nodes.embedded.node import EmbeddedNode
from ipwhl_mirror.nodes.errors import NodeRefused, NodeUnreachable
from ipwhl_mirror.nodes.kubo.address import DEFAULT_PORT, SECRET_VARIABLE
from ipwhl_mirror.nodes.kubo.node import KuboNode
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from ipwhl_mirror.state.database import State
from tests.simulators.rpc_faults import forbidden, json_answer, page
from tests.simulators.rpc_proxy import RpcProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ipwhl_mirror.nodes.base import Node

VERSION = json_answer({"Version": "0.44.0"})


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The IPFS repository of this user: there is none yet."""
    monkeypatch.setenv("IPFS_PATH", str(tmp_path / "ipfs"))
    return tmp_path / "ipfs"


@pytest.fixture
async def rpc() -> AsyncIterator[RpcProxy]:
    """A daemon's RPC, as far as choosing asks it."""
    async with RpcProxy() as rpc:
        rpc.answers["version"] = VERSION
        rpc.answers["repo/stat"] = json_answer(
            {"RepoSize": 1, "StorageMax": 2, "RepoPath": "", "Version": ""}
        )
        rpc.answers["id"] = json_answer({"ID": "12D3KooWfirst"})
        yield rpc


@pytest.fixture
def usual_port_is_free() -> None:
    """Tests of what happens where no daemon runs need this machine to be so."""
    with socket.socket() as knocking:
        if knocking.connect_ex(("127.0.0.1", DEFAULT_PORT)) == 0:
            pytest.skip(f"something listens on port {DEFAULT_PORT} of this machine")


def settings(tmp_path: Path, spec: str = "auto", *, data: str = "data", auth_file: str = "") -> Settings:
    """A run's."""
    node = NodeConfig(spec=spec, gateways=(), auth_file=auth_file)
    return Settings(data_dir=tmp_path / data, config=Config(node=node), lock_wait_s=0.2)


def run_daemon(repo: Path, rpc: RpcProxy) -> None:
    """Let the repository be one whose daemon runs there."""
    repo.mkdir(exist_ok=True)
    (repo / "config").write_text("{}")
    (repo / "api").write_text(f"/ip4/127.0.0.1/tcp/{rpc.url.rpartition(':')[2]}\n")


async def chosen(given: Settings) -> Node:
    """The node of a run that changes nothing."""
    async with Session.open(given) as session:
        return session.node


async def used(given: Settings) -> str | None:
    """What is remembered after a run that changes something."""
    async with Session.open(given) as session:
        async with session.exclusive("track"):
            pass
        return session.state.setting("node")


async def test_the_daemon_of_this_machine_comes_first(tmp_path: Path, repo: Path, rpc: RpcProxy) -> None:
    """It is remembered as that, not by its port."""
    run_daemon(repo, rpc)
    node = await chosen(settings(tmp_path))
    assert isinstance(node, KuboNode)
    assert node.address.url == rpc.url
    assert await used(settings(tmp_path)) == "kubo"


async def test_a_remembered_daemon_is_found_at_another_port(
    tmp_path: Path, repo: Path, rpc: RpcProxy
) -> None:
    """And is not looked for first: when it does not run, its own error says so, not a choice anew."""
    run_daemon(repo, rpc)
    await used(settings(tmp_path))
    (repo / "api").write_text("/ip4/127.0.0.1/tcp/40001")
    asked = len(rpc.requests)
    node = await chosen(settings(tmp_path))
    assert isinstance(node, KuboNode)
    assert node.address.url == "http://127.0.0.1:40001"
    (repo / "api").unlink()
    node = await chosen(settings(tmp_path))
    assert isinstance(node, KuboNode)
    assert node.address.url == f"http://127.0.0.1:{DEFAULT_PORT}"
    assert len(rpc.requests) == asked


@pytest.mark.usefixtures("usual_port_is_free", "repo")
async def test_without_any_ipfs_the_embedded_node_is_used(tmp_path: Path) -> None:
    """Nothing to install."""
    assert isinstance(await chosen(settings(tmp_path)), EmbeddedNode)
    assert await used(settings(tmp_path)) == "embedded"


@pytest.mark.usefixtures("usual_port_is_free")
async def test_a_repository_whose_daemon_does_not_run_is_asked_about(tmp_path: Path, repo: Path) -> None:
    """Somebody may expect it to be used; and once chosen, the choice holds."""
    repo.mkdir()
    (repo / "config").write_text("{}")
    with pytest.raises(ConfigError, match="holds an IPFS repository") as caught:
        await chosen(settings(tmp_path))
    assert caught.value.hint is not None
    assert "ipfs daemon" in caught.value.hint and "--node embedded" in caught.value.hint
    assert await used(settings(tmp_path, "embedded")) == "embedded"
    assert isinstance(await chosen(settings(tmp_path)), EmbeddedNode)


@pytest.mark.usefixtures("usual_port_is_free")
async def test_a_note_of_a_daemon_that_was_killed_is_not_believed(
    tmp_path: Path, repo: Path, rpc: RpcProxy
) -> None:
    """The port it names may be another program's by now."""
    run_daemon(repo, rpc)
    await rpc.stop_listening()
    with pytest.raises(ConfigError, match=rf"no daemon of it answers at {rpc.url}"):
        await chosen(settings(tmp_path))


async def test_what_is_no_kubo_is_told(tmp_path: Path, repo: Path, rpc: RpcProxy) -> None:
    """Where the repository's daemon should be."""
    run_daemon(repo, rpc)
    rpc.answers["version"] = page()
    with pytest.raises(NodeRefused, match="no Kubo RPC"):
        await chosen(settings(tmp_path))


async def test_an_address_is_remembered_as_it_is_used(tmp_path: Path, repo: Path, rpc: RpcProxy) -> None:
    """As a URL, whatever way it was written; it is asked nothing before something is to be done."""
    port = rpc.url.rpartition(":")[2]
    assert isinstance(await chosen(settings(tmp_path, rpc.url)), KuboNode)
    assert rpc.requests == []
    assert await used(settings(tmp_path, f"/ip4/127.0.0.1/tcp/{port}")) == rpc.url
    node = await chosen(settings(tmp_path))
    assert isinstance(node, KuboNode)
    assert node.address.url == rpc.url


async def test_looking_remembers_nothing(tmp_path: Path, repo: Path, rpc: RpcProxy) -> None:
    """Only the first run that changes something does."""
    run_daemon(repo, rpc)
    await chosen(settings(tmp_path))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("first", "then"), [("embedded", "kubo"), ("kubo", "embedded")])
async def test_a_data_directory_stays_with_its_kind_of_node(
    first: str, then: str, tmp_path: Path, repo: Path, rpc: RpcProxy
) -> None:
    """What was verified on the one is not so on the other."""
    specs = {"embedded": "embedded", "kubo": rpc.url}
    await used(settings(tmp_path, specs[first]))
    with pytest.raises(ConfigError, match="was begun with the node") as caught:
        await chosen(settings(tmp_path, specs[then]))
    assert caught.value.hint is not None and "--data-dir" in caught.value.hint
    await used(settings(tmp_path, specs[then], data="another"))


async def test_a_data_directory_stays_with_its_kubo(tmp_path: Path, repo: Path, rpc: RpcProxy) -> None:
    """Another daemon at the same address is another node, the same one at another address is not."""
    await used(settings(tmp_path, rpc.url))
    async with RpcProxy(rpc.url) as elsewhere:
        assert await used(settings(tmp_path, elsewhere.url)) == rpc.url
    rpc.answers["id"] = json_answer({"ID": "12D3KooWsecond"})
    async with Session.open(settings(tmp_path)) as session:
        for work in (session.check_node(), used(settings(tmp_path))):
            with pytest.raises(ConfigError, match="12D3KooWfirst, not 12D3KooWsecond") as caught:
                await work
    assert caught.value.hint is not None and "state.sqlite" in caught.value.hint


async def test_a_node_that_does_not_answer_is_not_remembered(
    tmp_path: Path, repo: Path, rpc: RpcProxy
) -> None:
    """The address may have been a mistake."""
    await rpc.stop_listening()
    with pytest.raises(NodeUnreachable):
        await used(settings(tmp_path, rpc.url))
    with contextlib.closing(State.open(tmp_path / "data")) as state:
        assert state.setting("node") is None


async def test_each_data_directory_has_a_mark_of_its_own(tmp_path: Path, repo: Path, rpc: RpcProxy) -> None:
    """It stays the same, and the node is told it before anything is changed."""
    owners = []
    for data in ("one", "one", "two"):
        async with Session.open(settings(tmp_path, rpc.url, data=data)) as session:
            assert session.node.owner == ""
            async with session.exclusive("pin"):
                owners.append(session.node.owner)
    assert len(owners[0]) >= 16
    assert owners[0] == owners[1] != owners[2]


# secrets


async def test_a_daemon_that_wants_a_secret_is_not_passed_by(
    tmp_path: Path, repo: Path, rpc: RpcProxy
) -> None:
    """Taking the embedded node instead would surprise; how to give the secret is told."""
    run_daemon(repo, rpc)
    rpc.answers["version"] = forbidden()
    with pytest.raises(NodeRefused) as caught:
        await chosen(settings(tmp_path))
    assert caught.value.hint is not None and SECRET_VARIABLE in caught.value.hint


async def test_the_secret_of_a_file_is_sent_and_kept_nowhere_else(
    tmp_path: Path, repo: Path, rpc: RpcProxy
) -> None:
    """To the daemon; not into the data directory."""
    run_daemon(repo, rpc)
    file = tmp_path / "secret"
    file.write_text("bearer:s3cret")
    file.chmod(0o600)
    assert await used(settings(tmp_path, auth_file=str(file))) == "kubo"
    assert {request.headers["Authorization"] for request in rpc.requests} == {"Bearer s3cret"}
    with contextlib.closing(State.open(tmp_path / "data")) as state:
        assert state.setting("node") == "kubo"
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert b"s3cret" not in kept


async def test_a_secret_that_others_can_read_is_not_used(tmp_path: Path, repo: Path, rpc: RpcProxy) -> None:
    """Nothing is asked before it is well."""
    run_daemon(repo, rpc)
    file = tmp_path / "secret"
    file.write_text("bearer:s3cret")
    file.chmod(0o644)
    for spec in ("auto", rpc.url):
        with pytest.raises(ConfigError, match="others than its owner"):
            await chosen(settings(tmp_path, spec, auth_file=str(file)))
    assert rpc.requests == []


async def test_the_secret_of_the_environment_is_sent(
    tmp_path: Path, repo: Path, rpc: RpcProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a service manager that hands secrets over so."""
    run_daemon(repo, rpc)
    monkeypatch.setenv(SECRET_VARIABLE, "basic:user:password")
    assert isinstance(await chosen(settings(tmp_path)), KuboNode)
    assert rpc.requests[0].headers["Authorization"] == "Basic dXNlcjpwYXNzd29yZA=="
