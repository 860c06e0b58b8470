"""`serve`: the gateway, the mirrors' runs and what the service manager is told, in one, until it is to stop.

Requests are answered while a mirror is run, and whatever becomes of that run. When it is to stop, nothing new
is accepted, the run is cancelled and answers that are under way have a moment; what was fetched stays.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.errors import NodeError
from ipwhl_mirror.services import syncing
from ipwhl_mirror.services.errors import FAILURES
from ipwhl_mirror.services.keeping import Keeper
from ipwhl_mirror.services.mirror_events import Event, EventKind
from ipwhl_mirror.services.mirror_metrics import write_metrics
from ipwhl_mirror.services.reloading import Reloader, check_mirrors
from ipwhl_mirror.services.serving import gateway_settings, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipwhl_mirror.gateway.server import RunningGateway
    from ipwhl_mirror.services.events import Progress, ProgressSink
    from ipwhl_mirror.services.keeping import Timing
    from ipwhl_mirror.services.mirror_events import EventSink, Field
    from ipwhl_mirror.services.notify import Supervisor
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.syncing import SyncReport


class Unattended:
    """A gateway that keeps its mirrors current."""

    def __init__(
        self,
        session: Session,
        supervisor: Supervisor,
        *,
        on_event: EventSink,
        sink: ProgressSink | None = None,
        timing: Timing | None = None,
    ) -> None:
        """Nothing runs yet.

        Args:
            sink: the progress of runs; None: what is to be noted in it becomes an event.
        """
        self._session = session
        self._supervisor = supervisor
        self._on_event = on_event
        self._sink = self._note_progress if sink is None else sink
        self._keeper = Keeper(
            session, self._sync, on_event=self._told, after_run=self._write_metrics, timing=timing
        )
        self._reloader = Reloader(session)
        self._stop = asyncio.Event()
        self._listen: str | None = None
        self._gateway: RunningGateway | None = None

    async def run(self, listen: str | None, on_listening: Callable[[str], None]) -> None:
        """Run until `stop`.

        Args:
            listen: host:port; None for the configured one.
            on_listening: told the address when requests are answered.

        Raises:
            ConfigError: a mirror or a hook of the configuration cannot be used.
            GatewayError: the address cannot be used.
        """
        check_mirrors(self._session)
        async with serving(self._session, listen) as gateway, asyncio.TaskGroup() as tasks:
            self._listen, self._gateway = listen, gateway
            on_listening(gateway.url)
            self._tell(EventKind.SERVE_STARTED, url=gateway.url)
            self._supervisor.ready()
            await self._write_metrics()
            running = [tasks.create_task(self._keeper.keep()), tasks.create_task(self._feed_watchdog())]
            await self._stop.wait()
            self._supervisor.stopping()
            self._tell(EventKind.STOPPING)
            for task in running:
                task.cancel()
            await gateway.aclose()

    def stop(self) -> None:
        """Let `run` end."""
        self._stop.set()

    def reload(self) -> None:
        """Read the configuration again; where it cannot be used, say so and go on as before."""
        self._supervisor.reloading()
        try:
            restarts = self._reloader.reload()
        except FAILURES as error:
            self._tell(EventKind.RELOAD_FAILED, reason=str(error))
        else:
            if self._gateway is not None:
                self._gateway.answer_for(gateway_settings(self._session, self._listen))
            self._keeper.reschedule()
            mirrors = len(self._session.settings.config.mirror)
            self._tell(EventKind.RELOADED, mirrors=mirrors, restart=", ".join(restarts) or None)
        self._supervisor.ready()

    async def _sync(self, name: str) -> SyncReport:
        (report,) = await syncing.sync(self._session, (name,), sink=self._sink, on_event=self._told)
        return report

    async def _write_metrics(self) -> None:
        try:
            await write_metrics(self._session)
        except FAILURES as error:
            self._tell(EventKind.METRICS_FAILED, reason=str(error))

    async def _feed_watchdog(self) -> None:
        """While the node answers."""
        if self._supervisor.watchdog_s is None:
            return
        interval = self._supervisor.watchdog_s / 2
        while True:
            try:
                async with asyncio.timeout(interval):
                    await self._session.node.status()
            except (NodeError, TimeoutError):
                pass
            else:
                self._supervisor.alive()
            await asyncio.sleep(interval)

    def _note_progress(self, progress: Progress) -> None:
        if progress.note:
            self._tell(EventKind.NOTE, text=progress.note)

    def _told(self, event: Event) -> None:
        self._on_event(event)
        if event.kind is EventKind.SYNC_DONE:
            self._supervisor.status(f"{event.mirror}: at {event.fields['label'] or event.fields['cid']}")
        elif event.kind is EventKind.SYNC_FAILED:
            self._supervisor.status(f"{event.mirror}: failed: {event.fields['reason']}")

    def _tell(self, kind: EventKind, **fields: Field) -> None:
        self._told(Event(kind=kind, at=self._session.clock(), fields=fields))
