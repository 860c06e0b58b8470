"""What of a Kubo daemon is wrong for a mirror, why, and the command that changes it: a judgement of values.

Nothing is asked here (`diagnosis.py` does), and nothing is guessed: what was not shown is told so.
"""

from __future__ import annotations

import ipaddress
import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import duration, plural, size
from ipwhl_mirror.nodes.base import Finding, Health

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipwhl_mirror.nodes.base import NodeGateway
    from ipwhl_mirror.nodes.kubo.address import RpcAddress
    from ipwhl_mirror.nodes.kubo.settings import KuboConfig

_SKEW_S = 60
_CORS = "Access-Control-Allow-Origin"
_RESTART = ", then restart the daemon"
_OWN_RPC = f"ipfs config Addresses.API /ip4/127.0.0.1/tcp/5001{_RESTART}"
_ENTITIES_SINCE = (0, 41)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A daemon as it was found.

    Attributes:
        address: of its RPC, as this program uses it.
        version: as it says it.
        asks_secret: who sends none is refused.
        config: its settings; None where it does not show them.
        repo_bytes, storage_max: what it keeps, and `Datastore.StorageMax`.
        free_bytes: on the repository's disk.
        is_here: the repository is in a directory of this machine.
        collects: it collects garbage by itself; None where it does not show that.
        skew_s: seconds that its clock is ahead of ours; None where it says no time.
        gateway: its own one, where that can be reached from here.
    """

    address: RpcAddress
    version: str
    asks_secret: bool
    config: KuboConfig | None
    repo_bytes: int
    storage_max: int
    free_bytes: int
    is_here: bool
    collects: bool | None
    peers: int
    skew_s: float | None
    gateway: NodeGateway | None


def findings_of(facts: Facts) -> tuple[Finding, ...]:
    """Judge a daemon."""
    config = facts.config
    if config is None:
        settings = Finding(
            check="settings",
            health=Health.WARNING,
            found="the RPC does not show its config",
            why="whether it is open to others, what it announces and what a power cut does is unknown",
            remedy="let API.Authorizations allow the path /api/v0/config/show",
        )
        return (*_rpc(facts, []), settings, _collection(facts, "", 90), _peers(facts), _clock(facts))
    return (
        *_rpc(facts, config.Addresses.rpc),
        _origins(config),
        _collection(facts, config.Datastore.GCPeriod, config.Datastore.StorageGCWatermark),
        _power_cut(config),
        _announcing(facts, config),
        _own_gateway(facts, config),
        _peers(facts),
        _clock(facts),
    )


def _rpc(facts: Facts, listening: list[str]) -> Iterator[Finding]:
    address = facts.address
    open_at = [safe_text(text, 100) for text in listening if _is_exposed(text)]
    if not address.is_loopback:
        open_at = [address.url]
    why = "whoever reaches it can read, change and delete all that this node keeps, and its keys"
    if not open_at:
        yield Finding(check="rpc", health=Health.OK, found=f"{address.url}, for this machine only")
    elif not facts.asks_secret and address.is_loopback and not facts.is_here:
        # so does every Kubo in a container, where only the port that is published says who reaches it
        yield Finding(
            check="rpc",
            health=Health.WARNING,
            found=f"in its container it listens on {', '.join(open_at)}, and asks for no secret",
            why=why,
            remedy="publish its port for this machine only: -p 127.0.0.1:5001:5001",
        )
    elif not facts.asks_secret:
        yield Finding(
            check="rpc",
            health=Health.PROBLEM,
            found=f"{', '.join(open_at)} is open to other machines, and asks for no secret",
            why=why,
            remedy=f"{_OWN_RPC}; or set API.Authorizations by `ipfs config edit`",
        )
    elif address.scheme == "http" and not address.is_loopback:
        yield Finding(
            check="rpc",
            health=Health.WARNING,
            found=f"{address.url} is not encrypted",
            why="others on the way can read the secret, which is sent with every call",
            remedy="put a reverse proxy with https before it, or go through ssh -L 5001:127.0.0.1:5001",
        )
    else:
        yield Finding(check="rpc", health=Health.OK, found=f"{', '.join(open_at)}, which asks for a secret")


def _is_exposed(text: str) -> bool:
    """Whether other machines can reach what listens on a multiaddr."""
    kind, host = (*text.split("/"), "", "", "")[1:3]
    if kind in ("unix", ""):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _origins(config: KuboConfig) -> Finding:
    headers = {name.lower(): values for name, values in (config.API.HTTPHeaders or {}).items()}
    allowed = headers.get(_CORS.lower()) or []
    if "*" in allowed:
        return Finding(
            check="rpc origins",
            health=Health.PROBLEM,
            found=f"{_CORS} is *",
            why="any page that a browser on this machine opens can use the RPC",
            remedy=f"ipfs config --json API.HTTPHeaders.{_CORS} '[]'{_RESTART}",
        )
    return Finding(
        check="rpc origins",
        health=Health.OK,
        found=", ".join(safe_text(origin, 100) for origin in allowed) or "pages of this machine only",
    )


def _collection(facts: Facts, period: str, watermark: int) -> Finding:
    limit, kept, free = facts.storage_max, facts.repo_bytes, facts.free_bytes
    mark = limit * watermark // 100
    stored = f"{size(kept)} kept, {size(free)} free, StorageMax {size(limit)}"
    if facts.collects is False:
        return Finding(
            check="storage", health=Health.OK, found=f"{stored}, which limits nothing: no automatic gc"
        )
    doing = f"automatic gc each {safe_text(period, 20) or '1h'} from {size(mark)} on"
    if facts.collects is None:
        doing = (
            f"automatic gc from {size(mark)} on if the daemon runs with --enable-gc, which it does not show"
        )
    room = f"ipfs config Datastore.StorageMax {max(1, (kept + free) * 9 // 10**10)}GB{_RESTART}"
    if kept > mark:
        why = "it is above that mark: gc runs each time, holds up pins, and finds little where all is pinned"
    elif mark > kept + free:
        why = "the disk is full before that mark is reached"
    elif facts.collects:
        why = "it removes what an interrupted pin has fetched, so that the pin begins anew"
        room = "run `ipfs daemon` without --enable-gc, and `ipwhl-mirror gc` when you want one"
    else:
        return Finding(check="storage", health=Health.OK, found=f"{stored}; {doing}")
    return Finding(check="storage", health=Health.WARNING, found=f"{stored}; {doing}", why=why, remedy=room)


def _power_cut(config: KuboConfig) -> Finding:
    spec = config.Datastore.Spec
    synced = _synced(spec)
    if synced == spec:
        return Finding(check="power cut", health=Health.OK, found="stored blocks are on the disk")
    command = f"ipfs config --json Datastore.Spec {shlex.quote(json.dumps(synced, separators=(',', ':')))}"
    return Finding(
        check="power cut",
        health=Health.WARNING,
        found="the datastore does not wait for the disk (flatfs, sync: false)",
        why="after a power cut blocks that count as stored, pinned ones too, can be missing or empty: "
        "`ipwhl-mirror verify --repair` finds and mends them",
        remedy=f"{command}{_RESTART}",
    )


def _synced(spec: Any) -> Any:
    """A tree of mounts in which every flatfs waits for the disk."""
    if isinstance(spec, list):
        return [_synced(part) for part in spec]
    if not isinstance(spec, dict):
        return spec
    inner = {key: _synced(value) for key, value in spec.items()}
    if spec.get("type") == "flatfs" and not spec.get("sync"):
        inner["sync"] = True
    return inner


def _announcing(facts: Facts, config: KuboConfig) -> Finding:
    provide = config.Provide
    if provide.Enabled is False or config.Routing.Type == "none":
        return Finding(
            check="announcing", health=Health.OK, found="off: only peers that are connected find what is here"
        )
    strategy = safe_text(provide.Strategy or "all", 60)
    better = "pinned+mfs"
    if _version(facts.version) >= _ENTITIES_SINCE:
        better = "pinned+mfs+unique"
    change = f"ipfs config Provide.Strategy {better}{_RESTART}"
    if strategy in ("all", "flat"):
        return Finding(
            check="announcing",
            health=Health.WARNING,
            found=f"every block that is here (Provide.Strategy {strategy})",
            why="that is each 256 KiB of each wheel, pinned or not: 4 million announcements a TB and day",
            remedy=change,
        )
    if set(strategy.split("+")) <= {"roots", "mfs"}:
        return Finding(
            check="announcing",
            health=Health.WARNING,
            found=f"the roots of pins only (Provide.Strategy {strategy})",
            why="who looks for an official release, or for a wheel, does not find the parts of it kept here",
            remedy=change,
        )
    return Finding(check="announcing", health=Health.OK, found=f"Provide.Strategy {strategy}")


def _version(text: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _own_gateway(facts: Facts, config: KuboConfig) -> Finding:
    gateway = facts.gateway
    if gateway is None:
        return Finding(check="node gateway", health=Health.OK, found="none that can be reached from here")
    if config.Gateway.DeserializedResponses is False:
        return Finding(
            check="node gateway",
            health=Health.WARNING,
            found=f"{gateway.url} gives blocks only (Gateway.DeserializedResponses false)",
            why="pip and uv cannot install from it",
            remedy="ipwhl-mirror serve; or ipfs config --json Gateway.DeserializedResponses true" + _RESTART,
        )
    if not gateway.fetches:
        return Finding(
            check="node gateway",
            health=Health.OK,
            found=f"{gateway.url} gives what is here only (Gateway.NoFetch true): hand out any CID",
        )
    exposed = any(map(_is_exposed, config.Addresses.gateway))
    return Finding(
        check="node gateway",
        health=Health.WARNING,
        found=f"{gateway.url} fetches for its clients what is not here (Gateway.NoFetch false)"
        + (", also for other machines" if exposed else ""),
        why="by an official CID they get wheels outside of what you chose, beyond plan and budget: "
        "hand out the CIDs of subsets",
        remedy=f"ipfs config --json Gateway.NoFetch true{_RESTART}",
    )


def _peers(facts: Facts) -> Finding:
    if facts.peers:
        return Finding(check="peers", health=Health.OK, found=f"{plural(facts.peers, 'peer')} connected")
    return Finding(
        check="peers",
        health=Health.WARNING,
        found="none is connected",
        why="what is not here cannot be fetched, and nobody fetches from here",
        remedy="ipfs swarm connect MULTIADDR; is this machine online, is Bootstrap empty?",
    )


def _clock(facts: Facts) -> Finding:
    skew = facts.skew_s
    if skew is not None and abs(skew) > _SKEW_S:
        return Finding(
            check="clock",
            health=Health.WARNING,
            found=f"the daemon's is {duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'} ours",
            why="names, certificates and announcements expire by the clock",
            remedy="set both by NTP: timedatectl set-ntp true",
        )
    return Finding(
        check="clock",
        health=Health.OK,
        found="that of the daemon is ours" if skew is not None else "the daemon does not tell its own",
    )
