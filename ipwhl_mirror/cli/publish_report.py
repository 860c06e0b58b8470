"""What `publish` says of where it announced, and what `--dry-run` prints, for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli import check_report
from ipwhl_mirror.cli.documents import Document, document
from ipwhl_mirror.cli.text import table
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import plural, size
from ipwhl_mirror.services.places import Place

if TYPE_CHECKING:
    from ipwhl_mirror.services.places import Said
    from ipwhl_mirror.services.proposals import ProjectChange, ReleaseChange
    from ipwhl_mirror.services.publishing import Proposal


def announced(said: Said) -> list[str]:
    """Where `publish` announced a release, a line a place."""
    lines = []
    if (feed := said.feed) is not None:
        words = "nothing new: announced already" if Place.FEED in said.known else "announced"
        lines.append(f"{words} as {feed.label}, sequence {feed.sequence}, signed by {feed.signer}")
    if said.ipns is not None:
        lines.append(f"/ipns/{said.ipns.name} leads to it")
    if (tag := said.git_tag) is not None:
        words = "is there already" if Place.GIT_TAG in said.known else "announces it"
        push = f"git push origin {tag.label}"
        lines.append(f"tag {tag.label} of commit {tag.commit[:12]} {words}; publish it: {push}")
    return lines


def proposed_document(proposal: Proposal, change: ReleaseChange | None) -> Document:
    """`projects wheels bytes fetch{wheels bytes} environments[] left_out[] dropped[] ok findings[] allowed{}
    change{previous new_bytes added[] removed[] changed[]}`; a size that nobody said counts as 0."""
    gathered, report = proposal.gathered, proposal.report
    return document(
        "publish-dry-run",
        projects=len(gathered.projects),
        wheels=len(gathered.wheels),
        bytes=sum(wheel.size or 0 for wheel in gathered.wheels),
        fetch={
            "wheels": len(gathered.to_fetch),
            "bytes": sum(wheel.size or 0 for wheel in gathered.to_fetch),
        },
        environments=[str(environment) for environment in report.environments],
        left_out=[
            {"environment": str(environment), "projects": list(projects)}
            for environment, projects in gathered.left_out
        ],
        dropped=list(gathered.dropped),
        ok=not report.findings,
        findings=check_report.findings(report),
        allowed={rule.value: count for rule, count in report.allowed.items()},
        change=None if change is None else _change(change),
    )


def _change(change: ReleaseChange) -> Document:
    return {
        "previous": {"label": change.before.label, "cid": str(change.before.cid)},
        "new_bytes": change.new_bytes,
        "added": [_project(each) for each in change.added],
        "removed": [_project(each) for each in change.removed],
        "changed": [_project(each) for each in change.changed],
    }


def _project(change: ProjectChange) -> Document:
    return {
        "project": change.project,
        "old": list(change.old),
        "new": list(change.new),
        "bytes": change.bytes,
    }


def proposed(proposal: Proposal, change: ReleaseChange | None) -> None:
    """Totals, findings, what changes."""
    gathered = proposal.gathered
    total = sum(wheel.size or 0 for wheel in gathered.wheels)
    away = sum(wheel.size or 0 for wheel in gathered.to_fetch)
    projects, wheels = plural(len(gathered.projects), "project"), plural(len(gathered.wheels), "wheel")
    click.echo(
        f"{projects}, {wheels}, {size(total)}; "
        f"{plural(len(gathered.to_fetch), 'wheel')} {size(away)} to fetch"
    )
    for environment, lacking in gathered.left_out:
        click.echo(f"not for {environment}: no wheel of {', '.join(map(safe_text, lacking))}")
    check_report.show_findings(proposal.report)
    if change is None:
        click.echo("no release before it is known here")
        return
    click.echo(
        f"{safe_text(change.before.name)} -> it: +{len(change.added)} -{len(change.removed)} "
        f"~{len(change.changed)} projects, {size(change.new_bytes)} new"
    )
    marked = [
        *(("+", each) for each in change.added),
        *(("-", each) for each in change.removed),
        *(("~", each) for each in change.changed),
    ]
    if marked:
        rows = [
            (mark, each.project, _versions(each.old), _versions(each.new), size(each.bytes))
            for mark, each in marked
        ]
        table(("", "project", "old", "new", "bytes"), rows)


def _versions(filenames: tuple[str, ...]) -> str:
    return ", ".join(sorted({name.split("-")[1] for name in filenames})) or "-"
