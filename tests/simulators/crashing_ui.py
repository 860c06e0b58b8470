"""The terminal UI over a backend whose value makes a screen fail while it draws: `python -m` this."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from ipwhl_mirror.tui.running import run
from tests.tui.scripted import ScriptedBackend, filled_backend

if TYPE_CHECKING:
    from ipwhl_mirror.tui.backend import Overview

SECRET = "s3cret-of-a-variable"
MESSAGE = "\x1b]52;c;x\x07[/red]"


class _Unspeakable:
    """What cannot be turned into text."""

    def __init__(self) -> None:
        self.secret = SECRET

    def __str__(self) -> str:
        secret = self.secret
        raise LookupError(MESSAGE + str(len(secret)))


class _FaultyBackend(ScriptedBackend):
    async def overview(self) -> Overview:
        seen = await super().overview()
        return replace(seen, node=replace(seen.node, version=_Unspeakable()))  # type: ignore[arg-type]


if __name__ == "__main__":
    backend = _FaultyBackend(tracked=filled_backend().tracked)
    sys.exit(asyncio.run(run(backend, read_only=False)))
