"""What happens between a key and a job: forecast, ask, queue. One short coroutine for each thing asked.

Flows run as workers of the app, so a failure in any of them is shown by its one handler. A flow that is
waiting for an answer has changed nothing.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.services.requests import (
    ExportRequest,
    ImportRequest,
    PinRequest,
    TrackRequest,
)
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.screens.confirm import (
    ConfirmDialog,
    garbage_lines,
    prune_lines,
    quit_lines,
    unpin_lines,
)
from ipwhl_mirror.tui.screens.files import FileDialog, Wanted, file_name
from ipwhl_mirror.tui.screens.keep import KeepDialog
from ipwhl_mirror.tui.screens.plan import PlanDialog, pin_title
from ipwhl_mirror.tui.screens.python import PythonDialog
from ipwhl_mirror.tui.screens.track import TrackDialog

if TYPE_CHECKING:
    from ipwhl_mirror.domain.marks import Marks
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.tui.app import MirrorApp
    from ipwhl_mirror.tui.backend import PinForecast, ReleaseSummary
    from ipwhl_mirror.tui.screens.contents import ContentsScreen


async def pin(app: MirrorApp, summary: ReleaseSummary, selection: Selection) -> None:
    """Show the plan; pin when told to."""
    forecast = await app.backend.forecast_pin(summary.cid, selection)
    await asyncio.to_thread(lambda: [forecast.plan.subset_cid, *(part.tree for part in forecast.plan.parts)])
    if await app.push_screen_wait(PlanDialog(app.desk, forecast)):
        queue_pin(app, forecast)


def queue_pin(app: MirrorApp, forecast: PinForecast) -> None:
    """Queue what a forecast lists; if it does not get done in this run, the next one plans anew."""
    request = PinRequest(cid=str(forecast.summary.cid), selection=forecast.plan.selection.cli_text())
    title = pin_title(forecast).replace("Pin", "pin", 1)
    app.queue(title, partial(app.backend.pin, forecast), request)


async def unpin(app: MirrorApp, summary: ReleaseSummary, selection: Selection | None) -> None:
    """Show what goes; unpin exactly that when told to."""
    forecast = await app.backend.forecast_unpin(summary.cid, selection)
    name = safe_text(summary.name)
    question = ConfirmDialog(app.desk, f"Unpin from {name}", unpin_lines(forecast), verb="Unpin")
    if await app.push_screen_wait(question):
        what = "; ".join(safe_text(line.selection) or "all" for line in forecast.going)
        app.queue(f"unpin {what} of {name}", partial(app.backend.unpin, forecast))


async def track(app: MirrorApp, cid: str = "") -> None:
    """Ask for a CID, with this one to begin with; track it."""
    request = await app.push_screen_wait(TrackDialog(app.desk, _labels(app), cid))
    if request is not None:
        title = f"track {request.label or request.cid}"
        app.request(title, TrackRequest(cid=str(request.cid), label=request.label))


async def export(app: MirrorApp, summary: ReleaseSummary, selection: Selection) -> None:
    """Ask for a file; write what is selected into it."""
    part = safe_text(selection.cli_text()) or "whole release"
    lines = [
        (Cell(part, Tone.HEAD, Cut.MIDDLE), Cell(f" of {safe_text(summary.name)}")),
        (Cell("One CAR file with its index: another node imports it without a network.", Tone.MUTED),),
    ]
    request = await app.push_screen_wait(
        FileDialog(
            app.desk,
            "Export",
            lines,
            wanted=Wanted.NEW_FILE,
            verb="Export",
            path=file_name(summary.name, ".car"),
        )
    )
    if request is not None:
        asked = ExportRequest(
            cid=str(summary.cid), selection=selection.cli_text(), path=str(request.path.absolute())
        )
        app.request(f"export {part} of {safe_text(summary.name)}", asked)


async def import_car(app: MirrorApp) -> None:
    """Ask for a CAR file; track and pin what is in it."""
    lines = [(Cell("Every block is hashed; a release or a subset of one is expected.", Tone.MUTED),)]
    request = await app.push_screen_wait(
        FileDialog(
            app.desk,
            "Import a CAR file",
            lines,
            wanted=Wanted.FILE,
            verb="Import",
            labels=_labels(app),
        )
    )
    if request is not None:
        asked = ImportRequest(path=str(request.path.absolute()), label=request.label)
        app.request(f"import {safe_text(request.path.name)}", asked)


def _labels(app: MirrorApp) -> set[str]:
    releases = app.overview.releases if app.overview is not None else ()
    return {summary.label for summary in releases if summary.label is not None}


async def prune(app: MirrorApp) -> None:
    """Ask how many releases stay, show which pins go; unpin exactly those when told to."""
    keep = await app.push_screen_wait(KeepDialog(app.desk))
    if keep is None:
        return
    forecast = await app.backend.forecast_prune(keep)
    if not forecast.going:
        app.notify(f"{len(forecast.kept)} of {keep} kept: no pin is older", title="prune", markup=False)
        return
    title = f"Prune to the newest {keep}"
    if await app.push_screen_wait(ConfirmDialog(app.desk, title, prune_lines(forecast), verb="Unpin")):
        app.queue(f"prune to the newest {keep}", partial(app.backend.prune, forecast))


async def collect(app: MirrorApp) -> None:
    """Show what a garbage collection removes; collect when told to."""
    preview = await app.backend.preview_gc()
    if not preview.blocks:
        app.notify("nothing is unpinned", title="gc", markup=False)
        return
    question = ConfirmDialog(app.desk, "Collect garbage", garbage_lines(preview), verb="Delete")
    if await app.push_screen_wait(question):
        app.queue("collect garbage", app.backend.collect_garbage)


async def leave(app: MirrorApp) -> None:
    """Quit; ask when jobs would be cut off by it."""
    jobs = app.desk.jobs.open
    if not jobs:
        app.exit()
        return
    title = f"Quit with {figures.plural(len(jobs), 'job')} running or waiting"
    if await app.push_screen_wait(
        ConfirmDialog(app.desk, title, quit_lines(jobs, app.runner.resumes), verb="Quit")
    ):
        app.exit()


async def narrow_pythons(app: MirrorApp, screen: ContentsScreen, marks: Marks) -> None:
    """Ask for Pythons; show the marks narrowed to them."""
    narrowed = await app.push_screen_wait(PythonDialog(app.desk, marks))
    if narrowed is not None:
        screen.choose_marks(narrowed)


async def demo(app: MirrorApp, on_progress: ProgressSink) -> str:
    """Put the demo's backend in the place of this one."""
    app.backend = await app.backend.demo(on_progress)
    return "the demo is ready"
