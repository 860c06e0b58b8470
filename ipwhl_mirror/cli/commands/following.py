"""`source add`, `source list`, `source remove`, and `update`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli import source_report as report
from ipwhl_mirror.cli.exit_codes import ExitCode, exit_code_for
from ipwhl_mirror.cli.options import FILE

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.source_updates import SourceUpdate


@click.group()
def source() -> None:
    """Where releases are announced, and whose signatures count."""


@source.command()
@click.argument("name")
@click.argument("url")
@click.option(
    "--key", "key_file", type=FILE, metavar="K", help="An SSH public key, or an allowed_signers file."
)
@click.pass_obj
def add(run: Run, name: str, url: str, key_file: Path | None) -> None:
    """Accept a source. Once more with other keys: they are what counts from then on.

    URL is https://..., file:///..., git+https://..., git+ssh://..., git+file:///..., or /ipns/NAME. Without
    a key everything of it is a hint, which a person tracks.
    """

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.services import sources
        from ipwhl_mirror.sources.keys import read_key_file

        keys = () if key_file is None else read_key_file(key_file)
        trust = await sources.add_source(session, name, url, keys)
        run.emit(report.added_document(trust), lambda: report.added(trust))

    run.execute(work)


@source.command("list")
@click.pass_obj
def list_(run: Run) -> None:
    """Every source: what it announced last, whose signatures count, when it was asked."""

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.services import sources

        found = sources.sources(session)
        run.emit(report.list_document(found), lambda: report.list_sources(found, session.clock()))

    run.execute(work)


@source.command()
@click.argument("name")
@click.pass_obj
def remove(run: Run, name: str) -> None:
    """Forget a source and what was believed of it. What it announced stays tracked."""

    async def work(session: Session, sink: ProgressSink) -> ExitCode:
        from ipwhl_mirror.services import sources

        words = f"what is believed of source {name}, its keys and its newest release, is forgotten"
        if not run.confirm([words], f"Remove source {name}?"):
            return ExitCode.USAGE
        trust = await sources.remove_source(session, name)
        run.emit(report.removed_document(trust), lambda: click.echo(f"source {trust.name} is removed"))
        return ExitCode.DONE

    run.execute(work)


@click.command()
@click.argument("names", nargs=-1, metavar="[SOURCE ...]")
@click.option("--check", is_flag=True, help="Only look; exit with 100 when there is something new.")
@click.pass_obj
def update(run: Run, names: tuple[str, ...], check: bool) -> None:
    """Ask the sources for new releases, and fetch the index of each that an accepted key signed."""

    async def work(session: Session, sink: ProgressSink) -> ExitCode:
        from ipwhl_mirror.services import sources

        updates = await (sources.look(session, names) if check else sources.update(session, names, sink))
        run.emit(report.update_document(updates), lambda: report.update(updates))
        for each in updates:
            for problem in each.problems:
                run.note(f"{each.name}: {problem.label or 'an entry'}: {problem.words}")
        return _exit_code(updates, waiting=ExitCode.CHANGES_WAITING if check else ExitCode.DONE)

    run.execute(work)


def _exit_code(updates: tuple[SourceUpdate, ...], waiting: ExitCode) -> ExitCode:
    """Refused before unreachable before new."""
    if any(each.refused for each in updates):
        return ExitCode.NOT_AUTHENTIC
    failed = [exit_code_for(each.error) for each in updates if each.error is not None]
    if failed:
        return failed[0]
    return waiting if any(each.new for each in updates) else ExitCode.DONE
