"""Releases that are read once, as long as somebody shows them.

A release never changes: its CID says what is in it. So what is on screen is not read again for a plan, a
comparison or a refresh, while its index is still on the node; nothing is kept here that nobody shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from ipwhl_mirror.services import releases
from ipwhl_mirror.services.indexes import IndexState, index_states

if TYPE_CHECKING:
    from ipwhl_mirror.domain.releases import Release
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session


class ShownReleases:
    """The releases of one session that are in use."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: WeakValueDictionary[bytes, Release] = WeakValueDictionary()

    async def load(self, cid: Cid) -> LoadedRelease:
        """A tracked release.

        Raises:
            UnknownRelease: it is not tracked.
            BlockNotFound, BlockCorrupt: its index is not whole on this node.
            NodeError: the node does not answer.
        """
        tracked = releases.resolve(self._session, str(cid))
        digest = tracked.cid.digest
        known = self._known.get(digest)
        if known is not None:
            states = await index_states(self._session, [tracked])
            if states[digest] is IndexState.WHOLE:
                return releases.LoadedRelease(tracked, known)
        loaded = await releases.load_tracked(self._session, tracked)
        self._known[digest] = loaded.release
        return loaded
