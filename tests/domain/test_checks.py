"""Checks meet METADATA of strangers: whatever it says ends in findings, and its words are safe to show."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from ipwhl_mirror.domain.checks.checking import check_repository
from ipwhl_mirror.domain.checks.findings import Rule
from ipwhl_mirror.domain.checks.repository import CheckedWheel, Repository, RepositoryKind
from ipwhl_mirror.domain.environments import Environment
from ipwhl_mirror.domain.errors import InvalidWheel
from ipwhl_mirror.domain.wheel_metadata import CoreMetadata

ENVIRONMENTS = (Environment.parse("cp312 manylinux_2_28_x86_64"), Environment.parse("cp313t win_amd64"))
NAMED = CheckedWheel.named("a/a-1-py3-none-any.whl", "a", "a-1-py3-none-any.whl")
PIECES = st.lists(
    st.sampled_from(
        [
            "b",
            "a",
            "[x]",
            ">=1",
            "(",
            ")",
            ";",
            " ",
            "extra",
            "==",
            "'x'",
            "python_version",
            "<",
            "in",
            "and",
            "@ https://e/",
            "platform_release",
            "'3.9.9'",
            "===",
            ",",
            "\x1b",
            "or",
            "os_name",
            "not in",
            "~=",
        ]
    ),
    max_size=9,
).map("".join)
TEXTS = PIECES | st.text(max_size=20)


def findings_of(wheel: CheckedWheel) -> list[Rule]:
    """The rules that a repository of one wheel breaks; each finding can be shown."""
    repository = Repository(kind=RepositoryKind.WHEELS, projects=("a",), wheels=(wheel,))
    report = check_repository(repository, ENVIRONMENTS)
    assert all(f"{each.what}{each.fix}".isprintable() for each in report.findings)
    return [each.rule for each in report.findings]


@given(TEXTS, TEXTS, st.none() | TEXTS, st.lists(TEXTS, max_size=3), st.lists(TEXTS, max_size=2))
@example("a", "1", None, ["b; " + "(" * 2000 + "os_name == 'nt'" + ")" * 2000], [])
@example("a", "1", None, ["b; python_version ~= 'x'", "c; 'x' in os_name", "d; extra != 'x'"], ["x"])
@example("a", "1", None, ["b" + ">=1," * 5000], [])
@example("a", "1", "==3.*.1", ["a[x]; extra == 'x'"], ["x"])
def test_any_words_of_metadata_end_in_findings(
    name: str, version: str, python: str | None, requires: list[str], extras: list[str]
) -> None:
    """Nothing is raised, and another name or version than that of the file is always one of them."""
    said = CoreMetadata(
        name=name,
        version=version,
        requires_python=python,
        requires_dist=tuple(requires),
        provides_extra=tuple(extras),
    )
    wheel = CheckedWheel(
        **{each: getattr(NAMED, each) for each in NAMED.__slots__ if each != "metadata"}, metadata=said
    )
    rules = findings_of(wheel)
    if name not in ("a", "A"):
        assert Rule.METADATA_NAME in rules


@given(
    st.binary(max_size=60).map(b"Metadata-Version: 2.1\nName: a\nVersion: 1\n".__add__)
    | st.binary(max_size=80)
)
def test_any_bytes_of_metadata_are_refused_or_checked(data: bytes) -> None:
    """They are no METADATA, or something that checks can read."""
    try:
        wheel = NAMED.described(data)
    except InvalidWheel:
        return
    findings_of(wheel)
