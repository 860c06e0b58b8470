"""Selections: every clause of trees.md 3 that is not about environments alone."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.domain.errors import InvalidSelection, UnknownPlatform
from ipwhl_mirror.domain.selections import Selection, accepts_tags, select_wheels
from ipwhl_mirror.domain.wheels import parse_wheel_name
from tests.domain.made import make_release
from tests.domain.vectors import NAMES, release, selection_of


def chosen(options: str) -> Selection:
    """A selection as one writes it."""
    return selection_of(shlex.split(options))


@pytest.mark.parametrize(
    ("options", "tags", "accepted"),
    [
        # no option, families
        ("", "zz9-weird-plan9_mips", True),
        ("-p linux-x86_64", "zz9-weird-manylinux1_x86_64", True),
        ("-p linux-x86_64", "cp311-cp311-linux_x86_64", True),
        ("-p linux-x86_64", "cp311-cp311-win_amd64", False),
        ("-p linux-x86_64", "py3-none-any", True),
        ("-p linux-x86_64", "cp311-cp311-any", True),
        ("-p linux-x86_64", "cp311-cp311-win_amd64.linux_x86_64", True),
        ("-p macos-arm64", "cp311-cp311-macosx_11_0_universal2", True),
        ("-p macos-x86_64", "cp311-cp311-macosx_11_0_universal2", True),
        ("-p macos-arm64 -p win-64", "cp311-cp311-win_amd64", True),
        ("-p any", "py3-none-any", True),
        ("-p any", "cp311-cp311-any", True),
        ("-p any", "cp311-cp311-linux_x86_64", False),
        ("-p any", "cp311-cp311-any.linux_x86_64", True),
        ("-p plan9_mips", "cp311-cp311-plan9_mips", True),
        # family x python
        ("-p linux-x86_64 --python 3.11", "cp311-cp311-linux_x86_64", True),
        ("-p linux-x86_64 --python 3.11", "cp310-cp310-linux_x86_64", False),
        ("-p linux-x86_64 --python 3.11", "cp311-cp311-win_amd64", False),
        ("-p linux-x86_64 --python 3.11", "cp37-abi3-manylinux_2_99_x86_64", True),
        ("-p linux-x86_64 --python 3.11", "py3-none-any", True),
        ("-p linux-x86_64 --python 3.11", "cp311-cp311-any", False),
        ("-p linux-x86_64 --python 3.11", "py2-none-any", False),
        ("-p linux-x86_64 --python 3.11 --python 3.12", "cp312-cp312-linux_x86_64", True),
        ("-p linux-x86_64 --python 3.13t", "cp313-cp313t-linux_x86_64", True),
        ("-p linux-x86_64 --python 3.13t", "cp37-abi3-linux_x86_64", False),
        ("-p any --python 3.11", "py3-none-any", True),
        ("-p any --python 3.11", "cp311-cp311-any.linux_x86_64", False),
        ("-p any --python 3.11", "py3-none-any.linux_x86_64", True),
        ("-p any --python 3.11", "cp311-cp311-linux_x86_64", False),
        # one triple must do it all
        ("-p linux-x86_64 --python 3.11", "cp311.py3-cp311.none-win_amd64.any", True),
        ("-p linux-x86_64 --python 3.11", "cp311-cp311-win_amd64.any", False),
        ("-p linux-x86_64 --python 3.11", "cp310.cp311-cp310-linux_x86_64", False),
        # python alone: every family
        ("--python 3.11", "cp311-cp311-plan9_mips", True),
        ("--python 3.11", "cp310-cp310-plan9_mips", False),
        ("--python 3.11", "py3-none-any", True),
        ("--python 3.11", "cp311-cp311-any", False),
        # environments; --python never alters them
        ("-e 'cp311 manylinux_2_17_x86_64'", "cp311-cp311-manylinux_2_17_x86_64", True),
        ("-e 'cp311 manylinux_2_17_x86_64'", "cp311-cp311-manylinux_2_18_x86_64", False),
        ("-e 'cp311 manylinux_2_17_x86_64'", "cp312-cp312-manylinux_2_17_x86_64", False),
        ("-e 'cp311 linux_x86_64' --python 3.12", "cp311-cp311-linux_x86_64", True),
        ("-e 'cp311 linux_x86_64' --python 3.12", "cp312-cp312-linux_x86_64", False),
        ("-e 'cp311 linux_x86_64' -p win-64 --python 3.12", "cp312-cp312-win_amd64", True),
        ("-e 'cp311 linux_x86_64' -p win-64 --python 3.12", "cp311-cp311-win_amd64", False),
        ("-e 'cp311 linux_x86_64' -p win-64 --python 3.12", "cp311-cp311-linux_x86_64", True),
        ("-e 'cp311 linux_x86_64' -e 'cp312 win_amd64'", "cp312-cp312-win_amd64", True),
        ("-e 'cp311 linux_x86_64' -e 'cp312 win_amd64'", "cp312-cp312-linux_x86_64", False),
        # --no-any
        ("--no-any", "py3-none-any", False),
        ("--no-any", "py3-none-any.linux_x86_64", True),
        ("--no-any -p linux-x86_64", "py3-none-any", False),
        ("--no-any -p linux-x86_64", "py3-none-any.win_amd64", True),
        ("--no-any -p linux-x86_64", "py3-none-linux_x86_64", True),
        ("--no-any --python 3.11", "py3-none-any.win_amd64", True),
        ("--no-any -e 'cp311 linux_x86_64'", "py3-none-any", False),
        ("--no-any -e 'cp311 linux_x86_64'", "py3-none-any.win_amd64", True),
    ],
)
def test_tags_are_accepted_by_the_rules(options: str, tags: str, accepted: bool) -> None:
    """Each (py, abi, plat) is tested on its own; a wheel is chosen when one of its triples is."""
    wheel = parse_wheel_name(f"a-1-{tags}.whl", "a")
    assert accepts_tags(chosen(options), wheel.tags) is accepted


@pytest.mark.parametrize(
    ("options", "projects"),
    [
        ("--project numpy", ["NumPy"]),
        ("--project NUMPY", ["NumPy"]),
        ("--project 'num*'", ["NumPy", "numba"]),
        ("--project 'n?mba'", ["numba"]),
        ("--project '[a-m]*'", ["a.b_C"]),
        ("--project '[!a-m]*'", ["NumPy", "numba", "zope.Interface"]),
        ("--project A_B.c", ["a.b_C"]),
        ("--project a-b-c --project 'ZOPE.*'", ["a.b_C", "zope.Interface"]),
        ("--project a__b_c", []),
        ("--project num", []),
        ("--project ''", []),
        ("--exclude 'num*'", ["a.b_C", "zope.Interface"]),
        ("--exclude numpy --exclude 'zope-*'", ["a.b_C", "numba"]),
        ("--project 'num*' --exclude numba", ["NumPy"]),
        ("--project numba --exclude numba", []),
        ("--exclude nothing-like-it", ["NumPy", "a.b_C", "numba", "zope.Interface"]),
    ],
)
def test_projects_match_by_their_pep_503_name(options: str, projects: list[str]) -> None:
    """fnmatchcase on the normalized name, the pattern in lower case with `_` and `.` as `-`; exclude wins."""
    names = ["NumPy", "a.b_C", "numba", "zope.Interface"]
    made = make_release({name: {f"{name.replace('-', '_')}-1-py3-none-any.whl": 1} for name in names})
    assert [wheel.project for wheel in select_wheels(made, chosen(options))] == projects


def test_many_patterns_are_one_test() -> None:
    """A plain name among a thousand, and a glob among a hundred, is found like one alone."""
    made = make_release({f"p{n}": {f"p{n}-1-py3-none-any.whl": 1} for n in range(20)})
    plain = Selection.parse(excludes=[f"p{n}" for n in range(1, 1000)])
    globs = Selection.parse(excludes=[f"p{n}*" for n in range(1, 100)])
    assert [wheel.project for wheel in select_wheels(made, plain)] == ["p0"]
    assert [wheel.project for wheel in select_wheels(made, globs)] == ["p0"]


@pytest.mark.parametrize("name", NAMES[:5])
@pytest.mark.parametrize("options", ["-p linux-x86_64", "--project 'a*'", "--no-any", ""])
def test_wheels_come_in_release_order(name: str, options: str) -> None:
    """By project, then by file name, whatever the options."""
    wheels = select_wheels(release(name), chosen(options))
    assert [(w.project, w.filename) for w in wheels] == sorted((w.project, w.filename) for w in wheels)


@pytest.mark.parametrize(
    ("platform", "wheels"),
    [
        ("any", 1),
        ("linux-", 1),
        ("linux-riscv64", 1),
        ("musl-x", 1),
        ("macos-arm64", 1),
        ("windows-arm64", 1),
        ("android-x", 1),
        ("ios-x", 1),
        ("win-64", 1),
        ("Plan9_MIPS", 2),
    ],
)
def test_a_platform_is_known_by_its_beginning_or_by_the_release(platform: str, wheels: int) -> None:
    """Aliases, `any`, what a family may begin with, and the release's own families are platforms."""
    made = make_release({"a": {"a-1-py3-none-any.whl": 1, "a-1-py3-none-plan9_mips.whl": 1}})
    assert len(select_wheels(made, Selection.parse([platform]))) == wheels


