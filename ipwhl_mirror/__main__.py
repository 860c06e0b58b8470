"""Dispatch: the command line, and the terminal UI where no command is given. It alone knows both."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from ipwhl_mirror.cli.app import cli

if TYPE_CHECKING:
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.settings import Settings


def main() -> None:
    """Run, and leave with an exit code."""
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    cli.main(prog_name="ipwhl-mirror", obj=_TerminalUi() if on_terminal else None)


class _TerminalUi:
    """The application, imported when it is wanted."""

    def start(self, settings: Settings) -> int:
        """Run it until it is left; gives the exit code."""
        from ipwhl_mirror.cli.exit_codes import ExitCode
        from ipwhl_mirror.cli.run import known_errors

        with known_errors():
            try:
                return asyncio.run(_open_and_run(settings))
            except (KeyboardInterrupt, asyncio.CancelledError):
                return ExitCode.INTERRUPTED

    async def show_demo(self, session: Session) -> int:
        """The same on the demo's mirroring node, on the loop that runs."""
        from ipwhl_mirror.tui.app import run_async
        from ipwhl_mirror.tui.live import LiveBackend

        async with LiveBackend(session, is_demo=True) as backend:
            return await run_async(backend, read_only=False)


async def _open_and_run(settings: Settings) -> int:
    from ipwhl_mirror.cli.run import end_on_signals
    from ipwhl_mirror.services.recovery import recover
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.tui.app import run_async
    from ipwhl_mirror.tui.live import LiveBackend

    end_on_signals()
    async with Session.open(settings) as session:
        await session.check_node()
        await recover(session)
        async with LiveBackend(session) as backend:
            return await run_async(backend, read_only=settings.read_only)


if __name__ == "__main__":
    main()
