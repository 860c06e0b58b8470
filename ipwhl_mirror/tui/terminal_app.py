"""What an application tells the terminal besides what it draws: title, clipboard, notifications, and its end.

Text passes here on its way out of the program, so here it is made safe whoever sent it: a notification is cut
to what a screen holds, a copied text is one printable line, and a fault of the program shows no values of
variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App

from ipwhl_mirror.tui.notices import notice, notice_title
from ipwhl_mirror.tui.paste import printable

if TYPE_CHECKING:
    from textual.driver import Driver
    from textual.notifications import SeverityLevel


class TerminalApp(App[None], inherit_bindings=False):
    """The base of the application."""

    @property
    def fault(self) -> Exception | None:
        """The error that ended the application; None when it was left."""
        return self._exception

    @property
    def title_words(self) -> str:
        """What the title of the terminal's window says; safe text."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.mode_change_signal.subscribe(self, self._mode_changed)
        self.app_resume_signal.subscribe(self, self._resumed)
        self.call_later(self.show_title)

    def show_title(self) -> None:
        """Give the window its title, where it has one."""
        show = getattr(self._driver, "show_title", None)
        if show is not None:
            show(self.title_words)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a message for a while; markup in it is text, whatever is asked for."""
        super().notify(
            notice(message), title=notice_title(title), severity=severity, timeout=timeout, markup=False
        )

    def copy_to_clipboard(self, text: str) -> None:
        """Ask the terminal to put a text on the clipboard (OSC 52): what is printable of it, as one line."""
        super().copy_to_clipboard(" ".join(printable(text).split()))

    def get_driver_class(self) -> type[Driver]:
        """Our own driver in the place of Textual's for Unix."""
        chosen = super().get_driver_class()
        if chosen.__name__ != "LinuxDriver":
            return chosen
        from ipwhl_mirror.tui.driver import TerminalDriver

        return TerminalDriver

    def _mode_changed(self, mode: str) -> None:
        self.show_title()

    def _resumed(self, app: App[object]) -> None:
        # the terminal shows nothing of what was drawn before the program was stopped
        self.refresh(layout=True)

    def _fatal_error(self) -> None:
        """End; `fault` says why. Textual would print the values of all variables."""
        self._close_messages_no_wait()
