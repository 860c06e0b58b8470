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
    from ipwhl_mirror.services.declaring import Declared
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
@click.option(
    "--declare",
    "repository",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Without a finding, write the declarations of the wheels into this metadata repository.",
)
@click.option("--source", metavar="URL", help="With --declare: the address that the wheels lie below.")
@click.pass_obj
def check(
    run: Run,
    target: str,
    supported: Path | None,
    allowed: tuple[str, ...],
    repository: Path | None,
    source: str | None,
) -> None:
    """Names, metadata, one version, one wheel a platform, dependencies met.

    Exits with 1 on a finding. A directory is one of wheels, or IPWHL's metadata repository.
    """
    rules = frozenset(map(Rule, allowed))
    if (repository is None) != (source is None):
        raise click.UsageError("--declare and --source are given together")

    def told(checked: Checked, declared: Declared | None) -> ExitCode:
        from ipwhl_mirror.cli import check_report

        run.emit(
            check_report.check_document(checked, declared), lambda: check_report.check(checked, declared)
        )
        return ExitCode.FAILED if checked.report.findings else ExitCode.DONE

    async def of_directory() -> ExitCode:
        from ipwhl_mirror.cli.progress import progress_sink
        from ipwhl_mirror.services.checking import check_directory
        from ipwhl_mirror.services.declaring import declare_directory

        declared = None
        with progress_sink(run) as sink:
            checked = await check_directory(Path(target), supported=supported, allowed=rules, sink=sink)
            if repository is not None and source is not None and not checked.report.findings:
                declared = await declare_directory(checked, Path(target), repository, source)
        return told(checked, declared)

    async def of_release(session: Session, sink: ProgressSink) -> ExitCode:
        from ipwhl_mirror.services.checking import check_release
        from ipwhl_mirror.services.declaring import declare_release

        declared = None
        checked = await check_release(session, target, supported=supported, allowed=rules, sink=sink)
        if repository is not None and source is not None and not checked.report.findings:
            declared = await declare_release(session, checked, target, repository, source)
        return told(checked, declared)

    if Path(target).is_dir():
        run.execute_alone(of_directory, when_cut="what is declared stays")
    else:
        run.execute(of_release)
