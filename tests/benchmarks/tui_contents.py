"""The contents of a large release on screen: first paint, filter, order, moves and marks.

Beside it stand Textual's own table with the same cells, and a list that can do nothing but scroll. What a
table takes ten seconds for is measured less often.
"""

from __future__ import annotations

import asyncio
import contextlib
from itertools import cycle
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.marks import Marks
from ipwhl_mirror.tui.content_rows import COLUMNS, ReleaseRows, row_cells
from ipwhl_mirror.tui.glyphs import UNICODE
from ipwhl_mirror.tui.lookup import Order
from ipwhl_mirror.tui.screens.contents import ContentsScreen
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from tests.benchmarks.measuring import Figure, Goal, in_turns, require
from tests.benchmarks.tui_others import (
    PLAIN,
    TABLE,
    Bare,
    PlainScreen,
    TableRow,
    TableScreen,
    plain_line,
    table_row,
)
from tests.benchmarks.tui_stage import Stage, seldom, unhurried
from tests.simulators.releases import generated_release
from tests.tui.scripted import NOW, ScriptedBackend, app_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ipwhl_mirror.tui.app import MirrorApp
    from ipwhl_mirror.tui.cells import Cell
    from ipwhl_mirror.tui.content_rows import Row
    from tests.benchmarks.measuring import Size

FRAME = Goal(at_most=1 / 60)
AT_ONCE = Goal(at_most=0.1)
RARE, COMMON = "04711", "linux"


class Material:
    """A large release as the application has it, and what its rows say as the other ways take it."""

    def __init__(self, size: Size) -> None:
        self.backend = ScriptedBackend([("large", generated_release(size.projects), NOW - NOW)])
        self.view = asyncio.run(self.backend.load(self.backend.tracked[0][1].root))
        self.source = ReleaseRows(self.view)
        self.marked = self.source.tally.apply(Marks(families=self.view.release.families))
        with opened(self) as (_, screen):
            self.shown = screen.rows.shown_columns
        self.titles = [COLUMNS[index].title for index in self.shown]

    def rows(self, words: str = "") -> list[Row]:
        """What the screen lists."""
        return self.source.rows(set(), Filter.parse(words), Order.NAME)

    def all_rows(self) -> list[Row]:
        """The same with every project open."""
        return self.source.rows({project.name for project in self.source.projects}, Filter(), Order.NAME)

    def table_rows(self, rows: Sequence[Row]) -> list[TableRow]:
        """The same for a table, in the columns that the screen has room for."""
        return [table_row(cells[index] for index in self.shown) for cells in map(self._cells, rows)]

    def lines(self, rows: Sequence[Row]) -> list[str]:
        """The same for a list of plain text."""
        return [plain_line(self._cells(row)) for row in rows]

    def work(self, rows: Sequence[Row]) -> str:
        """How much it is."""
        return f"{len(self.view.release.wheels)} wheels, {len(rows)} rows"

    def _cells(self, row: Row) -> Sequence[Cell]:
        return row_cells(row, self.source, self.marked, UNICODE, is_open=False)


def contents_of(app: MirrorApp) -> ContentsScreen:
    """The screen, once it is in front."""
    assert isinstance(app.screen, ContentsScreen)
    return app.screen


@contextlib.contextmanager
def opened(material: Material) -> Iterator[tuple[Stage[MirrorApp], ContentsScreen]]:
    """The application with the release on its second screen."""
    app = app_on(material.backend)
    with Stage(app) as stage:
        stage.press("enter", until=lambda: app.opened is not None)
        yield stage, contents_of(app)


def paint(size: Size) -> Iterator[Figure]:
    """From the release in memory to the first paint, and from there to all its wheels listed."""
    with unhurried():
        yield from list(_paint(size))


def _paint(size: Size) -> Iterator[Figure]:
    material = Material(size)
    for name, listed, ours, goal in (
        ("first paint of the contents", material.rows(), lambda: _first_paint(material), Goal(ratio=0.5)),
        ("every project opened", material.all_rows(), lambda: _expand(material), AT_ONCE),
    ):
        cells, lines = material.table_rows(listed), material.lines(listed)

        def fill_table(cells: Sequence[TableRow] = cells) -> float:
            return first_paint_of(lambda: TableScreen(material.titles, cells))

        def fill_plain(lines: Sequence[str] = lines) -> float:
            return first_paint_of(lambda: PlainScreen(lines))

        work = material.work(listed)
        yield figure(name, work, *in_turns(seldom(size), ours, fill_table), TABLE)
        yield figure(name, work, *in_turns(size.rounds, ours, fill_plain), PLAIN, goal)


