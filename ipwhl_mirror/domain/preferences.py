"""Which of the wheels that run in an environment an installer takes first.

The order is that of `packaging.tags`: what was built for the interpreter before abi3, before what any Python
loads; newer platform tags before older ones; what names a platform before `any`. It is written down here for
the same reason as the tag sets of `environments`: the same wheels are chosen whatever is installed.

Spec: PEP 425 (tags), PEP 427 (build tags).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.tags import mac_platforms

from ipwhl_mirror.domain.platforms import ANY

if TYPE_CHECKING:
    from ipwhl_mirror.domain.environments import Environment
    from ipwhl_mirror.domain.wheels import WheelName, WheelTags

_INTERPRETER = re.compile(r"(cp|pp)([1-9])([0-9]+)t?")
_PURE = re.compile(r"py([1-9])([0-9]+)?")
_ABI3 = re.compile(r"cp3([0-9]+)")
_VERSIONED = re.compile(r"(?:many|musl)linux_[12]_([0-9]{1,4})_.+")
_OLD_GLIBC = {"manylinux2014_": 17, "manylinux2010_": 12, "manylinux1_": 5}
_MACOS = re.compile(r"macosx_([0-9]{1,4})_([0-9]{1,4})_(arm64|x86_64)")
_BUILD = re.compile(r"([0-9]+)(.*)")
_LONGEST_NUMBER = 18

Rank = tuple[int, int, int]
"""Kind of tag, how far its Python is, how far its platform is; the smaller is preferred."""


@dataclass(frozen=True, slots=True)
class _Interpreter:
    own: str
    major: int
    minor: int

    def rank(self, python: str, abi: str) -> tuple[int, int]:
        """Of a pair that it loads on a platform."""
        if python == self.own:
            return (1 if abi == "abi3" else 2 if abi == "none" else 0), 0
        if found := _ABI3.fullmatch(python):
            return 3, self.minor - int(found[1])
        return 4, self._distance(python)

    def rank_anywhere(self, python: str) -> tuple[int, int]:
        """Of a Python tag that it loads with `none-any`."""
        return (5, 0) if python == self.own else (6, self._distance(python))

    def _distance(self, python: str) -> int:
        """py312, py3, py311, py310, ..."""
        found = _PURE.fullmatch(python)
        assert found is not None, "an interpreter loads its own, abi3 and pure Python"
        if found[2] is None:
            return 1
        older = self.minor - int(found[2])
        return older + 1 if older else 0


@lru_cache(maxsize=32768)
def rank(environment: Environment, tags: WheelTags) -> Rank | None:
    """How far down an installer's list a wheel is; None where it does not run there."""
    loaded = environment.tags
    interpreter = _interpreter(environment.interpreter)
    order = _platform_order(environment.platform, environment.platforms)
    nearest = min((order[tag] for tag in tags.platforms if tag in order), default=None)
    found: list[Rank] = []
    for python in tags.pythons & loaded.abis.keys():
        prefix = loaded.prefixes.get(python)
        if nearest is not None:
            found += (
                (*interpreter.rank(python, abi), nearest)
                for abi in tags.abis
                if abi in loaded.abis[python] or (prefix is not None and abi.startswith(prefix))
            )
        if ANY in tags.platforms and "none" in tags.abis and "none" in loaded.abis[python]:
            found.append((*interpreter.rank_anywhere(python), 0))
    return min(found, default=None)


def build_rank(name: WheelName) -> tuple[int, str]:
    """What tells the preferred of wheels with equal tags: the greater."""
    found = _BUILD.fullmatch(name.build)
    return (-1, "") if found is None else (int(found[1][:_LONGEST_NUMBER]), found[2])


@lru_cache(maxsize=256)
def _interpreter(text: str) -> _Interpreter:
    found = _INTERPRETER.fullmatch(text)
    assert found is not None, "an Environment was checked when it was made"
    return _Interpreter(f"{found[1]}{found[2]}{found[3]}", int(found[2]), int(found[3]))


@lru_cache(maxsize=256)
def _platform_order(platform: str, runs: frozenset[str]) -> dict[str, int]:
    """The platform tags that run, each with its place."""
    found = _MACOS.fullmatch(platform)
    if found is not None:
        tags = list(mac_platforms((int(found[1]), int(found[2])), found[3]))
    else:
        tags = sorted(runs, key=_age)
    return {tag: place for place, tag in enumerate(tags)}


def _age(tag: str) -> tuple[int, int, str]:
    """Newer first, an alias of old after what it stands for, `linux_` last."""
    if found := _VERSIONED.fullmatch(tag):
        return -int(found[1]), 0, tag
    for prefix, version in _OLD_GLIBC.items():
        if tag.startswith(prefix):
            return -version, 1, tag
    return 1, 0, tag
