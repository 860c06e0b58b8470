"""Where the cursor is to be in the contents of a release, and on which row that is."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from ipwhl_mirror.domain.releases import PlatformRow, Project, Wheel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.tui.content_rows import Row


class Start(Enum):
    """A place that every release has."""

    AS_IT_WAS = "as it was"
    PLATFORMS = "platforms"


class AtPlatform(NamedTuple):
    """On a platform."""

    platform: str


class AtProject(NamedTuple):
    """On a project, by its name as published."""

    name: str


Spot = Start | AtPlatform | AtProject


def row_number(rows: Sequence[Row], spot: AtPlatform | AtProject) -> int:
    """The row of a spot; 0 when it is not among them."""
    for at, row in enumerate(rows):
        if isinstance(row, PlatformRow) and spot == AtPlatform(row.platform):
            return at
        if isinstance(row, Project) and spot == AtProject(row.name):
            return at
    return 0


def cids_of(row: Row | None) -> tuple[tuple[str, Cid], ...]:
    """What a row is called and its CID; () for a platform, which has none."""
    if isinstance(row, Project):
        return (("project", row.link.cid),)
    return (("wheel", row.cid),) if isinstance(row, Wheel) else ()
