"""Dispatch: the command line, and the terminal UI where no command is given. It alone knows both."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from ipwhl_mirror.cli.app import cli

if TYPE_CHECKING:
    from ipwhl_mirror.services.settings import Settings


def main() -> None:
    """Run, and leave with an exit code."""
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    cli.main(prog_name="ipwhl-mirror", obj=_start_ui if on_terminal else None)


def _start_ui(settings: Settings) -> int:
    from ipwhl_mirror.cli.run import known_errors

    with known_errors():
        return asyncio.run(_ui(settings))


async def _ui(settings: Settings) -> int:
    from ipwhl_mirror.services.recovery import recover
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.tui.app import run_async
    from ipwhl_mirror.tui.live import LiveBackend

    async with Session.open(settings) as session:
        await recover(session)
        return await run_async(LiveBackend(session), read_only=settings.read_only)


if __name__ == "__main__":
    main()
