"""What `check` prints, for people and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli.documents import Document, document
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import plural
from ipwhl_mirror.services.checking import EnvironmentsFrom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.domain.checks.findings import CheckReport, Finding
    from ipwhl_mirror.domain.environments import Environment
    from ipwhl_mirror.services.checking import Checked
    from ipwhl_mirror.services.declaring import Declared

_SHOWN = 10
"""Findings of a rule that are told to people."""
_ENVIRONMENTS = 3
_SOURCES = {
    EnvironmentsFrom.GIVEN: "given",
    EnvironmentsFrom.REPOSITORY: "those it says it supports",
    EnvironmentsFrom.DERIVED: "those its wheels are made for; --supported FILE gives others",
}


def check_document(checked: Checked, declared: Declared | None = None) -> Document:
    """`name cid kind ok environments[] environments_from projects wheels findings[] allowed{} declared{}`."""
    report = checked.report
    return document(
        "check",
        name=checked.name,
        cid=None if checked.cid is None else str(checked.cid),
        kind=checked.kind.value,
        ok=not report.findings,
        environments=[str(environment) for environment in report.environments],
        environments_from=checked.environments_from.value,
        projects=report.projects,
        wheels=report.wheels,
        findings=findings(report),
        allowed={rule.value: count for rule, count in report.allowed.items()},
        declared=None if declared is None else asdict(declared),
    )


def findings(report: CheckReport) -> list[Document]:
    """`rule project path what why fix environments[]` of each."""
    return [
        {
            "rule": finding.rule.value,
            "project": finding.project,
            "path": finding.path,
            "what": finding.what,
            "why": finding.why,
            "fix": finding.fix,
            "environments": [str(environment) for environment in finding.environments],
        }
        for finding in report.findings
    ]


def check(checked: Checked, declared: Declared | None = None) -> None:
    """A head, then the findings by rule, then what was declared."""
    report = checked.report
    found = plural(len(report.findings), "finding") if report.findings else "nothing to find fault with"
    click.echo(
        f"{safe_text(checked.name)}: {found} in {plural(report.projects, 'project')}, "
        f"{plural(report.wheels, 'wheel')}"
    )
    click.echo(f"{plural(len(report.environments), 'environment')}, {_SOURCES[checked.environments_from]}:")
    for environment in report.environments:
        click.echo(f"  {environment}")
    show_findings(report)
    if declared is not None:
        written = plural(declared.written, "declaration")
        left_out = f", {declared.left_out} left out: no METADATA" * bool(declared.left_out)
        click.echo(f"declared: {written} written, {declared.unchanged} as they were{left_out}")


def show_findings(report: CheckReport) -> None:
    """By rule, and how many of rules that are allowed."""
    for rule, group in groupby(report.findings, key=lambda finding: finding.rule):
        of_rule = list(group)
        click.echo("")
        click.echo(f"{rule.value}: {plural(len(of_rule), 'finding')}: {rule.why}")
        for finding in of_rule[:_SHOWN]:
            _show(finding, report)
        if len(of_rule) > _SHOWN:
            click.echo(f"  {len(of_rule) - _SHOWN} more (--json lists all)")
    for rule, count in report.allowed.items():
        click.echo(f"allowed: {rule.value}: {plural(count, 'finding')}")


def _show(finding: Finding, report: CheckReport) -> None:
    click.echo(f"  {safe_text(finding.path)}: {finding.what}")
    if finding.environments:
        click.echo(f"    on {_where(finding.environments, len(report.environments))}")
    click.echo(f"    -> {finding.fix}")


def _where(environments: Sequence[Environment], of: int) -> str:
    if len(environments) == of > 1:
        return "every environment"
    listed = ", ".join(map(str, environments[:_ENVIRONMENTS]))
    more = len(environments) - _ENVIRONMENTS
    return f"{listed} and {more} more" if more > 0 else listed
