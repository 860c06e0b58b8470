"""`check`: each rule with a repository that breaks it and the same one mended, as files and on a node."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.checks.findings import Rule
from ipwhl_mirror.domain.checks.repository import RepositoryKind
from ipwhl_mirror.domain.errors import InvalidSupported
from ipwhl_mirror.services.checking import EnvironmentsFrom, check_directory
from ipwhl_mirror.services.errors import UsageProblem
from tests.simulators.repositories import archive, declaration, declared, metadata, wheel, write_tree

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from ipwhl_mirror.services.checking import Checked

LINUX, WINDOWS = "cp312 manylinux_2_28_x86_64", "cp312 win_amd64"
A, B = "a/a-1-py3-none-any.whl", "b/b-1-py3-none-any.whl"
ANY_A, ANY_B = wheel("a"), wheel("b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A repository, what breaks a rule in it, and what mends that.

    Attributes:
        path, what: of the one finding.
        where: its environments.
    """

    rule: Rule
    broken: Mapping[str, bytes]
    mended: Mapping[str, bytes]
    path: str
    what: str
    where: tuple[str, ...] = ()
    name: str = field(default="")


def needing(requirement: str, **more: object) -> dict[str, bytes]:
    """`a`, which needs something, and nothing else."""
    return {A: wheel("a", requires=[requirement], **more)}  # type: ignore[arg-type]


BOTH = (LINUX, WINDOWS)
CASES = [
    Case(
        rule=Rule.FOREIGN_ENTRY,
        broken={A: ANY_A, "a/README": b""},
        mended={A: ANY_A},
        path="a/README",
        what="it is no wheel",
    ),
    Case(
        rule=Rule.DECLARATION,
        broken=declared("a", "a-1-py3-none-any.whl", b"source = "),
        mended=declared("a", "a-1-py3-none-any.whl", declaration()),
        path="pkgs/61/a/a-1-py3-none-any.toml",
        what="it is no TOML: Invalid value (at end of document)",
    ),
    Case(
        rule=Rule.DECLARATION,
        name="prefix",
        broken={"pkgs/ff/a/a-1-py3-none-any.toml": declaration()},
        mended={"pkgs/61/a/a-1-py3-none-any.toml": declaration()},
        path="pkgs/ff/a/a-1-py3-none-any.toml",
        what="the prefix of the project is '61', not 'ff'",
    ),
    Case(
        rule=Rule.DIR_NORMALIZED,
        broken={"A_b/A_b-1-py3-none-any.whl": wheel("A-b")},
        mended={"a-b/A_b-1-py3-none-any.whl": wheel("A-b")},
        path="A_b",
        what="the normalized name is 'a-b'",
    ),
    Case(
        rule=Rule.WHEEL_NAME,
        broken={A: ANY_A, "a/b-1-py3-none-any.whl": ANY_B},
        mended={A: ANY_A, B: ANY_B},
        path="a/b-1-py3-none-any.whl",
        what="it is a wheel of 'b', not of this project",
    ),
    Case(
        rule=Rule.VERSION_NORMALIZED,
        broken={"a/a-1.0.rc1-py3-none-any.whl": wheel("a", "1.0rc1")},
        mended={"a/a-1.0rc1-py3-none-any.whl": wheel("a", "1.0rc1")},
        path="a/a-1.0.rc1-py3-none-any.whl",
        what="the version is spelled 1.0.rc1, its normal form is 1.0rc1",
    ),
    Case(
        rule=Rule.METADATA_READABLE,
        broken={A: b"no archive at all, but long enough to have the end of one in it"},
        mended={A: ANY_A},
        path=A,
        what="it is no zip archive",
    ),
    Case(
        rule=Rule.METADATA_VALID,
        broken=needing("b (>= one"),
        mended={**needing("b (>=1)"), B: ANY_B},
        path=A,
        what="'b (>= one' is no requirement (PEP 508)",
    ),
    Case(
        rule=Rule.METADATA_VALID,
        name="python",
        broken={A: wheel("a", python=">= three")},
        mended={A: wheel("a", python=">=3")},
        path=A,
        what="Requires-Python '>= three' is no version specifier",
    ),
    Case(
        rule=Rule.METADATA_NAME,
        broken={A: archive("a-1", metadata("b"))},
        mended={A: archive("a-1", metadata("A"))},
        path=A,
        what="METADATA is of 'b'",
    ),
    Case(
        rule=Rule.METADATA_VERSION,
        broken={A: archive("a-1", metadata("a", "2"))},
        mended={A: archive("a-1", metadata("a", "1.0"))},
        path=A,
        what="METADATA is of version '2', the file name of 1",
    ),
    Case(
        rule=Rule.REQUIRES_PYTHON,
        broken={A: ANY_A, "b/b-1-cp312-cp312-win_amd64.whl": wheel("b", python="<3.12")},
        mended={A: ANY_A, "b/b-1-cp312-cp312-win_amd64.whl": wheel("b", python="<3.13")},
        path="b/b-1-cp312-cp312-win_amd64.whl",
        what="Requires-Python is '<3.12'",
    ),
    Case(
        rule=Rule.ONE_VERSION,
        broken={
            "a/a-1-cp312-cp312-win_amd64.whl": ANY_A,
            "a/a-2-cp312-cp312-manylinux_2_17_x86_64.whl": wheel("a", "2"),
        },
        mended={
            "a/a-2-cp312-cp312-win_amd64.whl": wheel("a", "2"),
            "a/a-2-cp312-cp312-manylinux_2_17_x86_64.whl": wheel("a", "2"),
        },
        path="a",
        what="there are 2 versions: 1, 2",
    ),
    Case(
        rule=Rule.ONE_WHEEL,
        broken={A: ANY_A, "a/a-1-cp312-cp312-win_amd64.whl": ANY_A},
        mended={A: ANY_A, "a/a-1-cp311-cp311-win_amd64.whl": ANY_A},
        path="a",
        what="2 wheels install there: 'a-1-cp312-cp312-win_amd64.whl', 'a-1-py3-none-any.whl'",
        where=(WINDOWS,),
    ),
    Case(
        rule=Rule.DEPENDENCY_MISSING,
        broken=needing("B>=1"),
        mended={**needing("B>=1"), B: ANY_B},
        path=A,
        what="it needs 'B>=1'; there is no 'b'",
        where=BOTH,
    ),
    Case(
        rule=Rule.DEPENDENCY_MISSING,
        name="on one system",
        broken={**needing("b"), "b/b-1-cp312-cp312-win_amd64.whl": ANY_B},
        mended={**needing("b; os_name == 'nt'"), "b/b-1-cp312-cp312-win_amd64.whl": ANY_B},
        path=A,
        what="it needs 'b'; no wheel of 'b' installs there",
        where=(LINUX,),
    ),
    Case(
        rule=Rule.DEPENDENCY_VERSION,
        broken={**needing("b>=2"), B: ANY_B},
        mended={**needing("b<2"), B: ANY_B},
        path=A,
        what="it needs 'b>=2'; there is 1",
        where=BOTH,
    ),
    Case(
        rule=Rule.DEPENDENCY_URL,
        broken={**needing("b @ https://example.org/b.zip"), B: ANY_B},
        mended={**needing("b"), B: ANY_B},
        path=A,
        what="it needs 'b @ https://example.org/b.zip'; it is to be fetched from 'https://example.org/b.zip'",
        where=BOTH,
    ),
    Case(
        rule=Rule.EXTRA_UNKNOWN,
        broken={**needing("b[more]"), B: ANY_B},
        mended={**needing("b[more]"), B: wheel("b", extras=["More"])},
        path=A,
        what="it needs 'b[more]'; 'b' 1 has no extra 'more'",
        where=BOTH,
    ),
    Case(
        rule=Rule.EXTRA_DEPENDENCY,
        broken=needing("b; extra == 'More'", extras=["more"]),
        mended={**needing("b; extra == 'More'", extras=["more"]), B: ANY_B},
        path=A,
        what="its extra 'more' needs 'b; extra == 'More''; there is no 'b'",
        where=BOTH,
    ),
]
ELSEWHERE = {Rule.NAMES_ALIKE, Rule.WHEEL_ABSENT}
"""Rules with tests of their own below: two findings at once, and a release on a node."""


