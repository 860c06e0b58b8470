"""Large releases opened, compared and told of by the real services: what it costs beside the mere reading of
their indexes, and for how long the application does not answer meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ipwhl_mirror.config import Config, NodeConfig
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from ipwhl_mirror.tui.app import MirrorApp
from ipwhl_mirror.tui.desk import Access
from ipwhl_mirror.tui.live import LiveBackend
from tests.benchmarks.made import WHEELS_EACH, make_index
from tests.benchmarks.measuring import Goal, in_turns, require
from tests.benchmarks.tui_contents import figure
from tests.benchmarks.tui_stage import Stage, seldom, unhurried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipwhl_mirror.tui.backend import ReleaseView
    from tests.benchmarks.measuring import Figure, Size

SMOOTH = Goal(at_most=0.1)
READING = "reading the index"


class BusyDisk(LiveBackend):
    """A node whose free space is another each time: a release that is read again is shown again. One that
    reads the same is not, and there would be nothing to wait for and less to count."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._written = itertools.count(1)

    async def load(self, cid: Cid) -> ReleaseView:
        """See Backend."""
        view = await super().load(cid)
        return replace(view, free_bytes=view.free_bytes - next(self._written))


class Theatre:
    """Two tracked releases on an embedded node, and the application on them."""

    def __init__(self, size: Size, runner: asyncio.Runner) -> None:
        self._settings = Settings(
            data_dir=size.directory / "tui", config=Config(node=NodeConfig(spec="embedded", gateways=()))
        )
        self._size = size
        self._runner = runner
        self.stage: Stage[MirrorApp]

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Track the releases and start the application."""
        session_there = Session.open(self._settings)
        self._session = self._runner.run(session_there.__aenter__())
        try:
            for generation in range(2):
                self._runner.run(self._track(generation))
            app = MirrorApp(BusyDisk(self._session), access=Access.FULL)
            with Stage(app, self._runner) as stage:
                self.stage = stage
                stage.do(lambda: None, until=lambda: app.overview is not None)
                yield
        finally:
            self._runner.run(session_there.__aexit__(None, None, None))

    def forget(self) -> None:
        """Go back to the first view as if nothing had been opened yet."""
        app = self.stage.app

        def forgetting() -> None:
            app.opened = app.compared = app.storage = None
            app.switch_mode("releases")

        self.stage.do(forgetting, until=lambda: app.current_mode == "releases")

    def read(self) -> float:
        """The processor's seconds to read the newest release's index."""

        async def reading() -> None:
            loaded = await releases.load(self._session, "release-1")
            require(len(loaded.release.wheels) == self._size.projects * WHEELS_EACH, "wheels are lost")

        return self.stage.count(reading)

    async def _track(self, generation: int) -> None:
        index = make_index(self._size.projects, generation)
        blocks = ((Cid(0, DAG_PB, digest), block) for digest, block in index.blocks.items())
        await self._session.node.put_blocks(blocks)
        recognised = await releases.read_tree(self._session.node, index.root, Reach.LOCAL)
        async with self._session.exclusive("track"):
            await releases.remember(
                self._session, recognised.release, named=index.root, label=f"release-{generation}"
            )


def opening(size: Size) -> Iterator[Figure]:
    """Opening a release, comparing two, and everything that is pinned."""
    with unhurried():
        yield from list(_opening(size))


def _opening(size: Size) -> Iterator[Figure]:
    with asyncio.Runner() as runner:
        theatre = Theatre(size, runner)
        with theatre.opened():
            for name, reads, act in (
                ("open a release", 1, _open),
                ("compare two releases", 2, _compare),
                ("pins and storage", 1, _storage),
                ("read what is open again", 1, _again),
            ):
                freezes: list[float] = []
                taken, other = in_turns(seldom(size), partial(_noting, theatre, act, freezes), theatre.read)
                work = f"{reads} x {size.projects * WHEELS_EACH} wheels"
                frozen = statistics.median(freezes)
                yield figure(name, work, taken, other * reads, READING, Goal(ratio=0.5))
                yield figure(f"{name}, longest freeze", work, frozen, other * reads, READING, SMOOTH)
            require(theatre.stage.app.opened is not None, "nothing is shown")


def _noting(theatre: Theatre, act: Callable[[Theatre], float], freezes: list[float]) -> float:
    taken = act(theatre)
    freezes.append(theatre.stage.freeze_s)
    return taken


def _open(theatre: Theatre) -> float:
    app = theatre.stage.app
    theatre.forget()
    return theatre.stage.do(lambda: app.simulate_key("enter"), until=lambda: app.opened is not None)


def _compare(theatre: Theatre) -> float:
    app = theatre.stage.app
    theatre.forget()
    return theatre.stage.do(lambda: app.simulate_key("d"), until=lambda: app.compared is not None)


def _storage(theatre: Theatre) -> float:
    app = theatre.stage.app
    theatre.forget()
    return theatre.stage.do(lambda: app.simulate_key("4"), until=lambda: app.storage is not None)


def _again(theatre: Theatre) -> float:
    app = theatre.stage.app
    if app.opened is None:
        _open(theatre)
    before = app.opened
    return theatre.stage.do(lambda: app.simulate_key("r"), until=lambda: app.opened is not before)
