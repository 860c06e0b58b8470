"""The other views with as much as they may have to show: first paint, beside a table with the same cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.tui.backend import KeptRelease, PinEntry, PinOwner
from ipwhl_mirror.tui.widgets.row_list import RowList
from tests.benchmarks.index import read
from tests.benchmarks.made import make_index
from tests.benchmarks.measuring import Goal, in_turns, require
from tests.benchmarks.tui_contents import figure, first_paint_of
from tests.benchmarks.tui_others import TABLE, TableScreen, table_row
from tests.benchmarks.tui_stage import Stage, seldom, unhurried
from tests.simulators.releases import generated_release
from tests.tui.scripted import NOW, ScriptedBackend, app_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipwhl_mirror.domain.releases import Release
    from ipwhl_mirror.tui.app import MirrorApp
    from ipwhl_mirror.tui.backend import Overview, Storage
    from tests.benchmarks.measuring import Figure, Size
    from tests.benchmarks.tui_others import TableRow

_SMALL = 4
_HOURLY = timedelta(hours=1)


@dataclass(eq=False)
class ManyReleases(ScriptedBackend):
    """Tells of one release again and again, each time under another name."""

    releases: int = 0

    async def overview(self) -> Overview:
        told = await super().overview()
        (one,) = told.releases
        named = (
            replace(one, cid=Cid.of(b"%d" % number), label=f"{number:05}", tracked_at=NOW - number * _HOURLY)
            for number in range(self.releases)
        )
        return replace(told, releases=tuple(named))


@dataclass(eq=False)
class ManyPins(ScriptedBackend):
    """Tells of its `foreign` pins as of pins of its release."""

    async def storage(self) -> Storage:
        told = await super().storage()
        (release,) = (await self.overview()).releases
        kept = KeptRelease(
            cid=release.cid, name=release.name, pins=len(told.pins), wheels=5, bytes=1_000_000, only_here=0
        )
        return replace(told, releases=(kept,))


def views(size: Size) -> Iterator[Figure]:
    """Releases, platforms, pins, and the changes between two releases."""
    with unhurried():
        yield from list(_views(size))


def _views(size: Size) -> Iterator[Figure]:
    for name, backend, key, count in (
        ("releases, sorted", _releases(size.listed_releases), "1", size.listed_releases),
        ("platforms", _releases(size.releases), "3", None),
        ("pins", _pins(size.listed_pins), "4", size.listed_pins + 1),
        ("changes", _generations(size.projects), "d", None),
    ):
        titles, cells = _shown(backend, key)
        require(count in (None, len(cells)), f"{len(cells)} rows are listed")
        work = f"{len(cells)} rows, {len(titles)} columns"
        if name == "changes":
            work += f", two releases of {size.projects * 5} wheels"

        def ours(backend: ScriptedBackend = backend, key: str = key) -> float:
            with Stage(app_on(backend)) as stage:
                return _show(stage, key)

        def other(titles: list[str] = titles, cells: list[TableRow] = cells) -> float:
            return first_paint_of(lambda: TableScreen(titles, cells))

        goal = Goal() if count is None else Goal(ratio=1)
        yield figure(f"first paint of {name}", work, *in_turns(seldom(size), ours, other), TABLE, goal)


def _show(stage: Stage[MirrorApp], key: str) -> float:
    """Go to a view for the first time; the first one is there at the start, and is sorted."""
    return stage.press("s" if key == "1" else key, until=lambda: bool(_list(stage.app).items))


def _list(app: MirrorApp) -> RowList[object]:
    return app.screen.query_one(RowList)


def _shown(backend: ScriptedBackend, key: str) -> tuple[list[str], list[TableRow]]:
    """The titles and cells of what is listed, in the columns that there is room for."""
    with Stage(app_on(backend)) as stage:
        _show(stage, key)
        rows = _list(stage.app)
        draw: Callable[[object], object] = rows._draw
        shown = rows.shown_columns
        cells = [list(draw(item)) for item in rows.items]  # type: ignore[call-overload]
        titles = [rows._columns[index].title for index in shown]
        return titles, [table_row(row[index] for index in shown) for row in cells]


def _releases(count: int) -> ScriptedBackend:
    return ManyReleases([("one", generated_release(_SMALL), timedelta())], releases=count)


def _pins(count: int) -> ScriptedBackend:
    release = generated_release(_SMALL)
    backend = ManyPins([("one", release, timedelta())])
    backend.foreign = tuple(
        PinEntry(
            cid=Cid.of(b"%d" % number, RAW),
            owner=PinOwner.OURS,
            name=f"ipwhl-mirror/--project 'p{number}'",
            release=release.root,
            release_name="one",
            selection=f"--project p{number}",
            wheels=5,
            bytes=1_000_000 + number,
            only_here=number,
            verified_at=NOW - number * _HOURLY,
        )
        for number in range(count)
    )
    return backend


def _generations(projects: int) -> ScriptedBackend:
    made: list[Release] = [read(make_index(projects, generation)) for generation in (1, 0)]
    return ScriptedBackend(
        [(str(number), release, timedelta(days=number)) for number, release in enumerate(made)]
    )
