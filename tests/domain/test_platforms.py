"""Families of platform tags: every clause of trees.md 2."""

from __future__ import annotations

import pytest

from ipwhl_mirror.domain.platforms import ALIASES, family_of, resolve_alias


@pytest.mark.parametrize(
    ("tag", "families"),
    [
        ("manylinux1_x86_64", ["linux-x86_64"]),
        ("manylinux2010_i686", ["linux-i686"]),
        ("manylinux2014_aarch64", ["linux-aarch64"]),
        ("manylinux_2_17_ppc64le", ["linux-ppc64le"]),
        ("linux_armv7l", ["linux-armv7l"]),
        ("musllinux_1_2_x86_64", ["musl-x86_64"]),
        ("macosx_11_0_arm64", ["macos-arm64"]),
        ("macosx_10_9_universal2", ["macos-arm64", "macos-x86_64"]),
        ("macosx_10_9_x86_64", ["macos-x86_64"]),
        ("macosx_10_6_intel", ["macos-x86_64"]),
        ("macosx_10_6_fat", ["macos-x86_64"]),
        ("macosx_10_6_fat3", ["macos-x86_64"]),
        ("macosx_10_6_fat32", ["macos-x86_64"]),
        ("macosx_10_6_fat64", ["macos-x86_64"]),
        ("macosx_10_6_universal", ["macos-x86_64"]),
        ("macosx_10_6_i386", ["macos-i386"]),
        ("macosx_10_4_ppc", ["macos-ppc"]),
        ("win_amd64", ["windows-amd64"]),
        ("win32", ["windows-x86"]),
        ("win_arm64", ["windows-arm64"]),
        ("android_21_arm64_v8a", ["android-arm64_v8a"]),
        ("ios_13_0_arm64_iphoneos", ["ios-arm64_iphoneos"]),
        ("any", ["any"]),
        ("plan9_mips", ["plan9_mips"]),
        ("win_ia64", ["win_ia64"]),
        ("manylinux2011_x86_64", ["manylinux2011_x86_64"]),
        ("manylinux_x86_64", ["manylinux_x86_64"]),
        ("manylinux_2_17", ["manylinux_2_17"]),
        ("linux_", ["linux_"]),
        ("musllinux_x86_64", ["musllinux_x86_64"]),
        ("macosx_11_arm64", ["macosx_11_arm64"]),
        ("android_arm64", ["android_arm64"]),
        ("ios_13_arm64", ["ios_13_arm64"]),
        ("xlinux_x86_64", ["xlinux_x86_64"]),
    ],
)
def test_family_of_a_platform_tag(tag: str, families: list[str]) -> None:
    """A tag has one family, universal2 has two, and what nobody knows is its own."""
    assert sorted(family_of(tag)) == families


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("linux-64", "linux-x86_64"),
        ("osx-64", "macos-x86_64"),
        ("osx-arm64", "macos-arm64"),
        ("win-64", "windows-amd64"),
        ("win-arm64", "windows-arm64"),
        ("WIN-64", "windows-amd64"),
        ("Linux-AArch64", "linux-aarch64"),
        ("any", "any"),
    ],
)
def test_aliases_are_read_as_families(name: str, family: str) -> None:
    """An alias is the family it stands for; anything else is itself in lower case."""
    assert resolve_alias(name) == family


def test_there_are_no_other_aliases() -> None:
    """What is an alias is fixed: a new one would change what others' selections mean."""
    assert set(ALIASES) == {"linux-64", "osx-64", "osx-arm64", "win-64", "win-arm64"}
