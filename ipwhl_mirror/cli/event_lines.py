"""Events of mirrors as log lines on stderr: words for people, with `--json` one JSON object a line."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli.run import json_text
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.services.mirror_events import FAILURES, event_document

if TYPE_CHECKING:
    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.mirror_events import Event, EventSink

_ERROR, _INFO = "<3>", "<6>"


def event_lines(run: Run) -> EventSink:
    """What writes each event; with `--quiet` only those that a person should look at."""
    in_journal = _is_journal()

    def write(event: Event) -> None:
        if run.quiet and event.kind not in FAILURES:
            return
        line = json_text(event_document(event)) if run.json else _words(event, with_time=not in_journal)
        priority = (_ERROR if event.kind in FAILURES else _INFO) if in_journal else ""
        click.echo(priority + line, err=True)

    return write


def _words(event: Event, *, with_time: bool) -> str:
    """`TIME MIRROR KIND name=value ...`; values with a space are quoted."""
    words = [f"{event.at:%Y-%m-%dT%H:%M:%SZ}"] if with_time else []
    words += [event.mirror or "-", event.kind.value]
    for name, value in event.fields.items():
        text = safe_text("-" if value is None else str(value), 500)
        words.append(f'{name}="{text}"' if not text or " " in text else f"{name}={text}")
    return " ".join(words)


def _is_journal() -> bool:
    """Whether stderr is connected to systemd's journal (systemd.exec(5), $JOURNAL_STREAM)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))
