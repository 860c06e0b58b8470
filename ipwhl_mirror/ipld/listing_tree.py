"""The directories of a tree as a tree of their own: raw links that keep its new blocks, and nothing below.

What a gateway lists by the CID of a tree stays on the node with it, where the wheels are kept by other pins.
"""

from __future__ import annotations

from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.directories import Tree, build_directory


def build_listing_tree(listed: Tree) -> Tree:
    """Build what keeps the new blocks of a tree, by their CIDv1 raw names, each with Tsize 0.

    Returns:
        the tree; its blocks are its own, not those it keeps.
    """
    kept = {cid.as_raw() for cid, _ in listed.blocks}
    return build_directory(Link(cid, str(cid), 0) for cid in kept)
