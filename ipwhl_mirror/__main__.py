"""Dispatch: the command line, and the terminal UI where no command is given. It alone knows both."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

from ipwhl_mirror.cli.app import cli
from ipwhl_mirror.cli.terminal import missing_for_ui

if TYPE_CHECKING:
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.settings import Settings
    from ipwhl_mirror.tui.preferences import Preferences


def main() -> None:
    """Run, and leave with an exit code."""
    cli.main(prog_name="ipwhl-mirror", obj=None if missing_for_ui() else _TerminalUi())


class _TerminalUi:
    """The application, imported when it is wanted."""

    def start(self, settings: Settings) -> int:
        """Run it until it is left; gives the exit code."""
        from ipwhl_mirror.cli.exit_codes import ExitCode
        from ipwhl_mirror.cli.run import known_errors
        from ipwhl_mirror.tui.preferences import preferences_of

        with known_errors():
            # what is wrong in the configuration is told before the node is asked and the screen taken
            preferences = preferences_of(settings)
            try:
                return asyncio.run(_open_and_run(settings, preferences))
            except (KeyboardInterrupt, asyncio.CancelledError):
                return ExitCode.INTERRUPTED

    async def show_demo(self, session: Session, settings: Settings) -> int:
        """The same on the demo's mirroring node, on the loop that runs, in the look of these settings."""
        from ipwhl_mirror.tui.live import LiveBackend
        from ipwhl_mirror.tui.preferences import preferences_of
        from ipwhl_mirror.tui.running import run

        preferences = preferences_of(settings)
        async with LiveBackend(session, is_demo=True) as backend:
            return await run(backend, read_only=False, preferences=preferences)


async def _open_and_run(settings: Settings, preferences: Preferences) -> int:
    gc.disable()  # hundreds of modules are loaded, and there is nothing to collect among them
    from ipwhl_mirror.cli.exit_codes import ExitCode
    from ipwhl_mirror.cli.run import end_on_signals
    from ipwhl_mirror.services.recovery import recover
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.tui.live import LiveBackend
    from ipwhl_mirror.tui.running import run

    gc.enable()
    end_on_signals()
    async with Session.open(settings) as session:
        await session.check_node()
        await recover(session)
        async with LiveBackend(session) as backend:
            code = await run(backend, read_only=settings.read_only, preferences=preferences)
    task = asyncio.current_task()
    return ExitCode.INTERRUPTED if task is not None and task.cancelling() else code


if __name__ == "__main__":
    main()
