"""Environments: every clause of the tag sets of trees.md 3."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from packaging.tags import mac_platforms, sys_tags

from ipwhl_mirror.domain.environments import Environment, PythonVersion, this_environment
from ipwhl_mirror.domain.errors import InvalidSelection
from ipwhl_mirror.domain.wheels import parse_wheel_name

if TYPE_CHECKING:
    from ipwhl_mirror.domain.wheels import WheelTags


def tags_of(text: str) -> WheelTags:
    """The tags of a wheel, as in its name."""
    return parse_wheel_name(f"a-1-{text}.whl", "a").tags


LINUX = "manylinux_2_28_x86_64"


@pytest.mark.parametrize(
    ("environment", "tags", "runs"),
    [
        # CPython X.Y
        (f"cp311 {LINUX}", f"cp311-cp311-{LINUX}", True),
        (f"cp311 {LINUX}", f"cp311-cp311m-{LINUX}", False),
        (f"cp311 {LINUX}", f"cp311-cp311t-{LINUX}", False),
        (f"cp311 {LINUX}", f"cp311-none-{LINUX}", True),
        (f"cp311 {LINUX}", f"cp310-cp310-{LINUX}", False),
        (f"cp311 {LINUX}", f"cp310-none-{LINUX}", False),
        (f"cp311 {LINUX}", f"cp310-cp311-{LINUX}", False),
        (f"cp37 {LINUX}", f"cp37-cp37m-{LINUX}", True),
        (f"cp37 {LINUX}", f"cp37-cp37-{LINUX}", True),
        (f"cp36 {LINUX}", f"cp36-cp36m-{LINUX}", True),
        (f"cp27 {LINUX}", f"cp27-cp27m-{LINUX}", True),
        (f"cp27 {LINUX}", f"cp27-cp27mu-{LINUX}", False),
        (f"cp38 {LINUX}", f"cp38-cp38m-{LINUX}", False),
        # abi3: cpXZ-abi3 for 2 <= Z <= Y, X = 3
        (f"cp311 {LINUX}", f"cp311-abi3-{LINUX}", True),
        (f"cp311 {LINUX}", f"cp37-abi3-{LINUX}", True),
        (f"cp311 {LINUX}", f"cp32-abi3-{LINUX}", True),
        (f"cp311 {LINUX}", f"cp31-abi3-{LINUX}", False),
        (f"cp311 {LINUX}", f"cp312-abi3-{LINUX}", False),
        (f"cp311 {LINUX}", f"py3-abi3-{LINUX}", False),
        (f"cp27 {LINUX}", f"cp27-abi3-{LINUX}", False),
        (f"cp27 {LINUX}", f"cp26-abi3-{LINUX}", False),
        (f"cp31 {LINUX}", f"cp31-abi3-{LINUX}", False),
        (f"cp32 {LINUX}", f"cp32-abi3-{LINUX}", True),
        # pyX-none, pyXZ-none for Z <= Y
        (f"cp311 {LINUX}", f"py3-none-{LINUX}", True),
        (f"cp311 {LINUX}", f"py30-none-{LINUX}", True),
        (f"cp311 {LINUX}", f"py311-none-{LINUX}", True),
        (f"cp311 {LINUX}", f"py312-none-{LINUX}", False),
        (f"cp311 {LINUX}", f"py2-none-{LINUX}", False),
        (f"cp311 {LINUX}", f"py2.py3-none-{LINUX}", True),
        (f"cp311 {LINUX}", f"py3-cp311-{LINUX}", False),
        # any, with the abi none only
        (f"cp311 {LINUX}", "py3-none-any", True),
        (f"cp311 {LINUX}", "py2.py3-none-any", True),
        (f"cp311 {LINUX}", "py2-none-any", False),
        (f"cp311 {LINUX}", "cp311-none-any", True),
        (f"cp311 {LINUX}", "cp310-none-any", False),
        (f"cp311 {LINUX}", "cp311-cp311-any", False),
        (f"cp311 {LINUX}", "cp37-abi3-any", False),
        (f"cp311 {LINUX}", "cp311-cp311.none-any", True),
        ("cp311 any", "py3-none-any", True),
        ("cp311 any", "cp311-cp311-any", False),
        ("cp311 any", f"py3-none-{LINUX}", False),
        # X.Yt
        (f"cp313t {LINUX}", f"cp313-cp313t-{LINUX}", True),
        (f"cp313t {LINUX}", f"cp313-cp313-{LINUX}", False),
        (f"cp313t {LINUX}", f"cp313-none-{LINUX}", True),
        (f"cp313t {LINUX}", f"cp313-abi3-{LINUX}", False),
        (f"cp313t {LINUX}", f"cp37-abi3-{LINUX}", False),
        (f"cp313t {LINUX}", f"cp313t-cp313t-{LINUX}", False),
        (f"cp313t {LINUX}", f"py313-none-{LINUX}", True),
        (f"cp313t {LINUX}", "py3-none-any", True),
        (f"cp313 {LINUX}", f"cp313-cp313t-{LINUX}", False),
        # PyPy
        (f"pp310 {LINUX}", f"pp310-pypy310_pp73-{LINUX}", True),
        (f"pp310 {LINUX}", f"pp310-pypy310_pp99-{LINUX}", True),
        (f"pp310 {LINUX}", f"pp310-pypy310-{LINUX}", False),
        (f"pp310 {LINUX}", f"pp310-pypy31_pp73-{LINUX}", False),
        (f"pp310 {LINUX}", f"pp39-pypy310_pp73-{LINUX}", False),
        (f"pp310 {LINUX}", f"pp310-none-{LINUX}", True),
        (f"pp310 {LINUX}", f"py310-none-{LINUX}", True),
        (f"pp310 {LINUX}", "py3-none-any", True),
        (f"pp310 {LINUX}", "pp310-none-any", True),
        (f"pp310 {LINUX}", "pp310-pypy310_pp73-any", False),
        (f"pp310 {LINUX}", f"cp310-cp310-{LINUX}", False),
        (f"pp310 {LINUX}", f"cp37-abi3-{LINUX}", False),
        (f"cp310 {LINUX}", f"pp310-pypy310_pp73-{LINUX}", False),
    ],
)
def test_what_an_interpreter_loads(environment: str, tags: str, runs: bool) -> None:
    """One (py, abi) of the set, on a platform that runs there; on `any` only with the abi none."""
    assert Environment.parse(environment).runs(tags_of(tags)) is runs


@pytest.mark.parametrize(
    ("platform", "runs", "not_runs"),
    [
        pytest.param(
            "manylinux_2_17_x86_64",
            "manylinux_2_17_x86_64 manylinux_2_5_x86_64 manylinux1_x86_64 manylinux2010_x86_64"
            " manylinux2014_x86_64 linux_x86_64",
            "manylinux_2_18_x86_64 manylinux_2_4_x86_64 manylinux_2_17_i686 linux_i686"
            " musllinux_1_1_x86_64 manylinux_2_017_x86_64",
            id="2_17 on x86_64",
        ),
        pytest.param(
            "manylinux_2_11_i686",
            "manylinux_2_5_i686 manylinux_2_11_i686 manylinux1_i686 linux_i686",
            "manylinux_2_12_i686 manylinux2010_i686 manylinux2014_i686 manylinux_2_5_x86_64",
            id="2_11 on i686",
        ),
        pytest.param(
            "manylinux_2_28_aarch64",
            "manylinux_2_17_aarch64 manylinux_2_28_aarch64 manylinux2014_aarch64 linux_aarch64",
            "manylinux_2_16_aarch64 manylinux_2_5_aarch64 manylinux2010_aarch64 manylinux1_aarch64",
            id="17 is the floor elsewhere",
        ),
        pytest.param(
            "manylinux_2_5_aarch64",
            "linux_aarch64",
            "manylinux_2_5_aarch64 manylinux_2_17_aarch64 manylinux1_aarch64",
            id="below the floor only linux_A",
        ),
        pytest.param(
            "manylinux2014_s390x",
            "manylinux_2_17_s390x manylinux2014_s390x linux_s390x",
            "manylinux_2_18_s390x",
            id="2014 is 2_17",
        ),
        pytest.param(
            "manylinux2010_x86_64",
            "manylinux_2_12_x86_64 manylinux2010_x86_64 manylinux1_x86_64",
            "manylinux_2_13_x86_64 manylinux2014_x86_64",
            id="2010 is 2_12",
        ),
        pytest.param(
            "manylinux1_x86_64",
            "manylinux_2_5_x86_64 manylinux1_x86_64 linux_x86_64",
            "manylinux_2_6_x86_64 manylinux2010_x86_64",
            id="1 is 2_5",
        ),
        pytest.param(
            "musllinux_1_1_x86_64",
            "musllinux_1_0_x86_64 musllinux_1_1_x86_64 linux_x86_64",
            "musllinux_1_2_x86_64 manylinux_2_17_x86_64 musllinux_1_1_aarch64",
            id="musl",
        ),
        pytest.param("linux_x86_64", "linux_x86_64", "manylinux_2_17_x86_64 manylinux1_x86_64", id="linux_A"),
        pytest.param("manylinux_3_1_x86_64", "manylinux_3_1_x86_64", "linux_x86_64", id="glibc 3 is itself"),
        pytest.param("win_amd64", "win_amd64", "win32 win_arm64", id="windows"),
        pytest.param("macosx_10_6_intel", "macosx_10_6_intel", "macosx_10_6_x86_64", id="intel is itself"),
        pytest.param("plan9_mips", "plan9_mips", "plan9_arm", id="unknown is itself"),
        pytest.param(
            "macosx_12_3_arm64",
            "macosx_12_0_arm64 macosx_11_0_arm64 macosx_11_0_universal2 macosx_10_9_universal2",
            "macosx_12_3_arm64 macosx_13_0_arm64 macosx_10_9_x86_64 macosx_11_0_x86_64",
            id="apple silicon",
        ),
        pytest.param(
            "macosx_10_15_x86_64",
            "macosx_10_15_x86_64 macosx_10_9_intel macosx_10_6_fat64 macosx_10_4_universal"
            " macosx_10_9_universal2",
            "macosx_11_0_x86_64 macosx_10_16_x86_64 macosx_10_3_x86_64 macosx_10_6_fat",
            id="intel mac",
        ),
    ],
)
def test_what_runs_on_a_platform(platform: str, runs: str, not_runs: str) -> None:
    """The platform sets of trees.md 3, floors and old names included."""
    environment = Environment.parse(f"cp312 {platform}")
    assert set(runs.split()) <= environment.platforms
    assert environment.platforms.isdisjoint(not_runs.split())


@pytest.mark.parametrize("version", [(10, 9), (10, 15), (11, 0), (12, 6), (14, 2), (26, 0)])
@pytest.mark.parametrize("machine", ["arm64", "x86_64"])
def test_macos_runs_what_packaging_says(version: tuple[int, int], machine: str) -> None:
    """`macosx_X_Y` on arm64 and x86_64 is mac_platforms, no more and no less."""
    environment = Environment.parse(f"cp312 macosx_{version[0]}_{version[1]}_{machine}")
    assert environment.platforms == set(mac_platforms(version, machine))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("cp311 manylinux_2_28_x86_64", "cp311 manylinux_2_28_x86_64"),
        ("  CP313T   Manylinux_2_28_AArch64 ", "cp313t manylinux_2_28_aarch64"),
        ("pp310 win_amd64", "pp310 win_amd64"),
        ("cp311 manylinux2014_x86_64", "cp311 manylinux_2_17_x86_64"),
        ("cp311 manylinux2010_i686", "cp311 manylinux_2_12_i686"),
        ("cp311 manylinux1_x86_64", "cp311 manylinux_2_5_x86_64"),
        ("cp311 manylinux_2_028_x86_64", "cp311 manylinux_2_28_x86_64"),
        ("cp311 musllinux_1_02_x86_64", "cp311 musllinux_1_2_x86_64"),
        ("cp311 macosx_012_0_arm64", "cp311 macosx_12_0_arm64"),
        ("cp30 win32", "cp30 win32"),
    ],
)
def test_an_environment_is_canonical(text: str, canonical: str) -> None:
    """Lower case, one space, old manylinux names as their 2_N; and its own text reads back the same."""
    environment = Environment.parse(text)
    assert str(environment) == canonical
    assert Environment.parse(canonical) == environment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cp311",
        "cp311 linux_x86_64 extra",
        "py3 linux_x86_64",
        "py311 linux_x86_64",
        "cp3 linux_x86_64",
        "cp linux_x86_64",
        "cp311d linux_x86_64",
        "cp311m linux_x86_64",
        "cp3011 linux_x86_64",
        "cp031 linux_x86_64",
        "pp310t linux_x86_64",
        "jy27 linux_x86_64",
        "3.11 linux_x86_64",
        "cp\u0663\u0661\u0661 linux_x86_64",
        "linux_x86_64 cp311",
        "cp311 linux-x86_64",
        "cp311 linux_\u0445",
        "cp311 macosx_11_0_universal2",
        "cp311 MacOSX_10_9_Universal2",
        "this linux_x86_64",
    ],
)
def test_what_is_no_environment_is_refused(text: str) -> None:
    """Any other interpreter, another number of words, a platform that is no tag, macOS universal2."""
    with pytest.raises(InvalidSelection) as refused:
        Environment.parse(text)
    assert refused.value.option == "-e"
    assert refused.value.value == text
    assert refused.value.hint


def test_this_is_the_running_machine() -> None:
    """`-e this` runs what this Python prefers most and what is pure, and is named by tags."""
    environment = Environment.parse("This")
    assert environment == this_environment()
    best = next(iter(sys_tags()))
    assert environment.interpreter.startswith(best.interpreter)
    assert environment.interpreter[2:].rstrip("t") == f"{sys.version_info.major}{sys.version_info.minor}"
    assert environment.runs(tags_of(str(best)))
    assert environment.runs(tags_of("py3-none-any"))
    assert Environment.parse(str(environment)) == environment


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("3.12", PythonVersion(3, 12)),
        ("3.13t", PythonVersion(3, 13, free_threaded=True)),
        ("3.13T", PythonVersion(3, 13, free_threaded=True)),
        ("2.7", PythonVersion(2, 7)),
        ("3.0", PythonVersion(3, 0)),
    ],
)
def test_a_python_is_read(text: str, version: PythonVersion) -> None:
    """`X.Y` or `X.Yt`; its text reads back the same."""
    assert PythonVersion.parse(text) == version
    assert PythonVersion.parse(str(version)) == version


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "3.",
        "3.12.1",
        "312",
        "cp312",
        "3.012",
        "03.1",
        "3.12tt",
        "3.12 ",
        "\u0663.1",
        "-3.1",
        "3.1e3",
    ],
)
def test_what_is_no_python_is_refused(text: str) -> None:
    """A patch level, a tag, other digits: exit 2, with what to write instead."""
    with pytest.raises(InvalidSelection) as refused:
        PythonVersion.parse(text)
    assert refused.value.option == "--python"
    assert refused.value.hint


def test_pythons_sort_by_number() -> None:
    """3.9 comes before 3.13, and 3.13 before 3.13t."""
    texts = ["3.13t", "3.9", "2.7", "3.13"]
    assert [str(version) for version in sorted(map(PythonVersion.parse, texts))] == [
        "2.7",
        "3.9",
        "3.13",
        "3.13t",
    ]
