"""What a node can fail with.

NodeError
|- NodeUnreachable   no answer, or it went away in the middle
|- NodeTooOld        it answers, but lacks what is needed
|- NodeRefused       it answers and says no (permission, read-only, bad request)
|- StoreDamaged      what the node keeps cannot be read as its own
|- NoSpace           its disk is full
|- BlockNotFound     a block that is not here, or that no source has
|- BlockCorrupt      a block that is here and is not what its CID says
|- NoSource          no gateway answered, or all were banned
|- NameUnresolved    an IPNS or DNS name that leads to no CID, or whose record is not to be believed
`- PinFailed         a pin could not be completed; what was fetched stays
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.ipld.cid import Cid


class NodeError(Exception):
    """Base of every error of this layer.

    Attributes:
        hint: what to do about it, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message)


class NodeUnreachable(NodeError):
    """The node does not answer."""


class NodeTooOld(NodeError):
    """The node answers, but is older than what this program needs."""


class NodeRefused(NodeError):
    """The node answers and refuses."""


class StoreDamaged(NodeError):
    """What the node keeps on disk cannot be read."""


class NoSpace(NodeError):
    """The disk is full."""


class BlockNotFound(NodeError):
    """A block is not here, or no source has it."""

    def __init__(self, cid: Cid, message: str | None = None, *, hint: str | None = None) -> None:
        self.cid = cid
        super().__init__(message or f"block {cid} is not on this node", hint=hint)


class BlockCorrupt(NodeError):
    """A block is here and is not what its CID says."""

    def __init__(self, cid: Cid, message: str | None = None) -> None:
        self.cid = cid
        super().__init__(message or f"block {cid} is damaged on this node")


class NoSource(NodeError):
    """No gateway could give what is missing."""


class NameUnresolved(NodeError):
    """A name leads to no CID, or its record is not to be believed."""


class PinFailed(NodeError):
    """A pin could not be completed; what was fetched stays and the next attempt uses it.

    Attributes:
        failed: (cid, reason) of every missing part that could not be had.
        details: the same as lines; by wheel, where a caller has named them.
    """

    def __init__(
        self, message: str, *, failed: Sequence[tuple[Cid, str]] = (), hint: str | None = None
    ) -> None:
        self.failed = tuple(failed)
        self.details = tuple(f"{cid}: {reason}" for cid, reason in self.failed)
        super().__init__(message, hint=hint)
