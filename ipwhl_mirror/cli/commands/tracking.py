"""`track` and `untrack`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli import documents, text

if TYPE_CHECKING:
    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session


@click.command()
@click.argument("cid")
@click.option("--label", metavar="L", help="A name for it: 1 to 64 of A-Z a-z 0-9 . _ + -")
@click.pass_obj
def track(run: Run, cid: str, label: str | None) -> None:
    """Add a release by hand: reads its index, not one wheel."""

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.domain.selections import Selection
        from ipwhl_mirror.ipld.cid import Cid
        from ipwhl_mirror.services import overview, releases

        loaded = await releases.track(session, Cid.parse(cid), label=label, sink=sink)
        report = await overview.show_loaded(session, loaded, Selection.parse())
        run.emit(documents.show("track", report, wheels=False), lambda: text.show(report, wheels=False))

    run.execute(work)


@click.command()
@click.argument("rel")
@click.pass_obj
def untrack(run: Run, rel: str) -> None:
    """Forget a release. Its pins must be gone; a mirror that is at it is named."""

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.services import mirror_needs, releases

        found = releases.resolve(session, rel)
        for name in mirror_needs.mirrors_at(session, found.cid):
            run.note(f"mirror {name} is at {found.name}: its next sync needs it again")
        tracked = await releases.untrack(session, rel)
        run.emit(
            documents.document("untrack", release=documents.release(tracked)),
            lambda: click.echo(f"{tracked.name} is forgotten; its index goes with the next gc"),
        )

    run.execute(work)
