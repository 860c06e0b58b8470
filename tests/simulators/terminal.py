"""The real program in a pseudo-terminal, and an emulator that shows what a person would see.

    with Terminal([sys.executable, "-m", "ipwhl_mirror", ...], columns=80, lines=24) as terminal:
        terminal.wait_for("Releases")
        terminal.type("4")

It is the controlling terminal of the program, so that a hang-up and a new size are told to it by signals, as
they are by a real one. `written` is every byte the program sent. The modes of the terminal's line discipline
are kept, so that a test can compare them before and after.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

_PATIENCE_S = 60.0
_READ = 1 << 16
_TITLE = re.compile(rb"\x1b\]2;([^\x07\x1b]*)(?:\x07|\x1b\\)")


class Terminal:
    """One program in one terminal; leaving the context kills what still runs."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int,
        lines: int,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.written = bytearray()
        self._is_hung_up = False
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self._screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.modes_before = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            command,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            preexec_fn=_take_terminal,
            env={**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1", **(environment or {})},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if not self._is_hung_up:
            self.hang_up()

    @property
    def text(self) -> str:
        """The screen as a person sees it."""
        return "\n".join(self._screen.display)

    @property
    def hues(self) -> set[str]:
        """The colours on the screen that are not shades of grey, `rrggbb` or by name."""
        cells = [cell for row in self._screen.buffer.values() for cell in row.values()]
        used = {colour for cell in cells for colour in (cell.fg, cell.bg)} - {"default"}
        return {colour for colour in used if len({colour[:2], colour[2:4], colour[4:]}) > 1}

    @property
    def title(self) -> str:
        """The title that was given to the window last; empty for none."""
        given = _TITLE.findall(self.written)
        return given[-1].decode() if given else ""

    @property
    def modes(self) -> list[object]:
        """The line discipline's modes now."""
        return termios.tcgetattr(self._slave)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def paste(self, text: str) -> None:
        """Paste text, as a terminal that marks it does."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size."""
        self._screen.resize(lines, columns)
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def hang_up(self) -> None:
        """Take the terminal away."""
        self._is_hung_up = True
        os.close(self._slave)
        os.close(self._master)

    def wait_for(self, words: str) -> None:
        """Return when the words are on the screen; fail with the screen when they do not come."""
        self.wait_until(lambda: words in self.text, repr(words))

    def wait_until(self, is_there: Callable[[], bool], what: str) -> None:
        """Return when something can be seen; fail with the screen when it cannot."""
        until = time.monotonic() + _PATIENCE_S
        while not is_there():
            assert time.monotonic() < until, f"{what} does not come:\n{self.text}"
            assert self.process.poll() is None or self._has_more(), f"it ended:\n{self.text}"
            self._read(0.1)

    def wait_for_end(self) -> int:
        """Read until the program has ended; its exit code, negative for a signal."""
        if self._is_hung_up:
            return self.process.wait(_PATIENCE_S)
        until = time.monotonic() + _PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < until, f"it does not end:\n{self.text}"
            self._read(0.1)
        while self._has_more():
            self._read(0)
        return self.process.returncode

    def settle(self, quiet_s: float = 0.3) -> None:
        """Read until nothing comes for a while."""
        until = time.monotonic() + _PATIENCE_S
        while self._read(quiet_s):
            assert time.monotonic() < until, "it never rests"

    def signal(self, number: signal.Signals) -> None:
        """Send it one."""
        self.process.send_signal(number)

    def _has_more(self) -> bool:
        return bool(select.select([self._master], [], [], 0)[0])

    def _read(self, wait_s: float) -> bool:
        if not select.select([self._master], [], [], wait_s)[0]:
            return False
        try:
            data = os.read(self._master, _READ)
        except OSError:  # Linux answers so when the last program has closed its end
            return False
        self.written += data
        self._stream.feed(self._decoder.decode(data))
        return bool(data)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