def _first_paint(material: Material) -> float:
    app = app_on(material.backend)

    def show() -> None:
        app.opened = material.view
        app.switch_mode("contents")

    with Stage(app) as stage:
        taken = stage.do(show)
        listed = contents_of(app).rows.items
        require(len(listed) == len(material.rows()), f"{len(listed)} rows are listed")
    return taken


def _expand(material: Material) -> float:
    with opened(material) as (stage, screen):
        taken = stage.press("*")
        require(len(screen.rows.items) == len(material.all_rows()), "not every wheel is listed")
    return taken


def first_paint_of(make: Callable[[], TableScreen | PlainScreen]) -> float:
    """The processor's seconds until a new screen of another application is painted."""
    with Stage(Bare()) as stage:
        return stage.do(lambda: stage.app.push_screen(make()))


def find(size: Size) -> Iterator[Figure]:
    """What each letter of a filter costs, of a word that few wheels have and of one that most have."""
    with unhurried():
        yield from list(_find(size))


def _find(size: Size) -> Iterator[Figure]:
    material = Material(size)
    table = TableScreen(material.titles)
    with opened(material) as (stage, screen), Stage(Bare()) as beside:
        beside.do(lambda: beside.app.push_screen(table))
        for name, word in (("a rare word", RARE), ("a common word", COMMON)):

            def type_it(word: str = word) -> float:
                stage.press("/")
                taken = stage.press(*word)
                require(list(screen.rows.items) == material.rows(word), f"wrong rows for {word}")
                stage.press("escape")
                return taken / len(word)

            def rebuild(word: str = word) -> float:
                taken = 0.0
                for end in range(1, len(word) + 1):
                    cells = material.table_rows(material.rows(word[:end]))
                    taken += beside.do(lambda cells=cells: table.show(cells))  # type: ignore[misc]
                return taken / len(word)

            yield figure(
                f"filter, each letter of {name}",
                material.work(material.rows()),
                *in_turns(seldom(size), type_it, rebuild),
                "a DataTable filled again",
                AT_ONCE,
            )


def keys(size: Size) -> Iterator[Figure]:
    """What a key costs: order, moves and marks."""
    with unhurried():
        yield from list(_keys(size))


def _keys(size: Size) -> Iterator[Figure]:
    material = Material(size)
    rows = material.rows()
    table = TableScreen(material.titles, material.table_rows(rows))
    plain = PlainScreen(material.lines(rows))
    with opened(material) as (stage, screen), Stage(Bare()) as tables, Stage(Bare()) as plains:
        tables.do(lambda: tables.app.push_screen(table))
        plains.do(lambda: plains.app.push_screen(plain))

        def beside(name: str, ours: Callable[[], float], other: Callable[[], float], way: str) -> Figure:
            taken = in_turns(size.rounds, ours, other)
            goal = AT_ONCE if name == "mark every project" else FRAME
            return figure(name, material.work(rows), *taken, way, goal)

        for name, key, other_keys in (
            ("down", ("down",), ("down",)),
            ("page down", ("pagedown",), ("pagedown",)),
            ("end and home", ("end", "home"), ("ctrl+end", "ctrl+home")),
        ):
            mine, theirs = cycle(key), cycle(other_keys)
            stage.press("home")
            yield beside(name, lambda: stage.press(next(mine)), lambda: tables.press(next(theirs)), TABLE)  # noqa: B023
            mine, theirs = cycle(key), cycle(key)
            yield beside(name, lambda: stage.press(next(mine)), lambda: plains.press(next(theirs)), PLAIN)  # noqa: B023
        column = table.rows.ordered_columns[0].key
        yield beside(
            "sort",
            lambda: stage.press("s"),
            lambda: tables.do(lambda: table.rows.sort(column, key=lambda text: text.plain[::-1])),
            "DataTable.sort",
        )
        for name, act in (
            ("mark a platform", lambda: _mark_first(stage, screen)),
            ("mark a project", lambda: stage.press("space")),
            ("mark every project", lambda: stage.press("a")),
        ):
            stage.press("home", *["down"] * (0 if "platform" in name else 9))
            yield beside(
                name, act, lambda: plains.do(lambda: plain.rows.refresh()), f"{PLAIN}, painted again"
            )


def _mark_first(stage: Stage[MirrorApp], screen: ContentsScreen) -> float:
    assert screen.marked is not None
    before = screen.marked.amount.wheels
    taken = stage.press("space")
    require(screen.marked.amount.wheels != before, "nothing was marked")
    stage.press("up")
    return taken


def figure(name: str, work: str, taken: float, other: float, way: str, goal: Goal = Goal()) -> Figure:  # noqa: B008
    """A line of the table."""
    return Figure(name=f"tui: {name}", work=work, ours=taken, other=other, other_way=way, goal=goal)
