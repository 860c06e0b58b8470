"""The subset of a release as a tree: the selected wheels, unchanged, and the index of the whole release.

A project whose entries are all selected is the official directory itself; another is a new directory of the
selected official links. `.ipwhl` is the index tree, so a node that has the subset whole can list the whole
release offline. That a selection of every wheel is the official root itself is the caller's to decide, for
only it knows the release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.directories import Tree, build_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.ipld.dagpb import Link

INDEX = ".ipwhl"


def build_subset_tree(
    projects: Iterable[tuple[str, Link, Sequence[Link], Sequence[Link]]], index: Tree
) -> Tree:
    """Build a subset.

    Args:
        projects: of each project its name, the official link to it, all its entries, and those selected,
            official links too; a project with nothing selected is left out.
        index: the release's index tree.

    Returns:
        the tree; its blocks are the new ones, those of the index included, each once.

    Raises:
        UnbuildableTree: the sizes of a project's wheels add up past 2^63-1, or names have the same HAMT key.
    """
    blocks: dict[Cid, bytes] = dict(index.blocks)
    links = [index.link(INDEX)]
    for name, link, entries, selected in projects:
        if not selected:
            continue
        if len(selected) == len(entries):
            links.append(link._replace(name=name))
            continue
        part = build_directory(selected)
        blocks.update(part.blocks)
        links.append(part.link(name))
    top = build_directory(links)
    blocks.update(top.blocks)
    return Tree(top.cid, top.tsize, tuple(blocks.items()))
