"""Tells what happens to one mirror: to whoever watches, and to the hooks that its configuration names.

Hooks run outside of the data directory's lock, so that they may call this program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.services.hooks import run_hook
from ipwhl_mirror.services.mirror_events import Event, EventKind
from ipwhl_mirror.sources.errors import NotTrusted

if TYPE_CHECKING:
    from ipwhl_mirror.services.mirror_events import EventSink, Field
    from ipwhl_mirror.services.mirrors import Mirror
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.source_updates import Found, SourceUpdate


@dataclass(frozen=True, slots=True)
class Telling:
    """Where the events of one mirror go."""

    session: Session
    mirror: Mirror
    on_event: EventSink

    def tell(self, kind: EventKind, **fields: Field) -> Event:
        """Tell one thing that happened, with the fields of its kind."""
        event = Event(kind=kind, at=self.session.clock(), mirror=self.mirror.name, fields=fields)
        self.on_event(event)
        return event

    async def news(self, said: SourceUpdate) -> None:
        """Tell what a source says that is new or refused; `on_new` for each new release."""
        for found in said.new:
            event = self.tell(EventKind.RELEASE_NEW, **_named(found), signer=found.announcement.signer)
            await self._hook("on_new", self.mirror.config.on_new, event)
        for found in said.refused:
            self.tell(EventKind.RELEASE_REFUSED, **_named(found), reason=found.judgement.reason)

    async def done(self, **fields: Field) -> None:
        """Tell that a run was good; `on_success`."""
        event = self.tell(EventKind.SYNC_DONE, **fields)
        await self._hook("on_success", self.mirror.config.on_success, event)

    async def failed(self, error: Exception, seconds: float) -> None:
        """Tell that it was not; `on_failure`."""
        event = self.tell(
            EventKind.SYNC_FAILED, error=type(error).__name__, reason=str(error), seconds=seconds
        )
        await self._hook("on_failure", self.mirror.config.on_failure, event)

    async def _hook(self, name: str, command: tuple[str, ...], event: Event) -> None:
        if not command:
            return
        result = await run_hook(self.session.settings, name, command, event)
        seconds = round(result.seconds, 3)
        if result.reason is None:
            self.tell(EventKind.HOOK_DONE, hook=name, seconds=seconds)
        else:
            self.tell(EventKind.HOOK_FAILED, hook=name, reason=result.reason, seconds=seconds)


def refusal_of(said: SourceUpdate) -> NotTrusted | None:
    """What a source says that contradicts what was accepted, as an error; None where nothing does."""
    for found in said.refused:
        label, reason = found.announcement.label, found.judgement.reason
        return NotTrusted(f"source {said.name} announces {label}, which is refused: {reason}")
    return None


def _named(found: Found) -> dict[str, Field]:
    return {"label": found.announcement.label, "cid": str(found.announcement.cid)}
