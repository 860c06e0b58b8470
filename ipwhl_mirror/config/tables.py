"""The tables of the configuration file, each with its defaults and what it accepts."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

DEFAULT_GATEWAYS = ("https://trustless-gateway.link",)
_SHORTEST_S = 60.0


class NodeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[node]`: which node, and how the embedded one fetches.

    Attributes:
        spec: "auto", "embedded", or the address of a Kubo RPC, a multiaddr or a URL.
        auth_file: a file with the RPC's secret, which only its owner may read, absolute or from ~; "" for
            none.
        gateways: trustless gateways, base addresses, asked side by side.
        concurrency: wheels fetched at once.
        stall_timeout: seconds without a byte after which a source is left.
    """

    spec: str = "auto"
    auth_file: str = ""
    gateways: tuple[str, ...] = DEFAULT_GATEWAYS
    concurrency: int = 8
    stall_timeout: float = 30.0

    def __post_init__(self) -> None:
        if self.spec not in ("auto", "embedded") and not self.spec.startswith(("/", "http://", "https://")):
            raise ValueError(
                "spec must be auto, embedded, or the address of a Kubo RPC, for instance http://127.0.0.1:5001"
            )
        if self.auth_file and not self.auth_file.startswith(("/", "~")):
            raise ValueError("auth_file must be an absolute path, or begin with ~")
        if not 1 <= self.concurrency <= 64:
            raise ValueError("concurrency must be from 1 to 64")
        if self.stall_timeout <= 0:
            raise ValueError("stall_timeout must be above 0 seconds")


class ServeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[serve]`: the gateway for pip.

    Attributes:
        listen: host:port.
        hosts: further names that clients may ask for in the Host header.
        behind_proxy: believe a reverse proxy's forwarding headers.
        sync_every: seconds from one run of each mirror to the next; 0: `serve` runs none.
        sync_jitter: up to so many seconds are added, so that not all mirrors ask at once.
        metrics_file: where every run leaves its figures for Prometheus' textfile collector; "" for nowhere.
    """

    listen: str = "127.0.0.1:8085"
    hosts: tuple[str, ...] = ()
    behind_proxy: bool = False
    sync_every: float = 3600.0
    sync_jitter: float = 900.0
    metrics_file: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}", self.listen):
            raise ValueError("listen must be host:port, for instance 127.0.0.1:8085")
        if self.sync_every and self.sync_every < _SHORTEST_S:
            raise ValueError(f"sync_every must be 0, or at least {_SHORTEST_S:g} seconds")
        if self.sync_jitter < 0:
            raise ValueError("sync_jitter must not be below 0 seconds")
        if self.metrics_file and not self.metrics_file.startswith(("/", "~")):
            raise ValueError("metrics_file must be an absolute path, or begin with ~")


class StorageConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[storage]`: what a pin may take.

    Attributes:
        reserve_free: bytes of the disk that stay free.
        budget: bytes the node may keep in all; 0 is no limit.
        gc: when the node's garbage is collected without being asked for each time.
    """

    reserve_free: int = 1 << 30
    budget: int = 0
    gc: Literal["never", "after-sync"] = "never"


class SourcesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[sources]`: how sources, and the addresses in locks that are published, are asked.

    Attributes:
        private_hosts: names of hosts that may be on a private network; the others may not.
    """

    private_hosts: tuple[str, ...] = ()


class MirrorConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[mirror.NAME]`: a source, what to take of its releases, how long to keep them.

    Attributes:
        source: the name of an accepted source.
        platforms, environments, python, projects, exclude: as the options of SELECTION.
        lock: pylock.toml files; only what they need is taken. Absolute, or as seen from the configuration.
        keep: how many releases stay, the current one included.
        keep_days: a release that was replaced stays at least so many days.
        budget: bytes of wheels this mirror may keep; 0 is no limit.
        reserve_free: bytes of the disk that stay free; None: as [storage] says.
        max_removed_ratio: a release without more than this part of what the current one has is refused.
        stale_after: days without a good run, or without a newer release, until it is stale; None: never.
        on_new, on_success, on_failure: commands, which get JSON on stdin; () for none.
    """

    source: str
    platforms: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    lock: tuple[str, ...] = ()
    keep: int = 2
    keep_days: float = 0.0
    budget: int = 0
    reserve_free: int | None = None
    max_removed_ratio: float = 0.4
    stale_after: float | None = None
    on_new: tuple[str, ...] = ()
    on_success: tuple[str, ...] = ()
    on_failure: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise ValueError("keep must be at least 1: the current release stays")
        if not 0 <= self.max_removed_ratio <= 1:
            raise ValueError("max_removed_ratio must be from 0 to 1")
        if self.keep_days < 0 or self.budget < 0 or (self.reserve_free or 0) < 0:
            raise ValueError("keep_days, budget and reserve_free must not be below 0")
        if self.stale_after is not None and self.stale_after <= 0:
            raise ValueError("stale_after must be above 0 days")
        for command in (self.on_new, self.on_success, self.on_failure):
            if command and not command[0]:
                raise ValueError(
                    'a hook must be a program and its arguments: ["/path/to/program", "argument"]'
                )


class UiConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[ui]`: how the terminal UI looks.

    Attributes:
        theme: its colours; the UI knows which there are.
        ascii: draw with ASCII characters, whatever the terminal is said to show.
    """

    theme: str = "textual-dark"
    ascii: bool = False


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file.

    Attributes:
        mirror: `[mirror.NAME]`, by name.
        keys: `[keys]`: names of keys by what they do, as they were written; the UI knows which there are.
    """

    node: NodeConfig = NodeConfig()
    serve: ServeConfig = ServeConfig()
    storage: StorageConfig = StorageConfig()
    sources: SourcesConfig = SourcesConfig()
    mirror: dict[str, MirrorConfig] = {}
    ui: UiConfig = UiConfig()
    keys: dict[str, str] = {}
