"""What every node promises of names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.nodes.base import NAMES_DEEP
from ipwhl_mirror.nodes.errors import NameUnresolved, NodeRefused

if TYPE_CHECKING:
    from tests.nodes.world import World

FIRST, SECOND = Cid.of(b"first", DAG_PB), Cid.of(b"second", DAG_PB)
NOBODY = "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8"


class NameContract:
    """IPNS keys and domains."""

    async def test_a_key_leads_where_it_was_published_last(self, world: World) -> None:
        """Asked afresh each time; its sequence grows."""
        name = await world.publish(f"/ipfs/{FIRST}")
        before = await world.node.resolve_name(name)
        await world.publish(f"/ipfs/{SECOND}", name)
        after = await world.node.resolve_name(name)
        assert (before.cid, after.cid) == (FIRST, SECOND)
        assert before.sequence is not None
        assert after.sequence is not None
        assert before.sequence < after.sequence

    async def test_a_version_0_cid_is_given_as_it_is(self, world: World) -> None:
        """The CID is the publisher's, in its form."""
        name = await world.publish(f"/ipfs/{FIRST.as_version(0)}")
        assert (await world.node.resolve_name(name)).cid == FIRST.as_version(0)

    async def test_a_domain_leads_where_its_link_says(self, world: World) -> None:
        """And there is no sequence."""
        await world.link("releases.example.org", f"/ipfs/{FIRST}")
        found = await world.node.resolve_name("releases.example.org")
        assert (found.cid, found.sequence, found.valid_until) == (FIRST, None, None)

    async def test_names_may_lead_to_names(self, world: World) -> None:
        """To the CID at their end; the sequence is that of the name that was asked for."""
        inner = await world.publish(f"/ipfs/{FIRST}")
        outer = await world.publish(f"/ipns/{inner}")
        known = (await world.node.resolve_name(outer)).sequence
        await world.publish(f"/ipfs/{SECOND}", inner)
        found = await world.node.resolve_name(outer)
        assert (found.cid, found.sequence) == (SECOND, known)

    async def test_names_that_lead_in_a_circle_are_refused(self, world: World) -> None:
        """It ends."""
        assert NAMES_DEEP < 100
        name = await world.publish(f"/ipfs/{FIRST}")
        other = await world.publish(f"/ipns/{name}")
        await world.publish(f"/ipns/{other}", name)
        with pytest.raises(NameUnresolved):
            await world.node.resolve_name(name)

    @pytest.mark.parametrize("name", [NOBODY, "nobody.example.org"])
    async def test_what_nobody_published_is_said_so(self, world: World, name: str) -> None:
        """The error names it."""
        with pytest.raises(NameUnresolved, match=name):
            await world.node.resolve_name(name)

    @pytest.mark.parametrize("name", ["", "name", "a..b", "../x", f"{FIRST}", "ex ample.org", "\x1b[2J.org"])
    async def test_what_is_no_name_is_said_so(self, world: World, name: str) -> None:
        """Nobody is asked; what the error says is safe to print."""
        with pytest.raises(NameUnresolved) as caught:
            await world.node.resolve_name(name)
        assert str(caught.value).isprintable()

    async def test_a_name_that_leads_into_a_directory_is_refused(self, world: World) -> None:
        """A release is what is at the root of a CID."""
        name = await world.publish(f"/ipfs/{FIRST}/below")
        with pytest.raises(NameUnresolved, match="below"):
            await world.node.resolve_name(name)

    async def test_a_key_that_the_node_does_not_hold_publishes_nothing(self, world: World) -> None:
        """It is refused, and its name leads where it did."""
        assert "nobody's" not in await world.node.name_keys()
        with pytest.raises(NodeRefused, match=r"key|publishes no names"):
            await world.node.publish_name("nobody's", FIRST)
