"""Which indexes of tracked releases are on this node, and what to do about one that is not.

An index is pinned as long as its release is tracked. Another program can unpin it, and a disk can lose it:
then that release cannot be opened or planned until it is tracked again, and nothing else is the worse for it.
A pin of a release keeps its directories too, so that what is under the pin is known even then.
"""

from __future__ import annotations

import contextlib
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.errors import DomainError
from ipwhl_mirror.ipld.errors import IpldError
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound
from ipwhl_mirror.services import releases

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ipwhl_mirror.domain.releases import Release
    from ipwhl_mirror.services.holdings import Holding
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.database import TrackedRelease


class IndexState(Enum):
    """Whether the index of a tracked release can be read."""

    WHOLE = "whole"
    MISSING = "missing"
    DAMAGED = "damaged"

    @classmethod
    def of(cls, error: BlockNotFound | BlockCorrupt) -> IndexState:
        """What reading it failed with."""
        return cls.MISSING if isinstance(error, BlockNotFound) else cls.DAMAGED

    @property
    def problem(self) -> str:
        """What is wrong, in words; empty where nothing is."""
        return _PROBLEMS[self]


_PROBLEMS = {
    IndexState.WHOLE: "",
    IndexState.MISSING: "its index is not on this node any more",
    IndexState.DAMAGED: "its index is damaged on this node",
}


async def index_states(session: Session, tracked: Iterable[TrackedRelease]) -> dict[bytes, IndexState]:
    """Of each release, by its digest, whether the top block of its index is here and whole: cheap.

    Raises:
        NodeError: the node does not answer.
    """
    known = tuple(tracked)
    faults: dict[bytes, IndexState] = {}
    left = [release.index_cid for release in known]
    while left:
        try:
            async for _ in session.node.get_blocks(left, Reach.LOCAL):
                pass
            break
        except (BlockNotFound, BlockCorrupt) as error:
            faults[error.cid.digest] = IndexState.of(error)
            left = [cid for cid in left if cid.digest not in faults]
    return {release.cid.digest: faults.get(release.index_cid.digest, IndexState.WHOLE) for release in known}


async def load_held(session: Session, held: Sequence[Holding]) -> LoadedRelease:
    """A tracked release from its index, or else from one of its pins, from local blocks.

    Args:
        held: pins of the one release, at least one.

    Raises:
        BlockNotFound, BlockCorrupt: neither is whole here.
        NodeError: the node does not answer.
    """
    tracked = held[0].tracked
    try:
        return await releases.load_tracked(session, tracked)
    except (BlockNotFound, BlockCorrupt):
        for holding in held:
            with contextlib.suppress(BlockNotFound, BlockCorrupt, IpldError, DomainError):
                found = await releases.read_tree(session.node, holding.pin.cid, Reach.LOCAL)
                return releases.LoadedRelease(tracked, found.release)
        raise


async def read_held(session: Session, held: Sequence[Holding]) -> Release | None:
    """The same; None where neither is whole here.

    Raises:
        NodeError: the node does not answer.
    """
    try:
        return (await load_held(session, held)).release
    except (BlockNotFound, BlockCorrupt):
        return None
