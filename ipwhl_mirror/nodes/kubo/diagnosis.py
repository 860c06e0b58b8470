"""What is so with a Kubo daemon, what of it is wrong for a mirror, why, and the command that changes it.

`examine` asks the daemon; `findings_of` judges, and asks nobody. What the RPC does not show is said, not
guessed: whether the daemon was started with `--enable-gc` is known to its command line only.

Settings: https://github.com/ipfs/kubo/blob/master/docs/config.md
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import duration, plural, size
from ipwhl_mirror.nodes.base import Finding, Health
from ipwhl_mirror.nodes.kubo.answers import Peers, RepoSize, read
from ipwhl_mirror.nodes.kubo.disk import disk_of
from ipwhl_mirror.nodes.kubo.own_gateway import own_gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipwhl_mirror.nodes.base import NodeGateway
    from ipwhl_mirror.nodes.kubo.address import RpcAddress
    from ipwhl_mirror.nodes.kubo.rpc import Rpc

_SKEW_S = 60
_CORS = "Access-Control-Allow-Origin"


class ApiConfig(msgspec.Struct):
    """`API`."""

    HTTPHeaders: dict[str, list[str] | None] | None = None
    Authorizations: dict[str, msgspec.Raw] | None = None


class AddressConfig(msgspec.Struct):
    """`Addresses`."""

    API: str | list[str] | None = None


class DatastoreConfig(msgspec.Struct):
    """`Datastore`; `Spec` is a tree of mounts."""

    GCPeriod: str = "1h"
    StorageGCWatermark: int = 90
    Spec: msgspec.Raw = msgspec.Raw(b"{}")


class ProvideConfig(msgspec.Struct):
    """`Provide`, and its older name `Reprovider`."""

    Enabled: bool | None = None
    Strategy: str | None = None


class KuboConfig(msgspec.Struct):
    """`config/show`, as far as it is judged."""

    API: ApiConfig = msgspec.field(default_factory=ApiConfig)
    Addresses: AddressConfig = msgspec.field(default_factory=AddressConfig)
    Datastore: DatastoreConfig = msgspec.field(default_factory=DatastoreConfig)
    Provide: ProvideConfig = msgspec.field(default_factory=ProvideConfig)
    Reprovider: ProvideConfig = msgspec.field(default_factory=ProvideConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A daemon as `examine` found it.

    Attributes:
        address: of its RPC, as this program uses it.
        has_secret: this program sends one.
        repo_bytes, storage_max: of `repo/stat`.
        free_bytes: on the repository's disk.
        skew_s: seconds that its clock is ahead of ours; None where it says no time.
    """

    address: RpcAddress
    has_secret: bool
    config: KuboConfig
    repo_bytes: int
    storage_max: int
    free_bytes: int
    peers: int
    skew_s: float | None
    gateway: NodeGateway | None


async def examine(rpc: Rpc, address: RpcAddress) -> tuple[Finding, ...]:
    """Look at the daemon. Changes nothing.

    Raises:
        NodeRefused, NodeUnreachable: it does not answer.
    """
    config, repo, peers, disk, gateway = await asyncio.gather(
        rpc.call("config/show"),
        rpc.call("repo/stat", size_only=True),
        rpc.call("swarm/peers"),
        disk_of(rpc, address),
        own_gateway(rpc, address),
    )
    stat = read("repo/stat", repo, RepoSize)
    facts = Facts(
        address=address,
        has_secret=rpc.has_secret,
        config=read("config/show", config, KuboConfig),
        repo_bytes=stat.RepoSize,
        storage_max=stat.StorageMax,
        free_bytes=disk.free_bytes,
        peers=len(read("swarm/peers", peers, Peers).Peers or ()),
        skew_s=rpc.skew_s,
        gateway=gateway,
    )
    return findings_of(facts)


def findings_of(facts: Facts) -> tuple[Finding, ...]:
    """Judge a daemon."""
    return (
        *_exposure(facts),
        _cors(facts),
        _storage(facts),
        _collection(facts),
        _power_loss(facts),
        _provide(facts),
        _own_gateway(facts),
        _peers(facts),
        _clock(facts),
    )


def _exposure(facts: Facts) -> Iterator[Finding]:
    is_guarded = bool(facts.config.API.Authorizations)
    listed = facts.config.Addresses.API or []
    listening = [listed] if isinstance(listed, str) else listed
    open_to = [text for text in listening if _is_reachable(text)]
    address = facts.address
    if open_to and not is_guarded:
        yield Finding(
            check="rpc",
            health=Health.PROBLEM,
            found=f"it listens on {', '.join(map(safe_text, open_to))} and asks for no secret",
            why="whoever reaches it can read, change and delete everything on this node, its keys too",
            remedy="ipfs config Addresses.API /ip4/127.0.0.1/tcp/5001, or set API.Authorizations",
        )
    elif not address.is_loopback and not is_guarded:
        yield Finding(
            check="rpc",
            health=Health.PROBLEM,
            found=f"{address.url} is not of this machine and asks for no secret",
            why="whoever reaches it can read, change and delete everything on this node, its keys too",
            remedy="set API.Authorizations in its config, or reach it by an ssh tunnel",
        )
    elif not address.is_loopback and address.scheme == "http" and facts.has_secret:
        yield Finding(
            check="rpc",
            health=Health.WARNING,
            found=f"{address.url} is not encrypted",
            why="others on the way can read the secret that is sent with every call",
            remedy="put https before it (a reverse proxy), or use an ssh tunnel",
        )
    else:
        guarded = "asks for a secret" if is_guarded else "on this machine only"
        yield Finding(check="rpc", health=Health.OK, found=f"{address.url}, {guarded}")


