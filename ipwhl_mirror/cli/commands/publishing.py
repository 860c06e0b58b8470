"""`publish`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ipwhl_mirror.cli import documents, text
from ipwhl_mirror.cli.exit_codes import ExitCode
from ipwhl_mirror.cli.options import EXISTING_FILE, FILE, selection_options, to_selection
from ipwhl_mirror.domain.checks.findings import Rule

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.announcing import FeedFile
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.publishing import Recipe
    from ipwhl_mirror.services.session import Session


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--drop", multiple=True, metavar="PROJECT", help="Leave this project out.")
@selection_options
@click.option(
    "--supported",
    type=EXISTING_FILE,
    metavar="FILE",
    help="The environments that count, one a line; wheels of locks are chosen for them.",
)
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    type=click.Choice([rule.value for rule in Rule]),
    metavar="RULE",
    help="Publish although this rule is broken, as `check` tells it.",
)
@click.option("--label", metavar="L", help="A name for the release.")
@click.option(
    "--cid-version",
    type=click.Choice(["0", "1"]),
    default="0",
    help="0: as `ipfs add -r`; 1: with --cid-version=1 --raw-leaves.",
)
@click.option("--feed", type=FILE, metavar="FILE", help="Announce it in this feed, which sources follow.")
@click.option(
    "--key", type=EXISTING_FILE, metavar="K", help="Signs it: an SSH private key, or its .pub with an agent."
)
@click.option(
    "--expires",
    type=click.FloatRange(min=0, min_open=True),
    metavar="DAYS",
    help="Followers are to be suspicious when nothing newer is announced for so long.",
)
@click.option("--dry-run", is_flag=True, help="Say what it would be, what its check finds, and what changes.")
@click.pass_obj
def publish(
    run: Run,
    /,
    inputs: tuple[str, ...],
    drop: tuple[str, ...],
    supported: Path | None,
    allowed: tuple[str, ...],
    label: str | None,
    cid_version: str,
    feed: Path | None,
    key: Path | None,
    expires: float | None,
    dry_run: bool,
    **chosen: Any,
) -> None:
    """Make a release, pin it, announce it, and print its CID.

    An INPUT is a wheel, a directory of wheels, a lock (pylock.toml), or a release that is whole here. Wheels
    of locks are fetched from where the lock says. What `check` finds ends it with 1, before anything is made.
    """
    if (feed is None) != (key is None) or (expires is not None and feed is None):
        raise click.UsageError("--feed and --key go together, and --expires with them")
    if feed is not None and label is None:
        raise click.UsageError("--feed needs a --label: that is what followers see")

    async def work(session: Session, sink: ProgressSink) -> ExitCode:
        from ipwhl_mirror.services import announcing, publishing

        recipe = publishing.Recipe(
            inputs=inputs,
            selection=to_selection(**chosen),
            drop=drop,
            supported=supported,
            allowed=frozenset(map(Rule, allowed)),
            cid_version=int(cid_version),
        )
        target = None
        if feed is not None and key is not None and label is not None:
            target = announcing.FeedFile(path=feed, key=key, label=label, expires_days=expires)
            announcing.open_feed(target)
        if dry_run:
            return await _propose(run, session, recipe, target, sink)
        loaded = await publishing.publish(session, recipe, label=label, sink=sink)
        said = None if target is None else await announcing.announce(session, target, loaded)
        run.emit(documents.published(loaded, said), lambda: text.published(loaded))
        if said is not None:
            run.note(f"announced as {said.label}, sequence {said.sequence}, signed by {said.signer}")
        return ExitCode.DONE

    run.execute(work)


async def _propose(
    run: Run, session: Session, recipe: Recipe, target: FeedFile | None, sink: ProgressSink
) -> ExitCode:
    from ipwhl_mirror.cli import publish_report
    from ipwhl_mirror.services import publishing
    from ipwhl_mirror.services.proposals import compare_with_before

    proposal = await publishing.propose(session, recipe, sink)
    change = await compare_with_before(session, proposal.gathered, recipe.inputs, target)
    run.emit(
        publish_report.proposed_document(proposal, change), lambda: publish_report.proposed(proposal, change)
    )
    return ExitCode.FAILED if proposal.report.findings else ExitCode.DONE
