"""`serve` and `pip-config`."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli import advice, documents

if TYPE_CHECKING:
    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session


@click.command()
@click.option("--listen", metavar="A", help="host:port; 127.0.0.1:8085 unless configured.")
@click.pass_obj
def serve(run: Run, listen: str | None) -> None:
    """Serve what is here to pip and to other mirrors, until SIGTERM or Ctrl-C."""

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.services import serving

        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with serving.serving(session, listen) as gateway:
            run.emit(
                documents.document("serve", url=gateway.url), lambda: click.echo(f"serving {gateway.url}")
            )
            await stop.wait()

    run.execute(work)


@click.command("pip-config")
@click.argument("rel")
@click.pass_obj
def pip_config(run: Run, rel: str) -> None:
    """The index-url lines for pip and uv, each tried through the gateway."""

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.services import serving

        config = await serving.pip_config(session, rel)
        run.emit(documents.pip_config(config), lambda: advice.pip_config(config))

    run.execute(work)
