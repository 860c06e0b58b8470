"""What a block links to, for whatever follows a whole DAG: pins, walks and garbage collection.

A raw block links to nothing, also when its bytes are those of a directory: a raw link keeps a block and not
what is below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import RAW
from ipwhl_mirror.ipld.dagpb import parse_node
from ipwhl_mirror.ipld.errors import ForbiddenBlock, MalformedBlock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.ipld.dagpb import Link


def links_of(cid: Cid, block: bytes) -> tuple[Link, ...]:
    """The links of a block, in its order; () for bytes that are no dag-pb.

    Raises:
        ForbiddenBlock: it has links that cannot be followed.
    """
    if cid.codec == RAW:
        return ()
    try:
        return parse_node(block, cid).links
    except ForbiddenBlock:
        raise
    except MalformedBlock:
        return ()


def links_of_all(blocks: Iterable[tuple[Cid, bytes]]) -> list[Cid]:
    """Everything that these blocks link to, each once.

    Raises:
        ForbiddenBlock: see `links_of`.
    """
    return list(dict.fromkeys(link.cid for cid, block in blocks for link in links_of(cid, block)))


def unseen_links(cid: Cid, block: bytes, seen: set[tuple[bytes, bool]]) -> list[Cid]:
    """What a block links to and is not in `seen`, the last first; it is added there.

    A block that is linked both raw and as dag-pb is two things: nothing is below the first.

    Raises:
        ForbiddenBlock: see `links_of`.
    """
    fresh: list[Cid] = []
    for link in links_of(cid, block):
        if (key := seen_key(link.cid)) not in seen:
            seen.add(key)
            fresh.append(link.cid)
    return fresh[::-1]


def seen_key(cid: Cid) -> tuple[bytes, bool]:
    """What tells blocks apart on a walk: the digest, and whether it is named raw."""
    return cid.digest, cid.codec == RAW
