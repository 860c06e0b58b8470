"""What every use case works with: one node, the state, the settings and a clock.

A session is opened once a run and closed at its end. Reading needs no lock and no write permission; a use
case that changes something holds `Session.exclusive`, which also keeps the run log.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.config import ConfigError
from ipwhl_mirror.nodes.embedded.node import EmbeddedNode
from ipwhl_mirror.services.errors import ReadOnlyRefused
from ipwhl_mirror.state.database import State
from ipwhl_mirror.state.lock import data_dir_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ipwhl_mirror.nodes.base import Node
    from ipwhl_mirror.services.settings import Settings

PIN_PREFIX = "ipwhl-mirror/"
_NODE_SETTING = "node"


def utc_now() -> datetime:
    """The time, UTC, whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(slots=True, kw_only=True)
class Session:
    """An open node and data directory."""

    node: Node
    state: State
    settings: Settings
    clock: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Session]:
        """Open the data directory and the node the settings name.

        Raises:
            ConfigError: the node cannot be told.
            StateDamaged, NodeError: one of them cannot be opened.
        """
        state = State.open(settings.data_dir)
        try:
            session = cls(node=_make_node(settings, state), state=state, settings=settings)
        except BaseException:
            state.close()
            raise
        try:
            yield session
        finally:
            await session.node.aclose()
            session.state.close()

    @contextlib.asynccontextmanager
    async def exclusive(self, verb: str) -> AsyncIterator[None]:
        """Hold the data directory's lock and log the run.

        Raises:
            ReadOnlyRefused: the session is read-only.
            LockHeld: another run holds it for longer than the settings allow.
        """
        if self.settings.read_only:
            raise ReadOnlyRefused(f"{verb} changes something, and this run is read-only")
        async with data_dir_lock(self.settings.data_dir, verb, wait_s=self.settings.lock_wait_s):
            if self.state.path is None:
                self.state.close()
                self.state = State.create(self.settings.data_dir)
            run = self.state.begin_run(verb, self.clock())
            self._remember_node()
            outcome = "done"
            try:
                yield
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            except BaseException as error:
                outcome = f"failed: {type(error).__name__}"
                raise
            finally:
                self.state.end_run(run, outcome, self.clock())

    def _remember_node(self) -> None:
        if self.state.setting(_NODE_SETTING) is None:
            self.state.remember(_NODE_SETTING, "embedded")


def _make_node(settings: Settings, state: State) -> Node:
    spec = settings.config.node.spec
    if spec == "auto":
        spec = state.setting(_NODE_SETTING) or _detect()
    if spec != "embedded":
        raise ConfigError(
            f"--node {spec}: this version knows only the embedded node", hint="use --node embedded"
        )
    return EmbeddedNode(settings.data_dir / "node", gateways=settings.config.node.gateways)


def _detect() -> str:
    """The embedded node, unless this machine has an IPFS repository that somebody may expect to be used.

    Raises:
        ConfigError: it has one.
    """
    repo = Path(os.environ.get("IPFS_PATH") or Path.home() / ".ipfs")
    if (repo / "config").is_file():
        raise ConfigError(
            f"{repo} holds an IPFS repository, and this version cannot use it",
            hint="choose the embedded node, which keeps its own: --node embedded",
        )
    return "embedded"
