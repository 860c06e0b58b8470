"""IPNS keys and domains as a source: hints, each once, and what a replayed record is told as."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ipwhl_mirror.domain.labels import LABEL
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.ipld.names import parse_name
from ipwhl_mirror.nodes.errors import NodeUnreachable
from ipwhl_mirror.sources.base import Answer, Problem, Source
from ipwhl_mirror.sources.errors import SourceMalformed, SourceUnreachable
from ipwhl_mirror.sources.keys import AcceptedKey
from ipwhl_mirror.sources.names import NameSource, label_of, name_of
from ipwhl_mirror.sources.trust import SourceTrust, Standing, judge
from tests.simulators.memory_node import MemoryNode

NAME = "k51qzi5uqu5dlmynpa47dcbfn7fakjxugwc2orsvjfuqoum2iik2mei8doiedi"
PEER_ID = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"
FIRST, SECOND = (Cid.of(text, DAG_PB).as_version(0) for text in (b"first", b"second"))
NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEY = AcceptedKey("publisher ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==")
TRUST = SourceTrust(name="names", url=f"/ipns/{NAME}", keys=(KEY,))


@pytest.fixture
def node() -> MemoryNode:
    return MemoryNode(network={})


@pytest.fixture
def source(node: MemoryNode) -> Source:
    return NameSource(f"/ipns/{NAME}", node)


def point(node: MemoryNode, cid: Cid, sequence: int | None, name: str = NAME) -> None:
    node.names[name] = (f"/ipfs/{cid}", sequence)


async def test_a_name_gives_a_hint_and_then_nothing_new(node: MemoryNode, source: Source) -> None:
    """Unsigned, under a label made of the CID; also where the owner accepted keys for this source."""
    point(node, FIRST, 3)
    answer = await source.ask(TRUST)
    (said,) = answer.announcements
    assert (said.cid, said.sequence, said.signer, said.repository) == (FIRST, 3, None, None)
    assert said.label == f"ipns-{str(FIRST.as_version(1))[:16]}"
    assert LABEL.fullmatch(said.label)
    assert judge(TRUST, said, NOW).standing is Standing.UNSIGNED
    assert await source.ask(TRUST, answer.memory) == Answer(memory=answer.memory, unchanged=True)


async def test_a_record_that_was_only_renewed_is_nothing_new(node: MemoryNode, source: Source) -> None:
    """Its sequence is remembered all the same: an older record is a rollback from then on."""
    point(node, FIRST, 3)
    first = await source.ask(TRUST)
    point(node, FIRST, 9)
    renewed = await source.ask(TRUST, first.memory)
    assert renewed.unchanged
    point(node, SECOND, 8)
    assert (await source.ask(TRUST, renewed.memory)).problems


async def test_a_new_release_is_told(node: MemoryNode, source: Source) -> None:
    """With a label of its own; the CID may be written in either version."""
    point(node, FIRST, 3)
    first = await source.ask(TRUST)
    point(node, FIRST.as_version(1), 3)
    assert (await source.ask(TRUST, first.memory)).unchanged
    point(node, SECOND, 4)
    (said,) = (await source.ask(TRUST, first.memory)).announcements
    assert (said.cid, said.label) == (SECOND, label_of(SECOND))
    assert label_of(SECOND) != label_of(FIRST)


@pytest.mark.parametrize("cid", [FIRST, SECOND], ids=["same CID", "another CID"])
async def test_a_lower_sequence_is_a_problem_in_words(node: MemoryNode, source: Source, cid: Cid) -> None:
    """Nothing is announced, and what was seen stays remembered."""
    point(node, FIRST, 5)
    first = await source.ask(TRUST)
    point(node, cid, 4)
    words = "its record has sequence 4, and 5 was seen before: a rollback"
    expected = Answer(problems=(Problem(label_of(cid), words),), memory=first.memory)
    assert await source.ask(TRUST, first.memory) == expected


async def test_one_sequence_for_two_cids_is_a_problem(node: MemoryNode, source: Source) -> None:
    """Somebody sees another record than we did."""
    point(node, FIRST, 5)
    first = await source.ask(TRUST)
    point(node, SECOND, 5)
    answer = await source.ask(TRUST, first.memory)
    assert answer.announcements == ()
    assert "sequence 5 led to" in answer.problems[0].words
    assert str(SECOND.as_version(1)) in answer.problems[0].words


async def test_a_sequence_is_remembered_while_the_node_cannot_tell_it(
    node: MemoryNode, source: Source
) -> None:
    """A daemon that once does not give the record does not open the way back."""
    point(node, FIRST, 5)
    memory = (await source.ask(TRUST)).memory
    point(node, SECOND, None)
    told = await source.ask(TRUST, memory)
    assert told.announcements[0].sequence is None
    point(node, FIRST, 4)
    assert (await source.ask(TRUST, told.memory)).problems


async def test_a_domain_goes_back_as_it_likes(node: MemoryNode) -> None:
    """It has no sequence; each change is a hint."""
    source = NameSource("/ipns/Releases.Example.org/", node)
    memory = ""
    for cid in (FIRST, SECOND, FIRST):
        point(node, cid, None, "releases.example.org")
        answer = await source.ask(TRUST, memory)
        assert [said.cid for said in answer.announcements] == [cid]
        memory = answer.memory


@pytest.mark.parametrize("memory", ["", "{", "[]", '{"name": 1}', "\x00"])
async def test_lost_memory_is_a_beginning(node: MemoryNode, source: Source, memory: str) -> None:
    """Whatever is given back, it is announced."""
    point(node, FIRST, 1)
    assert len((await source.ask(TRUST, memory)).announcements) == 1


async def test_memory_of_another_name_is_none(node: MemoryNode, source: Source) -> None:
    """A source that was given another address begins again."""
    point(node, FIRST, 5)
    memory = (await source.ask(TRUST)).memory
    point(node, SECOND, 1, "example.org")
    answer = await NameSource("/ipns/example.org", node).ask(TRUST, memory)
    assert [said.sequence for said in answer.announcements] == [1]


async def test_a_node_that_cannot_tell_is_a_source_that_cannot_be_reached(
    node: MemoryNode, source: Source
) -> None:
    """Its words and its hint stay; what is in them cannot control a terminal."""
    with pytest.raises(SourceUnreachable, match="nobody published"):
        await source.ask(TRUST)
    node.fail("resolve_name", NodeUnreachable("gone\x1b[2J", hint="start it"))
    with pytest.raises(SourceUnreachable) as caught:
        await source.ask(TRUST)
    assert (str(caught.value), caught.value.hint) == ("gone\\x1b[2J", "start it")


def test_addresses() -> None:
    """Every form of a key is one name."""
    assert name_of(f"/ipns/{PEER_ID}/") == name_of(f"/ipns/{NAME}") == parse_name(NAME)


@pytest.mark.parametrize(
    "url", ["", NAME, f"ipns/{NAME}", "/ipns/", "/ipns/nobody", f"/ipfs/{FIRST}", f"/ipns/{NAME}/below"]
)
def test_what_is_no_address(url: str) -> None:
    """The hint shows one; it is found out before anything is asked."""
    with pytest.raises(SourceMalformed) as caught:
        NameSource(url, MemoryNode())
    assert "/ipns/example.org" in (caught.value.hint or "")
