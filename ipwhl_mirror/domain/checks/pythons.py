"""Which Pythons a wheel is for: by its tags, and by Requires-Python."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.checks.findings import Finding, Rule
from ipwhl_mirror.domain.checks.markers import thinkable_patches
from ipwhl_mirror.domain.checks.repository import shown
from ipwhl_mirror.domain.checks.requirements import LONGEST
from ipwhl_mirror.domain.marker_environments import NEWEST_PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.specifiers import SpecifierSet

    from ipwhl_mirror.domain.checks.repository import CheckedWheel, Repository
    from ipwhl_mirror.domain.checks.requirements import RequirementReader
    from ipwhl_mirror.domain.wheels import WheelTags

_PYTHON = re.compile(r"(cp|pp|py)([1-9])([0-9]{1,2})?")
_NEWEST_MINOR = {2: 7, 3: NEWEST_PYTHON}

Minor = tuple[int, int]
"""A Python as major and minor version."""


class AdmittedPythons:
    """Which Pythons a Requires-Python lets install; a patch release that it lets is enough."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, Minor], bool] = {}

    def admit(self, specifier: SpecifierSet | None, python: Minor) -> bool:
        """Whether it does; no specifier lets all."""
        if specifier is None:
            return True
        key = (str(specifier), python)
        if key not in self._answers:
            patches = thinkable_patches(key[0])
            self._answers[key] = patches is None or any(
                specifier.contains(f"{python[0]}.{python[1]}.{patch}", prereleases=True) for patch in patches
            )
        return self._answers[key]


def pythons_of_tags(tags: WheelTags) -> frozenset[Minor] | None:
    """The Pythons that a wheel's tags name; None where one of them is no CPython, PyPy or `py`."""
    found: set[Minor] = set()
    for tag in tags.pythons:
        python = _PYTHON.fullmatch(tag)
        if python is None:
            return None
        kind, major = python[1], int(python[2])
        newest = _NEWEST_MINOR.get(major, 0)
        if python[3] is None:
            found |= {(major, minor) for minor in range(newest + 1)}
        else:
            minor = int(python[3])
            later = kind == "py" or (kind == "cp" and "abi3" in tags.abis)
            found |= {(major, each) for each in range(minor, max(newest, minor) + 1 if later else minor + 1)}
    return frozenset(found)


def check_pythons(repository: Repository, reader: RequirementReader) -> Iterator[Finding]:
    """Wheels whose Requires-Python cannot be read, or excludes every Python that their tags name."""
    admitted = AdmittedPythons()
    known: dict[tuple[str, str], bool] = {}
    for wheel in repository.wheels:
        text = None if wheel.metadata is None else wheel.metadata.requires_python
        if text is None:
            continue
        specifier = reader.requires_python(wheel)
        if specifier is None:
            yield _unreadable(wheel, text)
            continue
        key = (text, wheel.tags.text)
        if key not in known:
            pythons = pythons_of_tags(wheel.tags)
            known[key] = pythons is None or any(admitted.admit(specifier, python) for python in pythons)
        if not known[key]:
            yield Finding(
                rule=Rule.REQUIRES_PYTHON,
                project=wheel.project,
                path=wheel.path,
                what=f"Requires-Python is {shown(text)}",
                fix="remove the wheel, or replace it by one for a Python that it admits",
            )


def _unreadable(wheel: CheckedWheel, text: str) -> Finding:
    reason = "no version specifier" if len(text) <= LONGEST else f"longer than {LONGEST} characters"
    return Finding(
        rule=Rule.METADATA_VALID,
        project=wheel.project,
        path=wheel.path,
        what=f"Requires-Python {shown(text)} is {reason}",
        fix="replace the wheel by one of a later version",
    )
