"""The tracked releases: how old, how large, how much of each is here. With none, what to do first."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from textual import on

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.platforms import ANY
from ipwhl_mirror.domain.releases import PlatformRow, PlatformState
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.cells import Cell, Cut
from ipwhl_mirror.tui.glyphs import Glyphs, Look, Tone
from ipwhl_mirror.tui.keys import BY_ID, Place, bindings
from ipwhl_mirror.tui.screens.jobs import job_details
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.widgets.columns import Align, Column
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Line, Lines
from ipwhl_mirror.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.tui.backend import Overview, ReleaseSummary
    from ipwhl_mirror.tui.desk import Desk
    from ipwhl_mirror.tui.jobs import Failure

COLUMNS = (
    Column(title="LABEL", width=16, flexible=True),
    Column(title="AGE", width=6, align=Align.RIGHT, rank=4),
    Column(title="PROJECTS", width=8, align=Align.RIGHT, rank=7),
    Column(title="WHEELS", width=7, align=Align.RIGHT, rank=1),
    Column(title="BYTES", width=9, align=Align.RIGHT),
    Column(title="HERE", width=9, align=Align.RIGHT, rank=2),
    Column(title="PLATFORMS HERE", width=20, rank=5),
    Column(title="CID", width=46, rank=8),
)


class Order(Enum):
    """How the list is sorted; the value is the column that shows it."""

    NEWEST = 1
    LABEL = 0
    LARGEST = 4


def release_look(summary: ReleaseSummary, glyphs: Glyphs) -> Look:
    """How much of a whole release is here."""
    return glyphs.share(summary.pinned_wheels, summary.wheels)


def platforms_here(rows: Sequence[PlatformRow], glyphs: Glyphs) -> str:
    """Pinned platforms by name, then those partly here; `any` last, `-` for none."""
    ordered = sorted(rows, key=lambda row: row.platform == ANY)
    pinned = [safe_text(row.platform) for row in ordered if row.state is PlatformState.PINNED]
    partial = [
        f"{glyphs.partial} {safe_text(row.platform)}" for row in ordered if row.state is PlatformState.PARTIAL
    ]
    return ", ".join([*pinned, *partial]) or "-"


class ReleasesScreen(View):
    """The first screen."""

    CSS_PATH = "releases.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.RELEASES)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._overview: Overview | None = None
        self._order = Order.NEWEST
        self._reverse = False
        self._filter = Filter()
        cut = desk.glyphs.cut
        self.rows: RowList[ReleaseSummary] = RowList(
            COLUMNS, draw=self._draw, key=lambda summary: summary.cid.digest, cut_mark=cut, id="releases"
        )
        self._empty = Lines(cut_mark=cut, id="empty")
        self._details = Lines(cut_mark=cut, id="details", classes="foot")

    def compose_body(self) -> ComposeResult:
        yield self.rows
        yield self._empty
        yield self.filter_bar
        yield self._details

    def on_mount(self) -> None:
        self.status_bar.show_crumbs(["ipwhl-mirror", "Releases"])
        self.watch(self.app, "trouble", self._show_trouble)

    def show_overview(self, overview: Overview | None) -> None:
        super().show_overview(overview)
        self._overview = overview
        is_empty = overview is not None and not overview.releases
        self.set_class(is_empty, "-empty")
        if is_empty:
            self._empty.show(first_steps(self.desk))
        self._list_rows()
        self.refresh_bindings()

    def show_jobs(self) -> None:
        super().show_jobs()
        if self.has_class("-empty"):
            self._empty.show(first_steps(self.desk))

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self._list_rows()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        has_rows = bool(self.rows.items)
        if action == "demo":
            return self._overview is not None and not self._overview.releases
        if action in _ON_A_RELEASE and not has_rows:
            return False
        if action == "diff":
            return self._overview is not None and len(self._overview.releases) > 1
        return super().check_action(action, parameters)

    @property
    def can_go_back(self) -> bool:
        return bool(self.filter_bar.value) or self.rows.has_range

    def action_open(self) -> None:
        self._post(messages.Opened)

    def action_platforms(self) -> None:
        self._post(messages.Opened)

    def action_diff(self) -> None:
        if (summary := self.rows.current) is not None:
            self.post_message(messages.DiffAsked(summary))

    def action_import_car(self) -> None:
        self.post_message(messages.ImportAsked())

    def action_publish(self) -> None:
        self.post_message(messages.PublishAsked())

    def action_track(self) -> None:
        self.post_message(messages.TrackAsked())

    def action_demo(self) -> None:
        self.post_message(messages.DemoAsked())

    def action_verify(self) -> None:
        self._post(messages.VerifyAsked)

    def action_untrack(self) -> None:
        self._post(messages.UntrackAsked)

    def action_pin(self) -> None:
        if (summary := self.rows.current) is not None:
            self.post_message(messages.PinAsked(summary, Selection.parse()))

    def action_unpin(self) -> None:
        if (summary := self.rows.current) is not None:
            self.post_message(messages.UnpinAsked(summary, None))

    def action_copy(self) -> None:
        if (summary := self.rows.current) is not None:
            self.post_message(messages.CopyAsked(str(summary.cid)))

    def action_sort(self) -> None:
        orders = list(Order)
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self._reverse = False
        self._list_rows()

    def action_reverse(self) -> None:
        self._reverse = not self._reverse
        self._list_rows()

    @on(RowList.Moved)
    def _moved(self) -> None:
        summary = self.rows.current
        self._details.show([] if summary is None else details(summary, self.desk.glyphs))
        self.refresh_bindings()

    @on(RowList.Pressed)
    def _pressed(self, event: RowList.Pressed) -> None:
        if event.again:
            self.action_open()

    def _post(self, message: type[messages.Opened | messages.VerifyAsked | messages.UntrackAsked]) -> None:
        if (summary := self.rows.current) is not None:
            self.post_message(message(summary))

    def _show_trouble(self, trouble: Failure | None) -> None:
        self.set_class(trouble is not None, "-trouble")
        if trouble is not None:
            hint = (Cell(f"hint: {trouble.hint}", Tone.MUTED),) if trouble.hint else ()
            again = BY_ID["app.refresh"].shown_first
            self._empty.show(
                [(Cell(trouble.words, Tone.BAD),), hint, (Cell(f"{again} asks again", Tone.MUTED),)]
            )

    def _list_rows(self) -> None:
        summaries = () if self._overview is None else self._overview.releases
        rows = [summary for summary in summaries if self._filter.passes(safe_text(summary.name).lower())]
        if self._order is Order.LABEL:
            rows.sort(key=lambda summary: summary.name)
        elif self._order is Order.LARGEST:
            rows.sort(key=lambda summary: -summary.bytes)
        self.rows.show(rows[::-1] if self._reverse else rows)
        glyphs = self.desk.glyphs
        self.rows.mark_sorted(self._order.value, glyphs.sorted_up if self._reverse else glyphs.sorted_down)

    def _draw(self, summary: ReleaseSummary) -> tuple[Cell, ...]:
        look = release_look(summary, self.desk.glyphs)
        now = summary.tracked_at if self._overview is None else self._overview.now
        here = figures.size(summary.pinned_bytes) if summary.pinned_wheels else "-"
        return (
            Cell(f"{look.glyph} {safe_text(summary.name)}", look.tone, Cut.MIDDLE),
            Cell(figures.age(now - summary.tracked_at), Tone.MUTED),
            Cell(figures.count(summary.projects)),
            Cell(figures.count(summary.wheels)),
            Cell(figures.claimed_size(summary.bytes, known=summary.pinned_bytes)),
            Cell(here, look.tone),
            Cell(platforms_here(summary.platforms, self.desk.glyphs), look.tone),
            Cell(str(summary.cid), Tone.MUTED, Cut.MIDDLE),
        )


_ON_A_RELEASE = frozenset({"open", "platforms", "pin", "unpin", "verify", "untrack", "copy"})


def first_steps(desk: Desk) -> list[Line]:
    """What an empty list offers."""
    track, demo = BY_ID["release.track"], BY_ID["release.demo"]
    lines: list[Line] = [
        (),
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
        lines += [(), *job_details(running, desk.glyphs)]
    return lines


def details(summary: ReleaseSummary, glyphs: Glyphs) -> list[Line]:
    """The release under the cursor: its whole name and CID, then its platforms where there is room."""
    look = release_look(summary, glyphs)
    lines: list[Line] = [
        (
            Cell(safe_text(summary.name), Tone.HEAD, Cut.MIDDLE),
            Cell(f"  {figures.plural(summary.projects, 'project')}, "),
            Cell(f"{figures.plural(summary.wheels, 'wheel')}  "),
            Cell(look.text, look.tone),
        ),
        (Cell(str(summary.cid), Tone.MUTED, Cut.MIDDLE),),
    ]
    for row in sorted(summary.platforms, key=lambda row: row.platform == ANY):
        look = glyphs.platform(row)
        lines.append(
            (
                Cell(f"  {look.glyph} {look.word:<8}", look.tone),
                Cell(f"  {safe_text(row.platform):<22}"),
                Cell(f"{figures.plural(row.wheels, 'wheel'):>14}"),
                Cell(f"{figures.claimed_size(row.bytes, known=row.pinned_bytes):>12}"),
                Cell(f"{figures.size(row.pinned_bytes):>12} here", Tone.MUTED),
            )
        )
    return lines
