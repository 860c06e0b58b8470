"""`demo`: the tour, told line by line or as one document; on a terminal the UI opens on it afterwards."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli import demo_report
from ipwhl_mirror.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.demo_steps import Step


@click.command()
@click.option("--no-ui", is_flag=True, help="Do not open the terminal UI at the end.")
@click.option("--offline", is_flag=True, help="Ask no index: use small wheels made on the spot.")
@click.pass_obj
def demo(run: Run, no_ui: bool, offline: bool) -> None:
    """A self-contained tour on real wheels: publish two releases on a node made for it, mirror one platform
    of them on another, verify, and install from that mirror.

    pip downloads the wheels. Everything is in one temporary directory, which is removed at the end.
    """

    async def work() -> ExitCode:
        from ipwhl_mirror.cli.progress import progress_sink
        from ipwhl_mirror.services import demo as tour
        from ipwhl_mirror.services.demo_steps import Supply

        spoken = not run.json and not run.quiet
        done: list[Step] = []
        code = ExitCode.DONE

        def tell(step: Step) -> None:
            done.append(step)
            if spoken:
                click.echo(demo_report.line(step))

        with contextlib.ExitStack() as bar:
            sink = bar.enter_context(progress_sink(run))
            supply = Supply.BUILT if offline else Supply.INDEX
            async with tour.staged(supply, on_step=tell, sink=sink) as stage:
                await tour.tour(stage, on_step=tell, sink=sink)
                bar.close()
                if run.json:
                    run.emit(demo_report.document(done), lambda: None)
                elif run.ui is not None and not no_ui:
                    async with tour.mirroring(stage) as mirror:
                        code = ExitCode(await run.ui.show_demo(mirror, run.settings))
        if spoken:
            click.echo(demo_report.AFTERWARDS)
        return code

    run.execute_alone(work, when_cut="the demo's files are removed")
