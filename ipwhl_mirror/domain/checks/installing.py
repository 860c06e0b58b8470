"""Which wheels install in an environment: of each project, and whether it is just one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.checks.findings import Finding, Rule
from ipwhl_mirror.domain.checks.pythons import AdmittedPythons
from ipwhl_mirror.domain.checks.repository import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ipwhl_mirror.domain.checks.pythons import Minor
    from ipwhl_mirror.domain.checks.repository import CheckedWheel, Repository
    from ipwhl_mirror.domain.checks.requirements import RequirementReader
    from ipwhl_mirror.domain.environments import Environment

_INTERPRETER = re.compile(r"[a-z]+([1-9])([0-9]+)t?")
_LISTED = 4

Installable = dict[str, list["CheckedWheel"]]
"""The wheels that install in an environment, by the projects' normalized names; a project has one or more."""


class WheelChooser:
    """Tells which wheels of a repository install where; what tags and specifiers mean is found out once."""

    def __init__(self, repository: Repository, reader: RequirementReader) -> None:
        self._reader = reader
        self._admitted = AdmittedPythons()
        self._wheels = [(wheel, reader.requires_python(wheel)) for wheel in repository.wheels]

    def installable(self, environment: Environment) -> Installable:
        """The wheels that an installer takes there, by tags and Requires-Python."""
        python = _python_of(environment)
        runs: dict[str, bool] = {}
        found: Installable = {}
        for wheel, specifier in self._wheels:
            text = wheel.tags.text
            if text not in runs:
                runs[text] = environment.runs(wheel.tags)
            if runs[text] and self._admitted.admit(specifier, python):
                found.setdefault(wheel.key, []).append(wheel)
        return found


def _python_of(environment: Environment) -> Minor:
    found = _INTERPRETER.fullmatch(environment.interpreter)
    assert found is not None, "an Environment was checked when it was made"
    return int(found[1]), int(found[2])


def check_choices(chosen: Mapping[Environment, Installable]) -> Iterator[Finding]:
    """Projects of which more than one wheel installs in an environment."""
    several: dict[tuple[str, ...], list[Environment]] = {}
    projects: dict[tuple[str, ...], str] = {}
    for environment, installable in chosen.items():
        for wheels in installable.values():
            if len(wheels) > 1:
                paths = tuple(sorted(wheel.path for wheel in wheels))
                several.setdefault(paths, []).append(environment)
                projects[paths] = wheels[0].project
    for paths, environments in several.items():
        yield Finding(
            rule=Rule.ONE_WHEEL,
            project=projects[paths],
            path=projects[paths],
            what=f"{len(paths)} wheels install there: {_names(paths)}",
            fix="keep one of them",
            environments=tuple(environments),
        )


def _names(paths: Sequence[str]) -> str:
    words = [shown(path.rpartition("/")[2]) for path in paths[:_LISTED]]
    return ", ".join(words) + (", ..." if len(paths) > _LISTED else "")
