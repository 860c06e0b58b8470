"""Ask a Kubo daemon for what `findings.py` judges.

What the RPC shows to this program may be less than all (`AllowedPaths`): then that is told, and the rest is
judged all the same. Whether the daemon collects garbage by itself is in no setting; what its goroutines do
shows it.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import zipfile
import zlib
from typing import TYPE_CHECKING, TypeVar

from ipwhl_mirror.nodes.errors import NodeRefused, NodeUnreachable
from ipwhl_mirror.nodes.kubo.answers import Peers, RepoSize, Version, read
from ipwhl_mirror.nodes.kubo.disk import disk_of
from ipwhl_mirror.nodes.kubo.findings import Facts, findings_of
from ipwhl_mirror.nodes.kubo.own_gateway import gateway_in
from ipwhl_mirror.nodes.kubo.rpc import Rpc
from ipwhl_mirror.nodes.kubo.settings import read_config

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ipwhl_mirror.nodes.base import Finding
    from ipwhl_mirror.nodes.kubo.address import RpcAddress

_Answer = TypeVar("_Answer")
_OF_KUBO = b"github.com/ipfs/kubo/"
_COLLECTING = _OF_KUBO + b"core/corerepo.PeriodicGC"
_PROFILE = "goroutines.pprof"
_PROFILE_LIMIT = 64 << 20


async def examine(rpc: Rpc, address: RpcAddress) -> tuple[Finding, ...]:
    """Look at the daemon. Changes nothing.

    Raises:
        NodeRefused, NodeUnreachable: it does not answer.
    """
    version, stat, peers, disk = await asyncio.gather(
        rpc.call("version"),
        rpc.call("repo/stat", size_only=True),
        rpc.call("swarm/peers"),
        disk_of(rpc, address),
    )
    config, asks_secret, collects = await asyncio.gather(
        _if_shown(read_config(rpc)), _asks_secret(rpc, address), _collects(rpc)
    )
    repo = read("repo/stat", stat, RepoSize)
    return findings_of(
        Facts(
            address=address,
            version=read("version", version, Version).Version,
            asks_secret=asks_secret,
            config=config,
            repo_bytes=repo.RepoSize,
            storage_max=repo.StorageMax,
            free_bytes=disk.free_bytes,
            is_here=disk.directory is not None,
            collects=collects,
            peers=len(read("swarm/peers", peers, Peers).Peers or ()),
            skew_s=rpc.skew_s,
            gateway=None if config is None else gateway_in(config, address, disk.directory),
        )
    )


async def _if_shown(answer: Awaitable[_Answer]) -> _Answer | None:
    try:
        return await answer
    except NodeRefused:
        return None


async def _asks_secret(rpc: Rpc, address: RpcAddress) -> bool:
    """Whether who sends no secret is refused: the config does not show the secrets, nor whether there are
    any."""
    if not rpc.has_secret:
        return False
    stranger = Rpc(address, stall_s=rpc.stall_s)
    try:
        await stranger.call("version")
    except (NodeRefused, NodeUnreachable):
        return True
    finally:
        await stranger.aclose()
    return False


async def _collects(rpc: Rpc) -> bool | None:
    """Whether the daemon runs with `--enable-gc`; None where it does not show what it is doing."""
    packed = await _if_shown(rpc.call("diag/profile", collectors="goroutines-pprof", profile_time="0s"))
    if packed is None:
        return None
    try:
        with (
            zipfile.ZipFile(io.BytesIO(packed)) as archive,
            archive.open(_PROFILE) as file,
            gzip.open(file) as unpacked,
        ):
            profile = unpacked.read(_PROFILE_LIMIT)
    except (zipfile.BadZipFile, KeyError, OSError, EOFError, zlib.error):
        return None
    return _COLLECTING in profile if _OF_KUBO in profile else None
