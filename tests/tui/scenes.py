"""What the application looks like, scene by scene: every view, every dialog, and the states between.

Pictures, the search for characters that are not ASCII and the measuring of contrast all walk through these,
so a screen that is missing here is seen by none of them. A scene is a scripted backend and the keys that lead
to it; `play` presses them and returns when nothing is under way that will end by itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from textual._compositor import LayoutUpdate
from textual.screen import ModalScreen
from textual.worker import WorkerState

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.tui.desk import Access
from ipwhl_mirror.tui.glyphs import UNICODE, Glyphs
from tests.simulators.releases import generated_release
from tests.tui.scripted import (
    FREE,
    STALLED,
    Broken,
    ScriptedBackend,
    app_on,
    empty_backend,
    filled_backend,
    following,
    half_done,
    large_backend,
    node_down,
    two_pinned,
    unsound,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.segment import Segment
    from textual.app import App
    from textual.pilot import Pilot

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.requests import PublishRequest
    from ipwhl_mirror.tui.app import MirrorApp
    from ipwhl_mirror.tui.backend import (
        DiffView,
        Overview,
        PinForecast,
        ProgressSink,
        ProposalView,
        ReleaseView,
        Storage,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One picture.

    Attributes:
        name: unique; part of the file name of its picture.
        make: the backend it is played on.
        keys: pressed in order.
    """

    name: str
    make: Callable[[], ScriptedBackend]
    keys: tuple[str, ...] = ()
    access: Access = Access.FULL

    def app(self, glyphs: Glyphs = UNICODE) -> MirrorApp:
        """The application before the first key."""
        return app_on(self.make(), access=self.access, glyphs=glyphs)


async def play(pilot: Pilot[None], scene: Scene) -> None:
    """Press the keys of a scene, each when what the one before started is done."""
    await settle(pilot)
    for key in scene.keys:
        await pilot.press(key)
        await settle(pilot)


async def settle(pilot: Pilot[None]) -> None:
    """Wait until everything that was started is done, was stopped by the script, or asks a person."""
    app: MirrorApp = pilot.app  # type: ignore[assignment]
    for _ in range(500):
        await pilot.pause()
        if not _under_way(app):
            await pilot.pause()
            return
    raise AssertionError(f"still under way: {_under_way(app)}")


async def press(pilot: Pilot[None], *keys: str) -> str:
    """Press keys, each when what came before is done; what is on the screen then."""
    await settle(pilot)
    for key in keys:
        await pilot.press(key)
        await settle(pilot)
    return "\n".join(screen_lines(pilot.app))


def screen_lines(app: App[None]) -> list[str]:
    """What is on the screen, as text."""
    return ["".join(segment.text for segment in line) for line in drawn(app)]


def _under_way(app: MirrorApp) -> list[str]:
    backend = app.backend
    stopped = backend.stopped if isinstance(backend, HinderedBackend) else 0
    found = []
    for worker in app.workers:
        if worker.state not in (WorkerState.PENDING, WorkerState.RUNNING):
            continue
        if worker.group == "jobs" and isinstance(backend, ScriptedBackend) and backend.is_held:
            continue
        if worker.group == "flow" and isinstance(app.screen, ModalScreen):
            continue
        if stopped:
            stopped -= 1
            continue
        found.append(f"{worker.group}: {worker.name}")
    return found


@dataclass(eq=False)
class HinderedBackend(ScriptedBackend):
    """A backend whose reading never ends, or fails.

    Attributes:
        stops_at: names of reading methods that never answer.
        fails_at: errors of reading methods, by name.
        stopped: how many calls wait.
    """

    stops_at: frozenset[str] = frozenset()
    fails_at: Mapping[str, Exception] = field(default_factory=dict)
    stopped: int = 0

    async def overview(self) -> Overview:
        await self._hinder("overview")
        return await super().overview()

    async def load(self, cid: Cid) -> ReleaseView:
        await self._hinder("load")
        return await super().load(cid)

    async def diff(self, old: Cid, new: Cid) -> DiffView:
        await self._hinder("diff")
        return await super().diff(old, new)

    async def propose(self, asked: PublishRequest, on_progress: ProgressSink) -> ProposalView:
        await self._hinder("propose")
        return await super().propose(asked, on_progress)

    async def storage(self) -> Storage:
        await self._hinder("storage")
        return await super().storage()

    async def forecast_pin(self, cid: Cid, selection: Selection) -> PinForecast:
        await self._hinder("forecast_pin")
        return await super().forecast_pin(cid, selection)

    async def _hinder(self, name: str) -> None:
        if name in self.fails_at:
            raise self.fails_at[name]
        if name in self.stops_at:
            self.stopped += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.stopped -= 1


