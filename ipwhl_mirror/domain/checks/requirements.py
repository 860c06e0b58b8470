"""Requirements of wheels (PEP 508), read once each, and sorted by the extras that they are of.

Spec: https://packaging.python.org/specifications/dependency-specifiers/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from ipwhl_mirror.domain.wheels import normalize_name

if TYPE_CHECKING:
    from packaging.markers import Marker

    from ipwhl_mirror.domain.checks.repository import CheckedWheel

LONGEST = 4096
"""Characters of a requirement or a version specifier, at most: what takes longer to read is no honest one."""
_EXTRA = re.compile(r"\bextra\b")
_PLAIN_EXTRA = re.compile(r'\bextra == "([^"]*)"|"([^"]*)" == extra\b')


@dataclass(frozen=True, eq=False)
class Need:
    """A requirement.

    Attributes:
        text: as METADATA spells it.
        name, extras: of what is needed, normalized.
        url: where it is to be fetched from; None mostly.
        marker_text: of the marker, in one spelling; "" where there is none.
        of_extras: the extras that its marker names, normalized; None where it asks for extras in a way that
            only trying each tells.
    """

    text: str
    name: str
    specifier: SpecifierSet
    extras: tuple[str, ...]
    url: str | None
    marker: Marker | None
    marker_text: str
    of_extras: frozenset[str] | None

    @property
    def asks_for_extra(self) -> bool:
        """Whether it depends on the extras that are chosen."""
        return self.of_extras is None or bool(self.of_extras)


class Needs:
    """What wheels of the same METADATA need.

    Attributes:
        all: every requirement that could be read, in order.
        invalid: those that could not.
        extras: what the wheel provides, normalized.
    """

    def __init__(self, needs: tuple[Need, ...], invalid: tuple[str, ...], extras: tuple[str, ...]) -> None:
        self.all = needs
        self.invalid = invalid
        self.extras = extras

    @cached_property
    def _by_extra(self) -> dict[str, list[Need]]:
        found: dict[str, list[Need]] = {}
        for need in self.all:
            if need.asks_for_extra:
                for extra in self.extras if need.of_extras is None else sorted(need.of_extras):
                    found.setdefault(extra, []).append(need)
        return found

    def of_extra(self, extra: str) -> list[Need]:
        """Those that an extra may bring."""
        return self._by_extra.get(extra, [])


class RequirementReader:
    """Reads requirements and specifiers, each text once."""

    def __init__(self) -> None:
        self._needs: dict[str, Need | None] = {}
        self._sets: dict[tuple[tuple[str, ...], tuple[str, ...]], Needs] = {}
        self._specifiers: dict[str, SpecifierSet | None] = {}

    def needs_of(self, wheel: CheckedWheel) -> Needs:
        """What a wheel needs; nothing where its METADATA could not be read."""
        if wheel.metadata is None:
            return _NOTHING
        key = (wheel.metadata.requires_dist, wheel.metadata.provides_extra)
        found = self._sets.get(key)
        if found is None:
            read = [(text, self._need(text)) for text in dict.fromkeys(key[0])]
            found = self._sets[key] = Needs(
                tuple(need for _, need in read if need is not None),
                tuple(text for text, need in read if need is None),
                tuple(dict.fromkeys(map(normalize_name, key[1]))),
            )
        return found

    def requires_python(self, wheel: CheckedWheel) -> SpecifierSet | None:
        """Its Requires-Python; None where it has none, or none that can be read (`has_requires_python`)."""
        text = None if wheel.metadata is None else wheel.metadata.requires_python
        if text is None:
            return None
        if text not in self._specifiers:
            self._specifiers[text] = _specifier(text)
        return self._specifiers[text]

    def _need(self, text: str) -> Need | None:
        if text not in self._needs:
            self._needs[text] = _read(text)
        return self._needs[text]


_NOTHING = Needs((), (), ())


def _specifier(text: str) -> SpecifierSet | None:
    if len(text) > LONGEST:
        return None
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


def _read(text: str) -> Need | None:
    if len(text) > LONGEST:
        return None
    try:
        requirement = Requirement(text)
        marker_text = str(requirement.marker or "")
    except (InvalidRequirement, RecursionError):
        return None
    return Need(
        text=text,
        name=normalize_name(requirement.name),
        specifier=requirement.specifier,
        extras=tuple(sorted(map(normalize_name, requirement.extras))),
        url=requirement.url,
        marker=requirement.marker,
        marker_text=marker_text,
        of_extras=_named_extras(marker_text),
    )


def _named_extras(marker: str) -> frozenset[str] | None:
    named = _PLAIN_EXTRA.findall(marker)
    if len(named) != len(_EXTRA.findall(marker)):
        return None
    return frozenset(normalize_name(left or right) for left, right in named)
