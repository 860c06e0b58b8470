"""What happens to mirrors, one event a time: for log lines, hooks and whoever watches.

An event is data. What its fields are is a promise to people's scripts: `sync` and `serve` write each as one
line, with `--json` as one JSON object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - the type is exported with the dataclass
from enum import Enum

Field = str | int | float | bool | None


class EventKind(Enum):
    """What happened."""

    SYNC_STARTED = "sync-started"
    RELEASE_NEW = "release-new"
    """A source announced a release that an accepted key signed. label cid signer."""
    RELEASE_REFUSED = "release-refused"
    """What a source says contradicts what was accepted. label cid reason."""
    PLANNED = "planned"
    """label cid wheels bytes fetch_wheels fetch_bytes free_bytes free_after_bytes."""
    SWITCHED = "switched"
    """The address leads to another release. label cid previous."""
    RETIRED = "retired"
    """A release is not kept any more. label cid pins."""
    GARBAGE = "garbage"
    """Garbage is about to be collected, as configured. blocks bytes."""
    COLLECTED = "collected"
    """It was. blocks bytes."""
    SYNC_DONE = "sync-done"
    """label cid changed fetched_bytes seconds."""
    SYNC_FAILED = "sync-failed"
    """error reason seconds."""
    HOOK_DONE = "hook-done"
    """hook seconds."""
    HOOK_FAILED = "hook-failed"
    """hook reason seconds."""
    SERVE_STARTED = "serve-started"
    """url."""
    NEXT_SYNC = "next-sync"
    """next_at."""
    RELOADED = "reloaded"
    """mirrors restart: how many there are, and what changed that is used after a restart only."""
    RELOAD_FAILED = "reload-failed"
    """reason; what was configured before stays."""
    STOPPING = "stopping"
    METRICS_FAILED = "metrics-failed"
    """The file of figures cannot be written. reason."""
    NOTE = "note"
    """Something else to know of a run, for instance a gateway that is left out. text."""


FAILURES = frozenset(
    {
        EventKind.RELEASE_REFUSED,
        EventKind.SYNC_FAILED,
        EventKind.HOOK_FAILED,
        EventKind.RELOAD_FAILED,
        EventKind.METRICS_FAILED,
    }
)
"""Kinds that a person should look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened.

    Attributes:
        at: UTC.
        mirror: its name; None where it is of none.
        fields: as `EventKind` says.
    """

    kind: EventKind
    at: datetime
    mirror: str | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)


def event_document(event: Event) -> dict[str, object]:
    """The event as JSON has it: `schema at kind mirror`, then its fields by their names."""
    return {
        "schema": "ipwhl-mirror/event/1",
        "at": event.at.isoformat().replace("+00:00", "Z"),
        "kind": event.kind.value,
        "mirror": event.mirror,
        **event.fields,
    }


EventSink = Callable[[Event], None]


def ignore_event(event: Event) -> None:
    """A sink for callers that do not want to know."""
