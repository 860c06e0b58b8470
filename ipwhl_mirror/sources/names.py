"""An IPNS key or a domain with a DNSLink as a source: it says where the newest release is, and nothing else.

`/ipns/<name>` is resolved by the node. Whoever holds the key may put any CID there, and nothing of it is
signed as a release: everything said here is a hint, for a person to decide on. There is no label in it
either, so one is made of the CID: the same CID has the same label, whenever it is asked for.

An IPNS record has a sequence. One that falls, or that stays and leads elsewhere, is left aside: a network
that replays an old record is told as a problem, not followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.ipld.errors import InvalidName
from ipwhl_mirror.ipld.names import parse_name
from ipwhl_mirror.nodes.errors import NodeError
from ipwhl_mirror.sources.announcements import Announcement
from ipwhl_mirror.sources.base import Answer, Problem
from ipwhl_mirror.sources.errors import SourceMalformed, SourceUnreachable

if TYPE_CHECKING:
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.ipld.names import Name
    from ipwhl_mirror.nodes.base import Node, ResolvedName
    from ipwhl_mirror.sources.trust import SourceTrust

_PREFIX = "/ipns/"
_LABEL_CID = 16
"""Characters of a CID in a label: the first eight are the same in all of them."""


class _Memory(msgspec.Struct):
    name: str = ""
    cid: str = ""
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class NameSource:
    """A name at `/ipns/NAME`, which this node resolves.

    Raises:
        SourceMalformed: the address is no such one.
    """

    url: str
    node: Node

    def __post_init__(self) -> None:
        name_of(self.url)

    async def ask(self, trust: SourceTrust, memory: str = "") -> Answer:
        """See `base.Source`. At most one announcement: a name has no history."""
        name = name_of(self.url)
        try:
            found = await self.node.resolve_name(str(name))
        except NodeError as error:
            raise SourceUnreachable(safe_text(str(error), 500), hint=error.hint) from error
        known = _remembered(memory, name)
        if (problem := _contradiction(known, found)) is not None:
            return Answer(problems=(problem,), memory=memory)
        sequence = known.sequence if found.sequence is None else found.sequence
        cid = str(found.cid.as_version(1))
        kept = msgspec.json.encode(_Memory(str(name), cid, sequence)).decode()
        if cid == known.cid:
            return Answer(memory=kept, unchanged=True)
        said = Announcement(label=label_of(found.cid), cid=found.cid, sequence=found.sequence)
        return Answer(announcements=(said,), memory=kept)


def name_of(url: str) -> Name:
    """The name of `/ipns/NAME`.

    Raises:
        SourceMalformed: it is no such address.
    """
    hint = "as in /ipns/k51... or /ipns/example.org"
    if not url.startswith(_PREFIX):
        raise SourceMalformed(f"{safe_text(url, 200)} is no address of a name", hint=hint)
    try:
        return parse_name(url.removeprefix(_PREFIX).removesuffix("/"))
    except InvalidName as error:
        raise SourceMalformed(str(error), hint=hint) from error


def label_of(cid: Cid) -> str:
    """The label of a release that has none: `ipns-` and how its CID begins, in version 1.

    >>> from ipwhl_mirror.ipld.cid import Cid
    >>> label_of(Cid.parse("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"))
    'ipns-bafybeiczsscdsbs'
    """
    return f"ipns-{str(cid.as_version(1))[:_LABEL_CID]}"


def _contradiction(known: _Memory, found: ResolvedName) -> Problem | None:
    if known.sequence is None or found.sequence is None:
        return None
    cid = str(found.cid.as_version(1))
    if found.sequence < known.sequence:
        words = f"its record has sequence {found.sequence}, and {known.sequence} was seen before: a rollback"
    elif found.sequence == known.sequence and cid != known.cid:
        words = f"its record of sequence {found.sequence} led to {known.cid} before, and leads to {cid} now"
    else:
        return None
    return Problem(label_of(found.cid), words)


def _remembered(memory: str, name: Name) -> _Memory:
    try:
        known = msgspec.json.decode(memory, type=_Memory)
    except msgspec.DecodeError:
        return _Memory()
    return known if known.name == str(name) else _Memory()
