"""What must be so after each day, told from what was published, announced and done; no word of the program is
taken for it but its pins and tables, and those are compared with the node.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from ipwhl_mirror.sources.trust_file import TrustFile
from ipwhl_mirror.state.mirrors import MirrorTable, PinRole
from tests.month.site import MIRROR
from tests.simulators.wheels import add_file

if TYPE_CHECKING:
    from datetime import datetime

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.session import Session
    from tests.month.publisher import Edition, Wheels
    from tests.month.site import Site


@cache
def wheel_cid(data: bytes) -> Cid:
    """The CID of a wheel's file."""
    return add_file(data, {})[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A release that the mirror must keep.

    Attributes:
        platforms: that it took then.
        switched_at: when the address led to it first, or again.
    """

    edition: Edition
    platforms: tuple[str, ...]
    switched_at: datetime

    @property
    def wheels(self) -> dict[Cid, int]:
        """Bytes of what it takes of it."""
        return {wheel_cid(data): len(data) for data in self.edition.taken(self.platforms).values()}

    @property
    def seen(self) -> Wheels:
        """What the address must list."""
        return self.edition.seen(self.platforms)


@dataclass
class Books:
    """What must be so.

    Attributes:
        kept: the current release first.
        foreign: pins of other programs, and their names.
        persons: pins that a person made, and the wheels under them.
        sequence: the highest that is known to be accepted.
        announced: the one that was announced with the right signature last.
        under_way: digests of the roots that a run that was stopped may have begun with.
    """

    kept: list[Kept] = field(default_factory=list)
    foreign: dict[Cid, str] = field(default_factory=dict)
    others: dict[Cid, int] = field(default_factory=dict)
    persons_release: str | None = None
    sequence: int = 0
    announced: int = 0
    under_way: set[bytes] = field(default_factory=set)

    def switch(self, edition: Edition, site: Site) -> None:
        """The address leads to it from now on; then what is too old goes."""
        others = [kept for kept in self.kept if kept.edition.label != edition.label]
        self.kept = [Kept(edition=edition, platforms=site.platforms, switched_at=site.now), *others]
        self.retire(site)

    def retire(self, site: Site) -> None:
        """The newest `keep` stay, and what was replaced less than `keep_days` ago."""
        youngest = site.now - timedelta(days=site.keep_days)
        self.kept = [
            kept
            for place, kept in enumerate(self.kept)
            if place < site.keep or self.kept[place - 1].switched_at > youngest
        ]

    def bytes_on_disk(self) -> int:
        """Of wheels that the mirror keeps or a person pinned, each once."""
        return sum((self._union() | self.others).values())

    def _union(self) -> dict[Cid, int]:
        return {cid: size for kept in self.kept for cid, size in kept.wheels.items()}

    async def check(self, session: Session, site: Site) -> None:
        """Compare tables and pins with these books, and read every block below the mirror's pins."""
        table = MirrorTable(session.state)
        labels = [kept.label for kept in table.kept(MIRROR)]
        assert labels == [kept.edition.label for kept in self.kept], "what the mirror keeps"
        claims = table.pins()
        claimed = {claim.release for claim in claims}
        kept = {kept.edition.made.root.digest for kept in self.kept}
        assert kept <= claimed <= kept | self.under_way, "releases that the mirror has pins for"
        pins = {pin.cid.digest: pin.name for pin in await session.node.pins()}
        foreign = {cid.digest: name for cid, name in self.foreign.items()}
        assert {digest: pins.get(digest) for digest in foreign} == foreign, "pins of other programs"
        known = session.state.known_pins()
        ours = {claim.cid.digest for claim in claims} | {pin.cid.digest for pin in known}
        ours |= {tracked.index_cid.digest for tracked in session.state.releases()}
        unasked = {digest for digest, name in pins.items() if digest not in ours and digest not in foreign}
        needed = {claim.cid.digest for claim in claims if claim.release not in self.under_way} | set(foreign)
        assert needed <= set(pins), "pins that are gone"
        if not self.under_way:  # a run that was stopped leaves claims of pins that it did not reach
            assert not unasked, f"pins that nobody asked for: {[pins[digest] for digest in unasked]}"
            assert ours <= set(pins), "pins that are gone"
        reached: set[bytes] = set()
        for claim in claims:
            if claim.role is not PinRole.LISTING and claim.release not in self.under_way:
                reached |= await walk(session, claim.cid)
        wanted = {cid.digest: size for cid, size in self._union().items()}
        assert wanted.keys() <= reached, "wheels of what is kept"
        assert sum(wanted.values()) <= site.budget, "the budget"
        trust = TrustFile(site.data).read()["campus"]
        assert trust.sequence in (self.sequence, self.announced), "the sequence that was accepted"


async def walk(session: Session, root: Cid) -> set[bytes]:
    """Digests of what is below a pin, each block read and hashed."""
    found = set()
    async for block in session.node.walk(root):
        assert block.fault is None, f"{block.cid}: {block.fault}"
        found.add(block.cid.digest)
    return found
