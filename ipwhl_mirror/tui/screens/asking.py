"""What can be asked of the release that a view shows, and of what is marked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.tui import messages
from ipwhl_mirror.tui.command_line import command_line
from ipwhl_mirror.tui.screens.view import View

if TYPE_CHECKING:
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.tui.backend import ReleaseSummary


class AskingView(View):
    """A subclass says which release it shows, what is marked, and what is under the cursor."""

    @property
    def summary(self) -> ReleaseSummary | None:
        """The release that is shown."""
        raise NotImplementedError

    @property
    def selection(self) -> Selection | None:
        """What is marked of it; None when nothing is."""
        raise NotImplementedError

    @property
    def cids_under_cursor(self) -> tuple[tuple[str, Cid], ...]:
        """What is under the cursor: (what it is, CID)."""
        raise NotImplementedError

    @property
    def cli_line(self) -> str:
        """The command that pins what is marked; empty when nothing is."""
        if self._chosen is None:
            return ""
        summary, selection = self._chosen
        return command_line("pin", summary.name, selection.cli_text())

    def action_pin(self) -> None:
        if (chosen := self._chosen) is not None:
            self.post_message(messages.PinAsked(*chosen))

    def action_unpin(self) -> None:
        if (chosen := self._chosen) is not None:
            summary, selection = chosen
            wanted = None if selection.is_everything else selection
            self.post_message(messages.UnpinAsked(summary, wanted))

    def action_verify(self) -> None:
        if self.summary is not None:
            self.post_message(messages.VerifyAsked(self.summary))

    def action_export(self) -> None:
        if (chosen := self._chosen) is not None:
            self.post_message(messages.ExportAsked(*chosen))

    def action_copy(self) -> None:
        if self.cli_line:
            self.post_message(messages.CopyAsked(self.cli_line))

    def action_copy_menu(self) -> None:
        if (summary := self.summary) is not None:
            line = self.cli_line or command_line("show", summary.name)
            self.post_message(messages.CopyMenuAsked(summary, line, self.cids_under_cursor))

    @property
    def _chosen(self) -> tuple[ReleaseSummary, Selection] | None:
        summary, selection = self.summary, self.selection
        return None if summary is None or selection is None else (summary, selection)
