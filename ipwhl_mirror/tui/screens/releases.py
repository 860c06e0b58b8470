"""The tracked releases: how old, how large, how much of each is here. With none, what to do first."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, ClassVar

from textual import on

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.command_line import command_line
from ipwhl_mirror.tui.content_spots import Start
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.job_words import job_details
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.mirror_rows import at_release
from ipwhl_mirror.tui.publish_entries import PublishEntries
from ipwhl_mirror.tui.release_rows import COLUMNS, Order, compared_line, details, release_rows, row_cells
from ipwhl_mirror.tui.screens.marking import MarkingView
from ipwhl_mirror.tui.sorting import Sorting
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Line, Lines
from ipwhl_mirror.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.tui.backend import DiffView, Overview, ReleaseSummary
    from ipwhl_mirror.tui.desk import Desk


class ReleasesScreen(MarkingView):
    """The first screen."""

    NAME = "Releases"
    sorting: Sorting[Order]
    CSS_PATH = "releases.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.RELEASES)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._overview: Overview | None = None
        self._diffs: dict[Cid, DiffView] = {}
        self.sorting = Sorting(Order.NEWEST)
        self._filter = Filter()
        cut = desk.glyphs.cut
        self.rows: RowList[ReleaseSummary] = RowList(
            COLUMNS,
            draw=self._draw,
            key=lambda summary: summary.cid.digest,
            cut_mark=cut,
            mark_sign=desk.glyphs.taken,
            id="releases",
        )
        self._details = Lines(cut_mark=cut, id="details", classes="foot")

    def compose_body(self) -> ComposeResult:
        yield self.rows
        yield self.filter_bar
        yield self._details

    def on_mount(self) -> None:
        self.status_bar.show_crumbs(["ipwhl-mirror", "Releases"])
        self.watch(self.app, "compared", self.show_compared)

    def show_overview(self, overview: Overview | None) -> None:
        super().show_overview(overview)
        self._overview = overview
        self.rows.keep_marks(() if overview is None else overview.releases)
        self.list_rows()
        self.refresh_bindings()

    def show_jobs(self) -> None:
        super().show_jobs()
        self.rows.redraw()

    def show_compared(self, diff: DiffView | None) -> None:
        """Two releases were compared."""
        if diff is not None:
            self._diffs[diff.new.cid] = diff
            self._moved()

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self.list_rows()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        has_rows = bool(self.rows.items)
        if action == "demo":
            return self._overview is not None and not self._overview.releases
        if action in _ON_A_RELEASE and not has_rows:
            return False
        if action == "update":
            return (
                self._overview is not None
                and bool(self._overview.sources)
                and super().check_action(action, parameters) is True
            )
        if action == "diff":
            return self._overview is not None and len(self._overview.releases) > 1
        return super().check_action(action, parameters)

    @property
    def can_go_back(self) -> bool:
        return bool(self.filter_bar.value) or self.rows.has_range or bool(self.rows.marked)

    def action_open(self) -> None:
        if (summary := self.rows.current) is not None:
            self.post_message(messages.Opened(summary))

    def action_platforms(self) -> None:
        if (summary := self.rows.current) is not None:
            self.post_message(messages.Opened(summary, Start.PLATFORMS))

    def action_diff(self) -> None:
        marked = self.rows.marked_items
        if len(marked) == 2:
            self.post_message(messages.CompareAsked(*marked))
        elif len(marked) > 2:
            self.notify(f"{len(marked)} are marked: two can be compared", title="diff", markup=False)
        elif (summary := self.rows.current) is not None:
            self.post_message(messages.DiffAsked(summary))

    def action_import_car(self) -> None:
        self.post_message(messages.ImportAsked())

    def action_publish(self) -> None:
        marked = self.rows.marked_items if self.rows.marked else ()
        inputs = shlex.join(summary.name for summary in marked)
        self.post_message(messages.PublishAsked(PublishEntries(inputs=inputs) if inputs else None))

    def action_track(self) -> None:
        summary = self.rows.current
        is_lost = summary is not None and summary.index.problem
        self.post_message(messages.TrackAsked(str(summary.cid) if summary and is_lost else ""))

    def action_update(self) -> None:
        self.post_message(messages.UpdateAsked())

    def action_demo(self) -> None:
        self.post_message(messages.DemoAsked())

    def action_verify(self) -> None:
        for summary in self.rows.marked_items:
            self.post_message(messages.VerifyAsked(summary))

    def action_repair(self) -> None:
        for summary in self.rows.marked_items:
            self.post_message(messages.RepairAsked(summary))

    def action_untrack(self) -> None:
        self.post_message(messages.UntrackAsked(tuple(self.rows.marked_items)))

    def action_pin(self) -> None:
        everything = Selection.parse()
        wanted = tuple((summary, everything) for summary in self.rows.marked_items)
        self.post_message(messages.PinManyAsked(wanted))

    def action_unpin(self) -> None:
        releases = self.rows.marked_items
        if len(releases) == 1:
            self.post_message(messages.UnpinAsked(releases[0], None))
        else:
            self.post_message(messages.UnpinManyAsked(releases=tuple(item.cid for item in releases)))

    def action_copy(self) -> None:
        if (summary := self.rows.current) is not None:
            self.post_message(messages.CopyAsked(str(summary.cid)))

    def action_copy_menu(self) -> None:
        if (summary := self.rows.current) is not None:
            line = command_line("pin", summary.name)
            self.post_message(messages.CopyMenuAsked(summary, line))

    @on(RowList.Moved)
    def _moved(self) -> None:
        summary = self.rows.current
        lines = []
        if summary is not None and self._overview is not None:
            lines = details(summary, self.desk, at_release(self._overview, summary.cid.digest))
        if summary is not None and (diff := self._diffs.get(summary.cid)) is not None:
            lines.append(compared_line(diff, self.desk.glyphs.dot))
        self._details.show(self.with_marks(lines))
        self.refresh_bindings()

    @on(RowList.Pressed)
    def _pressed(self, event: RowList.Pressed) -> None:
        if event.again:
            self.action_open()

    def nothing_there(self) -> list[Line]:
        return first_steps(self.desk)

    def list_rows(self) -> None:
        summaries = () if self._overview is None else self._overview.releases
        self.rows.show(release_rows(summaries, self._filter, self.sorting))
        self.show_sorting()

    def _draw(self, summary: ReleaseSummary) -> tuple[Cell, ...]:
        now = summary.tracked_at if self._overview is None else self._overview.now
        return row_cells(summary, self.desk.glyphs, now)


_ON_A_RELEASE = frozenset(
    {
        "open",
        "platforms",
        "pin",
        "unpin",
        "verify",
        "repair",
        "untrack",
        "copy",
        "copy_menu",
        "mark",
        "range",
        "mark_all",
    }
)


def first_steps(desk: Desk) -> list[Line]:
    """What an empty list offers."""
    track, demo = desk.keymap.key("release.track"), desk.keymap.key("release.demo")
    lines: list[Line] = [
        (Cell("A release is one CID: a directory of Python wheels that pip installs from.", Tone.HEAD),),
        (),
    ]
    if not desk.is_read_only:
        lines.append(
            (Cell(f"  {track.shown_first}  ", Tone.KEY), Cell("track a CID: reads its index, not one wheel"))
        )
    lines.append(
        (
            Cell(f"  {demo.shown_first}  ", Tone.KEY),
            Cell("run the demo: a small release of real wheels, nothing is kept"),
        )
    )
    if (running := desk.jobs.running) is not None:
        lines += [(), *job_details(running, desk)]
    return lines
