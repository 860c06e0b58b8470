"""Platforms, projects and wheels of one release, with boxes to mark what to pin, and live totals.

Boxes stand on platforms (`-p`) and on projects (`--exclude`); wheels show what comes of it. The last lines
say how much is marked, what of it would be fetched, and the command line that means the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.releases import PlatformRow, Project, Wheel
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.content_rows import (
    BOX,
    COLUMNS,
    ReleaseRows,
    Row,
    row_cells,
    row_details,
    row_key,
)
from ipwhl_mirror.tui.content_spots import AtProject, Spot, Start, cids_of, row_number
from ipwhl_mirror.tui.content_totals import Shown, first_marks, marked_rows, totals_line
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.lookup import Order
from ipwhl_mirror.tui.screens.asking import AskingView
from ipwhl_mirror.tui.sorting import Sorting
from ipwhl_mirror.tui.vacancy import nothing_lines
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Line, Lines
from ipwhl_mirror.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.domain.marks import Marked, Marks
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.tui.backend import ReleaseSummary, ReleaseView
    from ipwhl_mirror.tui.desk import Desk
    from ipwhl_mirror.tui.jobs import Failure


class ContentsScreen(AskingView):
    """The second screen; empty until a release is opened."""

    NAME = "Contents"
    sorting: Sorting[Order]
    CSS_PATH = "contents.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.CONTENTS)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._source: ReleaseRows | None = None
        self.marked: Marked | None = None
        self._expected: ReleaseSummary | None = None
        self._failure: Failure | None = None
        self._marks_of: dict[Cid, Marks] = {}
        self._opened: set[str] = set()
        self._filter = Filter()
        self.sorting = Sorting(Order.NAME)
        self._at: Spot = Start.AS_IT_WAS
        self._shown = Shown.ALL
        cut = desk.glyphs.cut
        self.rows: RowList[Row] = RowList(COLUMNS, draw=self._draw, key=row_key, cut_mark=cut, id="contents")
        self.details = Lines([(), ()], cut_mark=cut, id="details", classes="foot")
        self.totals = Lines([(), ()], cut_mark=cut, id="totals", classes="foot")

    def compose_body(self) -> ComposeResult:
        yield self.rows
        yield self.filter_bar
        yield self.details
        yield self.totals

    def on_mount(self) -> None:
        self.watch(self.app, "opened", self.show_release)

    @property
    def summary(self) -> ReleaseSummary | None:
        return None if self._source is None else self._source.view.summary

    @property
    def selection(self) -> Selection | None:
        return None if self._source is None or self.marked is None else self.marked.selection

    @property
    def cids_under_cursor(self) -> tuple[tuple[str, Cid], ...]:
        return cids_of(self.rows.current)

    def show_release(self, view: ReleaseView | None) -> None:
        """Show a release with its marks; open projects and cursor stay when it is the one shown already."""
        if view is None:
            if self._expected is None:
                self._close()
            return
        self._expected = self._failure = None
        is_other = self._source is None or self._source.view.release.root != view.release.root
        self._source = ReleaseRows(view, self._source)
        self.status_bar.show_crumbs(["Releases", safe_text(view.summary.name), "Contents"])
        if is_other:
            self._opened.clear()
            self.filter_bar.clear_words()
            self.rows.move_to(0)
        self._mark(self._marks_of.get(view.release.root) or first_marks(view))
        self.refresh_bindings()
        self.list_rows()
        self._go()
        self.run_worker(self._source.prepare, thread=True, group="prepare", exit_on_error=False)

    def expect(self, summary: ReleaseSummary, at: Spot = Start.AS_IT_WAS) -> None:
        """Say that a release is being read, unless it is the one shown; the cursor goes where `at` says."""
        self._at = at
        if self._source is None or self._source.view.summary.cid != summary.cid:
            self._expected, self._failure = summary, None
            self._close()
            self.status_bar.show_crumbs(["Releases", safe_text(summary.name), "Contents"])
        else:
            self._go()

    def show_failure(self, failure: Failure) -> None:
        """The index could not be read; what was read of it before stays."""
        self._failure = failure
        self.rows.redraw()

    def pending(self) -> str | Failure:
        if self._source is not None:
            return ""
        if self._expected is None:
            return super().pending()
        return self._failure or f"reading the index of {safe_text(self._expected.name)}"

    def nothing_there(self) -> list[Line]:
        releases, opens = (self.desk.keymap.key(name) for name in ("view.releases", "release.open"))
        return nothing_lines("No release is open.", (releases, f"shows them; {opens.shown_first} opens one"))

    def read_again(self) -> None:
        if self._failure is not None and self._expected is not None:
            self.post_message(messages.Opened(self._expected, self._at))

    def _close(self) -> None:
        self._source = None
        self.marked = None
        self.list_rows()
        self.details.show([(), ()])
        self.totals.show([(), ()])
        self.status_bar.show_crumbs(["Releases", "Contents"])
        self.refresh_bindings()

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self.list_rows()

    def action_mark(self) -> None:
        targets = self.rows.range_items
        platforms = [row.platform for row in targets if isinstance(row, PlatformRow)]
        projects = [row.name for row in targets if isinstance(row, Project)]
        self._toggle(platforms, projects)
        if self.rows.has_range:
            self.rows.toggle_range()
        else:
            self.rows.action_cursor_down()

    def action_all(self) -> None:
        if isinstance(self.rows.current, PlatformRow):
            self._toggle([row.platform for row in self.rows.items if isinstance(row, PlatformRow)], ())
        else:
            self._toggle((), [row.name for row in self.rows.items if isinstance(row, Project)])

    def action_range(self) -> None:
        self.rows.toggle_range()

    def action_open(self) -> None:
        row = self.rows.current
        if isinstance(row, PlatformRow):
            self._toggle([row.platform], ())
        elif row is not None:
            self._opened ^= {row.project if isinstance(row, Wheel) else row.name}
            self.list_rows()
            if isinstance(row, Wheel) and self._source is not None:
                self.rows.move_to(row_number(self.rows.items, AtProject(row.project)))

    def action_expand(self) -> None:
        if self._source is not None:
            names: set[str] = {project.name for project in self._source.projects}
            self._opened = set() if self._opened >= names else names
            self.list_rows()

    def action_python(self) -> None:
        if self.marked is not None:
            self.post_message(messages.PythonAsked(self.marked.marks))

    def action_only_marked(self) -> None:
        self._shown = Shown.ALL if self._shown is Shown.MARKED else Shown.MARKED
        self._show_totals()
        self.list_rows()

    def action_back(self) -> None:
        if self._shown is Shown.MARKED and not self.filter_bar.value and not self.rows.has_range:
            self.action_only_marked()
        else:
            super().action_back()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("pin", "unpin", "export", "copy") and (
            self.marked is None or not self.marked.amount.wheels
        ):
            return False
        if action in _ON_A_RELEASE and self._source is None:
            return False
        return super().check_action(action, parameters)

    def choose_marks(self, marks: Marks) -> None:
        """Show other marks."""
        self._mark(marks)
        if self._shown is Shown.MARKED:
            self.list_rows()
        else:
            self.rows.redraw()

    @on(RowList.Moved)
    def _moved(self) -> None:
        if self._source is not None:
            self.details.show(row_details(self.rows.current, self._source, self.desk.glyphs))

    @on(RowList.Pressed)
    def _pressed(self, event: RowList.Pressed) -> None:
        row = self.rows.current
        if event.x in BOX and isinstance(row, PlatformRow):
            self._toggle([row.platform], ())
        elif event.x in BOX and isinstance(row, Project):
            self._toggle((), [row.name])
        elif event.again or (event.x < BOX.start and isinstance(row, Project)):
            self.action_open()

    def _go(self) -> None:
        """Put the cursor where the one who opened the release wants it; nothing hides it there."""
        at, self._at = self._at, Start.AS_IT_WAS
        if at is Start.AS_IT_WAS:
            return
        self.filter_bar.clear_words()
        self._shown = Shown.ALL
        self.narrow(Filter())
        self.rows.move_to(0 if isinstance(at, Start) else row_number(self.rows.items, at))

    def _toggle(self, platforms: Iterable[str], projects: Iterable[str]) -> None:
        if self.marked is not None:
            self.choose_marks(self.marked.marks.toggle_platforms(platforms).toggle_projects(projects))

    def _mark(self, marks: Marks) -> None:
        if self._source is None:
            return
        view = self._source.view
        had_wheels = self.marked is not None and bool(self.marked.amount.wheels)
        self.marked = self._source.tally.apply(marks)
        self._marks_of[view.release.root] = marks
        self._show_totals()
        if had_wheels != bool(self.marked.amount.wheels):
            # asked for only when other keys work: all of Textual's is looked through for it
            self.refresh_bindings()

    def _show_totals(self) -> None:
        if self._source is not None and self.marked is not None:
            line = totals_line(self.marked, self._source.view, self.desk)
            only = Cell("only marked", Tone.PART)
            first = (only, Cell(self.desk.glyphs.dot), *line) if self._shown is Shown.MARKED else line
            self.totals.show([first, (Cell(self.cli_line, Tone.KEY, Cut.MIDDLE),)])

    def list_rows(self) -> None:
        if self._source is None:
            self.rows.show(())
        else:
            order, is_reversed = self.sorting.order, self.sorting.is_reversed
            rows = self._source.rows(self._opened, self._filter, order, reverse=is_reversed)
            if self._shown is Shown.MARKED and self.marked is not None:
                rows = marked_rows(rows, self.marked)
            self.rows.show(rows)
            self.show_sorting()

    def _draw(self, row: Row) -> tuple[Cell, ...]:
        if self._source is None or self.marked is None:
            return tuple(Cell("") for _ in COLUMNS)
        is_open = isinstance(row, Project) and row.name in self._opened
        return row_cells(row, self._source, self.marked, self.desk.glyphs, is_open=is_open)


_ON_A_RELEASE = frozenset({"mark", "range", "all", "open", "expand", "python", "verify", "copy_menu"})