@pytest.mark.parametrize(
    "platform", ["plan9-mips", "linux", "linux_x86_64", "win_amd64", "macosx-arm64", "", "\x1b[m"]
)
def test_an_unknown_platform_lists_those_of_the_release(platform: str) -> None:
    """Exit 2: the error names the platform, and its hint the release's families, sorted."""
    made = make_release({"a": {"a-1-py3-none-any.whl": 1, "a-1-py3-none-plan9_mips.whl": 1}})
    with pytest.raises(UnknownPlatform) as refused:
        select_wheels(made, Selection.parse(["any", platform]))
    assert refused.value.families == ("any", "plan9_mips")
    assert refused.value.option == "-p"
    assert "any, plan9_mips" in str(refused.value.hint)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("options", ["-p any --no-any", "-p linux-64 -p ANY --no-any"])
def test_no_any_contradicts_the_platform_any(options: str) -> None:
    """Exit 2: what one asks for the other drops."""
    with pytest.raises(InvalidSelection, match="--no-any"):
        chosen(options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("", ""),
        ("-p linux-64 -p linux-x86_64", "-p linux-x86_64"),
        ("-p win-64 -p Linux-64", "-p linux-x86_64 -p windows-amd64"),
        ("--python 3.13 --python 3.9 --python 3.13", "--python 3.9 --python 3.13"),
        ("--project A_B --project a.b", "--project a-b"),
        ("--exclude 'Z*' --project '*_x'", "--project '*-x' --exclude 'z*'"),
        ("-e 'CP311 manylinux2014_x86_64'", "-e 'cp311 manylinux_2_17_x86_64'"),
        (
            "-e 'cp311 manylinux2014_x86_64' -e 'cp311 manylinux_2_17_x86_64'",
            "-e 'cp311 manylinux_2_17_x86_64'",
        ),
        ("-e 'cp311 win_amd64' --python 3.12", "-e 'cp311 win_amd64'"),
        (
            "--no-any --exclude x --python 3.12 -p win-64 -e 'cp311 win_amd64'",
            "-p windows-amd64 -e 'cp311 win_amd64' --python 3.12 --exclude x --no-any",
        ),
    ],
)
def test_what_is_written_differently_has_one_text(options: str, text: str) -> None:
    """Aliases resolved, lower case, sorted, once, in one order of options."""
    assert chosen(options).cli_text() == text
    assert shlex.join(chosen(options).cli_args()) == text
    assert chosen(options).is_everything is (text == "")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ("", [""]),
        ("--python 3.12 --exclude x", ["--python 3.12 --exclude x"]),
        ("-p linux-64", ["-p linux-x86_64"]),
        ("-p linux-64 -p linux-x86_64", ["-p linux-x86_64"]),
        (
            "-p win-64 -p linux-64 --python 3.12 --python 3.13 --no-any",
            [
                "-p linux-x86_64 --python 3.12 --python 3.13 --no-any",
                "-p windows-amd64 --python 3.12 --python 3.13 --no-any",
            ],
        ),
        (
            "-p linux-64 -e 'cp312 win_amd64' --python 3.11 --project 'a*' --exclude ab",
            [
                "-p linux-x86_64 --python 3.11 --project 'a*' --exclude ab",
                "-e 'cp312 win_amd64' --project 'a*' --exclude ab",
            ],
        ),
        ("-e 'cp311 win32' -e 'cp312 win32'", ["-e 'cp311 win32'", "-e 'cp312 win32'"]),
    ],
)
def test_parts_are_one_for_each_platform_and_environment(options: str, parts: list[str]) -> None:
    """Each `-p` and each `-e` with the other options; one part where there is neither."""
    assert [part.cli_text() for part in chosen(options).parts()] == parts


