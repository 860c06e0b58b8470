"""`plan`, `pin` and `unpin`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ipwhl_mirror.cli import documents, removal_report, text
from ipwhl_mirror.cli.exit_codes import ExitCode
from ipwhl_mirror.cli.options import read_choice, selection_options, to_selection

if TYPE_CHECKING:
    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session


@click.command()
@click.argument("rel")
@click.option("--unpin", "removing", is_flag=True, help="What unpinning would make reclaimable instead.")
@click.option("--exact", is_flag=True, help="With --unpin: read the pins of other programs too.")
@selection_options
@click.pass_obj
def plan(run: Run, /, rel: str, removing: bool, exact: bool, **chosen: Any) -> None:
    """What pinning would fetch, what is shared already, free space after, subset CIDs."""

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.services import planning
        from ipwhl_mirror.services.removals import Bound

        choice = read_choice(**chosen)
        if exact and not removing:
            raise click.UsageError("--exact goes with --unpin")
        if removing:
            bound = Bound.EXACT if exact else Bound.UPPER
            going = await planning.forecast_unpin(session, rel, _parts(choice.selection), bound)
            lines = removal_report.unpinning(going)
            run.emit(removal_report.unpin_document("plan", going), lambda: click.echo("\n".join(lines)))
            return
        forecast = await planning.forecast_pin(session, rel, choice.selection)
        for line in choice.differences(forecast.loaded.release):
            run.note(line)
        run.emit(documents.plan("plan", forecast), lambda: text.plan(forecast))

    run.execute(work)


@click.command()
@click.argument("rel")
@selection_options
@click.pass_obj
def pin(run: Run, /, rel: str, **chosen: Any) -> None:
    """Plan, guard, fetch, pin, verify: one pin for each part of the selection.

    Interrupted or incomplete (exit 3), the same command resumes where it was.
    """

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.services import pinning

        choice = read_choice(**chosen)
        report = await pinning.pin(session, rel, choice.selection, sink=sink)
        for line in choice.differences(report.forecast.loaded.release):
            run.note(line)
        run.emit(documents.pin(report), lambda: text.pin(report))

    run.execute(work)


@click.command()
@click.argument("rel")
@selection_options
@click.pass_obj
def unpin(run: Run, /, rel: str, **chosen: Any) -> None:
    """Remove the pins of exactly these parts; without a selection, every pin of ours of that release.

    Nothing is deleted before a gc.
    """

    async def work(session: Session, sink: ProgressSink) -> ExitCode:
        from ipwhl_mirror.services import pinning, planning

        forecast = await planning.forecast_unpin(session, rel, _parts(to_selection(**chosen)))
        if not run.confirm(removal_report.unpinning(forecast), "Remove these pins?"):
            return ExitCode.USAGE
        removed = await pinning.unpin(session, forecast.removal.roots)
        run.emit(
            removal_report.unpin_document("unpin", forecast),
            lambda: click.echo(f"{len(removed)} pin(s) removed"),
        )
        return ExitCode.DONE

    run.execute(work)


def _parts(selection: Selection) -> Selection | None:
    return None if selection.is_everything else selection
