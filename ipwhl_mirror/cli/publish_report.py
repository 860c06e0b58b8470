"""What `publish` and `publish --dry-run` print, for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli import check_report
from ipwhl_mirror.cli.documents import Document, document, time
from ipwhl_mirror.cli.text import table
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import plural, size

if TYPE_CHECKING:
    from ipwhl_mirror.services.foreseeing import Outlook
    from ipwhl_mirror.services.places import Said
    from ipwhl_mirror.services.proposals import ProjectChange, ReleaseChange
    from ipwhl_mirror.services.publishing import Proposal
    from ipwhl_mirror.services.releases import LoadedRelease


def published_document(loaded: LoadedRelease, said: Said) -> Document:
    """`publish`; `feed ipns git_tag`: as what it was announced there, null where it was not; `new` is false
    where that was there before, `renewed` true where it was signed again, to hold for longer."""
    feed, tag = said.feed, said.git_tag
    known = {place.value for place in said.known}
    return document(
        "publish",
        cid=str(loaded.tracked.cid),
        label=loaded.tracked.label,
        wheels=len(loaded.release.wheels),
        bytes=loaded.release.bytes,
        projects=len(loaded.release.projects),
        feed=None
        if feed is None
        else {
            "source": feed.repository,
            "label": feed.label,
            "new": "feed" not in known,
            "renewed": bool(said.renewed),
            "sequence": feed.sequence,
            "signer": feed.signer,
            "published_at": time(feed.published_at),
            "expires_at": time(feed.expires_at),
        },
        ipns=None if said.ipns is None else {"key": said.ipns.key, "name": said.ipns.name},
        git_tag=None
        if tag is None
        else {
            "tag": tag.label,
            "new": "git tag" not in known,
            "commit": tag.commit,
            "signer": tag.signer,
        },
    )


def published(loaded: LoadedRelease) -> None:
    """`publish`: the CID, alone on its line."""
    click.echo(str(loaded.tracked.cid))


def proposed_document(proposal: Proposal, change: ReleaseChange | None, outlook: Outlook) -> Document:
    """`projects wheels bytes fetch{wheels bytes} environments[] left_out[] dropped[] ok findings[] allowed{}
    change{previous new_bytes added[] removed[] changed[]} cid refused[]{reason hint} doubts[]`; a size that
    nobody said counts as 0; `cid` is null unless a refusal depends on it and all wheels are here."""
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
        cid=None if outlook.cid is None else str(outlook.cid),
        refused=[{"reason": str(error), "hint": getattr(error, "hint", None)} for error in outlook.refusals],
        doubts=list(outlook.doubts),
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


def proposed(proposal: Proposal, change: ReleaseChange | None, outlook: Outlook) -> None:
    """Totals, findings, what changes, why it would be refused."""
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
    else:
        _show_change(change)
    for line in outlook.doubts:
        click.echo(f"note: {safe_text(line)}")
    for error in outlook.refusals:
        click.echo(f"publish would refuse: {safe_text(str(error))}")


def _show_change(change: ReleaseChange) -> None:
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
