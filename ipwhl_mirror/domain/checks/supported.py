"""The environments a repository is checked for where nobody says which: those that its wheels are made for.

They are derived from tags alone, so that the same wheels are always checked for the same environments:

- A platform is a family (`platforms`) that a wheel names. Its platform tag is the newest that one of its
  wheels asks for, at least manylinux_2_17 and musllinux_1_1, so that every wheel of it runs there.
- A Python is a CPython that a wheel was built for (`cp312-cp312`, `cp313-cp313t`), or PyPy (`pp311`).
- An environment is a platform with each Python that a wheel was built for on it. A platform whose wheels name
  no such Python (abi3, `py3-none-win_amd64`) counts with every Python of the repository.
- Without any platform: manylinux_2_28_x86_64, macosx_14_0_arm64 and win_amd64. Without any such Python: the
  newest that an abi3 wheel names as its oldest, but at least 3.12.
"""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.environments import Environment
from ipwhl_mirror.domain.platforms import ANY, family_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipwhl_mirror.domain.wheels import WheelTags

NO_PLATFORM = ("macosx_14_0_arm64", "manylinux_2_28_x86_64", "win_amd64")
"""The platforms of a repository whose wheels name none."""
OLDEST_PYTHON = 12
"""The minor version of Python 3 of a repository whose wheels name none."""
MOST = 200
"""Environments, at most."""

_CPYTHON = re.compile(r"cp[1-9][0-9]{1,2}")
_PYPY = re.compile(r"pp[1-9][0-9]{1,2}")
_ABI3 = re.compile(r"cp3([0-9]{1,2})")
_GLIBC = re.compile(r"manylinux_2_([0-9]{1,4})_(.+)")
_OLD_GLIBC = re.compile(r"(?:manylinux(?:1|2010|2014)|linux)_(.+)")
_MUSL = re.compile(r"musllinux_1_([0-9]{1,4})_(.+)")
_MACOS = re.compile(r"macosx_([0-9]{1,4})_([0-9]{1,4})_.+")
_MACHINES = {"macos-arm64": ("arm64", (11, 0)), "macos-x86_64": ("x86_64", (10, 9))}
_OLDEST_GLIBC, _OLDEST_MUSL = 17, 1
_NUMBER = re.compile(r"[0-9]+")

Ranked = tuple[tuple[int, ...], str]
"""A platform tag with what tells the newer of two, of one family."""


def derive_supported(tags: Iterable[WheelTags]) -> tuple[Environment, ...]:
    """The environments that wheels with these tags are made for, sorted; never none, and at most MOST."""
    platforms: dict[str, Ranked] = {}
    built_for: dict[str, set[str]] = {}
    oldest_abi3 = OLDEST_PYTHON
    for each in tags:
        interpreters = _built_for(each)
        if "abi3" in each.abis:
            named = [int(found[1]) for found in map(_ABI3.fullmatch, each.pythons) if found]
            oldest_abi3 = max([oldest_abi3, *named])
        for tag in each.platforms - {ANY}:
            for family in family_of(tag):
                asked = ranked(tag, family)
                platforms[family] = max(platforms.get(family, asked), asked)
                built_for.setdefault(family, set()).update(interpreters)
    everywhere = set[str]().union(*built_for.values()) or {f"cp3{oldest_abi3}"}
    wanted = {
        (interpreter, platform)
        for family, (_, platform) in platforms.items()
        for interpreter in built_for[family] or everywhere
    } or set(product(everywhere, NO_PLATFORM))
    return tuple(Environment.parse(f"{interpreter} {platform}") for interpreter, platform in sorted(wanted))[
        :MOST
    ]


def _built_for(tags: WheelTags) -> set[str]:
    """The interpreters that a wheel names with an ABI of their own."""
    found: set[str] = set()
    for python in tags.pythons:
        if _CPYTHON.fullmatch(python):
            if not tags.abis.isdisjoint({python, f"{python}m"}):
                found.add(python)
            if f"{python}t" in tags.abis:
                found.add(f"{python}t")
        elif _PYPY.fullmatch(python) and any(abi.startswith(f"pypy{python[2:]}_") for abi in tags.abis):
            found.add(python)
    return found


def ranked(tag: str, family: str) -> Ranked:
    """The machine that a platform tag asks for, as a platform tag."""
    if found := _GLIBC.fullmatch(tag):
        version = max(int(found[1]), _OLDEST_GLIBC)
        return (version,), f"manylinux_2_{version}_{found[2]}"
    if found := _OLD_GLIBC.fullmatch(tag):
        return (_OLDEST_GLIBC,), f"manylinux_2_{_OLDEST_GLIBC}_{found[1]}"
    if found := _MUSL.fullmatch(tag):
        version = max(int(found[1]), _OLDEST_MUSL)
        return (version,), f"musllinux_1_{version}_{found[2]}"
    found = _MACOS.fullmatch(tag)
    if found and family in _MACHINES:
        machine, oldest = _MACHINES[family]
        major, minor = max((int(found[1]), int(found[2])), oldest)
        return (major, minor), f"macosx_{major}_{minor}_{machine}"
    return tuple(int(number[:6]) for number in _NUMBER.findall(tag)), tag
