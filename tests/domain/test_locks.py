"""Lock files: what they need where, what of it a release has, and what is no lock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from ipwhl_mirror.domain.errors import InvalidLock
from ipwhl_mirror.domain.locks import (
    LOCK_LIMIT,
    LockDifferences,
    LockedProject,
    compare_lock,
    locked_projects,
    names_of,
)
from ipwhl_mirror.domain.selections import Selection
from tests.conftest import VECTORS
from tests.domain.made import Made

UV_LOCK = (VECTORS / "pylock.toml").read_bytes()
"""Made by uv 0.13 of flask, click, numpy and others; wheels trimmed, addresses replaced."""


def lock(*packages: str, head: str = "") -> bytes:
    """A lock with these packages, each as lines after its name."""
    start = f'lock-version = "1.0"\ncreated-by = "a test"\n{head}\n'
    return (start + ("".join(packages) or "packages = []\n")).encode()


def package(name: str, *lines: str, version: str = "1.0") -> str:
    """A package with a wheel, and these lines besides."""
    wheel = f'{{ url = "https://example.org/{name.replace("-", "_")}-{version}-py3-none-any.whl", '
    wheels = f'wheels = [{wheel}hashes = {{ sha256 = "00" }} }}]'
    return "\n".join(["[[packages]]", f'name = "{name}"', f'version = "{version}"', *lines, wheels, ""])


def marked(marker: str) -> bytes:
    """A lock of two packages, one of them with a marker."""
    return lock(package("always"), package("maybe", f'marker = "{marker}"'))


def needs(data: bytes, selection: str = "") -> list[str]:
    return list(names_of(locked_projects(data, "pylock.toml", Selection.from_cli_text(selection))))


@pytest.mark.parametrize(
    ("selection", "absent"),
    [
        ("", set()),
        ("-p linux-x86_64 --python 3.12", {"colorama", "tomli", "exceptiongroup", "typing-extensions"}),
        ("-p windows-amd64 --python 3.10", {"uvloop"}),
        ("-p linux-aarch64 -p win-64", set()),
        ("-p linux-64", {"colorama"}),
        ("-e 'pp310 manylinux_2_28_x86_64'", {"colorama", "ruff"}),
        ("--python 3.13t", {"tomli", "exceptiongroup", "typing-extensions"}),
        ("-e 'cp312 win_amd64' -e 'cp310 musllinux_1_2_x86_64'", set()),
    ],
)
def test_a_lock_of_uv(selection: str, absent: set[str]) -> None:
    """On the machines of the selection, what no marker excludes."""
    everything = {project.name for project in locked_projects(UV_LOCK, "x", Selection())}
    assert len(everything) == 20
    assert set(needs(UV_LOCK, selection)) == everything - absent


def test_versions_are_those_of_the_environments() -> None:
    """A lock may name a package several times, each time for other Pythons."""
    versions = {
        selection: next(
            list(map(str, project.versions))
            for project in locked_projects(UV_LOCK, "x", Selection.from_cli_text(selection))
            if project.name == "numpy"
        )
        for selection in ("", "--python 3.10", "--python 3.10 --python 3.12")
    }
    assert versions == {
        "": ["2.2.6", "2.4.6", "2.5.5"],
        "--python 3.10": ["2.2.6"],
        "--python 3.10 --python 3.12": ["2.2.6", "2.5.5"],
    }


LINUX, MAC, WINDOWS = "-p linux-x86_64", "-p macos-arm64", "-p windows-amd64"


@pytest.mark.parametrize(
    ("marker", "selection", "is_needed"),
    [
        ("sys_platform == 'linux'", LINUX, True),
        ("sys_platform == 'linux'", "-p musl-aarch64", True),
        ("sys_platform == 'linux'", MAC, False),
        ("sys_platform == 'linux'", f"{LINUX} {MAC}", True),
        ("sys_platform == 'linux'", "-p any", True),
        ("sys_platform == 'linux'", "-p unheard-of", True),
        ("sys_platform == 'beos'", "-p any", False),
        ("os_name == 'nt'", WINDOWS, True),
        ("platform_system == 'Darwin'", "-e 'cp312 macosx_12_0_arm64'", True),
        ("platform_machine == 'AMD64'", WINDOWS, True),
        ("platform_machine == 'AMD64'", "-p windows-arm64", False),
        ("platform_machine == 'AMD64'", "-p windows-x86", True),
        ("platform_machine == 'aarch64'", "-p linux-armv7l", True),
        ("platform_machine == 'x86_64'", LINUX, True),
        ("platform_machine == 'x86_64'", "-p linux-i686", True),
        ("platform_machine == 'aarch64'", LINUX, False),
        ("platform_machine == 'arm64'", MAC, True),
        ("platform_machine == 'aarch64'", "-p android-arm64_v8a", True),
        ("sys_platform == 'linux'", "-p android-x86_64", True),
        ("sys_platform == 'ios'", "-p ios-arm64_iphoneos", True),
        ("python_version < '3.11'", "--python 3.10", True),
        ("python_version < '3.11'", "--python 3.11 --python 3.12", False),
        ("python_version < '3.11'", LINUX, True),
        ("python_full_version < '3.11.4'", "--python 3.11", True),
        ("python_full_version >= '3.11.4'", "--python 3.11", True),
        ("python_full_version >= '3.11.400'", "--python 3.11", True),
        ("python_full_version == '3.11.7'", "--python 3.11", True),
        ("python_full_version == '3.11.7'", "--python 3.12", False),
        ("implementation_name == 'pypy'", "-e 'pp311 manylinux_2_28_x86_64'", True),
        ("implementation_name == 'pypy'", "--python 3.11", False),
        ("implementation_name == 'pypy'", LINUX, True),
        ("platform_python_implementation == 'CPython'", "-e 'pp311 win_amd64'", False),
        ("platform_release >= '5' and sys_platform == 'linux'", MAC, True),
        ("sys_platform == 'linux' and python_version < '3.11'", f"{LINUX} --python 3.12", False),
        ("sys_platform == 'win32' or python_version < '3.13'", f"{LINUX} --python 3.12", True),
    ],
)
def test_markers(marker: str, selection: str, is_needed: bool) -> None:
    """Needed where the marker can be true; where that cannot be told, too."""
    assert needs(marked(marker), selection) == (["always", "maybe"] if is_needed else ["always"])


@pytest.mark.parametrize(
    ("marker", "is_needed"),
    [
        ("'plots' in extras", True),
        ("'nothing' in extras", False),
        ("'dev' in dependency_groups", True),
        ("'default' in dependency_groups", True),
        ("'default' not in dependency_groups", True),
        ("'plots' in extras and 'web' not in extras", True),
        ("'plots' in extras and 'web' in extras", True),
        ("'dev' in dependency_groups and sys_platform == 'win32'", False),
    ],
)
def test_every_extra_and_group_is_mirrored(marker: str, is_needed: bool) -> None:
    """Who installs from the mirror chooses: nothing, one, or all."""
    head = 'extras = ["plots", "web"]\ndependency-groups = ["dev", "default"]\ndefault-groups = ["default"]'
    data = lock(package("always"), package("maybe", f'marker = "{marker}"'), head=head)
    assert needs(data, LINUX) == (["always", "maybe"] if is_needed else ["always"])


def test_the_environments_of_a_lock_hold_where_none_is_chosen() -> None:
    """With requires-python; what the selection names goes first."""
    data = lock(
        package("always"),
        package("mac", "marker = \"sys_platform == 'darwin'\""),
        package("old", "marker = \"python_version < '3.10'\""),
        package("arm", "marker = \"platform_machine == 'aarch64'\""),
        head='requires-python = ">=3.10"\nenvironments = ["sys_platform == \'linux\'", "os_name == \'nt\'"]',
    )
    assert needs(data) == ["always", "arm"]
    assert needs(data, "--exclude arm") == ["always", "arm"]
    assert needs(data, "-p macos-arm64") == ["always", "mac"]
    assert needs(data, "--python 3.9") == ["always", "arm", "mac", "old"]


def test_what_is_not_of_an_index_is_left_out() -> None:
    """The project itself, as a directory; a repository of version control."""
    data = lock(
        package("always"),
        '[[packages]]\nname = "self"\ndirectory = { path = ".", editable = true }\n',
        '[[packages]]\nname = "fork"\n'
        'vcs = { type = "git", url = "https://example.org/fork.git", commit-id = "00" }\n',
    )
    assert needs(data) == ["always"]


BAD = {
    "nothing": (b"", None, "Missing required value"),
    "no TOML": (b"a = ", None, "it is no TOML"),
    "no UTF-8": (b"\xff", None, "it is no TOML"),
    "deep": (b"a = " + b"[" * 100_000, None, "it is no TOML"),
    "too long": (b"#" * (LOCK_LIMIT + 1), None, "longer than 8388608 bytes"),
    "another version": (
        b'lock-version = "2.0"\ncreated-by = "x"\npackages = []',
        None,
        "2.0 is not supported",
    ),
    "no version": (b'lock-version = "new"\ncreated-by = "x"\npackages = []', None, "lock-version"),
    "no packages": (b'lock-version = "1.0"\ncreated-by = "x"', None, "packages"),
    "packages of text": (
        b'lock-version = "1.0"\ncreated-by = "x"\npackages = ["a"]',
        "number 1",
        "packages[0]",
    ),
    "empty": (lock(), None, "needs no project"),
    "a name with capitals": (lock(package("a"), package("Flask")), "Flask", "not normalized"),
    "no source": (lock(package("a"), '[[packages]]\nname = "b"\n'), "b", "must be set"),
    "a marker that is none": (lock(package("a", 'marker = "maybe"')), "a", "marker"),
    "a wheel of another": (
        lock(package("a").replace("a-1.0-py3", "b-1.0-py3")),
        "a",
        "not consistent",
    ),
    "escapes": (lock(package("a"), package("\\u001b[2J")), "\x1b[2J", "not normalized"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_lock(case: str) -> None:
    """The error names the file, the package and the reason, all safe to print."""
    data, blamed, words = BAD[case]
    with pytest.raises(InvalidLock) as caught:
        locked_projects(data, "my\x1bpylock.toml", Selection())
    assert caught.value.package == blamed
    assert words in str(caught.value)
    assert str(caught.value).startswith("my\\x1bpylock.toml")
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("marker", ["platform_machine ~= 'x'", "extra == 'x'"])
def test_a_marker_that_cannot_be_evaluated(marker: str) -> None:
    """Once there is something to evaluate it for."""
    with pytest.raises(InvalidLock, match=r"package maybe: its marker cannot be evaluated"):
        needs(marked(marker), LINUX)


def test_nothing_for_the_selection_is_an_error_not_the_whole_release() -> None:
    """No name would choose everything."""
    data = lock(package("mac", "marker = \"sys_platform == 'darwin'\""))
    assert needs(data, MAC) == ["mac"]
    with pytest.raises(InvalidLock, match="needs no project of an index for this selection"):
        needs(data, LINUX)


def test_a_release_is_compared_by_name_and_version() -> None:
    """Versions are compared as versions; a project without a wheel is missing."""
    made = Made()
    release = made.read(
        [
            made.project("Same", {"same-1.0-py3-none-any.whl": 1}),
            made.project("other", {"other-1.0-py3-none-any.whl": 1, "other-1.1-py3-none-win32.whl": 1}),
            made.project("free", {"free-9-py3-none-any.whl": 1}),
            made.project("empty", {}),
        ]
    )
    locked = [
        LockedProject("same", (Version("1.0.0"),)),
        LockedProject("other", (Version("1.1"), Version("2"))),
        LockedProject("free"),
        LockedProject("empty", (Version("1"),)),
        LockedProject("gone", (Version("1"),)),
    ]
    assert compare_lock(release, locked) == LockDifferences(("empty", "gone"), ())
    locked[0] = LockedProject("same", (Version("1.0.1"),))
    assert compare_lock(release, locked) == LockDifferences(("empty", "gone"), ("same",))


@given(st.binary(max_size=200))
def test_foreign_bytes(data: bytes) -> None:
    """Refused."""
    with pytest.raises(InvalidLock):
        locked_projects(data, "x", Selection())


TOML = st.text(max_size=60) | st.sampled_from(
    ["1", "true", "[]", "{}", "2026-11-23", "[1]", "{ a = 1 }", "'x'"]
)
KEYS = ["lock-version", "created-by", "environments", "requires-python", "extras", "default-groups", "tool"]
FIELDS = ["name", "version", "marker", "wheels", "sdist", "vcs", "requires-python", "dependencies", "index"]


@given(st.sampled_from(KEYS), st.sampled_from(FIELDS), TOML, TOML)
def test_foreign_values(key: str, field: str, value: str, inner: str) -> None:
    """In any field: refused with our error, or read."""
    head = f'lock-version = "1.0"\ncreated-by = "x"\n{key} = {value}'
    data = f'{head}\n[[packages]]\nname = "a"\n{field} = {inner}\n'
    for foreign in (data, lock(package("a", f"{field} = {inner}"), head=f"{key} = {value}").decode()):
        try:
            locked_projects(foreign.encode("utf-8", "replace"), "x", Selection.parse(["linux-64"]))
        except InvalidLock as error:
            assert str(error).isprintable()


@given(
    st.sampled_from(
        ["os_name", "platform_machine", "python_version", "python_full_version", "extras", "extra"]
    ),
    st.sampled_from(["==", "!=", "<", ">=", "~=", "===", "in", "not in"]),
    st.text(st.characters(exclude_characters="'\"\\", exclude_categories=["C"]), max_size=12),
)
def test_foreign_markers(variable: str, operator: str, value: str) -> None:
    """Either way round: our error, or an answer."""
    for marker in (f"{variable} {operator} '{value}'", f"'{value}' {operator} {variable}"):
        try:
            assert "always" in needs(marked(marker), LINUX)
        except InvalidLock as error:
            assert str(error).isprintable()
