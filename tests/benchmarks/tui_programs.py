"""Programs for a terminal that the terminal UI is measured beside: `python -m tests.benchmarks.tui_programs`.

bare            an application with one line of text
mirror N        ours with the contents of a release of N projects on screen
table N         a DataTable with the same cells
busy            ours while a job tells its progress ten times a second
busy-bare       an application that writes such a line ten times a second
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App
from textual.widgets import Static

from tests.benchmarks.measuring import Size
from tests.benchmarks.tui_others import Bare, TableScreen
from tests.tui.scripted import HALFWAY, NOW, ScriptedBackend, app_on, filled_backend

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.events import ProgressSink

EVERY_S = 0.1


@dataclass(eq=False)
class Busy(ScriptedBackend):
    """Its verification never ends and tells of it ten times a second."""

    async def verify(self, cid: Cid, on_progress: ProgressSink) -> str:
        done = 0
        while True:
            done += 1
            on_progress(HALFWAY.__class__(phase=HALFWAY.phase, done_bytes=done, total_bytes=10_000_000))
            await asyncio.sleep(EVERY_S)


class BusyBare(App[None]):
    """Writes one line ten times a second."""

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    def on_mount(self) -> None:
        self.set_interval(EVERY_S, self._tell)
        self._told = 0

    def _tell(self) -> None:
        self._told += 1
        self.query_one(Static).update(f"{self._told} of 10000000 bytes")


def bare() -> App[None]:
    """One line of text."""
    return Bare()


def mirror(projects: int) -> App[None]:
    """The contents of a release."""
    from tests.simulators.releases import generated_release

    app = app_on(ScriptedBackend([("large", generated_release(projects), NOW - NOW)]))
    app.call_later(app.call_later, app.simulate_key, "enter")
    return app


def table(projects: int) -> App[None]:
    """Such contents in a table; each title is a name that the reader looks for."""
    from tests.benchmarks.tui_contents import Material

    with tempfile.TemporaryDirectory() as directory:
        material = Material(Size(directory=Path(directory), projects=projects))
    app = Bare()
    screen = TableScreen(material.titles, material.table_rows(material.all_rows()))
    app.call_later(app.push_screen, screen)
    return app


def busy() -> App[None]:
    """A job that runs."""
    backend = Busy(filled_backend().tracked)
    app = app_on(backend)
    app.call_later(app.call_later, app.simulate_key, "V")
    return app


PROGRAMS: dict[str, Callable[..., App[None]]] = {
    "bare": bare,
    "mirror": mirror,
    "table": table,
    "busy": busy,
    "busy-bare": BusyBare,
}


if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*map(int, sys.argv[2:])).run()
