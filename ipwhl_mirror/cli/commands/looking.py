"""Commands that only look: `status`, `show`, `diff`, `doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ipwhl_mirror.cli import advice, documents, mirror_report, text
from ipwhl_mirror.cli.exit_codes import ExitCode
from ipwhl_mirror.cli.options import read_choice, selection_options, to_selection

if TYPE_CHECKING:
    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session


@click.command()
@click.option("--fail-stale", is_flag=True, help="Exit with 9 when a mirror is stale.")
@click.pass_obj
def status(run: Run, fail_stale: bool) -> None:
    """Releases, mirrors, pins, bytes per platform, node."""

    async def work(session: Session, sink: ProgressSink) -> ExitCode:
        from ipwhl_mirror.services import overview

        report = await overview.status(session)
        listen = session.settings.config.serve.listen
        found = mirror_report.status_document(report.mirrors, listen)

        def show_all() -> None:
            text.status(report)
            if report.mirrors:
                mirror_report.mirrors(report.mirrors, session.clock())

        run.emit(documents.status(report, found), show_all)
        return ExitCode.STALE if fail_stale and report.is_stale else ExitCode.DONE

    run.execute(work)


@click.command()
@click.argument("rel")
@click.option("--wheels", is_flag=True, help="Every project and wheel too.")
@selection_options
@click.pass_obj
def show(run: Run, /, rel: str, wheels: bool, **chosen: Any) -> None:
    """Bytes and pin state of a release per platform."""

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.services import overview

        choice = read_choice(**chosen)
        report = await overview.show(session, rel, choice.selection)
        for line in choice.differences(report.loaded.release):
            run.note(line)
        run.emit(documents.show("show", report, wheels=wheels), lambda: text.show(report, wheels=wheels))

    run.execute(work)


@click.command()
@click.argument("old")
@click.argument("new")
@selection_options
@click.pass_obj
def diff(run: Run, /, old: str, new: str, **chosen: Any) -> None:
    """Projects and wheels added, removed and changed from OLD to NEW, in bytes."""

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.domain.diffs import diff_releases
        from ipwhl_mirror.services import releases

        selection = to_selection(**chosen)
        before, after = await releases.load(session, old), await releases.load(session, new)
        result = diff_releases(before.release, after.release, selection)
        run.emit(documents.diff(before, after, result), lambda: text.diff(before, after, result))

    run.execute(work)


@click.command()
@click.pass_obj
def doctor(run: Run) -> None:
    """What is wrong on this machine, why it matters, and what to do. Exits with 1 on a problem."""

    async def work(session: Session, sink: ProgressSink) -> ExitCode:
        from ipwhl_mirror.nodes.base import Health
        from ipwhl_mirror.services.doctor import examine

        findings = await examine(session)
        run.emit(advice.doctor_document(findings), lambda: advice.doctor(findings))
        problem = any(finding.health is Health.PROBLEM for finding in findings)
        return ExitCode.FAILED if problem else ExitCode.DONE

    run.inspect(work)
