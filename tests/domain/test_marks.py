"""Boxes on platforms and projects: which selection they stand for, what they show, what it comes to."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipwhl_mirror.domain.errors import InvalidSelection
from ipwhl_mirror.domain.marks import Box, Marks, Tally
from ipwhl_mirror.domain.plans import amount_of, plan_pin
from ipwhl_mirror.domain.selections import Selection, select_wheels
from tests.simulators.releases import read_release

SMALL = read_release("small-v0")
EDGE = read_release("edge-v0")
ALL = SMALL.families
SMALL_TALLY = Tally(SMALL, here=frozenset())
EDGE_TALLY = Tally(EDGE, here=frozenset())


def marks(*toggled: str) -> Marks:
    """The marks of the small release after toggling these platforms, one after the other."""
    made = Marks(families=ALL)
    for platform in toggled:
        made = made.toggle_platforms([platform])
    return made


@pytest.mark.parametrize(
    ("toggled", "options"),
    [
        pytest.param(sorted(ALL), "", id="all is the whole release"),
        pytest.param(sorted(ALL - {"any"}), "", id="any comes along with all others too"),
        pytest.param(["linux-x86_64"], "-p linux-x86_64", id="any comes along"),
        pytest.param(["linux-x86_64", "any"], "-p linux-x86_64 --no-any", id="any unmarked beside another"),
        pytest.param(["linux-x86_64", "any", "any"], "-p linux-x86_64", id="and marked again"),
        pytest.param(["any"], "-p any", id="any alone"),
        pytest.param(["any", "linux-x86_64"], "-p linux-x86_64", id="any first, then another"),
        pytest.param(["any", "linux-x86_64", "linux-x86_64"], "-p any", id="any was marked by itself"),
        pytest.param(
            ["linux-x86_64", "any", "linux-x86_64", "macos-arm64"], "-p macos-arm64", id="begun anew"
        ),
        pytest.param(
            ["macos-arm64", "linux-x86_64"], "-p linux-x86_64 -p macos-arm64", id="two, one part each"
        ),
        pytest.param(
            [*sorted(ALL - {"any"}), "any"],
            "-p linux-aarch64 -p linux-x86_64 -p macos-arm64 -p macos-x86_64 -p windows-amd64 --no-any",
            id="all but any",
        ),
    ],
)
def test_marked_platforms_are_these_options(toggled: list[str], options: str) -> None:
    """Marks on platforms stand for exactly these options."""
    selection = marks(*toggled).selection()
    assert selection is not None
    assert selection.cli_text() == options


def test_no_mark_selects_nothing() -> None:
    """Without a marked platform nothing is selected, which is not the whole release."""
    marked = SMALL_TALLY.apply(Marks(families=ALL))
    assert marked.selection is None
    assert marked.wheels == ()
    assert marked.amount.wheels == 0


def test_release_without_any_never_says_no_any() -> None:
    """`--no-any` needs `any` wheels to leave out."""
    families = frozenset({"linux-x86_64", "macos-arm64"})
    selection = Marks(families=families).toggle_platforms(["macos-arm64", "any"]).selection()
    assert selection is not None
    assert selection.cli_text() == "-p macos-arm64"


def test_unmarked_projects_are_excluded_by_their_compared_names() -> None:
    """A project is excluded by its PEP 503 name; marked again, it is back."""
    made = Marks(families=ALL, chosen=ALL).toggle_projects(["Markdown_It.Py"])
    selection = made.selection()
    assert selection is not None
    assert selection.cli_text() == "--exclude markdown-it-py"
    assert made.excludes("markdown-it-py")
    assert made.toggle_projects(["markdown-it-py"]).selection() == Selection.parse()


def test_toggling_several_marks_all_then_none() -> None:
    """Where some are marked all become marked; where all are, none stays."""
    some = Marks(families=ALL, chosen=frozenset({"any"}))
    both = some.toggle_platforms(["any", "macos-arm64"])
    assert both.marked == {"any", "macos-arm64"}
    assert both.toggle_platforms(["any", "macos-arm64"]).marked == frozenset()
    assert marks("macos-arm64", "macos-arm64").marked == frozenset()


def test_unknown_platforms_cannot_be_marked() -> None:
    """A name that is no platform of the release leaves the marks as they are."""
    assert marks("linux-x86_64").toggle_platforms(["plan9"]) == marks("linux-x86_64")


def test_pythons_narrow_and_bad_ones_are_refused_in_words() -> None:
    """`--python` goes with the marks; what is no Python is named."""
    made = marks("linux-x86_64").with_pythons(["3.12", "3.12"])
    selection = made.selection()
    assert selection is not None
    assert selection.cli_text() == "-p linux-x86_64 --python 3.12"
    with pytest.raises(InvalidSelection, match="twelve"):
        made.with_pythons(["twelve"])


def test_platform_boxes_show_what_comes_along() -> None:
    """A universal2 wheel marked by one macOS puts the other's box between on and off."""
    marked = SMALL_TALLY.apply(Marks(families=ALL, chosen=frozenset({"macos-arm64"})))
    assert marked.platform_box("macos-arm64") is Box.ON
    assert marked.platform_box("macos-x86_64") is Box.SOME
    assert marked.platform_box("linux-x86_64") is Box.OFF


