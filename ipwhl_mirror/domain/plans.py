"""Plans: what pinning a selection would fetch and keep, and what unpinning would free.

Amounts are cheap: a changed selection of 50,000 wheels is planned in some 20 ms, so totals can follow a
cursor. Parts and trees are made when somebody asks for them (`parts`, `tree`, `subset_cid`, `pinned`), and
kept.

A plan's wheels and bytes count equal CIDs under two names twice, as `show` does; what unpinning frees is
counted by CID, as a disk does. Rules: trees.md 3 (parts) and 6.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.selections import select_wheels
from ipwhl_mirror.domain.subsets import subset_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence, Set

    from ipwhl_mirror.domain.releases import Release, Wheel
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.ipld.directories import Tree

LARGEST = 5
"""How many of the largest wheels a plan names."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of wheels and their bytes."""

    wheels: int = 0
    bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.wheels + other.wheels, self.bytes + other.bytes)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.wheels - other.wheels, self.bytes - other.bytes)


def amount_of(wheels: Iterable[Wheel]) -> Amount:
    """How many wheels these are, and their bytes; equal CIDs count each time."""
    sizes = [wheel.tsize or 0 for wheel in wheels]
    return Amount(len(sizes), sum(sizes))


@dataclass(frozen=True, slots=True)
class OtherEntries:
    """What is pinned with a whole release and is no wheel: its malformed entries and their bytes."""

    entries: int = 0
    bytes: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class PartPlan:
    """A part of a selection: one pin.

    Attributes:
        selection: the part.
        wheels: in release order.
        roots: digests of what is pinned on the node.
    """

    release: Release
    selection: Selection
    wheels: tuple[Wheel, ...] = field(repr=False)
    roots: Set[bytes] = field(repr=False)

    @cached_property
    def amount(self) -> Amount:
        """Its wheels and their bytes."""
        return amount_of(self.wheels)

    @cached_property
    def tree(self) -> Tree:
        """The tree to pin, with its new blocks; the official root where every wheel is chosen."""
        return subset_tree(self.release, self.wheels)

    @property
    def pinned(self) -> bool:
        """True when the node has a pin of it, ours or foreign."""
        return self.tree.cid.digest in self.roots


@dataclass(frozen=True, kw_only=True, eq=False)
class PinPlan:
    """What pinning a selection would do.

    Attributes:
        wheels: of the whole selection, in release order.
        to_fetch: those that are not here.
        roots: digests of what is pinned on the node.
    """

    release: Release
    selection: Selection
    wheels: tuple[Wheel, ...] = field(repr=False)
    to_fetch: tuple[Wheel, ...] = field(repr=False)
    roots: Set[bytes] = field(repr=False)

    @cached_property
    def amount(self) -> Amount:
        """All wheels; `fetch` and `shared` add up to it."""
        return amount_of(self.wheels)

    @cached_property
    def fetch(self) -> Amount:
        """What is not here."""
        return amount_of(self.to_fetch)

    @property
    def shared(self) -> Amount:
        """What is here."""
        return self.amount - self.fetch

    @cached_property
    def largest(self) -> tuple[Wheel, ...]:
        """Of the wheels to fetch the largest, largest first, at most `LARGEST`."""
        return tuple(heapq.nlargest(LARGEST, self.to_fetch, key=lambda wheel: wheel.tsize or 0))

    @property
    def is_empty(self) -> bool:
        """True when nothing is selected. A whole release is something, even without a wheel."""
        return not self.wheels and not self.selection.is_everything

    @cached_property
    def parts(self) -> tuple[PartPlan, ...]:
        """What would be pinned, one pin each; equal parts once, empty ones left out."""
        options = self.selection.parts()
        if len(options) == 1:
            return () if self.is_empty else (self._part(options[0], self.wheels),)
        parts: list[PartPlan] = []
        for option in options:
            wheels = select_wheels(self.release, option)
            # equal wheels are one tree, and only equal ones are
            if wheels and not any(part.wheels == wheels for part in parts):
                parts.append(self._part(option, wheels))
        return tuple(parts)

    @cached_property
    def tree(self) -> Tree | None:
        """The tree of the whole selection as one subset; None when nothing is selected."""
        if self.is_empty:
            return None
        return self.parts[0].tree if len(self.parts) == 1 else subset_tree(self.release, self.wheels)

    @property
    def subset_cid(self) -> Cid | None:
        """The CID of that tree."""
        return self.tree.cid if self.tree is not None else None

    @property
    def other(self) -> OtherEntries:
        """What that tree holds besides wheels; only a whole release has it."""
        if self.is_empty or len(self.wheels) < len(self.release.wheels):
            return OtherEntries()
        return OtherEntries(self.release.other_entries, self.release.other_bytes)

    def _part(self, option: Selection, wheels: tuple[Wheel, ...]) -> PartPlan:
        return PartPlan(release=self.release, selection=option, wheels=wheels, roots=self.roots)


def plan_pin(release: Release, selection: Selection, *, here: Set[bytes], pinned: Set[bytes]) -> PinPlan:
    """Plan to pin a selection.

    Args:
        here: digests of the wheels that are under pins or whole on the node.
        pinned: digests of what is pinned on the node.

    Raises:
        UnknownPlatform: see `select_wheels`.
    """
    wheels = select_wheels(release, selection)
    return PinPlan(
        release=release,
        selection=selection,
        wheels=wheels,
        to_fetch=tuple(wheel for wheel in wheels if wheel.cid.digest not in here),
        roots=pinned,
    )


def fetched_together(plans: Iterable[PinPlan]) -> Amount:
    """What several plans fetch in all; a wheel that more than one of them needs counts once."""
    return amount_of({wheel.cid.digest: wheel for plan in plans for wheel in plan.to_fetch}.values())


@dataclass(frozen=True, slots=True)
class PinnedPart:
    """A pin of a release or of a part of one.

    Attributes:
        cid: what is pinned.
        selection: the part; None when it is not known.
        wheels: under the pin.
    """

    cid: Cid
    selection: Selection | None
    wheels: tuple[Wheel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpinPlan:
    """What removing pins would free; each wheel file counts once, however many names it has.

    Attributes:
        parts: the pins that go.
        leaving: the wheels under them; `staying` and `reclaimable` add up to it.
        staying: those that other pins keep.
        reclaimable: what the next garbage collection could remove.
    """

    parts: tuple[PinnedPart, ...]
    leaving: Amount
    staying: Amount
    reclaimable: Amount


def plan_unpin(going: Sequence[PinnedPart], staying: Iterable[PinnedPart]) -> UnpinPlan:
    """Plan to remove pins.

    Args:
        going: the pins to remove.
        staying: every other pin whose wheels are known, of any release, ours or foreign.
    """
    leaving = {wheel.cid.digest: wheel for part in going for wheel in part.wheels}
    kept = leaving.keys() & {wheel.cid.digest for part in staying for wheel in part.wheels}
    amount = amount_of(leaving.values())
    kept_amount = amount_of(leaving[digest] for digest in kept)
    return UnpinPlan(
        parts=tuple(going), leaving=amount, staying=kept_amount, reclaimable=amount - kept_amount
    )
