"""Index and subset trees: the CIDs of the vectors, from what the vectors' CARs say and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link, parse_node
from ipwhl_mirror.ipld.directories import DirectoryReader, NotADirectory, Tree, build_directory
from ipwhl_mirror.ipld.errors import UnbuildableTree
from ipwhl_mirror.ipld.index_tree import build_index_tree
from ipwhl_mirror.ipld.subset_tree import build_subset_tree
from tests.ipld.conftest import V0, some_links
from tests.ipld.test_hamt import COLLIDING
from tests.simulators.vectors import RELEASES, feed_all, load_release

if TYPE_CHECKING:
    from collections.abc import Callable

_PROJECT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Contents:
    """A release as its CAR has it: (link, entries) of each project, and every HAMT sub-shard."""

    projects: tuple[tuple[Link, tuple[Link, ...]], ...]
    shards: frozenset[Cid]


@cache
def contents(name: str) -> Contents:
    release = load_release(name)
    root = DirectoryReader(release.root)
    feed_all(root, release.blocks)
    projects, shards = [], set(root.shards)
    for link in root.links():
        if not _PROJECT.fullmatch(link.name) or link.cid.codec == RAW:
            continue
        reader = DirectoryReader(link.cid)
        try:
            feed_all(reader, release.blocks)
        except NotADirectory:
            continue
        projects.append((link, reader.links()))
        shards |= reader.shards
    return Contents(tuple(projects), frozenset(shards))


@cache
def index_of(name: str) -> Tree:
    found = contents(name)
    projects = {link.name: link.cid for link, _ in found.projects}
    return build_index_tree(load_release(name).root, projects, found.shards)


def listing(tree: Tree, cid: Cid) -> dict[str, Link]:
    reader = DirectoryReader(cid)
    feed_all(reader, {cid.digest: block for cid, block in tree.blocks})
    return {link.name: link for link in reader.links()}


@pytest.mark.parametrize("name", RELEASES)
def test_every_index_is_rebuilt(name: str) -> None:
    """The index of each vector has the CID that is expected of it."""
    release = load_release(name)
    assert len(contents(name).projects) == release.projects
    assert index_of(name).cid == release.index_cid


def test_an_index_keeps_the_official_blocks_as_raw_links() -> None:
    """Projects by name, the root, and the sub-shards by CID, each of Tsize 0."""
    tree = index_of("edge-v0")
    top = listing(tree, tree.cid)
    assert list(top) == ["projects", "root", "shards"]
    root = load_release("edge-v0").root
    assert top["root"] == Link(root.as_raw(), "root", 0)
    found = contents("edge-v0")
    assert listing(tree, top["projects"].cid) == {
        link.name: Link(link.cid.as_raw(), link.name, 0) for link, _ in found.projects
    }
    shards = listing(tree, top["shards"].cid)
    assert {link.cid for link in shards.values()} == {cid.as_raw() for cid in found.shards}
    assert all(name == str(link.cid) and link.tsize == 0 for name, link in shards.items())


def test_an_index_without_shards_says_nothing_of_them() -> None:
    """`projects` is there even when empty, `shards` only when there are any."""
    tree = build_index_tree(V0, {}, [])
    top = listing(tree, tree.cid)
    assert list(top) == ["projects", "root"]
    assert listing(tree, top["projects"].cid) == {}


def test_two_cids_of_one_release_have_one_index() -> None:
    """Versions, the order of projects and shards said twice make no difference."""
    v1 = V0.as_version(1)
    projects = {link.name: link.cid for link in some_links(5)}
    backwards = {name: cid.as_version(1) for name, cid in reversed(projects.items())}
    assert build_index_tree(V0, projects, [V0, v1, V0]) == build_index_tree(v1, backwards, [v1])


def plain(*platforms: str) -> Callable[[str, str], bool]:
    """Whether a file name has one of these platforms (regular expressions)."""
    wanted = re.compile("|".join(platforms))

    def is_wanted(project: str, filename: str) -> bool:
        tags = filename.lower().removesuffix(".whl").rsplit("-", 1)[-1]
        return any(wanted.fullmatch(tag) for tag in tags.split("."))

    return is_wanted


LINUX = ("-p", "linux-x86_64")
NOT_LINUX = ("-p", "macos-arm64", "-p", "windows-amd64")
ONLY_WINDOWS = ("-p", "windows-amd64", "--no-any")
is_linux = plain(r"(manylinux\w+|linux)_x86_64", "any")
is_not_linux = plain(r"macosx_\w+_(arm64|universal2)", "win_amd64", "any")

SUBSETS = [
    *(pytest.param(name, LINUX, is_linux, id=f"{name}-linux") for name in RELEASES),
    *(
        pytest.param(name, NOT_LINUX, is_not_linux, id=f"{name}-macos-windows")
        for name in ("small-v0", "small-v1", "small-v0-next", "sharded-v0", "edge-v0", "edge-v1")
    ),
    *(
        pytest.param(name, ONLY_WINDOWS, plain("win_amd64"), id=f"{name}-windows")
        for name in ("boundary-flat", "boundary-sharded")
    ),
    *(
        pytest.param(name, args, choice, id=f"{name}-{'-'.join(args)}")
        for name in ("edge-v0", "edge-v1")
        for args, choice in (
            (("--exclude", "wide"), lambda project, _: project != "wide"),
            (("--project", "A_B"), lambda project, _: re.sub("[-_.]+", "-", project).lower() == "a-b"),
        )
    ),
]


@pytest.mark.parametrize(("name", "args", "is_wanted"), SUBSETS)
def test_subsets_are_rebuilt(name: str, args: tuple[str, ...], is_wanted: Callable[[str, str], bool]) -> None:
    """Selected wheels and the index give the subset's CID, in flat and HAMT projects."""
    release = load_release(name)
    expected = release.selection(*args)
    projects = []
    wheels = size = 0
    for link, entries in contents(name).projects:
        chosen = [
            entry
            for entry in entries
            if f"{link.name}/{entry.name}" not in release.malformed and is_wanted(link.name, entry.name)
        ]
        wheels += len(chosen)
        size += sum(entry.tsize or 0 for entry in chosen)
        projects.append((link.name, link, entries, chosen))
    assert (wheels, size) == (expected.wheels, expected.bytes)
    tree = build_subset_tree(projects, index_of(name))
    assert tree.cid == expected.subset_cid
    blocks = dict(tree.blocks)
    assert blocks.keys() >= dict(index_of(name).blocks).keys()
    for cid, block in tree.blocks:
        cid.check(block)