def test_a_part_is_its_own_part() -> None:
    """What was pinned as a part is the same part when it is asked for alone."""
    for part in chosen("-p linux-64 -p any -e 'cp312 win32' --python 3.11 --project x").parts():
        assert Selection.from_cli_text(part.cli_text()).parts() == (part,)


PLATFORMS = (
    st.sampled_from(["linux-64", "any", "macos-arm64", "plan9", "win-64", "Linux-AArch64"]) | st.text()
)
ENVIRONMENTS = st.sampled_from(
    ["cp311 manylinux2014_x86_64", "CP313t win_amd64", "pp310 musllinux_1_2_i686", "this"]
)
PYTHONS = st.sampled_from(["3.12", "3.9", "3.13T", "2.7"])
SELECTIONS = st.builds(
    Selection.parse,
    platforms=st.lists(PLATFORMS, max_size=3),
    environments=st.lists(ENVIRONMENTS, max_size=2),
    pythons=st.lists(PYTHONS, max_size=2),
    projects=st.lists(st.text(), max_size=2),
    excludes=st.lists(st.text("aB_.-*[]!? '\"\\$=\n"), max_size=2),
)


@given(SELECTIONS)
def test_the_text_of_a_selection_reads_back(selection: Selection) -> None:
    """Whatever the patterns hold: spaces, quotation marks, a leading dash, nothing."""
    assert Selection.from_cli_text(selection.cli_text()) == selection
    assert shlex.join(selection.cli_args()) == selection.cli_text()


