"""What `sync` prints, and the mirrors in `status`, for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli.documents import Document, document, time
from ipwhl_mirror.cli.exit_codes import exit_code_for
from ipwhl_mirror.cli.text import table
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import age, plural, size
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.state.mirrors import SyncState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ipwhl_mirror.services.mirrors import MirrorStatus
    from ipwhl_mirror.services.syncing import SyncReport
    from ipwhl_mirror.state.mirrors import Mirrored, Sync


_FAILED = "failed"


def synced(reports: Sequence[SyncReport]) -> None:
    """A line for each mirror, and what went wrong with its remedy."""
    for report in reports:
        if report.error is not None:
            click.echo(f"{report.mirror}: {safe_text(str(report.error))}")
            for line in getattr(report.error, "details", ()):
                click.echo(f"  {safe_text(str(line))}")
            if hint := getattr(report.error, "hint", None):
                click.echo(f"  hint: {safe_text(hint)}")
        if report.current is None:
            if report.error is None:
                click.echo(f"{report.mirror}: its source has announced nothing yet")
        elif report.changed:
            before = "" if report.before is None else f"{_name(report.before)} -> "
            fetched = size(report.fetched_bytes)
            click.echo(f"{report.mirror}: {before}{_name(report.current)}, {fetched} fetched")
        elif report.error is None:
            held = ", where sync --to sent it" if report.held else ""
            click.echo(f"{report.mirror}: nothing new, at {_name(report.current)}{held}")
        else:
            click.echo(f"  it stays at {_name(report.current)}")
        for gone in report.retired:
            click.echo(f"  retired {_name(gone)}")
        if report.collected is not None:
            removed = report.collected
            click.echo(f"  removed {plural(removed.blocks, 'block')}, {size(removed.bytes)}")


def sync_document(reports: Sequence[SyncReport]) -> Document:
    """`mirrors[]{name label cid release_cid previous changed fetched_bytes retired[] collected error
    seconds}`."""
    return document(
        "sync",
        mirrors=[
            {
                "name": report.mirror,
                **_place(report.current),
                "previous": None if report.before is None else _place(report.before),
                "changed": report.changed,
                "fetched_bytes": report.fetched_bytes,
                "retired": [_place(gone) for gone in report.retired],
                "collected": None
                if report.collected is None
                else {"blocks": report.collected.blocks, "bytes": report.collected.bytes},
                "error": None
                if report.error is None
                else {"reason": str(report.error), "exit_code": int(exit_code_for(report.error))},
                "seconds": report.seconds,
            }
            for report in reports
        ],
    )


def status_document(found: Sequence[MirrorStatus], listen: str) -> list[Document]:
    """`mirrors[]` of `status`.

    Args:
        listen: where `serve` listens, host:port.
    """
    return [
        {
            "name": item.name,
            "configured": item.config is not None,
            "source": None if item.config is None else item.config.source,
            "selection": None if item.current is None else item.current.selection,
            **_place(item.current),
            "switched_at": None if item.current is None else time(item.current.switched_at),
            "stale": item.stale,
            "held": item.held,
            "last": None
            if item.last is None
            else {
                "state": item.last.state.value,
                "started_at": time(item.last.started_at),
                "ended_at": time(item.last.ended_at),
                "succeeded_at": time(item.last.succeeded_at),
                "outcome": item.last.outcome,
            },
            "next_at": time(item.next_at),
            "kept": [{**_place(kept), "switched_at": time(kept.switched_at)} for kept in item.kept],
            "address": f"http://{listen}/simple/{item.name}/",
        }
        for item in found
    ]


def mirrors(found: Sequence[MirrorStatus], now: datetime) -> None:
    """A line for each; below, why its last run failed, why it is stale, and that a person holds it back."""
    click.echo("")
    table(
        ("mirror", "source", "release", "since", "last run", "outcome", "next run"),
        (
            (
                item.name,
                "not configured" if item.config is None else item.config.source,
                "-" if item.current is None else _name(item.current),
                "-" if item.current is None else age(now - item.current.switched_at),
                "never" if item.last is None else age(now - item.last.started_at),
                _outcome(item.last),
                "-" if item.next_at is None else f"{item.next_at:%H:%M} UTC",
            )
            for item in found
        ),
    )
    for item in found:
        if item.last is not None and _outcome(item.last) == _FAILED:
            click.echo(f"{item.name}: its last run failed: {safe_text(item.last.outcome)}")
        if item.stale is not None:
            click.echo(f"{item.name} is stale: {item.stale}")
        if item.held:
            click.echo(f"{item.name} stays there, as sync --to said, until its source announces a newer one")
        if item.config is None:
            click.echo(f"{item.name}: its address and its pins go with: ipwhl-mirror prune")


def _outcome(last: Sync | None) -> str:
    """Short; the reason of a failure has a line of its own."""
    if last is None:
        return "-"
    return _FAILED if last.state is SyncState.FAILED else last.outcome


def _name(kept: Mirrored) -> str:
    return kept.label or str(kept.cid)


def _place(kept: Mirrored | None) -> Document:
    """`{label cid release_cid}`; the release's CID in the form that trees give it."""
    if kept is None:
        return {"label": None, "cid": None, "release_cid": None}
    release = str(Cid(1, 0x70, kept.release))
    return {"label": kept.label, "cid": str(kept.cid), "release_cid": release}