def test_a_subset_is_the_official_links_and_the_index() -> None:
    """A project with all entries selected is the official link, a part is a new directory, none is absent."""
    index = build_index_tree(V0, {"a": V0}, [])
    one, two = some_links(2)
    link = Link(V0, "official", None)
    tree = build_subset_tree(
        [
            ("whole", link, [one, two], [one, two]),
            ("part", link, [one, two], [two]),
            ("none", link, [one], []),
        ],
        index,
    )
    top = listing(tree, tree.cid)
    assert list(top) == [".ipwhl", "part", "whole"]
    assert top["whole"] == Link(V0, "whole", 0)
    assert top[".ipwhl"] == index.link(".ipwhl")
    assert top["part"] == build_directory([two]).link("part")
    assert listing(tree, top["part"].cid) == {two.name: two}
    assert (top["part"].cid.version, top["part"].cid.codec) == (1, DAG_PB)


def test_every_new_block_comes_once_and_before_what_links_to_it() -> None:
    """Projects with equal selections share one directory; the top is the last block."""
    one, two = some_links(2)
    projects = [(f"project{i}", Link(V0, "x", 1), [one, two], [one]) for i in range(50)]
    tree = build_subset_tree(projects, build_index_tree(V0, {}, []))
    assert len(tree.blocks) == len({cid for cid, _ in tree.blocks}) == 4
    new = {cid for cid, _ in tree.blocks}
    seen: set[Cid] = set()
    for cid, block in tree.blocks:
        assert {link.cid for link in parse_node(block).links} & new <= seen
        seen.add(cid)
    assert tree.blocks[-1][0] == tree.cid


def test_selections_that_have_no_encoding_are_refused() -> None:
    """Sizes past 2^63-1 and a HAMT of names with one key, as a hostile release may have them."""
    index = build_index_tree(V0, {}, [])
    huge = [Link(V0, name, 2**62) for name in "abc"]
    with pytest.raises(UnbuildableTree, match="add up to"):
        build_subset_tree([("p", huge[0], huge, huge[:2])], index)
    many = [*some_links(5000, prefix="x" * 40), *(Link(V0, name, 1) for name in COLLIDING)]
    with pytest.raises(UnbuildableTree, match="with the same key"):
        build_subset_tree([("p", huge[0], many, many[1:])], index)