@given(SELECTIONS)
def test_parts_choose_together_what_the_selection_does(selection: Selection) -> None:
    """The union of the parts is the selection, tag set by tag set."""
    for tags in release("edge-v0").tag_sets[:200:7]:
        expected = accepts_tags(selection, tags)
        assert any(accepts_tags(part, tags) for part in selection.parts()) is expected


def test_a_value_may_follow_an_equals_sign() -> None:
    """`--project=x` is `--project x`, as on the command line."""
    assert Selection.from_cli_text("--project=a=b --python=3.12") == chosen("--project a=b --python 3.12")


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "-p",
        "--project",
        "-x y",
        "-p=linux-64",
        "--no-any=1",
        "-p 'linux",
        "--python three",
        "2026.11 -p any",
    ],
)
def test_a_text_that_is_no_selection_is_refused(text: str) -> None:
    """Pin names come from other programs too."""
    with pytest.raises(InvalidSelection):
        Selection.from_cli_text(text)


@given(st.text())
def test_any_text_is_a_selection_or_refused(text: str) -> None:
    """No other error comes out of a pin's name."""
    try:
        selection = Selection.from_cli_text(text)
    except InvalidSelection as error:
        assert str(error).isprintable()
    else:
        assert Selection.from_cli_text(selection.cli_text()) == selection
