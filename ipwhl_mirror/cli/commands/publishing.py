"""`publish`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ipwhl_mirror.cli.exit_codes import ExitCode
from ipwhl_mirror.cli.options import EXISTING, EXISTING_FILE, FILE, selection_options, to_selection
from ipwhl_mirror.domain.checks.findings import Rule

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.places import Places
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
    type=float,
    metavar="DAYS",
    help="Followers are to be suspicious when nothing newer is announced for so long.",
)
@click.option("--ipns", metavar="KEY", help="Let the IPNS name of this key of a Kubo lead to it.")
@click.option(
    "--git-tag",
    type=EXISTING,
    metavar="DIR",
    help="Announce it by a tag of this git repository, signed by --key; pushing it is left to you.",
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
    ipns: str | None,
    git_tag: Path | None,
    dry_run: bool,
    **chosen: Any,
) -> None:
    """Make a release, pin it, announce it, and print its CID.

    An INPUT is a wheel, a directory of wheels, a lock (pylock.toml), or a release that is whole here. Wheels
    of locks are fetched from where the lock says. What `check` finds ends it with 1, before anything is made.
    """
    _check_options(label=label, feed=feed, key=key, expires=expires, git_tag=git_tag)

    async def work(session: Session, sink: ProgressSink) -> ExitCode:
        from ipwhl_mirror.cli import publish_report
        from ipwhl_mirror.services import places, publishing
        from ipwhl_mirror.services.announcing import FeedFile
        from ipwhl_mirror.services.tagging import GitTag

        recipe = publishing.Recipe(
            inputs=inputs,
            selection=to_selection(**chosen),
            drop=drop,
            supported=supported,
            allowed=frozenset(map(Rule, allowed)),
            cid_version=int(cid_version),
        )
        file = tag = None
        if key is not None and label is not None:
            if feed is not None:
                file = FeedFile(path=feed, key=key, label=label, expires_days=expires)
            if git_tag is not None:
                tag = GitTag(directory=git_tag, key=key, label=label)
        where = places.Places(feed=file, ipns=ipns, git_tag=tag)
        if dry_run:
            return await _propose(run, session, recipe, where, label, sink)
        await places.look_at(session, where)
        loaded = await publishing.publish(session, recipe, label=label, sink=sink)
        said = await places.announce(session, where, loaded)
        run.emit(publish_report.published_document(loaded, said), lambda: publish_report.published(loaded))
        for line in said.words:
            run.note(line)
        return ExitCode.DONE

    run.execute(work)


def _check_options(
    *, label: str | None, feed: Path | None, key: Path | None, expires: float | None, git_tag: Path | None
) -> None:
    from ipwhl_mirror.services.requests import LONGEST_DAYS

    if (key is None) != (feed is None and git_tag is None):
        raise click.UsageError("--feed and --git-tag need a --key, and --key is for them")
    if expires is not None and feed is None:
        raise click.UsageError("--expires goes with --feed")
    if expires is not None and not 0 < expires <= LONGEST_DAYS:
        raise click.UsageError(f"--expires is more than 0 and at most {LONGEST_DAYS} days")
    if key is not None and label is None:
        raise click.UsageError("--feed and --git-tag need a --label: that is what followers see")


async def _propose(
    run: Run, session: Session, recipe: Recipe, where: Places, label: str | None, sink: ProgressSink
) -> ExitCode:
    from ipwhl_mirror.cli import publish_report
    from ipwhl_mirror.services import places, publishing
    from ipwhl_mirror.services.errors import FAILURES
    from ipwhl_mirror.services.foreseeing import foresee
    from ipwhl_mirror.services.proposals import compare_with_before

    found = await places.survey(session, where)
    try:
        proposal = await publishing.propose(session, recipe, sink)
    except FAILURES:
        for error in found.refusals:
            run.note(f"publish would refuse: {error}")
        raise
    target = None if found.feed is None else where.feed
    change = await compare_with_before(session, proposal.gathered, recipe.inputs, target)
    outlook = await foresee(
        session, where, found, proposal.gathered, label=label, cid_version=recipe.cid_version, sink=sink
    )
    run.emit(
        publish_report.proposed_document(proposal, change, outlook),
        lambda: publish_report.proposed(proposal, change, outlook),
    )
    for error in outlook.refusals:
        raise error
    return ExitCode.FAILED if proposal.report.findings else ExitCode.DONE
