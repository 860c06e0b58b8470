"""One run of a command: its settings, its output, and how every ending becomes an exit code.

stdout carries data only, a text or one JSON document; progress, notes and errors go to stderr. No error that
a user, a disk or a network can cause ends in a traceback.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import click

from ipwhl_mirror.cli.exit_codes import KNOWN_ERRORS, ExitCode, exit_code_for, is_full_disk
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.state.errors import RESUME_WITH_ROOM

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.settings import Settings

_TIMEOUT_GRACE_S = 2.0
"""So that waiting for a lock ends first, with its own words."""
_TOKENS = 4096
"""Of JSON, written at a time."""
_RESUMES = "what was fetched stays, and the same command resumes"


class Ui(Protocol):
    """The terminal UI, as `__main__` hands it over: nothing here knows what it is made of."""

    def start(self, settings: Settings) -> int:
        """Run it until it is left; gives the exit code."""

    async def show_demo(self, session: Session, settings: Settings) -> int:
        """The same on the demo's mirroring node, on the loop that runs, in the look of these settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What the global options say.

    Attributes:
        settings: for the session.
        json: one JSON document on stdout.
        progress: progress even without a terminal; with `json`, as NDJSON events.
        quiet: no progress, no notes.
        yes: confirm what removes.
        no_color: no colour.
        timeout_s: bounds the waiting for the lock, and the command; 0 waits for no lock and bounds nothing
            else; None for no bound.
        ui: the terminal UI; None where there is no terminal.
    """

    settings: Settings
    json: bool = False
    progress: bool = False
    quiet: bool = False
    yes: bool = False
    no_color: bool = False
    timeout_s: float | None = None
    ui: Ui | None = None

    def execute(self, work: Callable[[Session, ProgressSink], Awaitable[ExitCode | None]]) -> None:
        """Open a session on the node it was begun with, find a lost database's pins again, do the work, and
        leave with its exit code."""

        async def prepare(session: Session) -> None:
            from ipwhl_mirror.services.recovery import recover

            await session.check_node()
            for line in await recover(session):
                self.note(line)

        self._leave_after(lambda: self._in_session(prepare, work), _RESUMES)

    def inspect(self, work: Callable[[Session, ProgressSink], Awaitable[ExitCode | None]]) -> None:
        """The same, but ask the node nothing before: for work that finds out why it does not answer."""

        async def prepare(session: Session) -> None:
            return None

        self._leave_after(lambda: self._in_session(prepare, work), _RESUMES)

    async def _in_session(
        self,
        prepare: Callable[[Session], Awaitable[None]],
        work: Callable[[Session, ProgressSink], Awaitable[ExitCode | None]],
    ) -> ExitCode | None:
        from ipwhl_mirror.cli.progress import progress_sink
        from ipwhl_mirror.services.session import Session

        async with Session.open(self.settings) as session:
            await prepare(session)
            with progress_sink(self) as sink:
                async with self._bound():
                    return await work(session, sink)

    def execute_alone(self, work: Callable[[], Awaitable[ExitCode | None]], *, when_cut: str) -> None:
        """Do work that needs no session, and leave with its exit code.

        Args:
            when_cut: what is told when it is interrupted or takes too long.
        """

        async def bounded() -> ExitCode | None:
            async with self._bound():
                return await work()

        self._leave_after(bounded, when_cut)

    def _leave_after(self, work: Callable[[], Awaitable[ExitCode | None]], when_cut: str) -> None:
        async def supervised() -> ExitCode | None:
            end_on_signals()
            return await work()

        with known_errors():
            try:
                code = asyncio.run(supervised())
            except (KeyboardInterrupt, asyncio.CancelledError):
                self.note(f"interrupted; {when_cut}")
                code = ExitCode.INTERRUPTED
            except TimeoutError:
                self.note(f"not done after {self.timeout_s:g} s; {when_cut}")
                code = ExitCode.TIMEOUT
        sys.exit(code or ExitCode.DONE)

    def _bound(self) -> asyncio.Timeout:
        return asyncio.timeout(self.timeout_s + _TIMEOUT_GRACE_S if self.timeout_s else None)

    def emit(self, document: dict[str, Any], text: Callable[[], None]) -> None:
        """Write the result: the document as JSON, or what `text` prints."""
        if self.json:
            for piece in _json_pieces(document):
                click.echo(piece, nl=False)
            click.echo()
        elif not self.quiet:
            text()

    def note(self, line: str) -> None:
        """Tell a person something, on stderr."""
        if not self.quiet:
            click.echo(safe_text(line), err=True)

    def confirm(self, numbers: list[str], question: str) -> bool:
        """Before something is removed: print the numbers, and ask.

        Returns:
            False where nobody can be asked (the caller exits with 2) or the answer is no.
        """
        for line in numbers:
            click.echo(line, err=True)
        if self.yes:
            return True
        if not sys.stdin.isatty():
            click.echo("hint: nobody is here to ask; confirm with --yes", err=True)
            return False
        return click.confirm(question, default=False, err=True)


def json_text(value: object) -> str:
    """JSON in printable ASCII: what a repository calls itself cannot reach the terminal from here either."""
    return _printable(json.dumps(value, ensure_ascii=True))


def _json_pieces(document: dict[str, Any]) -> Iterator[str]:
    """The same, indented, bit by bit: that of 50,000 wheels would take 70 MB as one text."""
    tokens = json.JSONEncoder(indent=2, ensure_ascii=True).iterencode(document)
    while piece := "".join(itertools.islice(tokens, _TOKENS)):
        yield _printable(piece)


def _printable(text: str) -> str:
    return text.replace("\x7f", "\\u007f")


def end_on_signals() -> None:
    """Let SIGTERM and a lost terminal cancel the running task, so that it cleans up; `nohup` is respected."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


@contextlib.contextmanager
def known_errors() -> Iterator[None]:
    """Turn every error of the table into its words on stderr and its exit code."""
    try:
        yield
    except BrokenPipeError:
        # whoever read stdout has gone; without this the interpreter would complain at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.FAILED)
    except KNOWN_ERRORS as error:
        report_error(error)
        sys.exit(exit_code_for(error))


def report_error(error: Exception) -> None:
    """`error:` with what is wrong, a line for each detail, and `hint:` with what to do."""
    click.echo(f"error: {safe_text(_words(error))}", err=True)
    for line in getattr(error, "details", ()):
        click.echo(f"  {safe_text(str(line))}", err=True)
    hint = RESUME_WITH_ROOM if is_full_disk(error) else getattr(error, "hint", None)
    if hint:
        click.echo(f"hint: {safe_text(hint)}", err=True)


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__
