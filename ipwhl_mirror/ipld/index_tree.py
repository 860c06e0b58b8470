"""The index of a release as a tree of its own: raw links that keep the directory blocks, and no wheel.

`projects/<name>`, `root` and, when there are HAMT sub-shards, `shards/<CID>`: each the official block under
its CIDv1 raw name with Tsize 0. It depends on the multihashes and the projects' names only, so two CIDs of
one release give one index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.directories import Tree, build_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ipwhl_mirror.ipld.cid import Cid

PROJECTS = "projects"
ROOT = "root"
SHARDS = "shards"


def build_index_tree(root: Cid, projects: Mapping[str, Cid], shards: Iterable[Cid]) -> Tree:
    """Build the index of a release.

    Args:
        root: the release's top block.
        projects: each project's name and top block.
        shards: the sub-shards of the root and of the projects, in any order, repeated or not.

    Returns:
        the tree; its blocks are the new ones only, not the official ones it keeps.

    Raises:
        UnbuildableTree: two projects' names have the same HAMT key.
    """
    names = build_directory(_raw_link(name, cid) for name, cid in projects.items())
    blocks = list(names.blocks)
    links = [names.link(PROJECTS), _raw_link(ROOT, root)]
    raw_shards = {cid.as_raw() for cid in shards}
    if raw_shards:
        kept = build_directory(_raw_link(str(cid), cid) for cid in raw_shards)
        blocks += kept.blocks
        links.append(kept.link(SHARDS))
    top = build_directory(links)
    return Tree(top.cid, top.tsize, (*blocks, *top.blocks))


def _raw_link(name: str, cid: Cid) -> Link:
    return Link(cid.as_raw(), name, 0)