def checked(directory: Path, allowed: Collection[Rule] = (), supported: Path | None = None) -> Checked:
    return asyncio.run(check_directory(directory, allowed=allowed, supported=supported))


def listed(path: Path, *environments: str) -> Path:
    path.write_text("".join(f"{each}\n" for each in environments))
    return path


@pytest.mark.parametrize("case", CASES, ids=[f"{case.rule.value} {case.name}".strip() for case in CASES])
def test_each_rule(case: Case, tmp_path: Path) -> None:
    """What breaks a rule is one finding, which allowing only counts; the mended repository has none."""
    supported = listed(tmp_path / "systems", *BOTH)
    broken = checked(write_tree(tmp_path / "broken", case.broken), supported=supported).report
    assert [finding.rule for finding in broken.findings] == [case.rule]
    (finding,) = broken.findings
    assert (finding.path, tuple(map(str, finding.environments))) == (case.path, case.where)
    assert case.what in finding.what
    assert finding.fix
    assert finding.why
    allowing = checked(tmp_path / "broken", [case.rule], supported).report
    assert (allowing.findings, allowing.allowed) == ((), {case.rule: 1})
    assert checked(write_tree(tmp_path / "mended", case.mended), supported=supported).report.findings == ()


def test_every_rule_is_in_the_table() -> None:
    """None is left out."""
    assert {case.rule for case in CASES} | ELSEWHERE == set(Rule)