def _is_reachable(text: str) -> bool:
    """Whether other machines can reach what listens on a multiaddr."""
    if text.startswith("/unix/"):
        return False
    host = text.split("/")[2] if text.count("/") > 2 else ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _cors(facts: Facts) -> Finding:
    allowed = (facts.config.API.HTTPHeaders or {}).get(_CORS) or []
    if "*" in allowed:
        return Finding(
            check="rpc origins",
            health=Health.PROBLEM,
            found=f"{_CORS} is *",
            why="any page that a browser of this machine opens can use the RPC",
            remedy=f"ipfs config --json API.HTTPHeaders.{_CORS} '[]'",
        )
    return Finding(
        check="rpc origins", health=Health.OK, found=", ".join(map(safe_text, allowed)) or "no web page"
    )


def _storage(facts: Facts) -> Finding:
    limit, kept, free = facts.storage_max, facts.repo_bytes, facts.free_bytes
    mark = limit * facts.config.Datastore.StorageGCWatermark // 100
    if kept > mark:
        return Finding(
            check="storage",
            health=Health.WARNING,
            found=f"{size(kept)} kept, and an automatic collection begins at {size(mark)} "
            f"(StorageMax {size(limit)})",
            why="StorageMax limits nothing; above its mark a daemon with --enable-gc collects again and "
            "again, and pins wait meanwhile",
            remedy=f"ipfs config Datastore.StorageMax {_gigabytes(kept + free)}GB",
        )
    if limit - kept > free:
        return Finding(
            check="storage",
            health=Health.WARNING,
            found=f"StorageMax {size(limit)}, {size(kept)} kept, and {size(free)} free on the disk",
            why="an automatic collection would begin only after the disk is full",
            remedy=f"ipfs config Datastore.StorageMax {_gigabytes(kept + free)}GB",
        )
    return Finding(check="storage", health=Health.OK, found=f"{size(kept)} kept of StorageMax {size(limit)}")


def _gigabytes(room: int) -> int:
    return max(1, room * 9 // 10 // 10**9)


def _collection(facts: Facts) -> Finding:
    return Finding(
        check="automatic gc",
        health=Health.OK,
        found=f"each {safe_text(facts.config.Datastore.GCPeriod, 20)} where the daemon runs with "
        "--enable-gc, which it does not tell",
        why="it removes what is not pinned: an interrupted pin begins anew",
    )


def _power_loss(facts: Facts) -> Finding:
    if b'"sync":false' in bytes(facts.config.Datastore.Spec).replace(b" ", b""):
        return Finding(
            check="power loss",
            health=Health.WARNING,
            found="the datastore writes without fsync (flatfs, sync: false)",
            why="a power cut can leave empty blocks that count as stored; `ipwhl-mirror verify` finds them",
            remedy='ipfs config edit: "sync": true in Datastore.Spec, then start the daemon again',
        )
    return Finding(check="power loss", health=Health.OK, found="the datastore is synced")


def _provide(facts: Facts) -> Finding:
    provide = facts.config.Provide
    strategy = provide.Strategy or facts.config.Reprovider.Strategy or "all"
    if provide.Enabled is False:
        return Finding(check="provide", health=Health.OK, found="off: peers must know this node")
    if strategy in ("all", "flat"):
        return Finding(
            check="provide",
            health=Health.WARNING,
            found=f"strategy {strategy!r}: every block of every wheel is announced",
            why="a release has hundreds of thousands of blocks; announcing them all takes hours and traffic",
            remedy="ipfs config Provide.Strategy pinned+entities (an older Kubo knows pinned)",
        )
    return Finding(check="provide", health=Health.OK, found=f"strategy {safe_text(strategy, 60)}")


def _own_gateway(facts: Facts) -> Finding:
    gateway = facts.gateway
    if gateway is None:
        return Finding(check="kubo gateway", health=Health.OK, found="none that can be reached from here")
    if gateway.fetches:
        return Finding(
            check="kubo gateway",
            health=Health.WARNING,
            found=f"{gateway.url}, which fetches what is not here (Gateway.NoFetch is false)",
            why="a client of an official CID makes this node fetch wheels outside the plan and the budget",
            remedy="ipfs config --json Gateway.NoFetch true, then start the daemon again",
        )
    return Finding(check="kubo gateway", health=Health.OK, found=f"{gateway.url}, local blocks only")


def _peers(facts: Facts) -> Finding:
    if not facts.peers:
        return Finding(
            check="peers",
            health=Health.WARNING,
            found="none",
            why="nothing can be fetched from nobody",
            remedy="ipfs swarm connect ADDRESS; is the daemon online?",
        )
    return Finding(check="peers", health=Health.OK, found=plural(facts.peers, "peer"))


def _clock(facts: Facts) -> Finding:
    skew = facts.skew_s
    if skew is not None and abs(skew) > _SKEW_S:
        ahead = "ahead of" if skew > 0 else "behind"
        return Finding(
            check="clock",
            health=Health.WARNING,
            found=f"the daemon's clock is {duration(abs(skew))} {ahead} ours",
            why="ages and expiry of releases are told by the clock",
            remedy="set both by NTP",
        )
    return Finding(check="clock", health=Health.OK, found="as ours" if skew is not None else "not told")
