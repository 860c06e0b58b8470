"""The daemon's config, as far as this program looks at it.

It is the file: what was changed since the daemon started is shown changed, and holds from its next start on.
Secrets are not in it, Kubo leaves them out.

Settings: https://github.com/ipfs/kubo/blob/master/docs/config.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ipwhl_mirror.nodes.kubo.answers import read

if TYPE_CHECKING:
    from ipwhl_mirror.nodes.kubo.rpc import Rpc


class Addresses(msgspec.Struct, kw_only=True):
    """`Addresses`: each one multiaddr or several."""

    API: str | list[str] | None = None
    Gateway: str | list[str] | None = None

    @property
    def rpc(self) -> list[str]:
        """Where the RPC listens."""
        return _listed(self.API)

    @property
    def gateway(self) -> list[str]:
        """Where the HTTP gateway listens."""
        return _listed(self.Gateway)


class Api(msgspec.Struct, kw_only=True):
    """`API`."""

    HTTPHeaders: dict[str, list[str] | None] | None = None


class Datastore(msgspec.Struct, kw_only=True):
    """`Datastore`; `Spec` is a tree of mounts."""

    StorageGCWatermark: int = 90
    GCPeriod: str = ""
    Spec: Any = None


class Gateway(msgspec.Struct, kw_only=True):
    """`Gateway`."""

    NoFetch: bool = False
    DeserializedResponses: bool | None = None


class Provide(msgspec.Struct, kw_only=True):
    """`Provide`."""

    Enabled: bool | None = None
    Strategy: str | None = None


class Routing(msgspec.Struct, kw_only=True):
    """`Routing`."""

    Type: str | None = None


class KuboConfig(msgspec.Struct, kw_only=True):
    """`config/show`."""

    Addresses: Addresses = msgspec.field(default_factory=Addresses)
    API: Api = msgspec.field(default_factory=Api)
    Datastore: Datastore = msgspec.field(default_factory=Datastore)
    Gateway: Gateway = msgspec.field(default_factory=Gateway)
    Provide: Provide = msgspec.field(default_factory=Provide)
    Routing: Routing = msgspec.field(default_factory=Routing)


async def read_config(rpc: Rpc) -> KuboConfig:
    """What the daemon was set to.

    Raises:
        NodeRefused, NodeUnreachable: it does not show it.
    """
    return read("config/show", await rpc.call("config/show"), KuboConfig)


def _listed(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []
