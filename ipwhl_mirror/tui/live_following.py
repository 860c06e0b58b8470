"""The part of the live backend that follows sources and runs mirrors; see Backend for the promises."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.figures import size
from ipwhl_mirror.services import addresses, mirrors, sources, syncing
from ipwhl_mirror.services.source_updates import outcome
from ipwhl_mirror.sources.errors import NotTrusted, SourceError
from ipwhl_mirror.sources.keys import read_key_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.source_updates import SourceUpdate
    from ipwhl_mirror.services.sources import SourceStatus
    from ipwhl_mirror.services.syncing import SyncReport
    from ipwhl_mirror.tui.screens.source import NewSource


class LiveFollowing:
    """Sources and mirrors of one session."""

    def __init__(self, session: Session) -> None:
        self._following_session = session

    def mirror_url(self, mirror: str) -> str:
        """See Backend."""
        session = self._following_session
        return addresses.mirror_url(addresses.own_gateway(session), mirror)

    async def sync(self, mirror: str, to: str | None, on_progress: ProgressSink) -> str:
        """See Backend."""
        (report,) = await syncing.sync(self._following_session, (mirror,), to=to, sink=on_progress)
        if report.error is not None:
            raise report.error
        return _sync_words(report)

    async def update(self, on_progress: ProgressSink) -> str:
        """See Backend."""
        return _update_words(await sources.update(self._following_session, sink=on_progress))

    async def add_source(self, asked: NewSource, on_progress: ProgressSink) -> str:
        """See Backend."""
        session = self._following_session
        keys = () if asked.key is None else await asyncio.to_thread(read_key_file, asked.key)
        await sources.add_source(session, asked.name, asked.url, keys)
        return _update_words(await sources.update(session, [asked.name], on_progress))

    async def remove_source(self, name: str, on_progress: ProgressSink) -> str:
        """See Backend."""
        trust = await sources.remove_source(self._following_session, name)
        return f"source {trust.name} is removed"

    def _mirror(self, name: str) -> mirrors.Mirror:
        (found,) = mirrors.mirrors(self._following_session, [name])
        return found


def known_sources(session: Session) -> tuple[SourceStatus, ...]:
    """Every source; none where the trust file cannot be used: whoever asks one is told why."""
    try:
        return sources.sources(session)
    except SourceError:
        return ()


def _sync_words(report: SyncReport) -> str:
    if report.current is None:
        return "its source has announced nothing yet"
    at = report.current.label or str(report.current.cid)
    if not report.changed:
        return f"nothing new, at {at}"
    retired = f"; retired {len(report.retired)}" if report.retired else ""
    return f"at {at}, {size(report.fetched_bytes)} fetched{retired}"


def _update_words(updates: Sequence[SourceUpdate]) -> str:
    """How asking went.

    Raises:
        NotTrusted: something was refused.
        SourceError: a source did not answer.
    """
    words = [f"{each.name}: {outcome(each)}" for each in updates]
    if any(each.refused for each in updates):
        raise NotTrusted("; ".join(words), hint="what was believed before stays; ask who publishes it")
    for each in updates:
        if each.error is not None:
            raise each.error
    return "; ".join(words) or "there is no source to ask"