def waiting(*names: str) -> Callable[[], ScriptedBackend]:
    """Makes a filled backend that never answers these."""
    return lambda: HinderedBackend(tracked=filled_backend().tracked, stops_at=frozenset(names))


def failing(**errors: Exception) -> Callable[[], ScriptedBackend]:
    """Makes a filled backend that fails at these."""
    return lambda: HinderedBackend(tracked=filled_backend().tracked, fails_at=errors)


LOST = Broken(
    "block bafybeib2wj466e4f5jlwggtyxutus47qsjwreazfteye6eym4u7uo5nbyy was not found within 60 s",
    hint="no peer has it now; try again later, or add one with `--gateway`",
)
REFUSED = Broken("the node refused: pin ls: context deadline exceeded", hint="see the log of the daemon")


def stalled() -> ScriptedBackend:
    """Jobs stop where no byte comes any more."""
    backend = filled_backend()
    backend.script = [STALLED]
    backend.hold()
    return backend


def broken_job() -> ScriptedBackend:
    """The first job fails."""
    backend = filled_backend()
    backend.fail_with(
        Broken(
            "3 of 53 wheels could not be fetched from any gateway",
            hint="run it again: what was fetched is kept",
        )
    )
    return backend


def many_releases() -> ScriptedBackend:
    """Two years of releases, the newest mirrored on two platforms, the one before on one."""
    backend = ScriptedBackend(peers=14)
    for month in range(24):
        label = f"{2026 - (month + 1) // 12}.{(10 - month) % 12 + 1:02}"
        release = generated_release(60 - 2 * month)
        backend.tracked.append((label, release, timedelta(days=3 + 30 * month)))
    backend.keep(backend.tracked[0][1], Selection.parse(platforms=["linux-x86_64", "macos-arm64"]))
    backend.keep(backend.tracked[1][1], Selection.parse(platforms=["linux-x86_64"]))
    backend.keep(backend.tracked[4][1], Selection.parse(platforms=["linux-aarch64"], no_any=True))
    return backend


def too_large() -> ScriptedBackend:
    """There is no room for more."""

    class Full(ScriptedBackend):
        async def forecast_pin(self, cid: Cid, selection: Selection) -> PinForecast:
            forecast = await super().forecast_pin(cid, selection)
            return replace(
                forecast,
                free_bytes=FREE // 1000,
                free_after_bytes=FREE // 1000 - forecast.plan.fetch.bytes,
                refusal="too little room: 50.0 GB are kept in reserve",
            )

    return Full(tracked=filled_backend().tracked)


def some_pinned() -> ScriptedBackend:
    """Several parts of one release are pinned."""
    backend = filled_backend()
    for platform in ("linux-aarch64", "macos-arm64", "windows-x86_64"):
        backend.keep(backend.tracked[0][1], Selection.parse(platforms=[platform]))
    return backend


PUBLISH = ("P", *"2026.11", *("tab",) * 4, *"2026.12")
"""Ask for a release of a release."""

VIEWS = (
    Scene(name="releases", make=filled_backend),
    Scene(name="contents", make=filled_backend, keys=("enter", "down", "down", "space")),
    Scene(name="platforms", make=filled_backend, keys=("3", "down", "right")),
    Scene(name="pins", make=two_pinned, keys=("4", "down")),
    Scene(name="jobs", make=half_done, keys=("V", "down", "V", "5", "end")),
    Scene(name="mirrors", make=following, keys=("6", "down")),
    Scene(name="log", make=half_done, keys=("V", "5", "l")),
    Scene(name="diff", make=two_pinned, keys=("d",)),
    Scene(name="proposal", make=unsound, keys=(*PUBLISH, "enter")),
)
"""Every full screen."""

DIALOGS = (
    Scene(name="help", make=filled_backend, keys=("enter", "question_mark")),
    Scene(name="themes", make=filled_backend, keys=("colon", *"theme", "enter")),
    Scene(name="palette", make=filled_backend, keys=("colon",)),
    Scene(name="plan", make=filled_backend, keys=("enter", "a", "p")),
    Scene(name="plans", make=filled_backend, keys=("space", "space", "p")),
    Scene(name="copy", make=filled_backend, keys=("Y",)),
    Scene(name="unpin", make=filled_backend, keys=("u",)),
    Scene(name="untrack", make=filled_backend, keys=("T",)),
    Scene(name="track", make=filled_backend, keys=("t",)),
    Scene(name="import", make=filled_backend, keys=("i",)),
    Scene(name="publish", make=filled_backend, keys=PUBLISH),
    Scene(name="publishing", make=filled_backend, keys=(*PUBLISH, "enter", "P")),
    Scene(name="export", make=filled_backend, keys=("enter", "a", "x")),
    Scene(name="python", make=filled_backend, keys=("enter", "plus")),
    Scene(name="add-source", make=following, keys=("6", "n")),
    Scene(name="remove-source", make=following, keys=("6", "G", "T")),
    Scene(name="releases-to-go-to", make=following, keys=("6", "o")),
    Scene(name="go-to", make=following, keys=("6", "o", "up", "enter")),
    Scene(name="keep", make=two_pinned, keys=("4", "P")),
    Scene(name="prune", make=two_pinned, keys=("4", "P", "enter")),
    Scene(name="gc", make=two_pinned, keys=("4", "c")),
    Scene(name="quit", make=half_done, keys=("V", "down", "V", "q")),
)
"""Every dialog, over the view it is opened from."""

