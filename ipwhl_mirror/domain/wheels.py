"""Wheel file names: what trees.md 1 accepts, and the tags they carry.

A name is matched whole and in ASCII before anything reads a part of it, so that what comes out can hold no
control character and no letter that looks like another. Tags are compared in lower case. Tag sets are
shared: a release of 50,000 wheels has a few hundred. The (py, abi, plat) combinations of a set are never
spelt out, because a name of 2 MiB could mean 10^15 of them.

Spec: https://packaging.python.org/specifications/binary-distribution-format/ (PEP 427), PEP 425 (tags), PEP
440 (versions), PEP 503 (names).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

import msgspec
from packaging.version import VERSION_PATTERN

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.errors import InvalidWheelName
from ipwhl_mirror.domain.platforms import ANY, family_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?"
_VERSION = r"[A-Za-z0-9._!+]+"
_BUILD = r"[0-9][A-Za-z0-9_.]*"
_TAGS = r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*"
_WHEEL = re.compile(rf"({_NAME})-({_VERSION})(?:-({_BUILD}))?-({_TAGS}-{_TAGS}-{_TAGS})\.whl")
_PEP_440 = re.compile(VERSION_PATTERN, re.VERBOSE | re.IGNORECASE | re.ASCII)
_SEPARATORS = re.compile(r"[-_.]+")
_SHOWN = 40
_ONLY_ANY = frozenset({ANY})


@dataclass(frozen=True, slots=True)
class WheelTags:
    """The tags of a wheel (PEP 425): all combinations of one python, one abi, one platform.

    Attributes:
        text: as in the file name, in lower case: `cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64`.
            Equal texts are equal tags.
        pythons, abis, platforms: the parts; none is empty.
        families: every family (trees.md 2) that one of the platforms belongs to.
    """

    text: str
    pythons: frozenset[str] = field(compare=False)
    abis: frozenset[str] = field(compare=False)
    platforms: frozenset[str] = field(compare=False)
    families: frozenset[str] = field(compare=False)

    @property
    def only_any(self) -> bool:
        """True when every platform tag is `any`."""
        return self.platforms == _ONLY_ANY

    def triples(self) -> Iterator[tuple[str, str, str]]:
        """Each (py, abi, plat), in no order; there may be a great many."""
        return product(self.pythons, self.abis, self.platforms)


class WheelName(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A wheel's file name, read.

    Attributes:
        name: of the project, as the file name spells it.
        version: as the file name spells it.
        build: the build tag; "" when there is none.
        tags: shared by all wheels whose tags read the same.
    """

    name: str
    version: str
    build: str
    tags: WheelTags


def parse_wheel_name(filename: str, project: str) -> WheelName:
    """Read a wheel's file name.

    Args:
        project: the name of the directory it lies in.

    Raises:
        InvalidWheelName: it is no wheel's name, or that of another project's wheel.

    >>> parse_wheel_name("six-1.16.0-py2.py3-none-any.whl", "six").version
    '1.16.0'
    """
    found = _WHEEL.fullmatch(filename)
    if found is None:
        raise InvalidWheelName(filename, _shape_fault(filename))
    name, version, build, tags = found.groups(default="")
    if not _is_version(version):
        raise InvalidWheelName(filename, f"'{safe_text(version, _SHOWN)}' is no version by PEP 440")
    if normalize_name(name) != normalize_name(project):
        raise InvalidWheelName(filename, f"it is a wheel of '{safe_text(name, _SHOWN)}', not of this project")
    return WheelName(name=name, version=version, build=build, tags=_tags(tags.lower()))


def _shape_fault(filename: str) -> str:
    """Why a file name has not the shape of a wheel's, in words."""
    if not filename.endswith(".whl"):
        return "it does not end in .whl"
    parts = filename.removesuffix(".whl").split("-")
    if len(parts) not in (5, 6):
        return f"it has {len(parts)} parts between dashes, not 5 or 6"
    builds = [("build tag", _BUILD)] if len(parts) == 6 else []
    shapes = [("project name", _NAME), ("version", _VERSION), *builds, *[("tag", _TAGS)] * 3]
    for part, (what, pattern) in zip(parts, shapes, strict=True):
        if not re.fullmatch(pattern, part):
            return f"'{safe_text(part, _SHOWN)}' is no {what}"
    return "it has not the form of a wheel's name"


@lru_cache(maxsize=1024)
def normalize_name(name: str) -> str:
    """A project name in the form in which names are compared (PEP 503).

    >>> normalize_name("Ruamel.Yaml__clib")
    'ruamel-yaml-clib'
    """
    return _SEPARATORS.sub("-", name).lower()


@lru_cache(maxsize=4096)
def _tags(text: str) -> WheelTags:
    pythons, abis, platforms = (frozenset(part.split(".")) for part in text.split("-"))
    families = frozenset[str]().union(*map(family_of, platforms))
    return WheelTags(text, pythons, abis, platforms, families)


@lru_cache(maxsize=1024)
def _is_version(text: str) -> bool:
    return _PEP_440.fullmatch(text) is not None
