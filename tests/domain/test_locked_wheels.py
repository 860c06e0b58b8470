"""Wheels of lock files: what a lock names, what is refused, and what a release takes of several locks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.domain.environments import Environment
from ipwhl_mirror.domain.errors import InvalidLock
from ipwhl_mirror.domain.lock_choosing import choose_of_locks
from ipwhl_mirror.domain.lock_environments import environments_within, narrowed
from ipwhl_mirror.domain.locked_wheels import Needs, NoWheel, read_wheel_lock
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.domain.wheels import parse_wheel_name
from tests.conftest import VECTORS
from tests.simulators.locks import LockEntry, lock_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipwhl_mirror.domain.lock_choosing import LockChoice
    from ipwhl_mirror.domain.locked_wheels import WheelLock

ZEROS = "0" * 64
HASH = f'hashes = {{ sha256 = "{ZEROS}" }}'


def entry(name: str, *tags: str, version: str = "1.0", lines: tuple[str, ...] = ()) -> LockEntry:
    """A package with a wheel for each of these tags."""
    spelled = name.replace("-", "_")
    files = {f"{spelled}-{version}-{tag}.whl": f"{name} {version} {tag}".encode() for tag in tags}
    return LockEntry(name=name, version=version, files=files, lines=lines)


def lock(*entries: LockEntry, head: str = "", name: str = "pylock.toml") -> WheelLock:
    return read_wheel_lock(lock_text(*entries, head=head).encode(), name)


def of_package(*lines: str, version: str = '"1.0"') -> bytes:
    """A lock of one package, `it`, with these lines."""
    head = 'lock-version = "1.0"\ncreated-by = "a test"\n[[packages]]\nname = "it"\n'
    return (head + (f"version = {version}\n" if version else "") + "\n".join(lines) + "\n").encode()


def test_a_wheel_of_a_lock() -> None:
    """Its name, address, size and hash; a name of its own counts before that in the address."""
    url = "https://h/a/b/it-1.0%2Blocal-py3-none-any.whl?token=1#x"
    data = of_package(
        f'wheels = [{{ url = "{url}", path = "w/x.whl", name = "it-1.0+local-py3-none-any.whl", size = 7, '
        f'hashes = {{ sha256 = "{"Aa" * 32}", sha512 = "00" }} }}]',
        version='"1.0+local"',
    )
    (package,) = read_wheel_lock(data, "x").packages
    (wheel,) = package.wheels
    assert (wheel.filename, wheel.url, wheel.path) == ("it-1.0+local-py3-none-any.whl", url, "w/x.whl")
    assert (wheel.size, wheel.sha256) == (7, b"\xaa" * 32)
    assert (package.name, str(package.version), package.no_wheel) == ("it", "1.0+local", None)


@pytest.mark.parametrize(
    ("fields", "filename"),
    [
        ('url = "https://h/it-1.0%2Bcpu-py3-none-any.whl#frag"', "it-1.0+cpu-py3-none-any.whl"),
        ('path = "../wheels/it-1.0-py3-none-any.whl"', "it-1.0-py3-none-any.whl"),
        ('path = "..\\\\it-1.0-py3-none-any.whl"', "it-1.0-py3-none-any.whl"),
        ('name = "IT-1.0-py3-none-any.whl", url = "https://h/files/1234"', "IT-1.0-py3-none-any.whl"),
    ],
)
def test_where_a_file_name_comes_from(fields: str, filename: str) -> None:
    """The last name of the path or the address, decoded, but what the lock calls it first."""
    data = of_package(f"wheels = [{{ {fields}, {HASH} }}]", version="")
    assert [wheel.filename for wheel in read_wheel_lock(data, "x").packages[0].wheels] == [filename]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('directory = { path = ".", editable = true }', NoWheel.DIRECTORY),
        ('vcs = { type = "git", url = "https://h/it.git", commit-id = "00" }', NoWheel.VCS),
        (f'archive = {{ url = "https://h/it-1.0.tar.gz", {HASH} }}', NoWheel.ARCHIVE),
        (f'sdist = {{ url = "https://h/it-1.0.tar.gz", {HASH} }}', NoWheel.SDIST),
        (f'archive = {{ url = "https://h/it-1.0-py3-none-any.whl", {HASH} }}', None),
        (f'archive = {{ path = "it-1.0-py3-none-any.whl", subdirectory = "x", {HASH} }}', NoWheel.ARCHIVE),
    ],
)  # fmt: skip
def test_packages_without_a_wheel(line: str, reason: NoWheel | None) -> None:
    """Say why; an archive that is a wheel is one."""
    (package,) = read_wheel_lock(of_package(line), "x").packages
    assert package.no_wheel is reason
    assert bool(package.wheels) == (reason is None)


@pytest.mark.parametrize(
    ("wheel", "words"),
    [
        ('{ url = "https://h/other-1.0-py3-none-any.whl", HASH }', "of 'other'|with package name"),
        ('{ url = "https://h/it-2.0-py3-none-any.whl", HASH }', "versions: 1.0, 2.0|with package version"),
        ('{ url = "https://h/it-1.0.zip", HASH }', "does not end in .whl|Invalid wheel filename"),
        ('{ url = "https://h/", HASH }', "no wheel name|wheel filename"),
        ('{ url = "https://[", HASH }', "no wheel name|Invalid IPv6 URL"),
        ('{ path = "/etc/passwd", HASH }', "no wheel name|Invalid wheel filename"),
        ('{ path = "it-1.0-py3-none-any.whl/..", HASH }', "no wheel name|Invalid wheel filename"),
        ('{ name = "../it-1.0-py3-none-any.whl", url = "x", HASH }', "no wheel name|Invalid wheel filename"),
        ('{ name = "it-1.0-py3-none-any\\u001b[2J.whl", url = "https://h/x", HASH }', r"\\x1b"),
        (f'{{ url = "https://h/it-1.0-py3-none-{"a" * 300}.whl", HASH }}', "too long"),
        ('{ url = "https://h/it-1.0-py3-none-any.whl", hashes = { sha512 = "00" } }', "has no SHA-256"),
        ('{ url = "https://h/it-1.0-py3-none-any.whl", hashes = { sha256 = "00" } }', "has no SHA-256"),
        (f'{{ url = "https://h/it-1.0-py3-none-any.whl", size = {1 << 40}, HASH }}', "of at most"),
        ('{ url = "https://h/it-1.0-py3-none-any.whl", size = -1, HASH }', "-1 bytes"),
        ('{ url = 1, HASH }', "url"),
    ],
)  # fmt: skip
def test_what_is_no_wheel_of_its_package_refuses_the_lock(wheel: str, words: str) -> None:
    """And the package is named, without what would control a terminal; newer versions of packaging find some
    of it first."""
    data = of_package(f"wheels = [{wheel.replace('HASH', HASH)}]")
    with pytest.raises(InvalidLock) as refused:
        read_wheel_lock(data, "x")
    assert re.search(words, str(refused.value))
    assert refused.value.package == "it"
    assert str(refused.value).isprintable()


@given(st.sampled_from(["url", "path", "name"]), st.text(max_size=40))
def test_any_text_as_a_name_is_refused_or_a_wheel_of_the_package(where: str, text: str) -> None:
    """Nothing else comes out, and no other error."""
    quoted = "".join(f"\\U{ord(letter):08x}" for letter in text if not 0xD800 <= ord(letter) < 0xE000)
    fields = {"url": "https://h/x", where: quoted}
    body = ", ".join(f'{name} = "{value}"' for name, value in fields.items())
    try:
        (package,) = read_wheel_lock(of_package(f"wheels = [{{ {body}, {HASH} }}]"), "x").packages
    except InvalidLock:
        return
    for wheel in package.wheels:
        assert parse_wheel_name(wheel.filename, "it").version == "1.0"


ON_LINUX, ON_MAC, ON_WINDOWS = (
    "cp312 manylinux_2_28_x86_64",
    "cp312 macosx_12_0_arm64",
    "cp312 win_amd64",
)
LINUX_TAG, MAC_TAG, WINDOWS_TAG = (
    "cp312-cp312-manylinux_2_17_x86_64",
    "cp312-cp312-macosx_11_0_arm64",
    "cp312-cp312-win_amd64",
)


def environments(*texts: str) -> list[Environment]:
    return [Environment.parse(text) for text in texts]


def taken(choice: LockChoice) -> list[str]:
    """Project and tags of what is taken."""
    return [f"{each.project} {each.wheel.name.tags.text}" for each in choice.taken]


def test_locks_of_one_platform_each_are_merged() -> None:
    """As pip writes them: each serves its platform, and what both name is there once."""
    linux = lock(entry("pure", "py3-none-any"), entry("native", LINUX_TAG), name="linux")
    mac = lock(entry("pure", "py3-none-any"), entry("native", MAC_TAG), name="mac")
    wanted = environments(ON_LINUX, ON_MAC, ON_WINDOWS)
    choice = choose_of_locks([linux, mac], wanted, {})
    assert taken(choice) == [f"native {MAC_TAG}", f"native {LINUX_TAG}", "pure py3-none-any"]
    assert list(choice.environments) == sorted(environments(ON_LINUX, ON_MAC))
    assert [(str(gap.environment), gap.projects) for gap in choice.gaps] == [(ON_WINDOWS, ("native",))]
    assert (choice.versions, choice.differing) == ({}, ())
    other = choose_of_locks([mac, linux], wanted[::-1], {})
    assert (taken(other), other.environments, other.gaps) == (taken(choice), choice.environments, choice.gaps)


def test_a_gap_is_filled_by_what_is_there_anyway() -> None:
    """As a wheel that a person built and gives beside the lock."""
    sources = LockEntry(
        name="sources", lines=(f'sdist = {{ url = "https://h/sources-1.0.tar.gz", {HASH} }}',)
    )
    locked = lock(entry("pure", "py3-none-any"), sources)
    wanted = environments(ON_LINUX, ON_MAC)
    without = choose_of_locks([locked], wanted, {})
    assert [gap.projects for gap in without.gaps] == [("sources",), ("sources",)]
    built = parse_wheel_name(f"sources-1.0-{LINUX_TAG}.whl", "sources").tags
    choice = choose_of_locks([locked], wanted, {"sources": [built]})
    assert (taken(choice), list(map(str, choice.environments))) == (["pure py3-none-any"], [ON_LINUX])


def test_two_versions_are_told_with_where_each_is_needed() -> None:
    """As uv locks them where a version is not for every Python; neither is taken."""
    locked = lock(
        entry("it", "cp311-cp311-win_amd64", version="1.0", lines=("marker = \"python_version < '3.12'\"",)),
        entry("it", "cp312-cp312-win_amd64", version="2.0", lines=("marker = \"python_version >= '3.12'\"",)),
    )
    choice = choose_of_locks([locked], environments("cp311 win_amd64", "cp312 win_amd64"), {})
    found = {str(use.version): list(map(str, use.environments)) for use in choice.versions["it"]}
    assert found == {"1.0": ["cp311 win_amd64"], "2.0": ["cp312 win_amd64"]}
    assert choice.taken == ()
    one = choose_of_locks([locked], environments("cp312 win_amd64"), {})
    assert (taken(one), one.versions, str(one.needed["it"].version)) == (
        ["it cp312-cp312-win_amd64"],
        {},
        "2.0",
    )


def test_one_name_with_other_bytes_is_told() -> None:
    """As two indexes have it that build the same version."""
    name = "it-1.0-py3-none-any.whl"
    one, other = (
        lock(LockEntry(name="it", files={name: data}), name=lock_name)
        for lock_name, data in (("one", b"1"), ("other", b"2"))
    )
    choice = choose_of_locks([one, other], environments(ON_LINUX), {})
    assert [(a.lock.filename, b.lock.filename) for a, b in choice.differing] == [("one", "other")]


@pytest.mark.parametrize(
    ("head", "served"),
    [
        ("", [ON_LINUX, ON_WINDOWS]),
        ('requires-python = ">=3.12"', [ON_LINUX, ON_WINDOWS]),
        ('requires-python = ">=3.13"', []),
        ("environments = [\"sys_platform == 'linux'\"]", [ON_LINUX]),
    ],
)
def test_a_lock_is_for_its_environments(head: str, served: list[str]) -> None:
    """And says nothing of the others."""
    locked = lock(entry("pure", "py3-none-any"), head=head)
    choice = choose_of_locks([locked], environments(ON_LINUX, ON_WINDOWS), {})
    assert list(map(str, choice.environments)) == served
    assert all(gap.projects == () for gap in choice.gaps)


def test_a_wheel_installs_where_its_python_is_admitted() -> None:
    """Whatever its tags say."""
    locked = lock(entry("pure", "py3-none-any", lines=('requires-python = ">=3.12"',)))
    choice = choose_of_locks([locked], environments(ON_LINUX, "cp311 win_amd64"), {})
    assert list(map(str, choice.environments)) == [ON_LINUX]
    assert [(str(gap.environment), gap.projects) for gap in choice.gaps] == [("cp311 win_amd64", ("pure",))]


def test_a_marker_that_cannot_be_evaluated_names_the_package() -> None:
    """Rather than being believed."""
    locked = lock(entry("it", "py3-none-any", lines=("marker = \"python_version ~= 'x'\"",)))
    with pytest.raises(InvalidLock, match="package it"):
        choose_of_locks([locked], environments(ON_LINUX), {})


def test_narrowing_leaves_out_what_is_not_chosen() -> None:
    """Projects, wheels by tags, and with --no-any what is for any platform alone."""
    locked = lock(
        entry("pure", "py3-none-any"), entry("native", LINUX_TAG, WINDOWS_TAG), entry("gone", "py3-none-any")
    )
    selection = Selection.parse(platforms=["win-64"], excludes=["pu*"])
    one = locked.narrowed(selection, {"gone"})
    assert [(each.name, len(each.wheels)) for each in one.packages] == [("native", 1)]
    other = locked.narrowed(Selection.parse(no_any=True), ())
    assert [(each.name, len(each.wheels)) for each in other.packages] == [("native", 2)]


def within(selection: str, projects: Iterable[Iterable[str]], requires: str = "") -> list[str]:
    """The environments of wheels with these tags, as texts."""
    tags = [{parse_wheel_name(f"it-1.0-{tag}.whl", "it").tags for tag in project} for project in projects]
    needs = Needs(lock(head=f'requires-python = "{requires}"' if requires else ""))
    return list(map(str, environments_within(Selection.from_cli_text(selection), tags, needs.admits)))


NATIVE = [
    "cp311-cp311-manylinux_2_17_x86_64",
    "cp312-cp312-manylinux_2_17_x86_64",
    "cp312-cp312-manylinux_2_34_x86_64",
    "cp312-cp312-win_amd64",
]
PURE = ["py3-none-any"]
ABI3 = ["cp39-abi3-manylinux_2_28_x86_64", "cp39-abi3-win_amd64"]


@pytest.mark.parametrize(
    ("selection", "projects", "requires", "expected"),
    [
        pytest.param(
            "",
            [NATIVE, PURE],
            "",
            ["cp311 manylinux_2_17_x86_64", "cp312 manylinux_2_17_x86_64", "cp312 win_amd64"],
            id="those of the wheels, as old as all projects allow",
        ),
        pytest.param(
            "",
            [NATIVE, ABI3],
            "",
            ["cp311 manylinux_2_28_x86_64", "cp312 manylinux_2_28_x86_64", "cp312 win_amd64"],
            id="one project needs a newer system",
        ),
        pytest.param(
            "-p linux-64",
            [NATIVE, ["cp312-cp312-manylinux_2_28_x86_64", "py3-none-any"]],
            "",
            ["cp311 manylinux_2_17_x86_64", "cp312 manylinux_2_17_x86_64"],
            id="no newer system for a project that has a wheel for any",
        ),
        pytest.param(
            "-p linux-64",
            [["cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_34_x86_64", "py3-none-any"]],
            "",
            ["cp312 manylinux_2_28_x86_64"],
            id="the oldest that any asks for, where none has to be newer",
        ),
        pytest.param(
            "",
            [NATIVE],
            ">=3.12",
            ["cp312 manylinux_2_17_x86_64", "cp312 win_amd64"],
            id="the Pythons of the lock",
        ),
        pytest.param("-p win-64", [NATIVE], "", ["cp312 win_amd64"], id="a platform"),
        pytest.param(
            "-p linux-64 --python 3.11", [NATIVE], "", ["cp311 manylinux_2_17_x86_64"], id="and a Python"
        ),
        pytest.param(
            "-p linux-64 --python 3.13", [NATIVE], "", ["cp313 manylinux_2_34_x86_64"], id="without a wheel"
        ),
        pytest.param("-p linux-aarch64", [PURE], "", ["cp312 manylinux_2_28_aarch64"], id="pure Python"),
        pytest.param("-p win-64", [PURE], ">=3.13", ["cp313 win_amd64"], id="the oldest Python of the lock"),
        pytest.param("-p win-64", [PURE], "<3.10", ["cp39 win_amd64"], id="the newest that it has"),
        pytest.param("-e 'cp310 win_amd64'", [NATIVE], "", ["cp310 win_amd64"], id="an environment"),
        pytest.param(
            "-e 'cp310 win_amd64' -p linux-64 --python 3.12",
            [NATIVE],
            "",
            ["cp310 win_amd64", "cp312 manylinux_2_17_x86_64"],
            id="an environment beside a platform",
        ),
        pytest.param(
            "",
            [PURE],
            "",
            ["cp312 macosx_14_0_arm64", "cp312 manylinux_2_28_x86_64", "cp312 win_amd64"],
            id="the usual ones, where no wheel names any",
        ),
        pytest.param("-p musl-x86_64", [PURE], "", ["cp312 musllinux_1_2_x86_64"], id="musl"),
        pytest.param("-p beos", [PURE], "", [], id="a platform that nobody knows"),
    ],
)
def test_environments_of_locks(
    selection: str, projects: list[list[str]], requires: str, expected: list[str]
) -> None:
    """Where nobody lists them."""
    assert within(selection, projects, requires) == expected


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("", [ON_MAC, ON_LINUX, ON_WINDOWS]),
        ("-p linux-64", [ON_LINUX]),
        ("--python 3.11", []),
        (f"-e '{ON_MAC}'", [ON_MAC]),
        (f"-e '{ON_MAC}' -p win-64", [ON_MAC, ON_WINDOWS]),
    ],
)
def test_a_list_is_narrowed_by_the_selection(selection: str, expected: list[str]) -> None:
    """So that a list for everything can be used for a part."""
    listed = environments(ON_LINUX, ON_MAC, ON_WINDOWS)
    assert list(map(str, narrowed(listed, Selection.from_cli_text(selection)))) == expected


def test_a_lock_of_uv_as_it_is() -> None:
    """In each environment that is served, each project that is needed there has exactly one wheel."""
    read = read_wheel_lock((VECTORS / "pylock.toml").read_bytes(), "pylock.toml")
    selection = Selection.parse(platforms=["linux-64", "win-64"], pythons=["3.12"])
    locked = read.narrowed(selection, {"contourpy", "markupsafe", "numpy", "ruff"})  # wheels were trimmed
    needs = Needs(locked)
    tags = [{wheel.name.tags for wheel in package.wheels} for package in locked.packages]
    wanted = environments_within(selection, tags, needs.admits)
    choice = choose_of_locks([locked], wanted, {})
    assert choice.environments
    for environment in choice.environments:
        for package in needs.needed(environment):
            running = [
                each.wheel.filename
                for each in choice.taken
                if each.project == package.name and environment.runs(each.wheel.name.tags)
            ]
            assert len(running) == 1, (environment, package.name, running)
