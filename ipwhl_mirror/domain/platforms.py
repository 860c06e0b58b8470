"""Platforms: families of platform tags, as mirrors choose them.

`manylinux_2_28_x86_64` and `linux_x86_64` both belong to `linux-x86_64`; a universal2 tag belongs to two
families; a tag nobody knows is its own. Families do not say what runs where: that is `environments`.

Rules: trees.md 2. Platform tags: PEP 425, PEP 600 (manylinux), PEP 656 (musllinux), PEP 730 (iOS), PEP 738
(Android).
"""

from __future__ import annotations

import re
from functools import lru_cache
from types import MappingProxyType

ANY = "any"
"""The platform of wheels that run everywhere; tag and family alike."""

ALIASES = MappingProxyType(
    {
        "linux-64": "linux-x86_64",
        "osx-64": "macos-x86_64",
        "osx-arm64": "macos-arm64",
        "win-64": "windows-amd64",
        "win-arm64": "windows-arm64",
    }
)
"""Other names of families, as conda users know them."""

WELL_KNOWN_PREFIXES = ("linux-", "musl-", "macos-", "windows-", "android-", "ios-")
"""How a family may begin that is accepted although a release has no wheel of it."""

_PATTERNS = (
    ("linux-", re.compile(r"(?:linux|manylinux(?:1|2010|2014|_[0-9]+_[0-9]+))_(.+)")),
    ("musl-", re.compile(r"musllinux_[0-9]+_[0-9]+_(.+)")),
    ("android-", re.compile(r"android_[0-9]+_(.+)")),
    ("ios-", re.compile(r"ios_[0-9]+_[0-9]+_(.+)")),
)
_MACOS = re.compile(r"macosx_[0-9]+_[0-9]+_(.+)")
_MACOS_ARM = "macos-arm64"
_MACOS_INTEL = "macos-x86_64"
_INTEL_FORMATS = frozenset({"x86_64", "intel", "fat", "fat3", "fat32", "fat64", "universal"})
_WINDOWS = {"win_amd64": "windows-amd64", "win32": "windows-x86", "win_arm64": "windows-arm64"}


@lru_cache(maxsize=4096)
def family_of(platform_tag: str) -> frozenset[str]:
    """The families of a platform tag in lower case: one, or two for macOS universal2.

    >>> sorted(family_of("macosx_11_0_universal2"))
    ['macos-arm64', 'macos-x86_64']
    """
    for prefix, pattern in _PATTERNS:
        if found := pattern.fullmatch(platform_tag):
            return frozenset({prefix + found[1]})
    if found := _MACOS.fullmatch(platform_tag):
        return _macos_families(found[1])
    return frozenset({_WINDOWS.get(platform_tag, platform_tag)})


def resolve_alias(family: str) -> str:
    """A family as this program names it: lower case, no alias.

    >>> resolve_alias("Linux-64")
    'linux-x86_64'
    """
    family = family.lower()
    return ALIASES.get(family, family)


def _macos_families(binary_format: str) -> frozenset[str]:
    if binary_format == "universal2":
        return frozenset({_MACOS_ARM, _MACOS_INTEL})
    if binary_format in _INTEL_FORMATS:
        return frozenset({_MACOS_INTEL})
    return frozenset({"macos-" + binary_format})
