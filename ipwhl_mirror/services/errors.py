"""What a use case can refuse or fail with; errors of the layers below pass through unchanged.

ServiceError
|- UsageProblem          what was asked for cannot be (exit 2)
|  |- UnknownRelease     no tracked release has this name
|  |- AmbiguousRelease   more than one has
|  |- NothingSelected    the selection is empty
|  |- NotPinned          parts that are asked for are not pinned by this program
|  `- StillPinned        a release cannot be forgotten while pins of it exist
|- GuardRefused          the numbers do not allow it (exit 5)
|- ReadOnlyRefused       a change under --read-only (exit 2)
|- ForeignTree           a CID or a file that is no release, subset or index (exit 1)
|- TransferFailed        a file of this machine cannot be read or written (exit 1)
|- KeptPartly            some of it could be kept, the rest is named; run again to resume (exit 3)
|- WheelRefused          wheels that a lock names cannot be had, or are others than it says (exit 1)
|- DemoFailed            the demo cannot go on (exit 1)
`- DamageFound           a check found blocks missing or damaged (exit 8)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.config import ConfigError
from ipwhl_mirror.domain.errors import DomainError
from ipwhl_mirror.ipld.errors import IpldError
from ipwhl_mirror.nodes.errors import NodeError
from ipwhl_mirror.sources.errors import SourceError
from ipwhl_mirror.state.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Sequence


class ServiceError(Exception):
    """Base of every error of this layer.

    Attributes:
        hint: what to do about it, or None.
        details: further lines, one a thing concerned.
    """

    def __init__(self, message: str, *, hint: str | None = None, details: Sequence[str] = ()) -> None:
        self.hint = hint
        self.details = tuple(details)
        super().__init__(message)


class UsageProblem(ServiceError):
    """What was asked for cannot be."""


class UnknownRelease(UsageProblem):
    """No tracked release has this name."""


class AmbiguousRelease(UsageProblem):
    """More than one tracked release has this name."""


class NothingSelected(UsageProblem):
    """The selection leaves no wheel."""


class NotPinned(UsageProblem):
    """Parts that are asked for are not pinned by this program."""


class StillPinned(UsageProblem):
    """A release cannot be forgotten while pins of it exist."""


class ReadOnlyRefused(UsageProblem):
    """A change is asked for under --read-only."""


class GuardRefused(ServiceError):
    """Disk, budget or inodes do not allow it; the message has the numbers."""


class ForeignTree(ServiceError):
    """A CID or a CAR that is no release, no subset and no index."""


class TransferFailed(ServiceError):
    """A file of this machine cannot be read or written."""


class KeptPartly(ServiceError):
    """Some of it could be kept; the rest is named."""


class WheelRefused(ServiceError):
    """Wheels that a lock names cannot be had at their addresses, or are others than it says."""


class DemoFailed(ServiceError):
    """The demo cannot go on: pip is missing, or does not install what is there."""


class DamageFound(ServiceError):
    """A check found blocks missing or damaged."""


FAILURES = (ServiceError, SourceError, StateError, NodeError, ConfigError, DomainError, IpldError, OSError)
"""What a user, a disk or a network can make a use case fail with."""
