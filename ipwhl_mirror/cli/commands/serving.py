"""`serve` and `pip-config`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli import advice, documents

if TYPE_CHECKING:
    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.unattended import Unattended


_LEAVE_S = 4.5
"""From the signal to the end, whatever still runs: a kill loses nothing that is finished."""


@click.command()
@click.option("--listen", metavar="A", help="host:port; 127.0.0.1:8085 unless configured.")
@click.pass_obj
def serve(run: Run, listen: str | None) -> None:
    """Serve what is here to pip and to other mirrors, and keep the configured mirrors current.

    Until SIGTERM or Ctrl-C; SIGHUP reads the configuration again.
    """

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.cli.event_lines import event_lines
        from ipwhl_mirror.services.notify import Supervisor
        from ipwhl_mirror.services.unattended import Unattended

        unattended = Unattended(
            session,
            Supervisor(os.environ),
            on_event=event_lines(run),
            sink=sink if run.progress else None,
        )
        _obey_signals(unattended)
        await unattended.run(
            listen,
            lambda url: run.emit(documents.document("serve", url=url), lambda: click.echo(f"serving {url}")),
        )

    run.execute(work)


def _obey_signals(unattended: Unattended) -> None:
    """SIGTERM and SIGINT end it, SIGHUP lets it read its configuration again; where SIGHUP says that the
    terminal is gone on which it was started, it ends it too."""
    had_terminal = sys.stderr.isatty()

    def stop() -> None:
        unattended.stop()
        deadline = threading.Timer(_LEAVE_S, os._exit, [0])
        deadline.daemon = True
        deadline.start()

    def hang_up() -> None:
        if had_terminal and not sys.stderr.isatty():
            stop()
        else:
            unattended.reload()

    loop = asyncio.get_running_loop()
    for number, handler in ((signal.SIGTERM, stop), (signal.SIGINT, stop), (signal.SIGHUP, hang_up)):
        loop.add_signal_handler(number, handler)


@click.command("pip-config")
@click.argument("name", metavar="REL|MIRROR")
@click.pass_obj
def pip_config(run: Run, name: str) -> None:
    """The index-url lines for pip and uv, each tried through the gateway.

    Of a mirror: one address for good, whatever release it is at.
    """

    async def work(session: Session, sink: ProgressSink) -> None:
        from ipwhl_mirror.services import mirror_addresses, serving

        if (address := await mirror_addresses.mirror_address(session, name)) is not None:
            run.emit(advice.mirror_address_document(address), lambda: advice.mirror_address(address))
            return
        config = await serving.pip_config(session, name)
        run.emit(advice.pip_config_document(config), lambda: advice.pip_config(config))

    run.execute(work)