STATES = (
    Scene(name="empty", make=empty_backend),
    Scene(name="empty-contents", make=empty_backend, keys=("2",)),
    Scene(name="empty-platforms", make=empty_backend, keys=("3",)),
    Scene(name="empty-pins", make=empty_backend, keys=("4",)),
    Scene(name="empty-mirrors", make=empty_backend, keys=("6",)),
    Scene(name="empty-jobs", make=empty_backend, keys=("5",)),
    Scene(name="asking-releases", make=waiting("overview")),
    Scene(name="asking-contents", make=waiting("overview"), keys=("2",)),
    Scene(name="asking-platforms", make=waiting("overview"), keys=("3",)),
    Scene(name="asking-pins", make=waiting("storage"), keys=("4",)),
    Scene(name="reading-index", make=waiting("load"), keys=("enter",)),
    Scene(name="comparing", make=waiting("diff"), keys=("d",)),
    Scene(name="down", make=node_down),
    Scene(name="down-contents", make=node_down, keys=("2",)),
    Scene(name="down-platforms", make=node_down, keys=("3",)),
    Scene(name="failed-index", make=failing(load=LOST), keys=("enter",)),
    Scene(name="failed-diff", make=failing(diff=LOST), keys=("d",)),
    Scene(name="failed-pins", make=failing(storage=REFUSED), keys=("4",)),
    Scene(name="failed-job", make=broken_job, keys=("V", "5")),
    Scene(name="stalled-job", make=stalled, keys=("V", "5")),
    Scene(name="proposing", make=waiting("propose"), keys=(*PUBLISH, "enter")),
    Scene(name="no-proposal", make=failing(propose=LOST), keys=(*PUBLISH, "enter")),
    Scene(name="allowed", make=unsound, keys=(*PUBLISH, "enter", "a", "down", "a", "down")),
    Scene(name="read-only", make=two_pinned, keys=("4",), access=Access.READ_ONLY),
    Scene(name="filter-open", make=many_releases, keys=("slash", *"25")),
    Scene(name="filter-nothing", make=filled_backend, keys=("slash", *"zz", "enter")),
    Scene(name="range", make=many_releases, keys=("enter", "v", "down", "down", "down")),
    Scene(
        name="many-marks",
        make=filled_backend,
        keys=("enter", "space", "G", "space", "up", "space", "asterisk", "g"),
    ),
    Scene(name="nothing-to-pin", make=filled_backend, keys=("enter", "p")),
    Scene(name="too-large", make=too_large, keys=("p",)),
    Scene(name="complaint", make=filled_backend, keys=("t", *"bafy", "enter")),
    Scene(name="many-parts", make=some_pinned, keys=("u",)),
    Scene(name="marked-releases", make=many_releases, keys=("space", "down", "space", "space")),
    Scene(name="many-plans", make=many_releases, keys=("a", "p")),
)
"""What is between: nothing there, waiting, failing, and more than a screen holds."""

LONG = (
    Scene(name="many-releases", make=many_releases),
    Scene(name="many-contents", make=many_releases, keys=("enter",)),
    Scene(name="many-platforms", make=many_releases, keys=("3",)),
    Scene(name="many-pins", make=many_releases, keys=("4",)),
    Scene(name="many-changes", make=many_releases, keys=("d",)),
)
"""Lists that fill a large screen."""

LARGE = Scene(name="50000-wheels", make=large_backend, keys=("enter", "G", "pageup", "enter"))
"""The largest release there is."""

BY_NAME = {scene.name: scene for scene in (*VIEWS, *DIALOGS, *STATES, *LONG, LARGE)}
"""All of them."""


def drawn(app: App[None]) -> list[list[Segment]]:
    """What is on the screen, line by line."""
    screen = app.screen
    update = screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    assert isinstance(update, LayoutUpdate)
    return [[segment for strip in line for segment in strip] for line in update.strips]
