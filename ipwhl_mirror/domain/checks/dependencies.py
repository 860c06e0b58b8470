"""Whether what wheels need is in the repository, in every environment where they install.

Decided for one environment after the other. A requirement without an extra counts where its marker holds. An
extra that something needs (`foo[bar]`) counts as if it were a part of `foo`; any other extra that a wheel
provides is checked too, under a rule of its own, because whoever installs may choose it.

A requirement is met when a wheel of the project installs in the environment in a version that it lets;
pre-releases count, as there is one version of a project.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.checks.findings import Finding, Rule
from ipwhl_mirror.domain.checks.markers import EnvironmentMarkers
from ipwhl_mirror.domain.checks.repository import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ipwhl_mirror.domain.checks.installing import Installable
    from ipwhl_mirror.domain.checks.repository import CheckedWheel, Repository
    from ipwhl_mirror.domain.checks.requirements import Need, RequirementReader
    from ipwhl_mirror.domain.environments import Environment

_LISTED = 6


@dataclass(frozen=True, slots=True)
class _Unmet:
    """What is wrong with a requirement in an environment: the rule that it breaks, and what is so."""

    rule: Rule
    what: str


@dataclass(slots=True)
class _Complaint:
    """One requirement of a project that is unmet in one way; where, in which files, for which extras."""

    project: str
    need: Need
    unmet: _Unmet
    environments: dict[Environment, None] = field(default_factory=dict)
    paths: dict[str, None] = field(default_factory=dict)
    extras: dict[str, None] = field(default_factory=dict)


class DependencyCheck:
    """Checks environments one by one, and gives the findings of all of them at the end."""

    def __init__(self, repository: Repository, reader: RequirementReader) -> None:
        self._reader = reader
        self._present = frozenset(wheel.key for wheel in repository.wheels)
        self._complaints: dict[tuple[str, str, str, Rule], _Complaint] = {}
        self._unusable: set[str] = set()

    def check(self, environment: Environment, installable: Installable) -> None:
        """Look at one environment."""
        one = _OneEnvironment(environment, installable, self._present, self._reader)
        for wheel, need, extra, unmet in one.unmet():
            is_extras = extra and extra not in one.demanded.get(wheel.key, ())
            rule = Rule.EXTRA_DEPENDENCY if is_extras and unmet.rule is not Rule.EXTRA_UNKNOWN else unmet.rule
            key = (wheel.key, need.text, unmet.what, rule)
            complaint = self._complaints.get(key)
            if complaint is None:
                complaint = self._complaints[key] = _Complaint(wheel.project, need, _Unmet(rule, unmet.what))
            complaint.environments[environment] = None
            complaint.paths[wheel.path] = None
            if extra:
                complaint.extras[extra] = None
        self._unusable |= one.markers.unusable

    def findings(self, repository: Repository) -> Iterator[Finding]:
        """What is wrong in the environments that were looked at, and with requirements as such."""
        for complaint in self._complaints.values():
            yield _finding(complaint)
        seen: set[tuple[str, str]] = set()
        for wheel in repository.wheels:
            needs = self._reader.needs_of(wheel)
            wrong = [*needs.invalid]
            wrong += (need.text for need in needs.all if need.marker_text in self._unusable)
            for text in wrong:
                if (wheel.path, text) not in seen:
                    seen.add((wheel.path, text))
                    yield Finding(
                        rule=Rule.METADATA_VALID,
                        project=wheel.project,
                        path=wheel.path,
                        what=f"{shown(text)} is no requirement (PEP 508)",
                        fix="replace the wheel by one of a later version",
                    )


class _OneEnvironment:
    """One environment: what is needed there, and what of it is unmet.

    Attributes:
        demanded: of each project, the extras that something installable there needs.
    """

    def __init__(
        self,
        environment: Environment,
        installable: Installable,
        present: frozenset[str],
        reader: RequirementReader,
    ) -> None:
        self._installable = installable
        self._present = present
        self._reader = reader
        self._answers: dict[str, _Unmet | None] = {}
        self.markers = EnvironmentMarkers(environment)
        self.demanded: dict[str, set[str]] = {}

    def unmet(self) -> Iterator[tuple[CheckedWheel, Need, str, _Unmet]]:
        """Each unmet requirement with its wheel, and the extra that it is of; "" where it is of none."""
        asked: list[tuple[str, str]] = []
        for wheels in self._installable.values():
            for wheel in wheels:
                for need in self._reader.needs_of(wheel).all:
                    if self.markers.hold(need):
                        yield from self._answered(wheel, need, "")
                        asked += ((need.name, extra) for extra in need.extras)
        self._demand(asked)
        for wheels in self._installable.values():
            for wheel in wheels:
                needs = self._reader.needs_of(wheel)
                for extra in needs.extras:
                    for need in needs.of_extra(extra):
                        if self.markers.hold(need, extra) and not self.markers.hold(need):
                            yield from self._answered(wheel, need, extra)

    def _demand(self, asked: list[tuple[str, str]]) -> None:
        """Follow extras that are needed to those that they need."""
        while asked:
            name, extra = asked.pop()
            known = self.demanded.setdefault(name, set())
            if extra in known:
                continue
            known.add(extra)
            for wheel in self._installable.get(name, ()):
                for need in self._reader.needs_of(wheel).of_extra(extra):
                    if need.extras and self.markers.hold(need, extra):
                        asked += ((need.name, further) for further in need.extras)

    def _answered(
        self, wheel: CheckedWheel, need: Need, extra: str
    ) -> Iterator[tuple[CheckedWheel, Need, str, _Unmet]]:
        if need.text not in self._answers:
            self._answers[need.text] = self._answer(need)
        unmet = self._answers[need.text]
        if unmet is not None:
            yield wheel, need, extra, unmet

    def _answer(self, need: Need) -> _Unmet | None:
        """What is wrong with a requirement here; None when it is met."""
        if need.url is not None:
            return _Unmet(Rule.DEPENDENCY_URL, f"it is to be fetched from {shown(need.url)}")
        wheels = self._installable.get(need.name)
        if wheels is None:
            if need.name not in self._present:
                return _Unmet(Rule.DEPENDENCY_MISSING, f"there is no {shown(need.name)}")
            return _Unmet(Rule.DEPENDENCY_MISSING, f"no wheel of {shown(need.name)} installs there")
        fitting = [wheel for wheel in wheels if need.specifier.contains(wheel.version, prereleases=True)]
        if not fitting:
            versions = sorted({wheel.version for wheel in wheels})
            return _Unmet(Rule.DEPENDENCY_VERSION, f"there is {', '.join(map(str, versions[:_LISTED]))}")
        if need.extras and (unknown := self._unknown_extras(need, fitting)):
            return _Unmet(
                Rule.EXTRA_UNKNOWN,
                f"{shown(need.name)} {fitting[0].version} has no extra {', '.join(map(shown, unknown))}",
            )
        return None

    def _unknown_extras(self, need: Need, wheels: Sequence[CheckedWheel]) -> list[str]:
        if any(wheel.metadata is None for wheel in wheels):
            return []
        known = {extra for wheel in wheels for extra in self._reader.needs_of(wheel).extras}
        return [extra for extra in need.extras if extra not in known]


def _finding(complaint: _Complaint) -> Finding:
    paths = list(complaint.paths)
    need, extras = complaint.need, list(complaint.extras)
    needed = f"it needs {shown(need.text)}"
    if extras:
        word = "extra" if len(extras) == 1 else "extras"
        listed = ", ".join(map(shown, extras[:_LISTED])) + (", ..." if len(extras) > _LISTED else "")
        needed = f"its {word} {listed} need{'s' if len(extras) == 1 else ''} {shown(need.text)}"
    return Finding(
        rule=complaint.unmet.rule,
        project=complaint.project,
        path=paths[0] if len(paths) == 1 else complaint.project,
        what=f"{needed}; {complaint.unmet.what}",
        fix=_fix(complaint.unmet.rule, need),
        environments=tuple(complaint.environments),
    )


def _fix(rule: Rule, need: Need) -> str:
    if rule is Rule.DEPENDENCY_URL or need.url is not None:
        return "replace the wheel by one that names a project, or remove it"
    if rule is Rule.EXTRA_UNKNOWN:
        return f"use a version of {shown(need.name)} that has it, or remove the wheel"
    wanted = shown(need.name + str(need.specifier))
    return f"add a wheel of {wanted} for these environments, or remove what needs it"
