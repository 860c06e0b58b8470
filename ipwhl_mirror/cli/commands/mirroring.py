"""`sync`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli import mirror_report as report
from ipwhl_mirror.cli.exit_codes import ExitCode, exit_code_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.syncing import SyncReport

_WORST_FIRST = (
    ExitCode.NOT_AUTHENTIC,
    ExitCode.DAMAGE,
    ExitCode.GUARD,
    ExitCode.NODE,
    ExitCode.USAGE,
    ExitCode.PARTIAL,
)
_EXAMPLE = '[mirror.campus] with source = "campus", in the configuration file'


@click.command()
@click.argument("names", nargs=-1, metavar="[MIRROR]...")
@click.option("--to", metavar="REL", help="Go to this release instead, an older one too.")
@click.pass_obj
def sync(run: Run, names: tuple[str, ...], to: str | None) -> None:
    """Bring mirrors to the newest signed release of their source, and retire what they do not keep.

    Without MIRROR: all that are configured. With --to, one: it stays there until its source announces
    something newer than it had by then.
    """

    async def work(session: Session, sink: ProgressSink) -> ExitCode:
        from ipwhl_mirror.cli.event_lines import event_lines
        from ipwhl_mirror.services import syncing
        from ipwhl_mirror.services.errors import FAILURES, UsageProblem
        from ipwhl_mirror.services.mirror_events import ignore_event
        from ipwhl_mirror.services.mirror_metrics import write_metrics

        if not session.settings.config.mirror:
            raise UsageProblem("no mirror is configured", hint=f"write a table: {_EXAMPLE}")
        on_event = event_lines(run) if run.progress else ignore_event
        reports = await syncing.sync(session, names, to=to, sink=sink, on_event=on_event)
        try:
            await write_metrics(session)
        except FAILURES as error:  # the mirrors are as they are told to be, whatever becomes of that file
            run.note(f"the figures for monitoring are not written: {error}")
        run.emit(report.sync_document(reports), lambda: report.synced(reports))
        return _exit_code(reports)

    run.execute(work)


def _exit_code(reports: Sequence[SyncReport]) -> ExitCode:
    """The worst; whatever else went wrong is 1."""
    codes = [exit_code_for(item.error) for item in reports if item.error is not None]
    return next((code for code in _WORST_FIRST if code in codes), ExitCode.FAILED if codes else ExitCode.DONE)
