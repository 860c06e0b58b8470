"""`export` and `import`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ipwhl_mirror.cli import documents, text
from ipwhl_mirror.cli.options import EXISTING_FILE, FILE, selection_options, to_selection

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session


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
