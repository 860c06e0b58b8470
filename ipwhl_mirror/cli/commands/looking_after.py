"""`verify`, `prune` and `gc`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli import documents, removal_report, text
from ipwhl_mirror.cli.exit_codes import ExitCode
from ipwhl_mirror.domain.figures import plural, size

if TYPE_CHECKING:
    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session


@click.command()
@click.argument("rels", nargs=-1, metavar="[REL]...")
@click.option("--repair", is_flag=True, help="Fetch again what is broken; no pin is touched.")
@click.pass_obj
def verify(run: Run, rels: tuple[str, ...], repair: bool) -> None:
    """Walk the pins offline, hash every block, name what is broken. Exits with 8 on damage."""

    async def work(session: Session, sink: ProgressSink) -> ExitCode:
        from ipwhl_mirror.services import verifying

        check = verifying.verify_and_repair if repair else verifying.verify
        report = await check(session, rels, sink=sink)
        run.emit(documents.verify(report), lambda: text.verify(report))
        if report.broken and not repair:
            run.note("hint: fetch these blocks again: ipwhl-mirror verify --repair")
        return ExitCode.DAMAGE if report.broken else ExitCode.DONE

    run.execute(work)


@click.command()
@click.option("--keep", type=int, metavar="N", help="The newest N mirrored releases stay.")
@click.pass_obj
def prune(run: Run, keep: int | None) -> None:
    """Unpin what mirrors do not keep any more; with --keep, all but the newest releases.

    What the address of a mirror leads to stays. Nothing is deleted before a gc.
    """

    async def work(session: Session, sink: ProgressSink) -> ExitCode:
        from ipwhl_mirror.services import storage

        if keep is None:
            forecast = await storage.forecast_retention(session)
        else:
            forecast = await storage.forecast_prune(session, keep)
        for name in forecast.spared:
            run.note(f"mirror {name} is at an older release, which stays")
        if forecast.is_empty:
            run.emit(removal_report.prune_document(forecast), lambda: click.echo("nothing to prune"))
            return ExitCode.DONE
        if not run.confirm(removal_report.pruning(forecast), "Let these go?"):
            return ExitCode.USAGE
        removed = await storage.prune(
            session, forecast.removal.roots, retired=forecast.retired, forgotten=forecast.forgotten
        )
        run.emit(removal_report.prune_document(forecast), lambda: click.echo(f"{removed} pin(s) removed"))
        return ExitCode.DONE

    run.execute(work)


@click.command()
@click.pass_obj
def gc(run: Run) -> None:
    """Remove what is under no pin, after telling its bytes."""

    async def work(session: Session, sink: ProgressSink) -> ExitCode:
        from ipwhl_mirror.services import storage

        preview = await storage.preview_gc(session)
        if not preview.blocks and not preview.bytes:
            run.emit(
                removal_report.gc_document("gc", preview, removed=True),
                lambda: click.echo("nothing to remove"),
            )
            return ExitCode.DONE
        if not run.confirm(removal_report.garbage(preview), "Remove these blocks?"):
            return ExitCode.USAGE
        removed = await storage.collect_garbage(session)
        run.emit(
            removal_report.gc_document("gc", removed, removed=True),
            lambda: click.echo(f"removed {plural(removed.blocks, 'block')}, {size(removed.bytes)}"),
        )
        return ExitCode.DONE

    run.execute(work)
