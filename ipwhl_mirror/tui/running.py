"""Run the application on a terminal, dressed as environment and preferences ask for, until it is left."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ipwhl_mirror.tui import crash
from ipwhl_mirror.tui.app import MirrorApp
from ipwhl_mirror.tui.charset import charset
from ipwhl_mirror.tui.desk import Access
from ipwhl_mirror.tui.preferences import Preferences
from ipwhl_mirror.tui.prompts import forbid_prompts

if TYPE_CHECKING:
    from ipwhl_mirror.tui.backend import Backend


async def run(backend: Backend, *, read_only: bool, preferences: Preferences | None = None) -> int:
    """Run it on this loop, on which the backend was opened; gives the exit code."""
    access = Access.READ_ONLY if read_only else Access.FULL
    wanted = preferences or Preferences()
    wanted.apply_colour(os.environ)
    forbid_prompts(os.environ)
    encoding = charset(sys.stdout.encoding or "", os.environ)
    glyphs = wanted.glyphs(encoding=encoding, term=os.environ.get("TERM", ""))
    app = MirrorApp(backend, access=access, glyphs=glyphs, keys=wanted.keymap, theme=wanted.theme)
    try:
        await app.run_async()
    finally:
        await app.runner.ended()
    if app.fault is not None:
        crash.tell(app.fault)
    return app.return_code or 0
