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
