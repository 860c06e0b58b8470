"""What a run was told, apart from what it does: cheap to import, so that `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.base import Transfer

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.config import Config

DEFAULT_LOCK_WAIT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run was told.

    Attributes:
        data_dir: releases, pins and the embedded node.
        config: the configuration file with the command line and environment laid over it.
        read_only: refuse every change.
        lock_wait_s: how long to wait for another run.
        config_file: where `config` was read from, or would have been; for messages.
        no_color: show nothing in colour.
    """

    data_dir: Path
    config: Config
    read_only: bool = False
    lock_wait_s: float = DEFAULT_LOCK_WAIT_S
    config_file: Path | None = None
    no_color: bool = False

    @property
    def transfer(self) -> Transfer:
        """How the node fetches."""
        node = self.config.node
        return Transfer(stall_timeout_s=node.stall_timeout, concurrency=node.concurrency)
