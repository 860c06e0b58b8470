"""Platforms, projects and wheels of one release, with boxes to mark what to pin, and live totals.

Boxes stand on platforms (`-p`) and on projects (`--exclude`); wheels show what comes of it. The last lines
say how much is marked, what of it would be fetched, and the command line that means the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.marks import Marked, Marks
from ipwhl_mirror.domain.platforms import ANY
from ipwhl_mirror.domain.releases import PlatformRow, PlatformState, Project, Wheel
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.content_rows import (
    BOX,
    COLUMNS,
    Order,
    ReleaseRows,
    Row,
    row_cells,
    row_details,
    row_key,
)
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.keys import BY_ID, Place, bindings
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Line, Lines
from ipwhl_mirror.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.tui.backend import ReleaseSummary, ReleaseView
    from ipwhl_mirror.tui.desk import Desk


class ContentsScreen(View):
    """The second screen; empty until a release is opened."""

    CSS_PATH = "contents.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.CONTENTS)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._source: ReleaseRows | None = None
        self.marked: Marked | None = None
        self._expected: ReleaseSummary | None = None
        self._marks_of: dict[Cid, Marks] = {}
        self._opened: set[str] = set()
        self._filter = Filter()
        self._order = Order.NAME
        self._reverse = False
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
    def cli_line(self) -> str:
        """The command that pins what is marked; empty when nothing is."""
        if self._source is None or self.marked is None or self.marked.selection is None:
            return ""
        options = self.marked.selection.cli_text()
        return f"ipwhl-mirror pin {safe_text(self._source.view.summary.name)} {options}".rstrip()

    def show_release(self, view: ReleaseView | None) -> None:
        """Show a release with its marks; open projects and cursor stay when it is the one shown already."""
        if view is None:
            if self._expected is None:
                self._close("no release is open; open one on the first screen")
            return
        self._expected = None
        is_other = self._source is None or self._source.view.release.root != view.release.root
        self._source = ReleaseRows(view)
        self.status_bar.show_crumbs(["Releases", safe_text(view.summary.name), "Contents"])
        if is_other:
            self._opened.clear()
            self.filter_bar.clear_words()
            self.rows.move_to(0)
        self._mark(self._marks_of.get(view.release.root) or first_marks(view))
        self._list_rows()

    def expect(self, summary: ReleaseSummary) -> None:
        """Say that a release is being read, unless it is the one shown."""
        if self._source is None or self._source.view.summary.cid != summary.cid:
            self._expected = summary
            self._close(f"reading the index of {safe_text(summary.name)}")
            self.status_bar.show_crumbs(["Releases", safe_text(summary.name), "Contents"])

    def show_words(self, words: str) -> None:
        """Say something in the place of the totals; safe text."""
        self.totals.show([(Cell(words, Tone.MUTED),), ()])

    def _close(self, words: str) -> None:
        self._source = None
        self.marked = None
        self._list_rows()
        self.details.show([(), ()])
        self.show_words(words)
        self.status_bar.show_crumbs(["Releases", "Contents"])
        self.refresh_bindings()

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self._list_rows()

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
            self._list_rows()
            if isinstance(row, Wheel) and self._source is not None:
                self._go_to_project(row.project)

    def action_expand(self) -> None:
        if self._source is not None:
            names: set[str] = {project.name for project in self._source.projects}
            self._opened = set() if self._opened >= names else names
            self._list_rows()

    def action_python(self) -> None:
        if self.marked is not None:
            self.post_message(messages.PythonAsked(self.marked.marks))

    def action_pin(self) -> None:
        if self._source is not None and self.marked is not None and self.marked.selection is not None:
            self.post_message(messages.PinAsked(self._source.view.summary, self.marked.selection))

    def action_unpin(self) -> None:
        if self._source is not None and self.marked is not None and self.marked.selection is not None:
            selection = self.marked.selection
            wanted = None if selection.is_everything else selection
            self.post_message(messages.UnpinAsked(self._source.view.summary, wanted))

    def action_verify(self) -> None:
        if self._source is not None:
            self.post_message(messages.VerifyAsked(self._source.view.summary))

    def action_export(self) -> None:
        if self._source is not None and self.marked is not None and self.marked.selection is not None:
            self.post_message(messages.ExportAsked(self._source.view.summary, self.marked.selection))

    def action_copy(self) -> None:
        if self.cli_line:
            self.post_message(messages.CopyAsked(self.cli_line))

    def action_sort(self) -> None:
        orders = list(Order)
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self._reverse = False
        self._list_rows()

    def action_reverse(self) -> None:
        self._reverse = not self._reverse
        self._list_rows()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("pin", "unpin", "export", "copy") and (
            self.marked is None or not self.marked.amount.wheels
        ):
            return False
        return super().check_action(action, parameters)

    def choose_marks(self, marks: Marks) -> None:
        """Show other marks."""
        self._mark(marks)
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

    def _go_to_project(self, name: str) -> None:
        at = next(
            (at for at, row in enumerate(self.rows.items) if isinstance(row, Project) and row.name == name), 0
        )
        self.rows.move_to(at)

    def _toggle(self, platforms: Iterable[str], projects: Iterable[str]) -> None:
        if self.marked is not None:
            self.choose_marks(self.marked.marks.toggle_platforms(platforms).toggle_projects(projects))

    def _mark(self, marks: Marks) -> None:
        if self._source is None:
            return
        view = self._source.view
        self.marked = self._source.tally.apply(marks)
        self._marks_of[view.release.root] = marks
        self.totals.show(
            [
                totals_line(self.marked, view, self.desk.glyphs.dot),
                (Cell(self.cli_line, Tone.KEY, Cut.MIDDLE),),
            ]
        )
        self.refresh_bindings()

    def _list_rows(self) -> None:
        if self._source is None:
            self.rows.show(())
        else:
            self.rows.show(self._source.rows(self._opened, self._filter, self._order, reverse=self._reverse))
            glyphs = self.desk.glyphs
            self.rows.mark_sorted(
                self._order.value, glyphs.sorted_up if self._reverse else glyphs.sorted_down
            )

    def _draw(self, row: Row) -> tuple[Cell, ...]:
        if self._source is None or self.marked is None:
            return tuple(Cell("") for _ in COLUMNS)
        is_open = isinstance(row, Project) and row.name in self._opened
        return row_cells(row, self._source, self.marked, self.desk.glyphs, is_open=is_open)


def first_marks(view: ReleaseView) -> Marks:
    """Marks on what is pinned: its platforms, `any` as it is beside them; none when nothing is."""
    rows = view.summary.platforms
    pinned = frozenset(row.platform for row in rows if row.state is PlatformState.PINNED)
    return Marks(
        families=frozenset(row.platform for row in rows),
        chosen=pinned - {ANY} or pinned,
        drops_any=bool(pinned) and ANY not in pinned,
    )


def totals_line(marked: Marked, view: ReleaseView, dot: str) -> Line:
    """How much is marked, what of it would be fetched, what room would be left."""
    if not marked.amount.wheels:
        toggle, every = BY_ID["contents.mark"].shown_first, BY_ID["contents.all"].shown_first
        words = "nothing is marked" if marked.selection is None else "no wheel is left by these marks"
        return (Cell(f"{words}: {toggle} marks a platform, {every} all of them", Tone.MUTED),)
    fetch, after = marked.fetch, view.free_bytes - marked.fetch.bytes
    return (
        Cell(figures.amount(marked.amount), Tone.HEAD),
        Cell(f"{dot}fetch {'~' if fetch.bytes else ''}{figures.size(fetch.bytes)}"),
        Cell(f"{dot}here {figures.size(marked.shared.bytes)}", Tone.MUTED),
        Cell(
            f"{dot}free after {figures.size(after)}"
            if after >= 0
            else f"{dot}{figures.size(-after)} too much",
            Tone.PLAIN if after >= 0 else Tone.BAD,
        ),
    )
