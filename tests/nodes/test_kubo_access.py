"""Which daemons a Kubo node works with: versions, IPFS Cluster's proxy, and credentials on a real Kubo."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.nodes.errors import NodeRefused, NodeTooOld
from ipwhl_mirror.nodes.kubo.address import Credentials, RpcAddress
from ipwhl_mirror.nodes.kubo.node import KuboNode
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.nodes.kubo_proxied import THEIRS, daemon, node_behind_a_proxy
from tests.nodes.running_kubo import KuboDaemon
from tests.simulators.rpc_faults import edited

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["daemon"]

pytestmark = pytest.mark.kubo

SECRET = "s3cr3t-t0ken"
LESSER = "l3ss3r-t0ken"


@pytest.mark.parametrize("version", ["0.37.0", "0.37.9-rc1", "0.4.23", "go-ipfs", "", "-1.50"])
async def test_an_older_kubo_is_refused(daemon: KuboDaemon, version: str) -> None:
    """Before anything else is asked of it; the error says which is needed."""
    async with node_behind_a_proxy(daemon) as (node, proxy):
        proxy.faults["version"] = edited(lambda said: {**said, "Version": version})
        for _ in range(2):
            with pytest.raises(NodeTooOld, match=r"0\.38 or newer") as caught:
                await node.pins()
        assert caught.value.hint is not None
        assert {request.path for request in proxy.requests} == {"version"}


@pytest.mark.parametrize("version", ["0.38.0", "0.38.0-rc2", "0.100.1", "1.0.0-dev"])
async def test_a_newer_kubo_is_taken(daemon: KuboDaemon, version: str) -> None:
    """Versions are compared as numbers."""
    async with node_behind_a_proxy(daemon, stall_s=30) as (node, proxy):
        proxy.faults["version"] = edited(lambda said: {**said, "Version": version})
        assert (await node.status()).version == version


async def test_ipfs_cluster_s_proxy_is_refused(daemon: KuboDaemon) -> None:
    """It answers like a Kubo, and confirms pins that are not there yet."""
    async with node_behind_a_proxy(daemon) as (node, proxy):
        proxy.faults["repo/stat"] = edited(
            lambda said: {"RepoSize": said["RepoSize"], "StorageMax": said["StorageMax"]}
        )
        with pytest.raises(NodeRefused, match="IPFS Cluster's proxy") as caught:
            await node.pin(THEIRS.root, "ours")
        assert caught.value.hint is not None
        assert not proxy.asked("pin/add")


class _GuardedDaemon(KuboDaemon):
    """One that asks for a secret."""

    def _launch(self) -> None:
        self._client.headers["Authorization"] = f"Bearer {SECRET}"
        super()._launch()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboDaemon]:
    """A daemon whose RPC lets in a bearer, a user, and one who may only ask for the version."""
    everything = {"AllowedPaths": ["/api/v0"]}
    repo = KuboRepo.make(ipfs_command(), tmp_path_factory.mktemp("guarded") / "repo", {
        "API.Authorizations": {
            "a": {"AuthSecret": f"bearer:{SECRET}", **everything},
            "b": {"AuthSecret": f"basic:user:{SECRET}", **everything},
            "c": {"AuthSecret": f"bearer:{LESSER}", "AllowedPaths": ["/api/v0/version"]},
        }
    })  # fmt: skip
    started = repo.command, repo.path
    with _GuardedDaemon([started[0], "daemon"], started[1], repo._environment()) as daemon:
        yield daemon


@pytest.mark.parametrize("text", [f"bearer:{SECRET}", f"basic:user:{SECRET}"])
async def test_credentials_let_us_in(
    guarded: KuboDaemon, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As Kubo wants them, of both kinds; no log has them."""
    caplog.set_level(logging.DEBUG)
    node = KuboNode(RpcAddress.parse(guarded.rpc_url), credentials=Credentials.parse(text))
    assert (await node.status()).kind == "kubo"
    await node.put_blocks(THEIRS.blocks.items())
    await node.pin(THEIRS.root, "ours")
    assert THEIRS.root in {pin.cid for pin in await node.pins()}
    await node.unpin(THEIRS.root)
    await node.aclose()
    assert SECRET not in caplog.text + repr(node) + repr(vars(node))


@pytest.mark.parametrize("text", [None, "bearer:wr0ng", f"bearer:{LESSER}", f"basic:other:{SECRET}"])
async def test_wrong_credentials_are_refused(
    guarded: KuboDaemon, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """NodeRefused with what to do; the secret is in no word of it."""
    caplog.set_level(logging.DEBUG)
    credentials = None if text is None else Credentials.parse(text)
    node = KuboNode(RpcAddress.parse(guarded.rpc_url), credentials=credentials)
    with pytest.raises(NodeRefused, match=r"does not let us use .*: HTTP 403") as caught:
        await node.pins()
    await node.aclose()
    assert "IPWHL_MIRROR_NODE_AUTH" in (caught.value.hint or "")
    told = f"{caught.value!r}{caught.value.hint}{caught.value.__cause__!r}{caplog.text}{node!r}{vars(node)!r}"
    assert not [word for word in (SECRET, "wr0ng", LESSER) if word in told]
