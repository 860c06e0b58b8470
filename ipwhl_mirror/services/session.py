"""What every use case works with: one node, the state, the settings and a clock.

A session is opened once a run and closed at its end. Reading needs no lock and no write permission; a use
case that changes something holds `Session.exclusive`, which also keeps the run log.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import math
import platform
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ipwhl_mirror.config import ConfigError
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.services.choosing import choose_node
from ipwhl_mirror.services.errors import ReadOnlyRefused
from ipwhl_mirror.state.database import State
from ipwhl_mirror.state.errors import StateDamaged, StateFull
from ipwhl_mirror.state.lock import data_dir_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ipwhl_mirror.nodes.base import Node
    from ipwhl_mirror.services.settings import Settings

PIN_PREFIX = "ipwhl-mirror/"
_NODE_SETTING = "node"
_COLLECT_AFTER = 200_000
_OWNER_SETTING = "owner"
_IDENTITY_SETTING = "node identity"


def utc_now() -> datetime:
    """The time, UTC, whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(slots=True, kw_only=True)
class Session:
    """An open node and data directory.

    Attributes:
        chosen: what to remember of the choice of the node; None where nothing is.
        on_wait: where it is set, a use case waits for another run that holds the data directory as long as
            it takes, and this is told what that run says it does, and None when the wait is over.
    """

    node: Node
    state: State
    settings: Settings
    chosen: str | None = None
    clock: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    on_wait: Callable[[str | None], None] | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Session]:
        """Open the data directory and the node the settings name.

        Raises:
            ConfigError: the node cannot be told.
            StateDamaged, NodeError: one of them cannot be opened.
        """
        # a release is 400,000 objects without a cycle, which the collector would walk again and again
        gc.set_threshold(_COLLECT_AFTER, *gc.get_threshold()[1:])
        state = State.open(settings.data_dir)
        try:
            node, chosen = await choose_node(settings, state.setting(_NODE_SETTING))
            session = cls(node=node, state=state, settings=settings, chosen=chosen)
        except BaseException:
            state.close()
            raise
        try:
            yield session
        finally:
            await session.node.aclose()
            session.state.close()

    async def check_node(self) -> None:
        """Make sure that the node is the one whose pins this data directory knows: what was verified on one
        is not verified on another.

        Raises:
            ConfigError: it is another.
            NodeError: it does not answer.
        """
        known = self.state.setting(_IDENTITY_SETTING)
        if known is not None and known != (found := await self.node.identity()):
            directory = self.settings.data_dir
            raise ConfigError(
                f"{directory} was begun with another node: {known}, not {safe_text(found, 100)}",
                hint="give each node a data directory of its own: --data-dir DIR. Where it is the same, set "
                f"up anew, remove {directory / 'state.sqlite'}: what is pinned is found again",
            )

    def look_again(self) -> None:
        """Use the database that another run has begun since, where none was there before.

        Raises:
            StateDamaged: it cannot be opened, or the one in use was removed.
        """
        self._check_database()
        if self.state.is_outdated:
            before, self.state = self.state, State.open(self.settings.data_dir)
            before.close()

    def _check_database(self) -> None:
        if self.state.is_replaced:
            raise StateDamaged(
                f"{self.state.path} was removed or replaced while it was in use",
                hint="leave and start again: releases and pins are found again from the node",
            )

    @contextlib.asynccontextmanager
    async def exclusive(self, verb: str) -> AsyncIterator[None]:
        """Hold the data directory's lock and log the run.

        Raises:
            ReadOnlyRefused: the session is read-only.
            ConfigError, NodeError: see `check_node`.
            LockHeld: another run holds it for longer than the settings allow, and nobody is told (`on_wait`).
            StateDamaged: the database was removed while this session used it.
        """
        if self.settings.read_only:
            raise ReadOnlyRefused(f"{verb} changes something, and this run is read-only")
        wait_s = self.settings.lock_wait_s if self.on_wait is None else math.inf
        async with data_dir_lock(self.settings.data_dir, verb, wait_s=wait_s, on_wait=self.on_wait):
            self._check_database()
            if self.state.is_copy:
                self.state.close()
                self.state = State.create(self.settings.data_dir)
            run = self.state.begin_run(verb, self.clock())
            outcome = "done"
            try:
                await self._take_node()
                yield
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            except BaseException as error:
                outcome = f"failed: {type(error).__name__}"
                raise
            finally:
                # where there is no room for the log either, what went wrong is told, not that
                with contextlib.suppress(*(() if outcome == "done" else (StateFull,))):
                    self.state.end_run(run, outcome, self.clock())

    async def _take_node(self) -> None:
        """Write down which node was chosen, mark what is put on it for a while as ours, and tidy up after a
        run that did not end well."""
        await self.check_node()
        if self.state.setting(_IDENTITY_SETTING) is None:
            self.state.remember(_IDENTITY_SETTING, await self.node.identity())
        if self.state.setting(_NODE_SETTING) is None and self.chosen is not None:
            self.state.remember(_NODE_SETTING, self.chosen)
        if (owner := self.state.setting(_OWNER_SETTING)) is None:
            # the same again after the database was lost, so that what was left behind then is found
            place = f"{platform.node()}:{self.settings.data_dir.absolute()}"
            owner = hashlib.sha256(place.encode()).hexdigest()[:16]
            self.state.remember(_OWNER_SETTING, owner)
        self.node.owner = owner
        if not self.state.ended_well():
            await self.node.sweep()