def test_project_boxes_are_on_only_with_every_wheel() -> None:
    """On with all wheels, between with some or none of them, off only when excluded."""
    marked = SMALL_TALLY.apply(marks("linux-x86_64").toggle_projects(["rich"]))
    boxes = {str(project.name): marked.project_box(project) for project in SMALL.projects}
    assert (boxes["six"], boxes["numpy"], boxes["rich"]) == (Box.ON, Box.SOME, Box.OFF)
    assert marked.taken_of(next(project for project in SMALL.projects if project.name == "numpy")) == 3


def test_wheel_is_taken_exactly_when_selected() -> None:
    """`takes` agrees with `select_wheels` for every wheel."""
    marked = EDGE_TALLY.apply(Marks(families=EDGE.families, chosen=frozenset({"macos-arm64"})))
    assert marked.selection is not None
    chosen = set(select_wheels(EDGE, marked.selection))
    assert {wheel for wheel in EDGE.wheels if marked.takes(wheel)} == chosen


def test_totals_are_those_of_the_plan() -> None:
    """What is marked, fetched and here are the plan's numbers."""
    here = frozenset(wheel.cid.digest for wheel in select_wheels(SMALL, Selection.parse(["linux-x86_64"])))
    marked = Tally(SMALL, here=here).apply(Marks(families=ALL, chosen=ALL - {"macos-arm64"}))
    assert marked.selection is not None
    plan = plan_pin(SMALL, marked.selection, here=here, pinned=set())
    assert (marked.amount, marked.fetch, marked.shared) == (plan.amount, plan.fetch, plan.shared)


@settings(max_examples=40, deadline=None)
@given(
    toggled=st.lists(st.sampled_from(sorted(EDGE.families)), max_size=6),
    excluded=st.frozensets(st.sampled_from([project.name for project in EDGE.projects])),
)
def test_totals_equal_select_wheels(toggled: list[str], excluded: frozenset[str]) -> None:
    """Whatever is marked: the wheels, the totals and the counts are those of the selection."""
    made = Marks(families=EDGE.families)
    for family in toggled:
        made = made.toggle_platforms([family])
    marked = EDGE_TALLY.apply(made.toggle_projects(excluded))
    wheels = () if marked.selection is None else select_wheels(EDGE, marked.selection)
    assert marked.wheels == wheels
    assert marked.amount == amount_of(wheels)
    families = Counter(family for wheel in wheels for family in wheel.tags.families)
    assert marked.by_platform == {family: families[family] for family in EDGE.families}
    projects = Counter(wheel.project for wheel in wheels)
    assert [marked.taken_of(project) for project in EDGE.projects] == [
        projects[project.name] for project in EDGE.projects
    ]
    assert [wheel for wheel in EDGE.wheels if marked.takes(wheel)] == list(wheels)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.frozensets(st.sampled_from([*(str(project.name) for project in SMALL.projects), "no-such"])),
        min_size=2,
        max_size=6,
    )
)
def test_totals_do_not_depend_on_the_marks_before(steps: list[frozenset[str]]) -> None:
    """What is excluded is counted from the last marks, from all or from none: it comes to the same."""
    here = frozenset(wheel.cid.digest for wheel in SMALL.wheels[::3])
    tally = Tally(SMALL, here=here)
    everything = frozenset(str(project.name) for project in SMALL.projects)
    for names in (*steps, everything, frozenset[str](), everything - {"rich"}):
        made = Marks(families=ALL, chosen=ALL).toggle_projects(names)
        after_others, alone = tally.apply(made), Tally(SMALL, here=here).apply(made)
        assert (after_others.amount, after_others.shared) == (alone.amount, alone.shared)
        assert after_others.by_platform == alone.by_platform
        assert alone.shared == amount_of(wheel for wheel in alone.wheels if wheel.cid.digest in here)
