"""What `source` and `update` print, for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli.documents import Document, document, time
from ipwhl_mirror.cli.text import table
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import age
from ipwhl_mirror.sources.trust import Standing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ipwhl_mirror.services.source_updates import Found, SourceUpdate
    from ipwhl_mirror.services.sources import SourceStatus
    from ipwhl_mirror.sources.trust import SourceTrust

_WORDS = {
    Standing.NEW: "new",
    Standing.UNSIGNED: "unsigned",
    Standing.REFUSED: "refused",
}


def added(trust: SourceTrust) -> None:
    """Whose signatures count from now on."""
    click.echo(f"source {trust.name}: {safe_text(trust.url)}")
    for key in trust.keys:
        click.echo(f"  accepted: {key.fingerprint}")
    if not trust.keys:
        click.echo("  no key: what it announces is a hint, to be tracked by hand")


def list_sources(found: Sequence[SourceStatus], now: datetime) -> None:
    """A line for each, then its keys."""
    if not found:
        click.echo("no source; add one: ipwhl-mirror source add NAME URL --key K")
    table(
        ("source", "newest", "accepted", "keys", "asked", "outcome", "url"),
        (
            (
                item.trust.name,
                item.label or "-",
                _ago(item.trust.accepted_at, now),
                str(len(item.trust.keys)) if item.trust.accepted else "not accepted",
                _ago(item.asked_at, now),
                item.outcome or "-" if item.frozen is None else f"refused: {item.frozen}",
                item.trust.url,
            )
            for item in found
        ),
    )


def update(updates: Sequence[SourceUpdate]) -> None:
    """A line for each thing that a source says."""
    if not updates:
        click.echo("no source; add one: ipwhl-mirror source add NAME URL --key K")
    for each in updates:
        if each.error is not None:
            click.echo(f"{each.name}: {safe_text(str(each.error))}")
        elif not each.found:
            click.echo(f"{each.name}: nothing new")
        for item in each.found:
            said = item.announcement
            click.echo(f"{each.name}: {_WORDS[item.judgement.standing]}: {said.label}  {said.cid}")
            if item.judgement.standing is Standing.NEW:
                click.echo(f"  signed by {said.signer}")
            else:
                click.echo(f"  {safe_text(item.judgement.reason)}")
            if item.judgement.standing is Standing.UNSIGNED:
                click.echo(f"  to track it all the same: ipwhl-mirror track {said.cid} --label {said.label}")


def added_document(trust: SourceTrust) -> Document:
    """`source{...}`."""
    return document("source-add", source=_trust(trust))


def removed_document(trust: SourceTrust) -> Document:
    """`source{...}` as it was."""
    return document("source-remove", source=_trust(trust))


def list_document(found: Sequence[SourceStatus]) -> Document:
    """`sources[]`, by name."""
    return document(
        "source-list",
        sources=[
            {
                **_trust(item.trust),
                "label": item.label,
                "asked_at": time(item.asked_at),
                "outcome": item.outcome,
                "frozen": item.frozen,
            }
            for item in found
        ],
    )


def update_document(updates: Sequence[SourceUpdate]) -> Document:
    """`sources[]{name new[] unsigned[] refused[] problems[]{label reason} error}`."""
    return document(
        "update",
        sources=[
            {
                "name": each.name,
                **{
                    word: [_found(item) for item in each.found if item.judgement.standing is standing]
                    for standing, word in _WORDS.items()
                },
                "problems": [{"label": item.label, "reason": item.words} for item in each.problems],
                "error": None if each.error is None else str(each.error),
            }
            for each in updates
        ],
    )


def _trust(trust: SourceTrust) -> Document:
    return {
        "name": trust.name,
        "url": trust.url,
        "keys": [key.fingerprint for key in trust.keys],
        "accepted": trust.accepted,
        "sequence": trust.sequence,
        "accepted_at": time(trust.accepted_at),
        "expires_at": time(trust.expires_at),
    }


def _found(item: Found) -> Document:
    said = item.announcement
    return {
        "label": said.label,
        "cid": str(said.cid),
        "sequence": said.sequence,
        "published_at": time(said.published_at),
        "expires_at": time(said.expires_at),
        "signer": said.signer,
        "reason": item.judgement.reason or None,
        "tracked": item.tracked is not None,
    }


def _ago(moment: datetime | None, now: datetime) -> str:
    return "-" if moment is None else age(now - moment)
