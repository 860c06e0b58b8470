"""What a CAR carries of a release: directories first, then every wheel by itself.

In this order whoever gets only the beginning of a file knows the release, and which wheels are missing; and
the order is the same wherever the file is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.graph import links_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ipwhl_mirror.domain.releases import Release, Wheel
    from ipwhl_mirror.ipld.cid import Cid


@dataclass(frozen=True, slots=True)
class Item:
    """A DAG that is carried by itself: a wheel, or what lies in a release and is none.

    Attributes:
        name: for people, as published: not safe to show.
        bytes: as its link claims.
    """

    cid: Cid
    name: str
    bytes: int
    wheel: Wheel | None = None


def wheel_items(wheels: Iterable[Wheel]) -> dict[bytes, Item]:
    """The wheels by digest, each once, in their order."""
    items: dict[bytes, Item] = {}
    for wheel in wheels:
        name = f"{wheel.project}/{wheel.filename}"
        items.setdefault(wheel.cid.digest, Item(wheel.cid, name, wheel.bytes, wheel))
    return items


def other_items(release: Release, directories: Iterable[tuple[Cid, bytes]]) -> dict[bytes, Item]:
    """What lies in a release and is no wheel and no directory of its index, by digest: a pin of the whole
    release keeps it.

    Args:
        directories: the release's `index_blocks` with their bytes.
    """
    known = {cid.digest for cid in release.index_blocks}
    known.update(wheel.cid.digest for wheel in release.wheels)
    return {
        link.cid.digest: Item(link.cid, link.name, link.tsize or 0)
        for cid, block in directories
        for link in links_of(cid, block)
        if link.cid.digest not in known
    }


def shown_names(items: Sequence[Item], reasons: Sequence[str], limit: int) -> list[str]:
    """A line for each item with what is wrong with it, and how many more there are."""
    lines = [f"{item.name}: {reason}" for item, reason in zip(items, reasons, strict=True)]
    return lines if len(lines) <= limit else [*lines[:limit], f"and {len(lines) - limit} more"]
