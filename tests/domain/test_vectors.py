"""Ground truth: releases made by a real Kubo, and releases made by hand for what clean ones do not show."""

from __future__ import annotations

import re

import pytest

from ipwhl_mirror.domain.errors import DomainError
from ipwhl_mirror.domain.plans import plan_pin
from ipwhl_mirror.domain.reading import TreeKind
from ipwhl_mirror.domain.releases import platform_rows
from ipwhl_mirror.domain.selections import select_wheels
from ipwhl_mirror.domain.subsets import subset_tree
from ipwhl_mirror.ipld.errors import IpldError
from tests.domain.vectors import (
    NAMES,
    Choice,
    all_choices,
    bad_car,
    car_blocks,
    read_release,
    read_tree,
    release,
    vector,
)

CHOICES = pytest.mark.parametrize(
    ("name", "choice"),
    all_choices(),
    ids=[f"{name} {' '.join(choice.args)}" for name, choice in all_choices()],
)
# one of each large release: reading thousands of projects for every selection shows nothing more
RECOGNISED = [
    (name, choice)
    for name, choice in all_choices()
    if choice.subset_cid is not None
    and (name in {"small-v0", "small-v1", "edge-v0"} or choice is vector(name).choices[0])
]


@pytest.mark.parametrize("name", NAMES)
def test_release_has_the_numbers_of_its_vector(name: str) -> None:
    """Projects, wheels, bytes, malformed paths and index tree are those of the reference."""
    read, expected = release(name), vector(name)
    assert read.root == expected.root
    assert len(read.projects) == expected.projects
    assert len(read.wheels) == expected.wheels
    assert read.bytes == expected.bytes
    assert tuple(entry.path for entry in read.malformed) == expected.malformed
    assert str(read.index.cid) == expected.index_cid


@pytest.mark.parametrize("name", NAMES)
def test_platforms_have_the_numbers_of_their_vector(name: str) -> None:
    """Wheels and bytes of each family are those of the reference, families sorted."""
    rows = platform_rows(release(name).wheels, frozenset())
    assert {row.platform: (row.wheels, row.bytes) for row in rows} == vector(name).platforms
    assert [row.platform for row in rows] == sorted(vector(name).platforms)


@CHOICES
def test_selection_chooses_what_its_vector_says(name: str, choice: Choice) -> None:
    """Wheels, bytes and subset CID of each selection are those of the reference."""
    plan = plan_pin(release(name), choice.selection, here=frozenset(), pinned=frozenset())
    assert (plan.amount.wheels, plan.amount.bytes) == (choice.wheels, choice.bytes)
    assert (str(plan.subset_cid) if plan.subset_cid else None) == choice.subset_cid


@pytest.mark.parametrize(
    ("name", "choice"),
    RECOGNISED,
    ids=[f"{name} {' '.join(choice.args)}" for name, choice in RECOGNISED],
)
def test_subset_of_a_vector_is_recognised(name: str, choice: Choice) -> None:
    """From a subset's blocks alone the release and the wheels are found again."""
    wheels = select_wheels(release(name), choice.selection)
    tree = subset_tree(release(name), wheels)
    new = {cid.digest: block for cid, block in tree.blocks}
    found = read_tree(tree.cid, {**car_blocks(name), **new})
    assert found.release.root == release(name).root
    assert found.kind is (TreeKind.SUBSET if tree.blocks else TreeKind.RELEASE)
    assert found.wheels == (wheels if tree.blocks else None)


@pytest.mark.parametrize(
    "name",
    [
        "name-twice",
        "not-utf8",
        "tsize",
        "sha1",
        "hamt-fanout",
        "hamt-hash",
        "hamt-bitfield",
        "hamt-prefix",
        "big-block",
        "flipped",
        "missing",
    ],
)
@pytest.mark.parametrize("read", [read_release, read_tree], ids=["index", "tree"])
def test_bad_release_is_refused_with_the_block_named(name: str, read: type) -> None:
    """A release that breaks a rule of trees.md 1 is refused whole, and the error names the block."""
    with pytest.raises((IpldError, DomainError)) as refused:
        read(*bad_car(name))
    assert re.search(r"block (Qm|bafy)\w{44,}", str(refused.value))
