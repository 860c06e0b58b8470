"""`publish`, `export` and `import`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ipwhl_mirror.cli import documents, text
from ipwhl_mirror.cli.options import EXISTING, EXISTING_FILE, FILE, selection_options, to_selection

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=EXISTING, metavar="INPUT...")
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
@click.pass_obj
def publish(
    run: Run,
    inputs: tuple[Path, ...],
    label: str | None,
    cid_version: str,
    feed: Path | None,
    key: Path | None,
    expires: float | None,
) -> None:
    """Make a release of wheels and of directories of wheels, pin it, announce it, and print its CID."""
    if (feed is None) != (key is None) or (expires is not None and feed is None):
        raise click.UsageError("--feed and --key go together, and --expires with them")
    if feed is not None and label is None:
        raise click.UsageError("--feed needs a --label: that is what followers see")

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.services import announcing, publishing

        target = None
        if feed is not None and key is not None and label is not None:
            target = announcing.FeedFile(path=feed, key=key, label=label, expires_days=expires)
            announcing.open_feed(target)
        loaded = await publishing.publish(
            session, inputs, label=label, cid_version=int(cid_version), sink=sink
        )
        said = None if target is None else await announcing.announce(session, target, loaded)
        run.emit(documents.published(loaded, said), lambda: text.published(loaded))
        if said is not None:
            run.note(f"announced as {said.label}, sequence {said.sequence}, signed by {said.signer}")

    run.execute(work)


@click.command()
@click.argument("rel")
@click.argument("file", type=FILE)
@selection_options
@click.pass_obj
def export(run: Run, /, rel: str, file: Path, **chosen: Any) -> None:
    """Write the parts of a selection, with their index, to one CAR."""

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.services import transfer

        report = await transfer.export(session, rel, file, to_selection(**chosen), sink=sink)
        run.emit(documents.exported(report), lambda: text.exported(report))

    run.execute(work)


@click.command("import")
@click.argument("file", type=EXISTING_FILE)
@click.option("--label", metavar="L", help="A name for the release.")
@click.pass_obj
def import_(run: Run, file: Path, label: str | None) -> None:
    """Track, keep and pin what a CAR holds, every block verified."""

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.services import transfer

        report = await transfer.import_car(session, file, label=label, sink=sink)
        run.emit(documents.imported(report), lambda: text.imported(report))

    run.execute(work)
