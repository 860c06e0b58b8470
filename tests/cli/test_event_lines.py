"""Events as lines: for people, for programs, for the journal."""

from __future__ import annotations

import io
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.cli.event_lines import event_lines
from ipwhl_mirror.cli.run import Run
from ipwhl_mirror.config import Config
from ipwhl_mirror.services.mirror_events import FAILURES, Event, EventKind
from ipwhl_mirror.services.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipwhl_mirror.services.mirror_events import Field

RUN = Settings(data_dir=Path("/nowhere"), config=Config())


def event(kind: EventKind, mirror: str | None = "campus", **fields: Field) -> Event:
    at = datetime(2026, 11, 23, 10, tzinfo=UTC)
    return Event(kind=kind, at=at, mirror=mirror, fields=fields)


DONE = event(EventKind.SYNC_DONE, label="2026.11", changed=True, fetched_bytes=0, cid=None)
FAILED = event(EventKind.SYNC_FAILED, reason="no such\x1b[2J file", error="")


def written(capsys: pytest.CaptureFixture[str], *events: Event, **options: bool) -> list[str]:
    """The lines on stderr; nothing on stdout."""
    write = event_lines(Run(settings=RUN, **options))  # type: ignore[arg-type]
    for one in events:
        write(one)
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def test_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Time, mirror, kind, fields; what controls a terminal is escaped; one of no mirror has a dash."""
    assert written(capsys, DONE, FAILED, event(EventKind.STOPPING, None)) == [
        "2026-11-23T10:00:00Z campus sync-done label=2026.11 changed=true fetched_bytes=0",
        '2026-11-23T10:00:00Z campus sync-failed reason="no such\\\\x1b[2J file" error=""',
        "2026-11-23T10:00:00Z - stopping",
    ]


def test_lines_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """Each a JSON object, with what is not known as null."""
    first, second = map(json.loads, written(capsys, DONE, FAILED, json=True))
    assert first == {
        "schema": "ipwhl-mirror/event/1",
        "at": "2026-11-23T10:00:00Z",
        "kind": "sync-done",
        "mirror": "campus",
        "label": "2026.11",
        "changed": True,
        "fetched_bytes": 0,
        "cid": None,
    }
    assert second["reason"] == "no such\x1b[2J file"


@pytest.mark.parametrize("kind", EventKind, ids=lambda kind: kind.value)
def test_quiet_tells_failures_alone(kind: EventKind, capsys: pytest.CaptureFixture[str]) -> None:
    """Of every kind."""
    assert len(written(capsys, event(kind), quiet=True)) == (kind in FAILURES)


@pytest.mark.parametrize("as_json", [False, True])
def test_lines_for_the_journal(as_json: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a priority, and without a time: it has its own."""
    shown: Mapping[EventKind, str] = {
        EventKind.SYNC_FAILED: "<3>",
        EventKind.HOOK_FAILED: "<4>",
        EventKind.SWITCHED: "<5>",
        EventKind.SYNC_DONE: "<6>",
    }
    journal = tmp_path / "journal"
    with journal.open("w") as opened, monkeypatch.context() as patch:
        found = os.fstat(opened.fileno())
        patch.setattr(sys, "stderr", opened)
        patch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        write = event_lines(Run(settings=RUN, json=as_json))
        for kind in shown:
            write(event(kind))
    lines = journal.read_text().splitlines()
    assert [line[:3] for line in lines] == list(shown.values())
    if as_json:
        assert [json.loads(line[3:])["kind"] for line in lines] == [kind.value for kind in shown]
    else:
        assert lines[0] == "<3>campus sync-failed"


def test_stderr_that_is_not_the_journal_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where stderr was sent elsewhere, the variable says nothing of it."""
    monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
    assert written(capsys, DONE)[0].startswith("2026-11-23T10:00:00Z campus")


def test_log_that_is_full_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told nobody, and nothing ends."""
    with Path("/dev/full").open("wb", buffering=0) as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", io.TextIOWrapper(full, write_through=True))
        with pytest.raises(OSError, match="No space left"):
            sys.stderr.write("x")
        event_lines(Run(settings=RUN))(DONE)
