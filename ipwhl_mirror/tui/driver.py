"""The terminal itself, as Textual's driver for Unix has it, and three things more.

The window's title follows the program and is put back whenever the program leaves the terminal, also when it
is suspended. What is pasted cannot become a key (`paste`). When the terminal is gone, the program ends: it
neither waits for it for ever nor asks it again and again.
"""

from __future__ import annotations

import os
import selectors
import sys
from codecs import getincrementaldecoder
from threading import Lock
from typing import TYPE_CHECKING

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from ipwhl_mirror.tui import title
from ipwhl_mirror.tui.paste import PasteGuard

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from textual.app import App

GONE = 130
"""The exit code when the terminal is gone: interrupted."""

_READ = 1 << 12
_TICK_S = 0.1


class _Outlet:
    """A stream that takes everything, also when nobody reads it any more; `lost` is called once then."""

    def __init__(self, stream: TextIO, lost: Callable[[], None]) -> None:
        self._stream = stream
        self._lost = lost
        self._is_lost = False

    def write(self, text: str) -> None:
        self._try(lambda: self._stream.write(text))

    def flush(self) -> None:
        self._try(self._stream.flush)

    def fileno(self) -> int:
        return self._stream.fileno()

    def _try(self, deed: Callable[[], object]) -> None:
        if self._is_lost:
            return
        try:
            deed()
        except (OSError, ValueError):
            self._is_lost = True
            self._lost()


class TerminalDriver(LinuxDriver):
    """One a run."""

    def __init__(
        self,
        app: App[object],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._file = _Outlet(sys.__stderr__ or sys.stderr, self._end)  # type: ignore[assignment]
        self._title = title.PROGRAM
        self._has_title = title.has_title(os.environ.get("TERM", ""))
        self._is_kept = False
        self._ending = Lock()

    def show_title(self, words: str) -> None:
        """Give the window this title, until the program leaves the terminal."""
        if words != self._title:
            self._title = words
            if self._is_kept:
                self.write(title.title_sequence(words))

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._has_title and self._writer_thread is not None and not self._is_kept:
            self._is_kept = True
            self.write(title.KEEP + title.title_sequence(self._title))

    def stop_application_mode(self) -> None:
        if self._is_kept:
            self._is_kept = False
            self.write(title.PUT_BACK)
        super().stop_application_mode()

    def run_input_thread(self) -> None:
        """Turn what the terminal sends into events, until the program leaves it or it is gone."""
        parser = XTermParser(self._debug)
        guard = PasteGuard()
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                text = ""
                if selector.select(_TICK_S):
                    data = self._read()
                    if not data:
                        self._end()
                        return
                    text = guard.feed(decode(data))
                for event in parser.feed(text) if text else ():
                    self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)

    def _read(self) -> bytes:
        """What was typed; nothing when the terminal is gone."""
        try:
            return os.read(self.fileno, _READ)
        except OSError:
            return b""

    def _end(self) -> None:
        """Let the program end, once; called from the threads that read and write."""
        if self._ending.acquire(blocking=False):
            self._app.call_later(self._app.exit, return_code=GONE)
