"""What retention lets go, and how much a newer release may lack."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.domain.mirroring import Retention, worst_shrinkage
from ipwhl_mirror.domain.selections import Selection
from tests.domain.made import make_release

if TYPE_CHECKING:
    from ipwhl_mirror.domain.releases import Release

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("keep", "keep_days", "ages", "gone"),
    [
        (1, 0, [0], []),
        (1, 0, [0, 1], [1]),
        (2, 0, [0, 1], []),
        (2, 0, [0, 1, 2, 3], [2, 3]),
        (1, 3, [1, 2, 9], []),
        (1, 3, [4, 9], [1]),
        (1, 3, [1, 4, 9], [2]),
        (3, 3, [5, 6, 7, 8], [3]),
    ],
)
def test_retention(keep: int, keep_days: float, ages: list[int], gone: list[int]) -> None:
    """`ages`: days since each became the current one, the current one first."""
    moments = [NOW - timedelta(days=age) for age in ages]
    assert list(Retention(keep=keep, keep_days=keep_days).retired(moments, NOW)) == gone


@given(
    st.integers(-1, 5),
    st.floats(0, 100),
    st.lists(st.integers(-400, 400), min_size=1, max_size=8),
)
def test_the_current_release_and_the_newest_stay(keep: int, keep_days: float, days: list[int]) -> None:
    """Whatever the clock was when, and however far it went back."""
    at = [NOW - timedelta(days=day) for day in days]
    gone = Retention(keep=keep, keep_days=keep_days).retired(at, NOW)
    assert all(place >= max(keep, 1) for place in gone)


LINUX, ARM = "cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-macosx_11_0_arm64"
BEFORE = {
    "a": [LINUX, ARM],
    "b": [LINUX, ARM],
    "p": ["py3-none-any"],
    "q": ["py3-none-any"],
    "r": ["py3-none-any"],
}


def release_of(projects: dict[str, list[str]]) -> Release:
    """A release of {project: tags of its wheels}."""
    return make_release(
        {name: {f"{name}-1.0-{tag}.whl": 1 for tag in tags} for name, tags in projects.items()}
    )


@pytest.mark.parametrize(
    ("after", "platforms", "lost"),
    [
        (BEFORE, [], (0, 2)),
        ({**BEFORE, "a": [ARM]}, [], (0, 2)),
        ({**BEFORE, "a": [ARM]}, ["linux-x86_64"], (1, 2)),
        ({**BEFORE, "a": [ARM], "b": [ARM]}, ["linux-x86_64", "macos-arm64"], (2, 2)),
        ({"p": ["py3-none-any"], "a": [LINUX], "b": [LINUX]}, ["linux-x86_64"], (2, 3)),
        ({**BEFORE, "a": ["py3-none-any"]}, ["linux-x86_64"], (0, 2)),
        ({}, [], (2, 2)),
    ],
    ids=["nothing", "one platform of all", "one wheel", "a platform", "pure ones", "became pure", "all"],
)
def test_shrinkage(after: dict[str, list[str]], platforms: list[str], lost: tuple[int, int]) -> None:
    """Each part counts apart, and in each the projects that only have pure wheels."""
    selection = Selection.parse(platforms=platforms)
    worst = worst_shrinkage(release_of(BEFORE), release_of(after), selection)
    assert (worst.gone, worst.before) == lost
    assert worst.ratio == lost[0] / lost[1]
