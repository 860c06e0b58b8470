"""Events of mirrors as log lines on stderr: words for people, with `--json` one JSON object a line.

For systemd's journal each line begins with its priority, as sd-daemon(3) says, and has no time of its own.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli.run import json_text
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.services.mirror_events import FAILURES, EventKind, event_document

if TYPE_CHECKING:
    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.mirror_events import Event, EventSink, Field

_ERROR, _WARNING, _NOTICE, _INFO = "<3>", "<4>", "<5>", "<6>"
_PRIORITIES = {
    **dict.fromkeys(FAILURES, _ERROR),
    EventKind.HOOK_FAILED: _WARNING,
    EventKind.METRICS_FAILED: _WARNING,
    EventKind.NOTE: _WARNING,
    EventKind.RELEASE_NEW: _NOTICE,
    EventKind.SWITCHED: _NOTICE,
    EventKind.RETIRED: _NOTICE,
    EventKind.GARBAGE: _NOTICE,
}


def event_lines(run: Run) -> EventSink:
    """What writes each event; with `--quiet` only those that a person should look at."""
    in_journal = _is_journal()

    def write(event: Event) -> None:
        if run.quiet and event.kind not in FAILURES:
            return
        line = json_text(event_document(event)) if run.json else _words(event, with_time=not in_journal)
        priority = _PRIORITIES.get(event.kind, _INFO) if in_journal else ""
        with contextlib.suppress(OSError):  # a log that is gone or full is no reason to end
            click.echo(priority + line, err=True)

    return write


def _words(event: Event, *, with_time: bool) -> str:
    """`TIME MIRROR KIND name=value ...`; values with a space are quoted, unknown ones left out."""
    words = [f"{event.at:%Y-%m-%dT%H:%M:%SZ}"] if with_time else []
    words += [event.mirror or "-", event.kind.value]
    known = {name: _text(value) for name, value in event.fields.items() if value is not None}
    words += [f"{name}={json_text(text) if _needs_quotes(text) else text}" for name, text in known.items()]
    return " ".join(words)


def _text(value: Field) -> str:
    return str(value).lower() if isinstance(value, bool) else safe_text(str(value), 500)


def _needs_quotes(text: str) -> bool:
    return not text or " " in text or '"' in text


def _is_journal() -> bool:
    """Whether stderr is connected to systemd's journal (systemd.exec(5), $JOURNAL_STREAM)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))
