"""Subsets: trees of wheels, and selections found again from wheels."""

from __future__ import annotations

import random

import pytest

from ipwhl_mirror.domain.selections import Selection, select_wheels
from ipwhl_mirror.domain.subsets import recognise_selection, subset_tree
from ipwhl_mirror.ipld.dagpb import parse_node
from ipwhl_mirror.ipld.subset_tree import INDEX
from tests.domain.made import Made, make_release
from tests.domain.vectors import NAMES, all_choices, release, vector


@pytest.mark.parametrize("name", NAMES)
def test_all_wheels_are_the_official_root(name: str) -> None:
    """No block is made, whatever is malformed beside the wheels."""
    tree = subset_tree(release(name), release(name).wheels)
    assert (tree.cid, tree.blocks) == (vector(name).root, ())


@pytest.mark.parametrize("name", ["small-v0", "sharded-v0", "edge-v1"])
def test_the_order_of_wheels_does_not_matter(name: str) -> None:
    """A subset is a function of a set."""
    wheels = list(select_wheels(release(name), Selection.parse(["macos-arm64"])))
    tree = subset_tree(release(name), wheels)
    random.Random(name).shuffle(wheels)
    assert subset_tree(release(name), [*wheels, wheels[0]]) == tree


def test_a_whole_project_is_the_official_link_and_a_part_of_one_is_new() -> None:
    """Links are copied unchanged; a project with a malformed entry is always built anew."""
    made = Made()
    two = {"a-1-py3-none-any.whl": 1, "a-1-py3-none-win32.whl": 2}
    found = made.read(
        [
            made.project("a", two),
            made.project("b", {"b-1-py3-none-win32.whl": 4}),
            made.project("c", {"c-1-py3-none-win32.whl": 8, "index.html": 16}),
            made.project("d", {"d-1-py3-none-any.whl": 32}),
            made.project("empty", {}),
        ]
    )
    tree = subset_tree(found, select_wheels(found, Selection.parse(["windows-x86"], no_any=True)))
    nodes = {cid: parse_node(block) for cid, block in tree.blocks}
    top = {link.name: link for link in nodes[tree.cid].links}
    assert list(top) == [INDEX, "a", "b", "c"]
    assert top["b"] == found.projects[1].link
    assert nodes[top["a"].cid].links == (found.projects[0].entries[1],)
    assert nodes[top["c"].cid].links == (found.projects[2].entries[0],)
    assert top[INDEX].cid == found.index.cid


def test_a_tree_brings_every_new_block_and_no_official_one() -> None:
    """What is to be stored before pinning: children first, the root last."""
    found = release("small-v0")
    tree = subset_tree(found, found.wheels[:30])
    cids = [cid for cid, _ in tree.blocks]
    assert cids[-1] == tree.cid
    assert len(set(cids)) == len(cids)
    assert set(cids).isdisjoint(found.index_blocks)
    assert {cid for cid, _ in found.index.blocks} <= set(cids)


@pytest.mark.parametrize(
    ("name", "selection"),
    [(name, choice.selection) for name, choice in all_choices() if choice.wheels],
    ids=[f"{name} {' '.join(choice.args)}" for name, choice in all_choices() if choice.wheels],
)
def test_a_recognised_selection_chooses_those_wheels(name: str, selection: Selection) -> None:
    """What is found need not be what was typed, but it chooses the same."""
    wheels = select_wheels(release(name), selection)
    found = recognise_selection(release(name), wheels)
    simple = not selection.environments and not selection.projects and not selection.excludes
    if simple and not selection.no_any and len(selection.platforms) <= 1 and len(selection.pythons) <= 1:
        assert found is not None
    if found is not None:
        assert select_wheels(release(name), found) == wheels


@pytest.mark.parametrize(
    "text",
    ["", "-p any", "-p linux-x86_64", "-p linux-x86_64 --python 3.12", "--python 3.11", "-p macos-arm64"],
)
def test_a_simple_selection_is_found_again(text: str) -> None:
    """No option, a platform, a Python, and both."""
    wheels = select_wheels(release("small-v0"), Selection.from_cli_text(text))
    found = recognise_selection(release("small-v0"), wheels)
    assert found is not None
    assert found.cli_text() == text


def test_wheels_that_no_simple_selection_chooses_are_not_recognised() -> None:
    """One wheel less of a tag set, or of a family, is another set."""
    found = release("small-v0")
    linux = select_wheels(found, Selection.parse(["linux-x86_64"]))
    numpy = [wheel for wheel in linux if wheel.project == "numpy"]
    assert len(numpy) > 1
    assert recognise_selection(found, [wheel for wheel in linux if wheel != numpy[0]]) is None
    assert recognise_selection(found, ()) is None


@pytest.mark.parametrize(
    "text",
    [
        "-p linux-x86_64 --python 3.12 --project cffi --project numpy",
        "-p linux-x86_64 --exclude numpy",
        "--exclude cffi --exclude numpy",
    ],
)
def test_a_choice_of_projects_is_found_again(text: str) -> None:
    """By their names, or by those of the others."""
    wheels = select_wheels(release("small-v0"), Selection.from_cli_text(text))
    found = recognise_selection(release("small-v0"), wheels)
    assert found is not None
    assert found.cli_text() == text


def test_projects_of_one_name_are_not_told_apart() -> None:
    """`--project` chooses both, so one of them alone has no selection."""
    wheels = {"one-1-py3-none-any.whl": 1, "one-1-py3-none-win32.whl": 2}
    made = make_release({"one": wheels, "One": wheels, "other": {"other-1-py3-none-any.whl": 1}})
    assert recognise_selection(made, [wheel for wheel in made.wheels if wheel.project == "one"]) is None
    both = [wheel for wheel in made.wheels if wheel.project != "other"]
    found = recognise_selection(made, both)
    assert found is not None
    assert found.cli_text() == "--project one"


def test_free_threaded_pythons_are_tried() -> None:
    """`--python 3.13t` is found where a wheel has the abi cp313t."""
    names = ["cp313-cp313t-win32", "cp313-cp313-win32", "py3-none-any"]
    made = make_release({"a": {f"a-1-{name}.whl": 1 for name in names}})
    wheels = select_wheels(made, Selection.parse(pythons=["3.13t"]))
    assert len(wheels) == 2
    found = recognise_selection(made, wheels)
    assert found is not None
    assert found.cli_text() == "--python 3.13t"
