"""`export` and `import`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ipwhl_mirror.cli.options import EXISTING_FILE, FILE, selection_options, to_selection

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session


@click.command()
@click.argument("rel", metavar="REL|MIRROR")
@click.argument("file", type=FILE)
@selection_options
@click.option(
    "--without",
    multiple=True,
    metavar="REL",
    help="Leave out the wheels that the same selection of this release has: the other side must have it.",
)
@click.pass_obj
def export(run: Run, /, rel: str, file: Path, without: tuple[str, ...], **chosen: Any) -> None:
    """Write the parts of a selection, with their index, to one CAR; run again, it goes on.

    Of a mirror: what it takes of the release that it is at.
    """
    if str(file) == "-":
        raise click.UsageError("a CAR goes into a file, so that a killed run can go on")

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.cli.carrying_report import export_document, export_text
        from ipwhl_mirror.services import transfer

        report = await transfer.export(session, rel, file, to_selection(**chosen), without=without, sink=sink)
        run.emit(export_document(report), lambda: export_text(report))

    run.execute(work)


@click.command("import")
@click.argument("file", type=EXISTING_FILE)
@click.option("--label", metavar="L", help="A name for the release.")
@click.pass_obj
def import_(run: Run, file: Path, label: str | None) -> None:
    """Track, keep, pin and verify what a CAR holds; run again, it goes on."""

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.cli.carrying_report import import_document, import_text
        from ipwhl_mirror.services import transfer

        report = await transfer.import_car(session, file, label=label, sink=sink)
        run.emit(import_document(report), lambda: import_text(report))

    run.execute(work)
