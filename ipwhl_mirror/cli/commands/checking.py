"""`check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli.exit_codes import ExitCode
from ipwhl_mirror.cli.options import EXISTING_FILE
from ipwhl_mirror.domain.checks.findings import Rule

if TYPE_CHECKING:
    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.checking import Checked
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session


@click.command()
@click.argument("target", metavar="REL|DIR")
@click.option(
    "--supported", type=EXISTING_FILE, metavar="FILE", help="The environments that count, one a line."
)
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    type=click.Choice([rule.value for rule in Rule]),
    metavar="RULE",
    help="Only count what breaks this rule; may be given several times.",
)
@click.pass_obj
def check(run: Run, target: str, supported: Path | None, allowed: tuple[str, ...]) -> None:
    """Names, metadata, one version, one wheel a platform, dependencies met.

    Exits with 1 on a finding. A directory is one of wheels, or IPWHL's metadata repository.
    """
    rules = frozenset(map(Rule, allowed))

    def told(checked: Checked) -> ExitCode:
        from ipwhl_mirror.cli import check_report

        run.emit(check_report.check_document(checked), lambda: check_report.check(checked))
        return ExitCode.FAILED if checked.report.findings else ExitCode.DONE

    async def of_directory() -> ExitCode:
        from ipwhl_mirror.cli.progress import progress_sink
        from ipwhl_mirror.services.checking import check_directory

        with progress_sink(run) as sink:
            checked = await check_directory(Path(target), supported=supported, allowed=rules, sink=sink)
        return told(checked)

    async def of_release(session: Session, sink: ProgressSink) -> ExitCode:
        from ipwhl_mirror.services.checking import check_release

        return told(await check_release(session, target, supported=supported, allowed=rules, sink=sink))

    if Path(target).is_dir():
        run.execute_alone(of_directory, when_cut="nothing was changed")
    else:
        run.execute(of_release)
