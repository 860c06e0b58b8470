"""Check a repository: every rule, in every environment.

Time grows with the requirements of the wheels that install in each environment: 10,000 projects in ten
environments take a few seconds.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.checks.dependencies import DependencyCheck
from ipwhl_mirror.domain.checks.findings import CheckReport, Rule
from ipwhl_mirror.domain.checks.installing import WheelChooser, check_choices
from ipwhl_mirror.domain.checks.names import check_names
from ipwhl_mirror.domain.checks.pythons import check_pythons
from ipwhl_mirror.domain.checks.requirements import RequirementReader

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ipwhl_mirror.domain.checks.findings import Finding
    from ipwhl_mirror.domain.checks.repository import Repository
    from ipwhl_mirror.domain.environments import Environment

_ORDER = {rule: place for place, rule in enumerate(Rule)}


def check_repository(
    repository: Repository, environments: Sequence[Environment], allowed: Collection[Rule] = ()
) -> CheckReport:
    """Check a repository.

    Args:
        environments: those in which one wheel of a project is to install, and what it needs is to be there.
        allowed: rules whose findings are counted only.
    """
    reader = RequirementReader()
    chooser = WheelChooser(repository, reader)
    chosen = {environment: chooser.installable(environment) for environment in environments}
    dependencies = DependencyCheck(repository, reader)
    for environment, installable in chosen.items():
        dependencies.check(environment, installable)
    found = [
        *check_names(repository),
        *check_pythons(repository, reader),
        *check_choices(chosen),
        *dependencies.findings(repository),
    ]
    return CheckReport(
        environments=tuple(chosen),
        projects=len(repository.projects),
        wheels=len(repository.wheels),
        findings=tuple(sorted((each for each in found if each.rule not in allowed), key=_place)),
        allowed=dict(Counter(each.rule for each in found if each.rule in allowed)),
    )


def _place(finding: Finding) -> tuple[int, str, str]:
    return _ORDER[finding.rule], finding.path, finding.what
