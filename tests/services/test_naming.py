"""A release is announced by an IPNS name where the node holds its key; where it does not, that is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.config import Config, NodeConfig
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.nodes.errors import NodeRefused
from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.services.naming import NameKey, find_key, publish_name
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import OpenSession
    from tests.nodes.running_kubo import KuboDaemon

FIRST, SECOND = Cid.of(b"first", DAG_PB), Cid.of(b"second", DAG_PB).as_version(0)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboDaemon]:
    """With pubsub, which keeps a record where there is no DHT."""
    settings = {"Ipns.UsePubsub": True, "Pubsub.Enabled": True}
    with KuboRepo.make(ipfs_command(), tmp_path_factory.mktemp("kubo") / "node", settings).start() as daemon:
        yield daemon


def settings(daemon: KuboDaemon, directory: Path) -> Settings:
    return Settings(data_dir=directory, config=Config(node=NodeConfig(spec=daemon.rpc_url)))


@pytest.mark.kubo
async def test_a_name_leads_to_what_was_published_last(daemon: KuboDaemon, tmp_path: Path) -> None:
    """The CID in its form. Said twice, its sequence stays; with another release it grows."""
    daemon.call("key/gen", "campus")
    async with Session.open(settings(daemon, tmp_path)) as session:
        key = await find_key(session, "campus")
        sequences = []
        for cid in (FIRST, FIRST, SECOND):
            await publish_name(session, key, cid)
            found = await session.node.resolve_name(key.name)
            assert found.cid == cid
            assert found.sequence is not None
            sequences.append(found.sequence)
    assert sequences[0] == sequences[1] < sequences[2]


@pytest.mark.kubo
async def test_a_key_is_meant_by_what_it_is_called_or_by_its_name(daemon: KuboDaemon, tmp_path: Path) -> None:
    """In any of its forms. One that is not there is told, with those that are, and how to make it."""
    async with Session.open(settings(daemon, tmp_path)) as session:
        known = await find_key(session, "self")
        assert known.name.startswith("k51")
        peer_id = await session.node.identity()
        assert peer_id.startswith("12D3Koo")
        for text in (known.name, peer_id):
            assert await find_key(session, text) == known
        with pytest.raises(UsageProblem, match="no IPNS key 'x y'") as told:
            await find_key(session, "x y")
        assert told.value.hint == "make it: ipfs key gen 'x y'"
        assert "it has self" in told.value.details
        with pytest.raises(NodeRefused, match="no key"):
            await publish_name(session, NameKey("gone", known.name), FIRST)


async def test_a_node_that_publishes_no_names_says_so(open_session: OpenSession) -> None:
    """With what to do instead."""
    async with open_session() as session:
        with pytest.raises(UsageProblem, match="this node publishes no names: --ipns needs a Kubo") as told:
            await find_key(session, "self")
        assert "--feed" in str(told.value.hint)
        with pytest.raises(NodeRefused, match="the embedded node publishes no names"):
            await publish_name(session, NameKey("self", "k51"), FIRST)
