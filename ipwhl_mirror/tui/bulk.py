"""Flows for several things at once: one dialog with exactly the list and its sum, then the jobs.

As in `flows`, what is waiting for an answer has changed nothing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui import flows
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.messages import CopyAsked
from ipwhl_mirror.tui.screens.confirm import ConfirmDialog, unpin_lines
from ipwhl_mirror.tui.screens.copy import Copyable, CopyDialog
from ipwhl_mirror.tui.screens.plans import PlansDialog, make_trees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.tui.app import MirrorApp
    from ipwhl_mirror.tui.backend import ReleaseSummary, UnpinForecast
    from ipwhl_mirror.tui.messages import CopyMenuAsked
    from ipwhl_mirror.tui.widgets.lines import Line


async def pin(app: MirrorApp, wanted: Sequence[tuple[ReleaseSummary, Selection]]) -> None:
    """Show the plans and their sum; pin what is to be done of it, one job each, when told to."""
    if len(wanted) == 1:
        await flows.pin(app, *wanted[0])
        return
    forecasts = [await app.backend.forecast_pin(summary.cid, selection) for summary, selection in wanted]
    await make_trees(forecasts)
    releases = {summary.cid for summary, _ in wanted}
    name = safe_text(wanted[0][0].name)
    title = f"Pin {len(wanted)} releases" if len(releases) > 1 else f"Pin {len(wanted)} parts of {name}"
    dialog = PlansDialog(app.desk, title, forecasts)
    if await app.push_screen_wait(dialog):
        for forecast in dialog.todo:
            flows.queue_pin(app, forecast)


async def unpin(app: MirrorApp, releases: Sequence[Cid], pins: Sequence[Cid]) -> None:
    """Show what goes; unpin exactly that, as one job, when told to."""
    forecast = await app.backend.forecast_unpin_many(releases=releases, pins=pins)
    what = _what_goes(forecast)
    question = ConfirmDialog(app.desk, f"Unpin {what}", unpin_lines(forecast), verb="Unpin")
    if await app.push_screen_wait(question):
        app.queue(f"unpin {what}", partial(app.backend.unpin, forecast))


async def untrack(app: MirrorApp, summaries: Sequence[ReleaseSummary]) -> None:
    """Forget releases, one job each, when told to."""
    title = f"Untrack {safe_text(summaries[0].name)}"
    if len(summaries) > 1:
        title = f"Untrack {len(summaries)} releases"
    question = ConfirmDialog(app.desk, title, untrack_lines(summaries), verb="Untrack")
    if not await app.push_screen_wait(question):
        return
    for summary in summaries:
        app.queue(f"untrack {safe_text(summary.name)}", partial(_untrack, app, summary.cid))


async def copy_menu(app: MirrorApp, asked: CopyMenuAsked) -> None:
    """Ask which text; copy it."""
    cid = asked.summary.cid
    texts = [
        Copyable("CID", str(cid)),
        *(Copyable(word, str(other)) for word, other in asked.others),
        Copyable("pip", f"pip install --index-url {app.backend.index_url(cid)} PROJECT"),
        Copyable("ipfs", f"ipfs pin add {cid}"),
        Copyable("ipwhl-mirror", asked.cli_line),
    ]
    text = await app.push_screen_wait(CopyDialog(app.desk, f"Copy of {safe_text(asked.summary.name)}", texts))
    if text is not None:
        app.post_message(CopyAsked(text))


def untrack_lines(summaries: Sequence[ReleaseSummary]) -> list[Line]:
    """Which releases are forgotten, and what that means."""
    lines: list[Line] = [
        (Cell("The index is forgotten, no wheel is deleted. Pins must be gone before."),),
        (),
    ]
    for summary in summaries:
        here = f"  {figures.size(summary.pinned_bytes)} pinned" if summary.pinned_wheels else ""
        lines.append(
            (
                Cell(f"  {safe_text(summary.name)}", Tone.HEAD, Cut.MIDDLE),
                Cell(f"  {summary.cid}", Tone.MUTED, Cut.MIDDLE),
                Cell(here, Tone.PART),
            )
        )
    return lines


async def _untrack(app: MirrorApp, cid: Cid, on_progress: ProgressSink) -> str:
    return await app.backend.untrack(cid)


def _what_goes(forecast: UnpinForecast) -> str:
    """`2 pins of 2026.10`, `5 pins of 3 releases`."""
    releases = sorted({pin.release_name for pin in forecast.going})
    of = safe_text(releases[0]) if len(releases) == 1 else f"{len(releases)} releases"
    return f"{figures.plural(len(forecast.going), 'pin')} of {of}"
