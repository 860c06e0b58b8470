"""What the demo did, step by step, with what was measured. Seconds are of the step, bytes of files.

Values only: `demo` makes them, the command line tells them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipwhl_mirror.domain.plans import Amount
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.demo_pip import InstalledProject


class Supply(Enum):
    """Where the wheels come from."""

    INDEX = "index"
    BUILT = "built"


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """The wheels are here.

    Attributes:
        reason: why they are built and not from an index; None where that was asked for, or they are not.
    """

    supply: Supply
    reason: str | None
    wheels: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A release was published on the source."""

    label: str
    cid: Cid
    projects: int
    wheels: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """The mirror knows a release.

    Attributes:
        wheels: that it lists.
        blocks: of directories, which is all that was fetched.
    """

    label: str
    wheels: int
    blocks: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """The mirror pinned a platform of a release.

    Attributes:
        amount: of the platform; `fetch` and `shared` as planned before.
        whole_bytes: of the whole release.
        fetched_bytes: payload that travelled.
        blocks: read back and hashed afterwards.
    """

    label: str
    selection: str
    subset_cid: Cid
    amount: Amount
    fetch: Amount
    shared: Amount
    whole_bytes: int
    fetched_bytes: int
    blocks: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The mirror read and hashed all it keeps, and found it whole."""

    wheels: int
    blocks: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SourceStopped:
    """The source's gateway is down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """pip installed from the mirror's own gateway.

    Attributes:
        imported: the module that was imported afterwards.
    """

    index_url: str
    projects: tuple[InstalledProject, ...]
    imported: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallSkipped:
    """There was nothing to install on this machine."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end; seconds are of the whole demo."""

    seconds: float


Step = (
    Supplied | Published | Tracked | Pinned | Verified | SourceStopped | Installed | InstallSkipped | Finished
)

StepSink = Callable[[Step], None]


def silent(step: Step) -> None:
    """A sink for callers that do not want to know."""


class Timer:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Up to now."""
        return time.monotonic() - self._begun
