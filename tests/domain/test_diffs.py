"""Diffs of two releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.diffs import ProjectDiff, diff_releases
from ipwhl_mirror.domain.errors import UnknownPlatform
from ipwhl_mirror.domain.plans import Amount
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.dagpb import Link
from tests.domain.made import Made, make_release
from tests.domain.vectors import release

if TYPE_CHECKING:
    from ipwhl_mirror.domain.releases import Release

OLD = make_release(
    {
        "gone": {"gone-1-py3-none-any.whl": 1},
        "kept": {"kept-1-py3-none-any.whl": 2},
        "grown": {"grown-1-cp311-cp311-win32.whl": 4},
        "newer": {"newer-1-py3-none-any.whl": 8, "newer-1-py3-none-win32.whl": 16},
    }
)
NEW = make_release(
    {
        "kept": {"kept-1-py3-none-any.whl": 2},
        "grown": {"grown-1-cp311-cp311-win32.whl": 4, "grown-1-cp311-cp311-win_arm64.whl": 32},
        "newer": {"newer-2-py3-none-any.whl": 64, "newer-1-py3-none-win32.whl": 16},
        "added": {"added-1-py3-none-any.whl": 128, "added-1-py3-none-win32.whl": 256},
    }
)


def shown(diffs: tuple[ProjectDiff, ...]) -> list[tuple[str, int, int, int]]:
    return [(diff.project, len(diff.old), len(diff.new), diff.bytes) for diff in diffs]


def test_projects_are_added_removed_changed() -> None:
    """Bytes are of what is new in the new release, and of what goes with a removed project."""
    diff = diff_releases(OLD, NEW, Selection())
    assert shown(diff.added) == [("added", 0, 2, 384)]
    assert shown(diff.removed) == [("gone", 1, 0, 1)]
    assert shown(diff.changed) == [("grown", 1, 2, 32), ("newer", 2, 2, 64)]
    assert diff.fetch == Amount(4, 480)


def test_only_what_is_selected_is_compared() -> None:
    """Under `-p any` the wheels of one platform do not differ."""
    diff = diff_releases(OLD, NEW, Selection.parse(["any"]))
    assert shown(diff.added) == [("added", 0, 1, 128)]
    assert shown(diff.changed) == [("newer", 1, 1, 64)]
    assert diff.fetch == Amount(2, 192)


def test_a_release_does_not_differ_from_itself() -> None:
    """Nothing is added, removed, changed or fetched."""
    diff = diff_releases(OLD, OLD, Selection())
    assert (diff.added, diff.removed, diff.changed, diff.fetch) == ((), (), (), Amount())


def one_wheel(filename: str, content: str, tsize: int) -> Release:
    made = Made()
    return made.read([Link(made.node([made.file(filename, tsize, content)]), "a", 1)])


def test_a_wheel_that_was_renamed_is_changed_and_not_fetched() -> None:
    """The name differs, the content is here."""
    old = one_wheel("a-1-py3-none-any.whl", "x", 5)
    diff = diff_releases(old, one_wheel("a-1-py2-none-any.whl", "x", 5), Selection())
    assert shown(diff.changed) == [("a", 1, 1, 5)]
    assert diff.fetch == Amount()


def test_a_wheel_with_another_content_is_changed_and_fetched() -> None:
    """The name is the same, the content is not."""
    old = one_wheel("a-1-py3-none-any.whl", "x", 5)
    diff = diff_releases(old, one_wheel("a-1-py3-none-any.whl", "y", 6), Selection())
    assert shown(diff.changed) == [("a", 1, 1, 6)]
    assert diff.fetch == Amount(1, 6)


def test_a_platform_is_known_when_either_release_has_it() -> None:
    """A family that only one of them has is no mistake; one that neither has is."""
    plan9 = make_release({"a": {"a-1-py3-none-plan9_mips.whl": 1}})
    assert shown(diff_releases(OLD, plan9, Selection.parse(["plan9_mips"], no_any=True)).added) == [
        ("a", 0, 1, 1)
    ]
    assert shown(diff_releases(plan9, OLD, Selection.parse(["plan9_mips"], no_any=True)).removed) == [
        ("a", 1, 0, 1)
    ]
    with pytest.raises(UnknownPlatform):
        diff_releases(OLD, NEW, Selection.parse(["plan9_mips"]))


def test_the_two_small_vectors_differ_as_their_numbers_do() -> None:
    """Wheels that go and wheels that come add up to the difference of the releases."""
    old, new = release("small-v0"), release("small-v0-next")
    diff = diff_releases(old, new, Selection())
    changes = (*diff.added, *diff.removed, *diff.changed)
    assert sum(len(one.new) - len(one.old) for one in changes) == len(new.wheels) - len(old.wheels)
    assert 0 < diff.fetch.bytes < new.bytes
    assert diff.fetch.bytes == sum(one.bytes for one in (*diff.added, *diff.changed))
