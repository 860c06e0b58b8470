"""A release that could be made: what its check finds, what it changes, what it weighs, before it is made.

Reading it changes nothing. Findings are mended elsewhere and looked at again, or their rules are allowed
here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual import on
from textual.worker import Worker, WorkerState

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.checks.findings import Finding
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.command_line import whole_line
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.job_log import PHASE_WORDS
from ipwhl_mirror.tui.jobs import Failure
from ipwhl_mirror.tui.keys import Place, bindings
from ipwhl_mirror.tui.proposal_rows import (
    COLUMNS,
    ProposalRow,
    allowed_counts,
    open_findings,
    proposal_rows,
    row_cells,
    row_details,
    total_lines,
)
from ipwhl_mirror.tui.publish_entries import arguments_of
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.vacancy import nothing_lines
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from ipwhl_mirror.tui.widgets.lines import Lines
from ipwhl_mirror.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from ipwhl_mirror.domain.checks.findings import Rule
    from ipwhl_mirror.services.events import Progress, ProgressSink
    from ipwhl_mirror.services.requests import PublishRequest
    from ipwhl_mirror.tui.backend import ProposalView
    from ipwhl_mirror.tui.desk import Desk
    from ipwhl_mirror.tui.publish_entries import PublishEntries
    from ipwhl_mirror.tui.widgets.lines import Line

_ASKING = "reading what it is made of"
_NEEDS_A_PROPOSAL = frozenset({"publish", "allow"})


class ProposalScreen(View):
    """Stands over the releases; escape leads back to them."""

    NAME = "Publish"
    CSS_PATH = "proposal.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.PROPOSAL)

    def __init__(
        self,
        desk: Desk,
        entries: PublishEntries,
        request: PublishRequest,
        propose: Callable[[PublishRequest, ProgressSink], Awaitable[ProposalView]],
    ) -> None:
        """`request` is what `entries` say; `propose` reads what would come of it."""
        super().__init__(desk)
        self._entries = entries
        self._asked = request
        self._propose = propose
        self._view: ProposalView | None = None
        self._failure: Failure | None = None
        self._waits_for = _ASKING
        self._filter = Filter()
        self.allowed: set[Rule] = set()
        cut = desk.glyphs.cut
        self.rows: RowList[ProposalRow] = RowList(
            COLUMNS, draw=self._draw, key=lambda row: row, cut_mark=cut, id="proposal"
        )
        self.details = Lines(cut_mark=cut, id="details", classes="foot")
        self.totals = Lines(cut_mark=cut, id="totals", classes="foot")

    @property
    def request(self) -> PublishRequest:
        """What is asked for, with what is allowed by now."""
        return replace(self._asked, allowed=tuple(sorted(self.allowed, key=lambda rule: rule.value)))

    def compose_body(self) -> ComposeResult:
        yield self.rows
        yield self.filter_bar
        yield self.details
        yield self.totals

    def on_mount(self) -> None:
        name = safe_text(self._asked.label or "a release")
        self.status_bar.show_crumbs(["ipwhl-mirror", "Releases", f"{self.NAME} {name}"])
        self.rows.focus()
        self.read_again()

    def on_resize(self) -> None:
        self._show_details()

    def read_again(self) -> None:
        """Look at the inputs as they are now."""
        self._view = self._failure = None
        self._waits_for = _ASKING
        self.list_rows()
        self.run_worker(self._read(), group="propose", exclusive=True, exit_on_error=False)

    async def _read(self) -> None:
        self._view = await self._propose(self._asked, self._tell)
        self.list_rows()

    def _tell(self, progress: Progress) -> None:
        words = PHASE_WORDS[progress.phase]
        if progress.total_wheels:
            words += f" of {figures.count(progress.done_wheels)} of {figures.count(progress.total_wheels)}"
        self._waits_for = words
        self.rows.redraw()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A failure stands in the place of the rows."""
        event.stop()
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self._failure = Failure.of(event.worker.error)
            self.list_rows()

    def pending(self) -> str | Failure:
        if self._view is not None:
            return ""
        return self._failure or self._waits_for

    def nothing_there(self) -> list[Line]:
        return nothing_lines("Nothing is other than in the release before it.")

    def narrow(self, wanted: Filter) -> None:
        self._filter = wanted
        self.list_rows()

    def list_rows(self) -> None:
        self.rows.show([] if self._view is None else proposal_rows(self._view, self._filter))
        self._show_details()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("sort", "reverse") or (action in _NEEDS_A_PROPOSAL and self._view is None):
            return False
        if action == "allow" and not isinstance(self.rows.current, Finding):
            return False
        if action == "publish" and self._view is not None and not self._is_fit(self._view):
            return False
        return super().check_action(action, parameters)

    def action_publish(self) -> None:
        if self._view is not None:
            self.post_message(messages.PublishingAsked(self._entries, self.request, self._view))

    def action_allow(self) -> None:
        """Allow the rule of the finding under the cursor, or allow it no more."""
        if isinstance(row := self.rows.current, Finding):
            self.allowed ^= {row.rule}
            self.rows.redraw()
            self._show_details()
            self.refresh_bindings()

    def action_edit(self) -> None:
        self.dismiss()
        self.post_message(messages.PublishAsked(self._entries))

    def action_copy(self) -> None:
        self.post_message(messages.CopyAsked(whole_line("publish", *arguments_of(self.request))))

    def action_back(self) -> None:
        if self.filter_bar.value:
            self.filter_bar.clear_words()
        else:
            self.dismiss()

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._show_details()
        self.refresh_bindings()

    def _show_details(self) -> None:
        row, view = self.rows.current, self._view
        self.details.show([] if row is None else row_details(row, max(self.size.width - 4, 20)))
        self.totals.show([] if view is None else [*self._totals(view), self._verdict(view)])

    def _totals(self, view: ProposalView) -> list[Line]:
        return total_lines(view, self._asked, self.desk.glyphs.dot)

    def _verdict(self, view: ProposalView) -> Line:
        """Whether it can be published, and what to do about it."""
        keymap, dot = self.desk.keymap, self.desk.glyphs.dot
        count = sum(allowed_counts(view, self.allowed).values())
        allowed = Cell(f"{dot}{figures.count(count)} allowed" if count else "", Tone.MUTED)
        found = open_findings(view, self.allowed)
        if view.outlook.refusals:
            change = keymap.key("proposal.edit").shown_first
            return (
                Cell("it would be refused", Tone.BAD),
                Cell(f": {change} changes what is asked for"),
                allowed,
            )
        if not found:
            go = keymap.key("proposal.publish").shown_first
            return (Cell("nothing to find fault with", Tone.GOOD), Cell(f"{dot}{go} publishes"), allowed)
        look, allow = keymap.key("app.refresh").shown_first, keymap.key("proposal.allow").shown_first
        return (
            Cell(figures.plural(len(found), "finding"), Tone.BAD),
            Cell(f": mend it and {look} looks again, or {allow} allows its rule"),
            allowed,
        )

    def _is_fit(self, view: ProposalView) -> bool:
        return not view.outlook.refusals and not open_findings(view, self.allowed)

    def _draw(self, row: ProposalRow) -> tuple[Cell, ...]:
        return row_cells(row, self.allowed, self.desk.glyphs)
