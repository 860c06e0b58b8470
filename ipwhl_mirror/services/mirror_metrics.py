"""The mirrors as figures for Prometheus: at `/metrics` while `serve` runs, and in a textfile otherwise.

Times are seconds since 1970. A figure that does not exist yet is left out, and not 0.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.durable import replace_file
from ipwhl_mirror.gateway.errors import MirrorsUnknown
from ipwhl_mirror.gateway.exposition import Family, Sample, exposition
from ipwhl_mirror.gateway.metrics import node_families, program_family
from ipwhl_mirror.nodes.errors import NodeError
from ipwhl_mirror.services.errors import TransferFailed
from ipwhl_mirror.services.mirrors import mirror_statuses
from ipwhl_mirror.state.errors import StateError
from ipwhl_mirror.state.mirrors import SyncState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from ipwhl_mirror.services.mirrors import MirrorStatus
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.database import TrackedRelease

_MODE = 0o644
"""A collector of another user reads it."""


class MirrorFigures:
    """What `serve` tells monitoring of its mirrors."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def families(self) -> tuple[Family, ...]:
        """The figures of every mirror.

        Raises:
            MirrorsUnknown: the database cannot be read.
        """
        return tuple(_mirror_families(self._statuses(), self._session.state.releases()))

    def health(self) -> tuple[str, ...]:
        """A line for each mirror: its name, the release it is at, how it is.

        Raises:
            MirrorsUnknown: the database cannot be read.
        """
        return tuple(_health_line(status) for status in self._statuses())

    def _statuses(self) -> tuple[MirrorStatus, ...]:
        try:
            self._session.look_again()
            return mirror_statuses(self._session)
        except StateError as error:
            raise MirrorsUnknown(safe_text(str(error))) from error


async def write_metrics(session: Session) -> None:
    """Replace the file that `[serve] metrics_file` names; where it names none, do nothing.

    Raises:
        TransferFailed: it cannot be written; what was there stays.
        StateError: the database cannot be read.
    """
    configured = session.settings.config.serve.metrics_file
    if not configured:
        return
    try:
        node = await session.node.status()
    except NodeError:
        node = None
    mirrors = _mirror_families(mirror_statuses(session), session.state.releases())
    text = exposition((program_family(), *node_families(node), *mirrors))
    path = Path(configured).expanduser()
    try:
        # `sync` and `serve` may write at the same time
        replace_file(path, text.encode(), mode=_MODE, suffix=f".{os.getpid()}")
    except OSError as error:
        raise TransferFailed(
            f"metrics_file {path} cannot be written: {error.strerror}",
            hint="name a file in a directory that this user may write, under [serve]",
        ) from error


def _mirror_families(
    statuses: Sequence[MirrorStatus], releases: Sequence[TrackedRelease]
) -> Iterator[Family]:
    tracked = {release.cid.digest: release for release in releases}

    def at(status: MirrorStatus) -> TrackedRelease | None:
        return None if status.current is None else tracked.get(status.current.release)

    def family(name: str, about: str, figure: Callable[[MirrorStatus], float | None]) -> Family:
        figures = [(status.name, figure(status)) for status in statuses]
        samples = (Sample(value, {"mirror": mirror}) for mirror, value in figures if value is not None)
        return Family(name, about, tuple(samples))

    yield family("last_success_timestamp_seconds", "When the last good run of the mirror ended.", _success)
    yield family("last_run_timestamp_seconds", "When the last run of the mirror began.", _begun)
    yield family("last_run_ok", "Whether that run was good; left out while it goes on.", _is_ok)
    yield family("running", "Whether a run of the mirror goes on, or was killed.", _is_running)
    yield family("release_timestamp_seconds", "When the mirror went to its release.", _switched)
    yield Family(
        "release_info",
        "The release that the mirror is at, and what its address leads to.",
        tuple(
            Sample(1, {"mirror": status.name, "label": current.label or "", "cid": str(current.cid)})
            for status in statuses
            if (current := status.current) is not None
        ),
    )
    yield family(
        "release_wheels",
        "Wheels of that release, whatever the mirror takes of it.",
        lambda status: None if (release := at(status)) is None else release.wheels,
    )
    yield family(
        "release_bytes",
        "Bytes of these wheels.",
        lambda status: None if (release := at(status)) is None else release.bytes,
    )
    yield family("kept_releases", "How many releases the mirror keeps.", lambda status: len(status.kept))
    yield family("stale", "Whether the mirror is stale.", lambda status: int(status.stale is not None))
    yield family("next_sync_timestamp_seconds", "When serve runs the mirror next.", _next)


def _success(status: MirrorStatus) -> int | None:
    return None if status.last is None else _seconds(status.last.succeeded_at)


def _begun(status: MirrorStatus) -> int | None:
    return None if status.last is None else _seconds(status.last.started_at)


def _is_ok(status: MirrorStatus) -> int | None:
    last = status.last
    return None if last is None or last.state is SyncState.RUNNING else int(last.state is SyncState.GOOD)


def _is_running(status: MirrorStatus) -> int:
    return int(status.last is not None and status.last.state is SyncState.RUNNING)


def _switched(status: MirrorStatus) -> int | None:
    return None if status.current is None else _seconds(status.current.switched_at)


def _next(status: MirrorStatus) -> int | None:
    return _seconds(status.next_at)


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def _health_line(status: MirrorStatus) -> str:
    """Whoever reaches the gateway reads it: no paths, no reasons."""
    current, last = status.current, status.last
    words = ["no release yet" if current is None else (current.label or str(current.cid))]
    if last is not None and last.succeeded_at is not None:
        words.append(f"good run {last.succeeded_at:%Y-%m-%dT%H:%M:%SZ}")
    if last is not None and last.state is not SyncState.GOOD:
        words.append("running" if last.state is SyncState.RUNNING else "last run failed")
    if status.stale is not None:
        words.append("stale")
    return safe_text(f"{status.name}: {', '.join(words)}")