def test_names_alike(tmp_path: Path) -> None:
    """Two directories that are one project to installers; one of them is not normalized either."""
    tree = {"a-b/a_b-1-cp312-cp312-win_amd64.whl": wheel("a-b"), "a.b/a.b-1-py3-none-win32.whl": wheel("a-b")}
    report = checked(write_tree(tmp_path, tree)).report
    assert [finding.rule for finding in report.findings] == [Rule.DIR_NORMALIZED, Rule.NAMES_ALIKE]
    assert report.findings[1].what == "'a-b', 'a.b' are one project to installers"


def test_a_directory_as_publish_takes_it(tmp_path: Path) -> None:
    """Wheels that lie in no directory of a project are of the one that their name says."""
    tree = {"A_b-1-py3-none-any.whl": wheel("a-b", requires=["c"]), "c-1-py3-none-any.whl": wheel("c")}
    result = checked(write_tree(tmp_path, tree))
    assert (result.report.projects, result.report.wheels, result.report.findings) == (2, 2, ())
    assert result.environments_from is EnvironmentsFrom.DERIVED


def test_a_metadata_repository_says_where_it_is_to_work(tmp_path: Path) -> None:
    """Its SUPPORTED counts, unless a file is given."""
    tree = {
        "SUPPORTED": f"{LINUX}\n".encode(),
        **declared("a", "a-1-py3-none-any.whl", declaration(requires=["b; sys_platform == 'win32'"])),
    }
    own = checked(write_tree(tmp_path / "repository", tree))
    assert (own.kind, own.environments_from) == (RepositoryKind.DECLARATIONS, EnvironmentsFrom.REPOSITORY)
    assert own.report.findings == ()
    given = checked(tmp_path / "repository", supported=listed(tmp_path / "systems", WINDOWS))
    assert [finding.rule for finding in given.report.findings] == [Rule.DEPENDENCY_MISSING]
    assert given.environments_from is EnvironmentsFrom.GIVEN


def test_an_extra_of_a_declaration_is_one_that_is_kept_working(tmp_path: Path) -> None:
    """Requirements of extras that it does not name are not looked for."""
    needs = ["b; extra == 'kept'", "c; extra == 'other'"]
    tree = declared("a", "a-1-py3-none-any.whl", declaration(requires=needs, extras=["kept"]))
    findings = checked(write_tree(tmp_path, tree)).report.findings
    assert [finding.what for finding in findings] == [
        "its extra 'kept' needs 'b; extra == 'kept''; there is no 'b'"
    ]


def test_an_extra_that_is_needed_counts_as_a_dependency(tmp_path: Path) -> None:
    """What it brings is looked for under the rule of dependencies, further extras of it too."""
    tree = {
        **needing("b[x]"),
        B: wheel("b", requires=["c[y]; extra == 'x'"], extras=["x"]),
        "c/c-1-py3-none-any.whl": wheel("c", requires=["gone; extra == 'y'"], extras=["y"]),
    }
    report = checked(write_tree(tmp_path, tree)).report
    assert [(finding.rule, finding.path) for finding in report.findings] == [
        (Rule.DEPENDENCY_MISSING, "c/c-1-py3-none-any.whl")
    ]


@pytest.mark.parametrize(
    ("marker", "where"),
    [
        pytest.param("python_version < '3.12'", (), id="older Python"),
        pytest.param("python_full_version >= '3.12.4'", BOTH, id="some patch release"),
        pytest.param("platform_machine == 'AMD64'", (WINDOWS,), id="machine"),
        pytest.param("platform_release >= '5'", BOTH, id="cannot be told"),
        pytest.param("implementation_name == 'pypy'", (), id="another Python"),
        pytest.param("sys_platform == 'linux' and extra == ''", (LINUX,), id="no extra chosen"),
    ],
)
def test_markers(marker: str, where: tuple[str, ...], tmp_path: Path) -> None:
    """A requirement counts where its marker holds on some machine of the environment."""
    supported = listed(tmp_path / "systems", *BOTH)
    tree = write_tree(tmp_path / "tree", needing(f"b; {marker}"))
    found = checked(tree, supported=supported).report.findings
    assert tuple(str(each) for finding in found for each in finding.environments) == where


def test_nothing_to_check(tmp_path: Path) -> None:
    """A directory without a wheel is no repository."""
    with pytest.raises(UsageProblem, match="no wheel in it"):
        checked(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"cp312\n", "line 1, 'cp312', is no environment", id="one word"),
        pytest.param(b"# nothing\n\n", "it names no environment", id="empty"),
        pytest.param(b"cp312 win_amd64\xff\n", "it is no UTF-8", id="no text"),
    ],
)
def test_a_list_of_environments_that_is_none(content: bytes, words: str, tmp_path: Path) -> None:
    """It ends the check, with the file and the line."""
    tree = write_tree(tmp_path / "tree", {A: ANY_A})
    file = tmp_path / "systems"
    file.write_bytes(content)
    with pytest.raises(InvalidSupported, match=words):
        checked(tree, supported=file)
