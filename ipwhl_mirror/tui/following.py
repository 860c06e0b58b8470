"""What happens between a key and a job of a mirror or a source: ask, show the numbers, queue."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.services.requests import SyncRequest
from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.mirror_rows import follows
from ipwhl_mirror.tui.screens.confirm import ConfirmDialog
from ipwhl_mirror.tui.screens.copy import Copyable
from ipwhl_mirror.tui.screens.going import GoToDialog, ReleaseDialog, stay_lines
from ipwhl_mirror.tui.screens.source import SourceDialog

if TYPE_CHECKING:
    from ipwhl_mirror.services.mirrors import MirrorStatus
    from ipwhl_mirror.tui.app import MirrorApp
    from ipwhl_mirror.tui.backend import Overview

_OFFERED = 8
"""Releases, the newest first."""


def sync(app: MirrorApp, mirror: str) -> None:
    """Queue a run of a mirror, as its timer would."""
    app.request(f"sync {safe_text(mirror)}", SyncRequest(mirror=mirror))


async def go_to(app: MirrorApp, mirror: MirrorStatus) -> None:
    """Ask which release, show what going there costs, queue it when told to."""
    overview = app.overview
    offered = [] if overview is None else _offered(overview, mirror)
    if not offered:
        app.notify("its source has announced no other release", title=safe_text(mirror.name), markup=False)
        return
    title = f"Let {mirror.name} go to another release"
    chosen = await app.push_screen_wait(ReleaseDialog(app.desk, title, offered))
    if chosen is None:
        return
    cid = Cid.parse(chosen)
    label = next(item.word for item in offered if item.text == chosen)
    if await _is_wanted(app, mirror.name, label, cid):
        app.request(f"sync {safe_text(mirror.name)} to {label}", SyncRequest(mirror=mirror.name, to=chosen))


async def _is_wanted(app: MirrorApp, mirror: str, label: str, cid: Cid) -> bool:
    releases = () if app.overview is None else app.overview.releases
    if any(summary.cid.digest == cid.digest for summary in releases):
        forecast = await app.backend.forecast_sync(mirror, cid)
        return await app.push_screen_wait(GoToDialog(app.desk, forecast, mirror)) is True
    lines = [
        (Cell("Its index is not on this node: what it fetches is known once that was read."),),
        (Cell("Budget and disk are looked at then, before a wheel is fetched.", Tone.MUTED),),
        (),
        *stay_lines(),
    ]
    question = ConfirmDialog(app.desk, f"Let {mirror} go to {label}", lines, verb="Go there")
    return await app.push_screen_wait(question) is True


def _offered(overview: Overview, mirror: MirrorStatus) -> list[Copyable]:
    """The releases that the source of a mirror announced, the newest first, but for the one it is at."""
    source = follows(mirror, overview.sources)
    current = None if mirror.current is None else mirror.current.release
    known = [] if source is None else [(label, Cid.parse(text)) for label, text in source.trust.cids.items()]
    others = [(label, cid) for label, cid in reversed(known) if cid.digest != current]
    return [Copyable(safe_text(label), str(cid)) for label, cid in others[:_OFFERED]]


async def add_source(app: MirrorApp) -> None:
    """Ask for a source; accept it, and ask it what it announces."""
    names = set() if app.overview is None else {source.trust.name for source in app.overview.sources}
    asked = await app.push_screen_wait(SourceDialog(app.desk, names))
    if asked is not None:
        app.queue(f"add source {asked.name}", partial(app.backend.add_source, asked))


async def remove_source(app: MirrorApp, name: str) -> None:
    """Say what is forgotten and who follows it; remove it when told to."""
    mirrors = () if app.overview is None else app.overview.mirrors
    followers = [
        mirror.name for mirror in mirrors if mirror.config is not None and mirror.config.source == name
    ]
    lines = [
        (Cell("Its keys and what is believed of it are forgotten."),),
        (Cell("What it announced stays tracked.", Tone.MUTED),),
        *((Cell(f"mirror {safe_text(follower)} follows it", Tone.PART),) for follower in followers),
    ]
    question = ConfirmDialog(app.desk, f"Remove source {safe_text(name)}", lines, verb="Remove")
    if await app.push_screen_wait(question):
        app.queue(f"remove source {safe_text(name)}", partial(app.backend.remove_source, name))
