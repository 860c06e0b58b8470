"""Subsets: the tree of selected wheels, and back from wheels to a selection.

Two mirrors that choose the same wheels of a release get the same tree; what is selected decides, not how it
was said. The encoding is `ipld.subset_tree`, trees.md 6.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import chain, product
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.environments import PythonVersion
from ipwhl_mirror.domain.selections import Selection, accepts_tags
from ipwhl_mirror.ipld.directories import Tree
from ipwhl_mirror.ipld.subset_tree import build_subset_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence, Set

    from ipwhl_mirror.domain.releases import ProjectName, Release, Wheel
    from ipwhl_mirror.domain.wheels import WheelTags
    from ipwhl_mirror.ipld.dagpb import Link

_CPYTHON = re.compile(r"cp([1-9])(0|[1-9][0-9]{0,2})")


def subset_tree(release: Release, wheels: Iterable[Wheel]) -> Tree:
    """The tree of these wheels of a release, with the release's index.

    Returns:
        the tree with its new blocks; for all wheels the official root itself, without blocks.

    Raises:
        UnbuildableTree: the claimed sizes add up past 2^63-1.
    """
    chosen: dict[str, set[str]] = {}
    for wheel in wheels:
        chosen.setdefault(wheel.project, set()).add(wheel.filename)
    if sum(map(len, chosen.values())) == len(release.wheels):
        return Tree(release.root, release.tsize, ())
    return build_subset_tree(_chosen_links(release, chosen), release.index)


def _chosen_links(
    release: Release, chosen: dict[str, set[str]]
) -> Iterator[tuple[str, Link, Sequence[Link], Sequence[Link]]]:
    for project in release.projects:
        if names := chosen.get(project.name):
            selected = [link for link in project.entries if link.name in names]
            yield project.name, project.link, project.entries, selected


def recognise_selection(release: Release, wheels: Iterable[Wheel]) -> Selection | None:
    """The simplest selection that chooses exactly these wheels, or None.

    Tried are no option, each platform, each Python, and each platform with each Python: what people mostly
    choose, and what the database forgets when it is deleted. First of all projects, then of those that have
    one of these wheels: they are named, or the others excluded, whichever are fewer.
    """
    selected = tuple(wheels)
    found = _simplest(release, selected, release.wheels)
    if found is not None or not selected:
        return found
    chosen = {wheel.project for wheel in selected}
    found = _simplest(release, selected, [wheel for wheel in release.wheels if wheel.project in chosen])
    return None if found is None else _narrowed(release, found, chosen)


def _simplest(release: Release, wheels: Iterable[Wheel], among: Iterable[Wheel]) -> Selection | None:
    """The simplest selection that chooses these wheels and no other one among those given."""
    counts = Counter(wheel.tags.text for wheel in wheels)
    there = Counter(wheel.tags.text for wheel in among)
    if any(count != there[text] for text, count in counts.items()):
        return None
    tag_sets = [tags for tags in release.tag_sets if tags.text in there]
    for selection in _simple_selections(release):
        if all(accepts_tags(selection, tags) == (tags.text in counts) for tags in tag_sets):
            return selection
    return None


def _narrowed(release: Release, selection: Selection, chosen: Set[ProjectName]) -> Selection | None:
    """The same of these projects only; None where another one has the same PEP 503 name."""
    names: set[str] = set()
    others: set[str] = set()
    for name, project in zip(release.compared_names, release.projects, strict=True):
        if project.name in chosen:
            names.add(name)
        elif any(accepts_tags(selection, wheel.tags) for wheel in project.wheels):
            others.add(name)
    if names & others:
        return None
    if len(others) < len(names):
        return replace(selection, excludes=tuple(sorted(others)))
    return replace(selection, projects=tuple(sorted(names)))


def _simple_selections(release: Release) -> Iterator[Selection]:
    families = sorted(release.families)
    pythons = sorted(set(chain.from_iterable(map(_pythons_of, release.tag_sets))))
    yield Selection()
    yield from (Selection(platforms=(family,)) for family in families)
    yield from (Selection(pythons=(python,)) for python in pythons)
    for family, python in product(families, pythons):
        yield Selection(platforms=(family,), pythons=(python,))


def _pythons_of(tags: WheelTags) -> Iterator[PythonVersion]:
    """The CPythons that a wheel's tags name: `cp312`, free-threaded too where the abi says so."""
    for python in tags.pythons:
        if found := _CPYTHON.fullmatch(python):
            major, minor = int(found[1]), int(found[2])
            yield PythonVersion(major, minor)
            if f"{python}t" in tags.abis:
                yield PythonVersion(major, minor, free_threaded=True)
