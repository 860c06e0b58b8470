"""Which wheels are whole on the node, without reading them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.services.holdings import holdings, kept_digests

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.session import Session


class Presence:
    """What a node has, asked once: what it says of files, else what its pins of tracked releases keep."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kept: set[bytes] | None = None

    async def among(self, cids: Iterable[Cid]) -> set[bytes]:
        """Digests of those of these files that are here; it may leave some out.

        Raises:
            NodeError: the node does not answer.
        """
        wanted = list(cids)
        if not wanted:
            return set()
        whole = await self._session.node.whole(wanted)
        if whole is not None:
            return whole
        if self._kept is None:
            held = holdings(self._session, await self._session.node.pinned())
            self._kept = (await kept_digests(self._session, held)).digests
        return self._kept & {cid.digest for cid in wanted}
